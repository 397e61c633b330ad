//! What a run is judged by: latencies, and what the scheduler did for them.

use serde::Serialize;

use crate::law::MEAN_SERVICE_NS;
use crate::workload::Task;

/// The outcome of one run. Times are in mean service times, counts are per task.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outcome {
    /// Mean time from arrival to completion.
    pub mean: f64,
    /// 99th percentile of it.
    pub p99: f64,
    /// 99.9th percentile of it.
    pub p999: f64,
    /// Visits to other cores' queues.
    pub probes: f64,
    /// Tasks taken to another last-level cache.
    pub moves: f64,
    /// Parked cores woken.
    pub wakes: f64,
}

/// Collects while a run goes on.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Tasks that arrived before do not count.
    warm_from: u64,
    latencies: Vec<u32>,
    pub(crate) completed: usize,
    pub(crate) probes: u64,
    pub(crate) moves: u64,
    pub(crate) wakes: u64,
}

impl Tally {
    pub(crate) fn new(tasks: usize, warm_from: u64) -> Self {
        Self {
            warm_from,
            latencies: Vec::with_capacity(tasks),
            completed: 0,
            probes: 0,
            moves: 0,
            wakes: 0,
        }
    }

    pub(crate) fn complete(&mut self, task: &Task, now: u64) {
        self.completed += 1;
        if task.arrived >= self.warm_from {
            let latency = u32::try_from(now - task.arrived).unwrap_or(u32::MAX);
            self.latencies.push(latency);
        }
    }

    pub(crate) fn outcome(mut self) -> Outcome {
        let per_task = |count: u64| count as f64 / self.completed.max(1) as f64;
        let (probes, moves, wakes) = (
            per_task(self.probes),
            per_task(self.moves),
            per_task(self.wakes),
        );
        let sum: f64 = self.latencies.iter().copied().map(f64::from).sum();
        Outcome {
            mean: sum / self.latencies.len().max(1) as f64 / MEAN_SERVICE_NS as f64,
            p99: quantile(&mut self.latencies, 0.99),
            p999: quantile(&mut self.latencies, 0.999),
            probes,
            moves,
            wakes,
        }
    }
}

/// The value below which this part of the samples lies, in means; zero without samples.
fn quantile(samples: &mut [u32], part: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let rank = ((samples.len() as f64 * part) as usize).min(samples.len() - 1);
    let (_, value, _) = samples.select_nth_unstable(rank);
    f64::from(*value) / MEAN_SERVICE_NS as f64
}
