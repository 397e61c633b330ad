//! Figures that one thread writes and all may read: a count, and a stopwatch.
//!
//! The writer loads and stores, both relaxed: that is as cheap as a plain variable, and loses nothing
//! as long as nobody else writes. A figure whose writer changes (worker 0 may run on one thread after
//! the other) is handed over by whatever hands over the worker.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use beehive_policy::Nanos;

/// A number.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(crate) fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Set while a stopwatch runs.
const RUNS: u64 = 1 << 63;

/// Adds up times, and shows also the one in progress.
///
/// All of it is one word, so readers never see a beginning without its end: while it stands, what it
/// has measured; while it runs, the time at which it would have had to start to have measured that
/// without a break.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch(AtomicU64);

impl Stopwatch {
    /// Starts it, if it stands.
    #[inline]
    pub(crate) fn start(&self, now: Nanos) {
        let measured = self.0.load(Relaxed);
        if measured & RUNS == 0 {
            // It has measured no more than there has been since zero, but for readings of the clock on
            // cores that are a few ticks apart.
            self.0.store(now.0.saturating_sub(measured) | RUNS, Relaxed);
        }
    }

    /// Stops it, if it runs.
    #[inline]
    pub(crate) fn stop(&self, now: Nanos) {
        if self.runs() {
            self.0.store(self.elapsed(now).0, Relaxed);
        }
    }

    /// Whether it runs.
    #[inline]
    pub(crate) fn runs(&self) -> bool {
        self.0.load(Relaxed) & RUNS != 0
    }

    /// All that it has measured until now.
    #[inline]
    pub(crate) fn elapsed(&self, now: Nanos) -> Nanos {
        let word = self.0.load(Relaxed);
        if word & RUNS == 0 {
            Nanos(word)
        } else {
            now.since(Nanos(word & !RUNS))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopwatch_adds_up_and_shows_the_time_in_progress() {
        let watch = Stopwatch::default();
        watch.start(Nanos(100));
        assert_eq!(watch.elapsed(Nanos(130)), Nanos(30));
        watch.stop(Nanos(150));
        assert_eq!(watch.elapsed(Nanos(9_000)), Nanos(50));
        watch.start(Nanos(1_000));
        assert!(watch.runs());
        assert_eq!(watch.elapsed(Nanos(1_007)), Nanos(57));
    }

    #[test]
    fn starting_twice_and_stopping_twice_change_nothing() {
        let watch = Stopwatch::default();
        watch.stop(Nanos(5));
        watch.start(Nanos(10));
        watch.start(Nanos(20));
        watch.stop(Nanos(30));
        watch.stop(Nanos(40));
        assert_eq!(watch.elapsed(Nanos(50)), Nanos(20));
    }

    #[test]
    fn a_clock_that_is_a_little_behind_does_no_harm() {
        let watch = Stopwatch::default();
        watch.start(Nanos(10));
        watch.stop(Nanos(7));
        assert_eq!(watch.elapsed(Nanos(7)), Nanos(0));
        watch.start(Nanos(3));
        assert_eq!(watch.elapsed(Nanos(2)), Nanos(0));
    }
}
