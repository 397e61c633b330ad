//! Wall time and CPU time of a piece of work.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// What something took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    pub(super) wall: Duration,
    /// Of all threads of this process, user and system.
    pub(super) cpu: Duration,
}

impl Took {
    /// Measures `work`.
    pub(super) fn by<T>(work: impl FnOnce() -> T) -> (Took, T) {
        let (cpu, wall) = (process_cpu(), Instant::now());
        let result = work();
        (Took::since(cpu, wall), result)
    }

    /// Measures `work` within a runtime.
    pub(super) async fn by_async<T>(work: impl AsyncFnOnce() -> T) -> (Took, T) {
        let (cpu, wall) = (process_cpu(), Instant::now());
        let result = work().await;
        (Took::since(cpu, wall), result)
    }

    /// Medians of wall and CPU time over repetitions, in microseconds.
    pub(super) fn medians_us(mut took: Vec<Took>) -> Vec<f64> {
        let middle = took.len() / 2;
        took.sort_by_key(|took| took.wall);
        let wall = took[middle].wall;
        took.sort_by_key(|took| took.cpu);
        let cpu = took[middle].cpu;
        vec![wall.as_secs_f64() * 1e6, cpu.as_secs_f64() * 1e6]
    }

    fn since(cpu: Duration, wall: Instant) -> Took {
        Took {
            wall: wall.elapsed(),
            cpu: process_cpu().saturating_sub(cpu),
        }
    }
}

pub(super) fn process_cpu() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

pub(super) fn thread_cpu() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

fn duration(time: Timespec) -> Duration {
    Duration::try_from(time).expect("CPU time is not negative")
}
