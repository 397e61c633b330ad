//! How long tasks run: the mean, and the residual that somebody who arrives has to expect.
//!
//! `R = E[S²] / 2 E[S]` is the expected rest of a running task (the inspection paradox, e.g.
//! Harchol-Balter, *Performance Modeling and Design of Computer Systems*, section 23). It tells
//! exponential service (one mean) from heavy tails (many means), where the length of a queue says
//! little and its age much.

use crate::Nanos;

/// Samples that count: a younger one replaces this part of the average.
const WINDOW: u64 = 256;
/// Squares are kept in units of 2¹⁰ ns², so that minutes do not overflow.
const SQUARE_SHIFT: u32 = 10;

/// Moving averages of service time and of its square.
#[derive(Debug, Clone, Default)]
pub(crate) struct Service {
    samples: u64,
    /// In 1/256 ns.
    mean: u64,
    square: u64,
}

impl Service {
    /// A task, or one of several on average, has run for so long.
    pub(crate) fn observe(&mut self, service: Nanos) {
        self.samples = (self.samples + 1).min(WINDOW);
        let sample = service.0.min(1 << 36);
        self.mean = step(self.mean, sample << 8, self.samples);
        let square = ((u128::from(sample) * u128::from(sample)) >> SQUARE_SHIFT) as u64;
        self.square = step(self.square, square, self.samples);
    }

    /// The mean; at least a nanosecond.
    pub(crate) fn mean_ns(&self) -> u64 {
        (self.mean >> 8).max(1)
    }

    /// The expected rest of a running task.
    pub(crate) fn residual_ns(&self) -> u64 {
        let square = u128::from(self.square) << SQUARE_SHIFT;
        (square / (2 * u128::from(self.mean_ns()))) as u64
    }
}

/// Moves an average by one `count`th of its distance to the sample.
fn step(average: u64, sample: u64, count: u64) -> u64 {
    if sample >= average {
        average + (sample - average) / count
    } else {
        average - (average - sample) / count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(samples: impl IntoIterator<Item = u64>) -> Service {
        let mut service = Service::default();
        samples
            .into_iter()
            .for_each(|sample| service.observe(Nanos(sample)));
        service
    }

    #[test]
    fn of_equal_tasks_half_of_one_is_left() {
        let service = after([2_000; 400]);
        assert_eq!(service.mean_ns(), 2_000);
        assert!(service.residual_ns().abs_diff(1_000) < 20);
    }

    #[test]
    fn a_few_long_tasks_raise_the_residual_far_above_the_mean() {
        let service = after((0..4_000).map(|i| if i % 100 == 50 { 1_000_000 } else { 1_000 }));
        assert!(service.residual_ns() > 20 * service.mean_ns());
    }

    #[test]
    fn a_task_of_an_hour_does_not_overflow() {
        let service = after([3_600_000_000_000; 3]);
        assert!(service.residual_ns() > 1 << 34);
    }
}
