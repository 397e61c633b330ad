//! What a worker tells the others about its load, and when it tells it.
//!
//! A signal is written only by its worker and read by all, so it may be stale. Decisions that use
//! it must survive that: it biases a choice, it never is the only reason for one.

use crate::Nanos;

/// A worker's published load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadSignal {
    /// Tasks that wait in its stealable queue.
    pub queued: u32,
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
}

/// Decides when a worker publishes: at once when its queue crosses a power of two (so also when it
/// becomes non-empty or empty), otherwise at a bounded rate.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    interval: Nanos,
    last: LoadSignal,
}

impl Publisher {
    pub(crate) fn new(interval: Nanos) -> Self {
        Self {
            interval,
            last: LoadSignal::default(),
        }
    }

    pub(crate) fn decide(&mut self, now: Nanos, signal: &LoadSignal) -> bool {
        let crossed = magnitude(signal.queued) != magnitude(self.last.queued);
        let publish = crossed || now.since(self.last.stamp) >= self.interval;
        if publish {
            self.last = LoadSignal {
                stamp: now,
                ..*signal
            };
        }
        publish
    }
}

/// Number of binary digits: changes exactly when a count crosses a power of two.
fn magnitude(count: u32) -> u32 {
    u32::BITS - count.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(queued: u32) -> LoadSignal {
        LoadSignal {
            queued,
            ..LoadSignal::default()
        }
    }

    #[test]
    fn becoming_non_empty_is_published_at_once() {
        let mut publisher = Publisher::new(Nanos(50_000));
        assert!(publisher.decide(Nanos(100_000), &queued(0)));
        assert!(publisher.decide(Nanos(100_001), &queued(1)));
    }

    #[test]
    fn small_changes_wait_for_the_interval() {
        let mut publisher = Publisher::new(Nanos(50_000));
        assert!(publisher.decide(Nanos(100_000), &queued(5)));
        assert!(!publisher.decide(Nanos(149_999), &queued(7)));
        assert!(publisher.decide(Nanos(150_000), &queued(7)));
    }

    #[test]
    fn crossing_a_power_of_two_is_published_at_once() {
        let mut publisher = Publisher::new(Nanos(50_000));
        assert!(publisher.decide(Nanos(100_000), &queued(7)));
        assert!(publisher.decide(Nanos(100_001), &queued(8)));
        assert!(!publisher.decide(Nanos(100_002), &queued(9)));
    }
}
