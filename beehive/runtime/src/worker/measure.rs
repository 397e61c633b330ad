//! What some runs of tasks cost: one quantum in several is timed, and with counters also each run that
//! begins with tasks from another worker.

use std::time::{Duration, Instant};

use beehive_policy::Nanos;
use beehive_policy::counters::Sample;

use super::{TIMED_QUANTA, Worker};
use crate::counters::{Counters, Reading};

/// A run of tasks that is being measured.
pub(super) struct Run {
    start: Instant,
    counted: Option<Reading>,
    /// Tasks that had just come from another worker when it began.
    moved: u32,
}

impl Worker {
    /// A run of tasks begins; it is measured if it is its turn.
    pub(super) fn begin_measured(&self) -> Option<Run> {
        let quantum = self.quanta.get().wrapping_add(1);
        self.quanta.set(quantum);
        let moved = self.arrived.take();
        let counts = moved > 0 && self.counters.is_some();
        (counts || quantum.is_multiple_of(TIMED_QUANTA)).then(|| Run {
            start: Instant::now(),
            counted: self.counters.as_ref().and_then(Counters::read),
            moved,
        })
    }

    /// The run has ended after so many polls.
    pub(super) fn end_measured(&self, run: &Run, polls: u32) {
        let elapsed = run.start.elapsed();
        let counted = run.counted.zip(self.counters.as_ref());
        let counted = counted.and_then(|(before, counters)| Some((before, counters.read()?)));
        let sample = sample(run.moved, polls, elapsed, counted);
        let mut policy = self.policy.borrow_mut();
        if counted.is_some() {
            policy.on_counted(&sample);
        }
        if let Some(service) = sample.service() {
            policy.on_service(service);
        }
    }
}

/// What the policy is told, from the counts before and after the run if there are counters.
fn sample(
    moved: u32,
    polls: u32,
    elapsed: Duration,
    counted: Option<(Reading, Reading)>,
) -> Sample {
    let nanos = |time: Duration| Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let interrupted = counted.filter(|(before, after)| after.switches > before.switches);
    let cache_misses = counted.and_then(|(before, after)| {
        let (before, after) = (before.hardware?, after.hardware?);
        // A count that was scaled up is an estimate, and may fall.
        Some(after.cache_misses.saturating_sub(before.cache_misses))
    });
    Sample {
        polls,
        elapsed: nanos(elapsed),
        interrupted: interrupted.map(|(before, after)| nanos(after.cpu.saturating_sub(before.cpu))),
        cache_misses,
        moved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::HardwareReading;

    fn reading(cpu_micros: u64, switches: u64, cache_misses: Option<u64>) -> Reading {
        Reading {
            cpu: Duration::from_micros(cpu_micros),
            switches,
            hardware: cache_misses.map(|cache_misses| HardwareReading {
                cache_misses,
                ..HardwareReading::default()
            }),
            ..Reading::default()
        }
    }

    /// What the policy is told after a run of four polls between two readings.
    fn told(before: Reading, after: Reading) -> Sample {
        let counters = Counters::fake([before, after]);
        let counted = counters.read().zip(counters.read());
        sample(2, 4, Duration::from_micros(5_000), counted)
    }

    #[test]
    fn the_policy_is_told_of_misses_and_of_time_without_a_core() {
        let told = told(reading(100, 7, Some(1_000)), reading(140, 8, Some(1_300)));
        assert_eq!(told.cache_misses, Some(300));
        assert_eq!(told.interrupted, Some(Nanos(40_000)));
        assert_eq!((told.polls, told.moved), (4, 2));
        assert_eq!(told.service(), Some(Nanos(10_000)));
    }

    #[test]
    fn where_no_core_was_lost_the_time_that_passed_counts() {
        let told = told(reading(100, 7, None), reading(140, 7, None));
        assert_eq!((told.interrupted, told.cache_misses), (None, None));
        assert_eq!(told.service(), Some(Nanos(1_250_000)));
    }

    #[test]
    fn counts_that_begin_to_exist_or_fall_are_no_figures() {
        let told = told(reading(100, 7, None), reading(140, 7, Some(5)));
        assert_eq!(told.cache_misses, None);
        let counted = Some((reading(9, 1, Some(50)), reading(9, 1, Some(40))));
        let fallen = sample(0, 1, Duration::ZERO, counted);
        assert_eq!(fallen.cache_misses, Some(0));
    }
}
