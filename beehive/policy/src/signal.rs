//! What a worker tells the others about its load, and when it tells it.
//!
//! A signal is written by its worker, corrected by a thief that has seen the truth, and read by
//! all, so it may be stale. Decisions that use it must survive that: it biases a choice, it never
//! is the only reason for one.

use crate::Nanos;

/// A worker's published load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadSignal {
    /// Tasks that wait in its stealable queue.
    pub queued: u32,
    /// Since when the oldest of them waits; meaningless if there is none.
    pub head: Nanos,
    /// Average time of one poll of a task, in nanoseconds.
    pub service_ns: u32,
    /// Part of the time that it has worked lately, in thousandths.
    pub busy_permille: u32,
    /// Whether it waits for work right now.
    pub parked: bool,
    /// Connections that live there.
    pub connections: u32,
    /// Connections that have come to live there since the start; wraps around.
    pub arrivals: u32,
    /// When it was published.
    pub stamp: Nanos,
}

impl LoadSignal {
    /// Queued work in nanoseconds. A worker that has measured nothing yet counts as one per task.
    #[must_use]
    pub fn work_ns(&self) -> u64 {
        u64::from(self.queued) * u64::from(self.service_ns.max(1))
    }

    /// Since when the oldest queued task waits, if any does.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Nanos> {
        (self.queued > 0).then_some(self.head)
    }
}

/// The state of a queue as its owner, or a thief that has just been there, knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Tasks that wait.
    pub length: u32,
    /// Since when the oldest of them waits; meaningless if there is none.
    pub head: Nanos,
}

/// Why a worker might publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Nothing special: the bounded rate applies.
    Routine,
    /// It parks or has been woken.
    Parking,
    /// Its queue [has outgrown](has_outgrown) what it shows and nobody could be asked to help: a cry
    /// for thieves.
    Cry,
}

/// Whether a queue is so much longer than its signal shows that it must not wait for the next routine
/// publication: something where nothing is shown, or at least two tasks more than twice as many. So a queue that grows
/// is published a few times at once, and thieves never see a crowd as a single task.
#[must_use]
pub const fn has_outgrown(shown: u32, queued: u32) -> bool {
    queued / 2 > shown || (shown == 0 && queued > 0)
}

/// Decides when a worker publishes: at a bounded rate, but at once where silence would mislead.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    interval: Nanos,
    cry: bool,
    last: Nanos,
}

impl Publisher {
    pub(crate) fn new(interval: Nanos, cry: bool) -> Self {
        Self {
            interval,
            cry,
            last: Nanos(0),
        }
    }

    pub(crate) fn decide(&mut self, now: Nanos, occasion: Occasion) -> bool {
        let at_once = match occasion {
            Occasion::Routine => false,
            Occasion::Parking => true,
            Occasion::Cry => self.cry,
        };
        let publish = at_once || now.since(self.last) >= self.interval;
        if publish {
            self.last = now;
        }
        publish
    }
}

/// Estimates since when the head of a queue waits where tasks carry no time of their own: from the
/// numbers that the queue gives them in turn, and how many are there.
///
/// It remembers when a certain task was the youngest. Until that one has left, the head is at least
/// as old; once it has, the head is younger, by at most the time between two calls, and that task's
/// wait has been measured.
#[derive(Debug, Clone, Default)]
pub struct HeadClock {
    /// The number after that of the remembered task, and when that was the youngest.
    mark: Option<(u32, Nanos)>,
}

impl HeadClock {
    /// A queue of which the oldest task has this number (they wrap around), if there is any.
    pub fn observe(&mut self, now: Nanos, oldest: Option<u32>, length: u32) -> Queue {
        let since = self.since();
        self.measure(now, oldest, length);
        match oldest {
            Some(_) => Queue {
                length,
                head: since.unwrap_or(now),
            },
            None => Queue {
                length: 0,
                head: now,
            },
        }
    }

    /// The same look; gives the wait of the remembered task, if that has left since the last one: so
    /// long it has waited at most.
    pub fn measure(&mut self, now: Nanos, oldest: Option<u32>, length: u32) -> Option<Nanos> {
        let has_left = |end: u32| oldest.is_none_or(|it| end.wrapping_sub(it).cast_signed() <= 0);
        let left = self.mark.filter(|&(end, _)| has_left(end));
        if left.is_some() || self.mark.is_none() {
            self.mark = oldest.map(|oldest| (oldest.wrapping_add(length), now));
        }
        left.map(|(_, since)| now.since(since))
    }

    /// Since when at least the head of the queue has waited.
    #[must_use]
    pub fn since(&self) -> Option<Nanos> {
        self.mark.map(|(_, since)| since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_changes_wait_for_the_interval() {
        let mut publisher = Publisher::new(Nanos(50_000), true);
        assert!(publisher.decide(Nanos(100_000), Occasion::Routine));
        assert!(!publisher.decide(Nanos(149_999), Occasion::Routine));
        assert!(publisher.decide(Nanos(150_000), Occasion::Routine));
    }

    #[test]
    fn a_cry_and_parking_are_published_at_once() {
        let mut publisher = Publisher::new(Nanos(50_000), true);
        assert!(publisher.decide(Nanos(100_000), Occasion::Routine));
        assert!(publisher.decide(Nanos(100_001), Occasion::Cry));
        assert!(publisher.decide(Nanos(100_002), Occasion::Parking));
    }

    #[test]
    fn a_switched_off_cry_is_an_ordinary_change() {
        let mut publisher = Publisher::new(Nanos(50_000), false);
        assert!(publisher.decide(Nanos(100_000), Occasion::Routine));
        assert!(!publisher.decide(Nanos(100_001), Occasion::Cry));
    }

    #[test]
    fn a_growing_queue_is_published_at_once_a_few_times_only() {
        let mut shown = 0;
        let mut published = std::vec::Vec::new();
        for queued in 0..=1_000 {
            if has_outgrown(shown, queued) {
                shown = queued;
                published.push(queued);
            }
        }
        assert_eq!(published, [1, 4, 10, 22, 46, 94, 190, 382, 766]);
    }

    #[test]
    fn the_head_of_a_queue_that_stands_still_grows_old() {
        let mut clock = HeadClock::default();
        clock.observe(Nanos(1_000), Some(u32::MAX - 2), 5);
        for (now, gone) in [(2_000, 0), (3_000, 1), (9_000, 4)] {
            let oldest = (u32::MAX - 2).wrapping_add(gone);
            let queue = clock.observe(Nanos(now), Some(oldest), 5);
            assert_eq!(queue.head, Nanos(1_000), "{gone} are gone");
        }
    }

    #[test]
    fn the_head_of_a_queue_that_flows_is_young() {
        let mut clock = HeadClock::default();
        for round in 1..100_u32 {
            let now = Nanos(u64::from(round) * 1_000);
            let queue = clock.observe(now, Some(round * 10), 5);
            assert!(now.since(queue.head) <= Nanos(1_000), "round {round}");
        }
    }

    #[test]
    fn a_wait_ends_when_all_that_was_seen_has_left() {
        let mut clock = HeadClock::default();
        assert_eq!(clock.measure(Nanos(10), Some(u32::MAX), 3), None);
        assert_eq!(clock.since(), Some(Nanos(10)));
        let one_of_three_is_left = clock.measure(Nanos(20), Some(1), 9);
        assert_eq!(one_of_three_is_left, None);
        assert_eq!(clock.since(), Some(Nanos(10)));
        assert_eq!(clock.measure(Nanos(35), Some(2), 8), Some(Nanos(25)));
        assert_eq!(clock.since(), Some(Nanos(35)));
    }

    #[test]
    fn nothing_waits_in_an_empty_queue() {
        let mut clock = HeadClock::default();
        assert_eq!(clock.measure(Nanos(10), None, 0), None);
        assert_eq!(clock.since(), None);
        assert_eq!(clock.measure(Nanos(20), Some(0), 1), None);
        assert_eq!(clock.measure(Nanos(50), None, 0), Some(Nanos(30)));
        assert_eq!(clock.since(), None);
    }

    #[test]
    fn the_head_of_a_queue_that_was_empty_is_new() {
        let mut clock = HeadClock::default();
        clock.observe(Nanos(1_000), Some(3), 1);
        assert_eq!(clock.observe(Nanos(2_000), None, 0).length, 0);
        let queue = clock.observe(Nanos(9_000), Some(4), 1);
        assert_eq!(queue.head, Nanos(9_000));
    }
}
