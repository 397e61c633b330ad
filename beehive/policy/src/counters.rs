//! What counters tell: how long polls really take, and what a task loses by moving.
//!
//! *Service.* A worker's thread may lose its core to somebody else in the middle of a poll. What was
//! measured then is not the task's, and a few such samples would raise the expected residual of service
//! times, which is an average of squares, many times. So the time on a core counts instead where the
//! core was lost; otherwise the time that has passed, which includes what a poll waits for.
//!
//! *Moves.* A task that moves finds its data in another cache. The misses of a poll of tasks that were
//! here are the measure: what tasks that have just come cause beyond that is the price of their move, at
//! [`MISS`] for each. It is known as soon as there are [`SAMPLES_MIN`] samples of both. Time instead of
//! misses would not do: tasks that were stolen may just be longer.
//!
//! Nothing here is needed: without counters, or without those of the hardware, assumptions stay.

use crate::Nanos;

/// What a line costs that comes from memory or from another processor's cache.
pub const MISS: Nanos = Nanos(80);
/// Fewer samples say nothing.
pub const SAMPLES_MIN: u32 = 32;
/// No move is held to be dearer: some thousand lines.
const MOVE_MAX: Nanos = Nanos(200_000);
/// Samples that count: a younger one replaces this part of the average.
const WINDOW: i64 = 64;
/// Averages are kept in parts of a miss.
const PARTS: i64 = 256;

/// What was counted while a worker ran tasks one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// How many polls that were.
    pub polls: u32,
    /// Time from the first to the last.
    pub elapsed: Nanos,
    /// Time thereof that the worker's thread had a core, if it was counted and the thread has lost its
    /// core meanwhile.
    pub interrupted: Option<Nanos>,
    /// Misses in the last cache, if they were counted.
    pub cache_misses: Option<u64>,
    /// How many tasks among them had just been taken from another worker.
    pub moved: u32,
}

impl Sample {
    /// Average time of a poll, without the time in which somebody else had the core; `None` without
    /// polls.
    #[must_use]
    pub fn service(&self) -> Option<Nanos> {
        let time = self
            .interrupted
            .map_or(self.elapsed, |cpu| cpu.min(self.elapsed));
        let service = time.0.checked_div(u64::from(self.polls))?;
        Some(Nanos(service))
    }
}

/// A moving average, in [`PARTS`] of a miss.
#[derive(Debug, Clone, Copy, Default)]
struct Average {
    samples: u32,
    mean: i64,
}

impl Average {
    fn observe(&mut self, sample: i64) {
        self.samples = self.samples.saturating_add(1);
        self.mean += (sample - self.mean) / i64::from(self.samples).min(WINDOW);
    }

    fn known(self) -> Option<i64> {
        (self.samples >= SAMPLES_MIN).then_some(self.mean)
    }
}

/// Learns what a move costs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moves {
    /// Misses of a poll, where nothing has moved.
    usual: Average,
    /// Further misses of a task that has moved.
    further: Average,
}

impl Moves {
    pub(crate) fn observe(&mut self, sample: &Sample) {
        let (Some(misses), true) = (sample.cache_misses, sample.polls > 0) else {
            return;
        };
        let polls = i64::from(sample.polls);
        let misses = i64::try_from(misses).unwrap_or(i64::MAX);
        let misses = misses.saturating_mul(PARTS);
        if sample.moved == 0 {
            self.usual.observe(misses / polls);
        } else if let Some(usual) = self.usual.known() {
            let further = misses.saturating_sub(usual.saturating_mul(polls));
            self.further.observe(further / i64::from(sample.moved));
        }
    }

    /// What a task loses by moving, if that is known.
    pub(crate) fn price(&self) -> Option<Nanos> {
        let misses = self.further.known()?.max(0).cast_unsigned();
        let price = misses.saturating_mul(MISS.0) / PARTS.cast_unsigned();
        Some(Nanos(price).min(MOVE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: u64 = 10;

    fn sample(polls: u32, misses: u64, moved: u32) -> Sample {
        Sample {
            polls,
            cache_misses: Some(misses),
            moved,
            ..Sample::default()
        }
    }

    /// After polls of the usual sort, moves of `tasks` tasks with so many further misses each, among
    /// other polls.
    fn price_after(tasks: u32, further: u64, moves: u32) -> Option<u64> {
        let mut learnt = Moves::default();
        (0..SAMPLES_MIN).for_each(|_| learnt.observe(&sample(50, 50 * USUAL, 0)));
        let misses = 20 * USUAL + u64::from(tasks) * further;
        (0..moves).for_each(|_| learnt.observe(&sample(20, misses, tasks)));
        learnt.price().map(|price| price.0)
    }

    #[test]
    fn the_price_of_a_move_is_that_of_its_further_misses() {
        assert_eq!(price_after(4, 25, SAMPLES_MIN), Some(25 * MISS.0));
        assert_eq!(price_after(1, 100, 1_000), Some(100 * MISS.0));
    }

    #[test]
    fn moves_may_cost_nothing_and_absurd_prices_are_bounded() {
        assert_eq!(price_after(4, 0, 40), Some(0));
        assert_eq!(price_after(1, u64::MAX / 1_024, 40), Some(MOVE_MAX.0));
    }

    #[test]
    fn few_samples_say_nothing() {
        assert_eq!(price_after(4, 25, SAMPLES_MIN - 1), None);
        let mut learnt = Moves::default();
        (0..100).for_each(|_| learnt.observe(&sample(1, 1_000, 1)));
        assert_eq!(learnt.price(), None, "nothing is known of polls at home");
        (0..100).for_each(|_| learnt.observe(&Sample::default()));
        assert_eq!(learnt.price(), None, "nothing was counted");
    }

    #[test]
    fn prices_follow_the_machine() {
        let mut learnt = Moves::default();
        (0..SAMPLES_MIN).for_each(|_| learnt.observe(&sample(10, 100, 0)));
        (0..1_000).for_each(|_| learnt.observe(&sample(1, 10 + 500, 1)));
        (0..1_000).for_each(|_| learnt.observe(&sample(1, 10 + 20, 1)));
        let price = learnt.price().expect("there were enough samples").0;
        assert!(price.abs_diff(20 * MISS.0) < 5 * MISS.0, "{price}");
    }

    #[test]
    fn time_without_a_core_is_not_the_tasks() {
        let calm = Sample {
            polls: 10,
            elapsed: Nanos(30_000),
            ..Sample::default()
        };
        assert_eq!(calm.service(), Some(Nanos(3_000)));
        let lost = Sample {
            elapsed: Nanos(4_030_000),
            interrupted: Some(Nanos(30_000)),
            ..calm
        };
        assert_eq!(lost.service(), Some(Nanos(3_000)));
        assert_eq!(Sample::default().service(), None);
    }
}
