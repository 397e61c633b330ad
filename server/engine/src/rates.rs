//! How fast counters move, and the highest use of memory: what INFO shows beside
//! the counters themselves. Samples are taken with the background work, about
//! ten times a second; a rate is the mean over the last second and a half.
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use ant_colony_store::Store;
use spin::Mutex;

use crate::host::Now;
use crate::stats::Stats;

/// Least time between two samples.
const INTERVAL_US: u64 = 100_000;
/// Samples that a rate is computed from.
const SAMPLES: usize = 16;

/// Counters at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    at_us: u64,
    commands: u64,
    input_bytes: u64,
    output_bytes: u64,
}

/// Changes of counters per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PerSecond {
    pub(crate) commands: u64,
    pub(crate) input_bytes: u64,
    pub(crate) output_bytes: u64,
}

/// Recent samples, the oldest first.
#[derive(Debug, Default)]
struct Samples {
    ring: [Sample; SAMPLES],
    taken: usize,
}

/// Rates of an engine.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    next_us: AtomicU64,
    peak_memory: AtomicUsize,
    samples: Mutex<Samples>,
}

impl Rates {
    /// Takes a sample if the last one is old enough. Cheap when it is not.
    pub(crate) fn sample(&self, now: Now, stats: &Stats, store: &Store) {
        let due_us = self.next_us.load(Relaxed);
        let next_us = now.mono_us + INTERVAL_US;
        if now.mono_us < due_us
            || self
                .next_us
                .compare_exchange(due_us, next_us, Relaxed, Relaxed)
                .is_err()
        {
            return;
        }
        self.peak_memory(store.memory().used);
        self.samples.lock().push(Sample {
            at_us: now.mono_us,
            commands: stats.commands(),
            input_bytes: stats.input_bytes(),
            output_bytes: stats.output_bytes(),
        });
    }

    /// The highest use of memory so far, `used` being the current one.
    pub(crate) fn peak_memory(&self, used: usize) -> usize {
        self.peak_memory.fetch_max(used, Relaxed).max(used)
    }

    pub(crate) fn per_second(&self) -> PerSecond {
        self.samples.lock().per_second()
    }

    /// Forgets the samples, whose counters were set back.
    pub(crate) fn reset(&self) {
        *self.samples.lock() = Samples::default();
    }
}

impl Samples {
    fn push(&mut self, sample: Sample) {
        self.ring[self.taken % SAMPLES] = sample;
        self.taken += 1;
    }

    fn per_second(&self) -> PerSecond {
        if self.taken < 2 {
            return PerSecond::default();
        }
        let newest = self.ring[(self.taken - 1) % SAMPLES];
        let oldest = self.ring[self.taken.saturating_sub(SAMPLES) % SAMPLES];
        let span_us = (newest.at_us - oldest.at_us).max(1);
        let rate = |from: u64, to: u64| to.saturating_sub(from) * 1_000_000 / span_us;
        PerSecond {
            commands: rate(oldest.commands, newest.commands),
            input_bytes: rate(oldest.input_bytes, newest.input_bytes),
            output_bytes: rate(oldest.output_bytes, newest.output_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: u64, commands: u64) -> Sample {
        Sample {
            at_us: seconds * 1_000_000,
            commands,
            input_bytes: 0,
            output_bytes: 0,
        }
    }

    #[test]
    fn a_rate_needs_two_samples() {
        let mut samples = Samples::default();
        samples.push(sample(1, 100));
        assert_eq!(samples.per_second().commands, 0);
        samples.push(sample(2, 350));
        assert_eq!(samples.per_second().commands, 250);
    }

    #[test]
    fn a_rate_forgets_what_is_older_than_the_last_samples() {
        let mut samples = Samples::default();
        samples.push(sample(0, 0));
        for i in 1..=SAMPLES as u64 {
            samples.push(sample(i, 1_000_000 + i * 10));
        }
        assert_eq!(samples.per_second().commands, 10);
    }

    #[test]
    fn the_peak_of_memory_stays_when_use_falls() {
        let rates = Rates::default();
        assert_eq!(rates.peak_memory(10), 10);
        assert_eq!(rates.peak_memory(4), 10);
    }
}
