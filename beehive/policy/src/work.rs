//! How much of a worker one connection takes.

use crate::Nanos;

/// The age at which work counts by 1/e. A connection that takes all of a worker comes to this sum.
const TIME_CONSTANT: Nanos = Nanos(30_000_000);
/// One, in fixed-point numbers.
const ONE: u64 = 1 << 20;

/// The work done for one connection; it counts the less the longer ago it was.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    ns: u64,
    stamp: Nanos,
}

impl Work {
    /// So much has just been done.
    pub fn add(&mut self, now: Nanos, time: Nanos) {
        // Nobody takes more than a whole worker.
        self.ns = (self.left(now) + time.0).min(TIME_CONSTANT.0);
        self.stamp = now;
    }

    /// In thousandths of a worker's time.
    #[must_use]
    pub fn permille(&self, now: Nanos) -> u32 {
        (self.left(now) * 1_000 / TIME_CONSTANT.0) as u32
    }

    /// Decays by `(1 - x/8)^8`, which is close to the exponential function as far as it matters.
    fn left(&self, now: Nanos) -> u64 {
        let age = now.since(self.stamp).0;
        let eighth = age.saturating_mul(ONE / 8) / TIME_CONSTANT.0;
        let mut factor = ONE.saturating_sub(eighth);
        for _ in 0..3 {
            factor = factor * factor / ONE;
        }
        self.ns * factor / ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// After a second in which each millisecond brought so much.
    fn after_a_second(ns: u64) -> (Work, Nanos) {
        let mut work = Work::default();
        (0..1_000).for_each(|ms| work.add(Nanos(ms * MS), Nanos(ns)));
        (work, Nanos(1_000 * MS))
    }

    #[test]
    fn steady_work_comes_to_its_share_of_a_worker() {
        for permille in [0, 10, 100, 500, 1_000] {
            let (work, now) = after_a_second(permille * MS / 1_000);
            let found = u64::from(work.permille(now));
            assert!(found.abs_diff(permille) <= 1 + permille / 20, "{found}");
        }
    }

    #[test]
    fn what_is_long_ago_counts_little_and_then_nothing() {
        let (work, now) = after_a_second(MS);
        let later = |ms: u64| work.permille(Nanos(now.0 + ms * MS));
        assert!((330..370).contains(&later(30)), "{}", later(30));
        assert!(later(90) < 60);
        assert_eq!(later(1_000), 0);
        assert_eq!(later(u64::MAX / MS / 2), 0);
    }

    #[test]
    fn a_request_that_takes_an_hour_is_a_full_worker() {
        let mut work = Work::default();
        work.add(Nanos(1), Nanos(3_600_000 * MS));
        assert_eq!(work.permille(Nanos(1)), 1_000);
    }
}
