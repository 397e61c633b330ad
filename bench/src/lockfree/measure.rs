//! From a contender's operations to its figures. A round is several runs, each with fresh threads
//! and as many operations as fill its time (found in runs that do not count); the run of median
//! speed stands for the round. So neither a neighbour that takes the core for a moment nor the
//! regime that a queue happens to fall into (its consumer close behind its producer, or far) decides
//! a round.

use std::time::Duration;

use anyhow::Result;

use crate::harness::{Better, Contender, Experiment, Measured, Metric};

use super::{Bench, Workload};
use crate::team::Took;

/// Operations come in multiples of this, so that they divide among threads and into chunks.
pub(super) const GRAIN: u64 = 1_024;

/// Someone who does the operations of a workload: as many as it is told.
pub(super) struct Subject<'a, T = Took> {
    pub(super) name: &'static str,
    pub(super) ours: bool,
    pub(super) run: Box<dyn FnMut(u64) -> Result<T> + 'a>,
}

pub(super) fn ours<'a, T>(
    name: &'static str,
    run: impl FnMut(u64) -> Result<T> + 'a,
) -> Subject<'a, T> {
    Subject {
        name,
        ours: true,
        run: Box::new(run),
    }
}

pub(super) fn peer<'a, T>(
    name: &'static str,
    run: impl FnMut(u64) -> Result<T> + 'a,
) -> Subject<'a, T> {
    Subject {
        name,
        ours: false,
        run: Box::new(run),
    }
}

/// Which figures a workload yields.
pub(super) struct Figures<T = Took> {
    pub(super) metrics: &'static [Metric],
    pub(super) values: fn(&T) -> Vec<f64>,
    pub(super) wall: fn(&T) -> Duration,
}

pub(super) const RATE: Metric = Metric {
    name: "million_per_s",
    unit: "M/s",
    better: Better::Higher,
};
const RATE_PER_CPU: Metric = Metric {
    name: "million_per_cpu_s",
    unit: "M/cpu s",
    better: Better::Higher,
};
pub(super) const CPU: Metric = Metric {
    name: "cpu_ns",
    unit: "ns",
    better: Better::Lower,
};
const ROUND_TRIP: Metric = Metric {
    name: "round_trip_ns",
    unit: "ns",
    better: Better::Lower,
};

impl Took {
    pub(super) fn million_per_s(&self) -> f64 {
        self.operations as f64 / self.wall.as_secs_f64() / 1e6
    }

    fn wall_ns(&self) -> f64 {
        self.wall.as_secs_f64() * 1e9 / self.operations as f64
    }

    pub(super) fn cpu_ns(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e9 / self.operations as f64
    }
}

/// Operations per second of wall time, and CPU time for each.
pub(super) const THROUGHPUT: Figures = Figures {
    metrics: &[RATE, CPU],
    values: |took| vec![took.million_per_s(), took.cpu_ns()],
    wall: |took| took.wall,
};

/// Where more threads than cores take turns: operations per second of CPU time come first.
pub(super) const EFFICIENCY: Figures = Figures {
    metrics: &[RATE_PER_CPU, RATE],
    values: |took| vec![1e3 / took.cpu_ns(), took.million_per_s()],
    wall: |took| took.wall,
};

/// The time of one operation, where each waits for the one before.
pub(super) const LATENCY: Figures = Figures {
    metrics: &[ROUND_TRIP, CPU],
    values: |took| vec![took.wall_ns(), took.cpu_ns()],
    wall: |took| took.wall,
};

/// Runs the rounds of a workload.
pub(super) fn compare<T>(
    bench: &Bench,
    workload: Workload,
    figures: &Figures<T>,
    subjects: Vec<Subject<'_, T>>,
) -> Result<Measured> {
    let contenders = subjects
        .into_iter()
        .map(|mut subject| {
            let mut operations = None;
            let measure = move || {
                let count = match operations {
                    Some(known) => known,
                    None => {
                        let wall = |count| Ok((figures.wall)(&(subject.run)(count)?));
                        calibrate(bench.plan.run, wall)?
                    }
                };
                let runs = (0..bench.plan.runs).map(|_| (subject.run)(count));
                let mut runs: Vec<T> = runs.collect::<Result<_>>()?;
                runs.sort_by_key(figures.wall);
                let middle = &runs[runs.len() / 2];
                // If the machine was busy while it was calibrated, runs must not stay short.
                let fitting = scale(count, (figures.wall)(middle), bench.plan.run);
                operations = Some(fitting.max(count));
                Ok((figures.values)(middle))
            };
            Contender {
                name: subject.name.to_owned(),
                ours: subject.ours,
                measure: Box::new(measure),
            }
        })
        .collect();
    let experiment = Experiment {
        workload: workload.name(),
        metrics: figures.metrics,
        contenders,
    };
    experiment.run(bench.plan.rounds)
}

/// How many operations take about `run`.
fn calibrate(run: Duration, mut wall: impl FnMut(u64) -> Result<Duration>) -> Result<u64> {
    /// A run this much shorter than wanted tells enough.
    const SAMPLE: u32 = 8;
    let mut operations = GRAIN;
    loop {
        let took = wall(operations)?;
        operations = scale(operations, took, run);
        if took * SAMPLE >= run {
            return Ok(operations);
        }
    }
}

/// How many operations take `run`, if `operations` took that long.
fn scale(operations: u64, took: Duration, run: Duration) -> u64 {
    /// Short runs are short of warmth most of all: do not trust them further.
    const GROWTH_MAX: f64 = 64.0;
    let growth = run.as_secs_f64() / took.as_secs_f64().max(1e-9);
    let wanted = operations as f64 * growth.min(GROWTH_MAX);
    (wanted as u64).next_multiple_of(GRAIN).max(GRAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibration_finds_the_operations_that_fill_a_run() {
        let operations = calibrate(Duration::from_millis(100), |count| {
            Ok(Duration::from_nanos(50 * count))
        });
        let operations = operations.expect("nothing fails");
        assert_eq!(operations % GRAIN, 0);
        assert!((2_000_000..2_000_000 + GRAIN).contains(&operations));
    }

    #[test]
    fn a_subject_slower_than_a_run_gets_the_least_there_is() {
        let operations = calibrate(Duration::from_millis(1), |_| Ok(Duration::from_secs(1)));
        assert_eq!(operations.expect("nothing fails"), GRAIN);
    }
}
