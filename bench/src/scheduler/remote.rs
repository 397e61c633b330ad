//! One task at a time from a thread that is no worker, onto workers that have nothing to do: what
//! the call costs that queues it and tells a worker, and when the task begins.
//!
//! Twice: right after the last task ended, as with a stream of requests, and after a pause long
//! enough for every worker to sleep. The thread that spawns waits without sleeping, so that its own
//! waking up is not measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::harness::{Better, Metric};

use super::contender::{League, shared_runtimes};
use super::plan::{Plan, Scale};
use super::runtimes::Shared;

/// Long enough for a worker to go to sleep.
const PAUSE: Duration = Duration::from_millis(2);

const fn nanoseconds(name: &'static str) -> Metric {
    Metric {
        name,
        unit: "ns",
        better: Better::Lower,
    }
}

pub(super) fn remote_spawn_idle() -> Vec<League> {
    vec![League {
        metrics: &const {
            [
                nanoseconds("enqueue_ns"),
                nanoseconds("start_ns"),
                nanoseconds("enqueue_asleep_ns"),
                nanoseconds("start_asleep_ns"),
            ]
        },
        contenders: shared_runtimes!(measure),
    }]
}

fn measure<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
    let (awake, asleep) = match plan.scale {
        Scale::Full => (20_000, 300),
        Scale::Quick => (5_000, 100),
        Scale::Tiny => (50, 2),
    };
    let runtime = R::start(plan.workers)?;
    medians(&runtime, awake / 10 + 1, Duration::ZERO)?;
    let mut values = medians(&runtime, awake, Duration::ZERO)?.to_vec();
    values.extend(medians(&runtime, asleep, PAUSE)?);
    Ok(values)
}

/// Median time of the call, and until the task begins, in nanoseconds.
fn medians<R: Shared>(runtime: &R, tasks: usize, pause: Duration) -> Result<[f64; 2]> {
    let (mut enqueued, mut started) = (Vec::with_capacity(tasks), Vec::with_capacity(tasks));
    let origin = Instant::now();
    let began = Arc::new(AtomicU64::new(0));
    for _ in 0..tasks {
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        let task_began = began.clone();
        let before = origin.elapsed();
        R::detach(runtime.spawn(async move {
            task_began.store(origin.elapsed().as_nanos() as u64, Release);
        }));
        let after = origin.elapsed();
        let at = wait_for(&began);
        enqueued.push((after - before).as_nanos() as u64);
        started.push(at.saturating_sub(before.as_nanos() as u64));
        began.store(0, Release);
    }
    ensure!(enqueued.len() == tasks, "a task was lost");
    let median = |values: &mut Vec<u64>| {
        values.sort_unstable();
        values[values.len() / 2] as f64
    };
    Ok([median(&mut enqueued), median(&mut started)])
}

fn wait_for(began: &AtomicU64) -> u64 {
    loop {
        match began.load(Acquire) {
            0 => std::hint::spin_loop(),
            at => return at,
        }
    }
}
