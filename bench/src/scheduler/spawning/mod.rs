//! The workloads of tokio's `benches/rt_multi_threaded.rs`, with its counts: spawning from within
//! and from outside, idle and busy, yielding, ping-pong, chains. [`shared`] has them for runtimes of
//! several workers, [`local`] those that make sense on one thread.
//!
//! The measuring thread is no worker, and a workload's first task is spawned like any other: then
//! all that follows is spawned by tasks, as each runtime's authors advise.

mod local;
mod shared;

use anyhow::Result;

use crate::harness::{Better, Metric};

use super::clock::Took;
use super::contender::{League, busy_runtimes, local_runtimes, shared_runtimes};
use super::plan::Plan;

/// Tasks that are spawned onto a runtime that has nothing else to do, or tasks that yield.
const SPAWNS: usize = 10_000;
/// Onto one whose workers are busy with tasks that spawn.
const SPAWNS_BUSY: usize = 1_000;
const YIELDING: usize = 200;
const YIELDS: usize = 1_000;
const PINGS: usize = 1_000;
const CHAIN: usize = 1_000;

const METRICS: &[Metric] = &[
    Metric {
        name: "wall_us",
        unit: "us",
        better: Better::Lower,
    },
    Metric {
        name: "cpu_us",
        unit: "us",
        better: Better::Lower,
    },
];

fn repeat(plan: &Plan, mut once: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    let took = plan.repeat(|| {
        let (took, result) = Took::by(&mut once);
        result.map(|()| took)
    })?;
    Ok(Took::medians_us(took))
}

fn league(contenders: Vec<super::contender::Contender>) -> League {
    League {
        metrics: METRICS,
        contenders,
    }
}

pub(super) fn spawn_many_local() -> Vec<League> {
    use local::spawn_many as on_one;
    use shared::spawn_many_local as on_all;
    vec![
        league(shared_runtimes!(on_all)),
        league(local_runtimes!(on_one)),
    ]
}

pub(super) fn spawn_many_remote_idle() -> Vec<League> {
    use shared::spawn_many_remote_idle as measure;
    vec![league(shared_runtimes!(measure))]
}

pub(super) fn spawn_many_remote_busy1() -> Vec<League> {
    use shared::spawn_many_remote_busy1 as measure;
    vec![league(busy_runtimes!(measure))]
}

pub(super) fn spawn_many_remote_busy2() -> Vec<League> {
    use shared::spawn_many_remote_busy2 as measure;
    vec![league(shared_runtimes!(measure))]
}

pub(super) fn yield_many() -> Vec<League> {
    use local::yield_many as on_one;
    use shared::yield_many as on_all;
    vec![
        league(shared_runtimes!(on_all)),
        league(local_runtimes!(on_one)),
    ]
}

pub(super) fn ping_pong() -> Vec<League> {
    use local::ping_pong as on_one;
    use shared::ping_pong as on_all;
    vec![
        league(shared_runtimes!(on_all)),
        league(local_runtimes!(on_one)),
    ]
}

pub(super) fn chained_spawn() -> Vec<League> {
    use local::chained_spawn as on_one;
    use shared::chained_spawn as on_all;
    vec![
        league(shared_runtimes!(on_all)),
        league(local_runtimes!(on_one)),
    ]
}
