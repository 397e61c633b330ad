//! What a worker changes about its thread: the core it is bound to, and how exact its timers are.
//!
//! Workers are pinned when there are as many as cores that this process may use: then no core can
//! have two of them while another has none. With fewer, the operating system places them better
//! than a fixed number would, since it sees what else runs; with more, pinning would halve some.
//!
//! The kernel may end a sleep 50 µs late by default, so that wakes coincide. A worker that gathers
//! events for a few tens of microseconds needs better.

use std::num::NonZero;
use std::path::Path;

use rustix::thread::{
    CpuSet, current_timer_slack, sched_getaffinity, sched_getcpu, sched_setaffinity,
    set_current_timer_slack,
};

use beehive_policy::{Place, Topology, WorkerId};

/// Memory nodes that are looked for.
const NODES_MAX: u32 = 64;

/// Which core each worker is bound to, if any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Affinity {
    cores: Vec<usize>,
}

impl Affinity {
    /// Binds one worker to each core that this thread may use, if the numbers agree.
    pub(crate) fn for_workers(workers: usize) -> Self {
        let cores = allowed_cores();
        if cores.len() == workers {
            Self { cores }
        } else {
            Self::default()
        }
    }

    /// The worker that is bound to the core on which the calling thread runs just now.
    pub(crate) fn worker_here(&self) -> Option<WorkerId> {
        if self.cores.is_empty() {
            return None;
        }
        // They are in ascending order.
        let worker = self.cores.binary_search(&sched_getcpu()).ok()?;
        Some(WorkerId::new(worker))
    }

    /// Where the workers sit. Those that are bound to no core count as neighbours of each other.
    pub(crate) fn topology(&self, workers: usize) -> Topology {
        if self.cores.is_empty() {
            return Topology::uniform(workers);
        }
        Topology::new(&self.cores.iter().map(|&cpu| place(cpu)).collect::<Vec<_>>())
    }

    /// Makes the calling thread a worker's; the guard restores what was before.
    ///
    /// All of it is optimisation: where it is forbidden, the worker runs without.
    pub(crate) fn adopt(&self, worker: WorkerId) -> Adopted {
        let slack_ns = current_timer_slack().ok().and_then(NonZero::new);
        let _ = set_current_timer_slack(NonZero::new(1));
        let cores = self.cores.get(worker.index()).and_then(|&core| bind(core));
        Adopted { cores, slack_ns }
    }
}

/// Binds the calling thread to a core; returns those it could use before.
fn bind(core: usize) -> Option<CpuSet> {
    let before = sched_getaffinity(None).ok()?;
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).ok()?;
    Some(before)
}

/// What the kernel tells about a processor; what it does not tell counts as shared by all.
fn place(cpu: usize) -> Place {
    let folder = format!("/sys/devices/system/cpu/cpu{cpu}");
    let read = |file: &str| {
        let text = std::fs::read_to_string(format!("{folder}/{file}")).ok()?;
        text.trim().parse::<u32>().ok()
    };
    let package = read("topology/physical_package_id").unwrap_or(0);
    let node = (0..NODES_MAX).find(|node| Path::new(&format!("{folder}/node{node}")).exists());
    Place {
        node: node.unwrap_or(package),
        llc: read("cache/index3/id").unwrap_or(package),
        // Cores are numbered within their package.
        core: read("topology/core_id").map_or(cpu as u32, |core| (package << 16) | core),
    }
}

/// Restores the calling thread when dropped.
pub(crate) struct Adopted {
    cores: Option<CpuSet>,
    slack_ns: Option<NonZero<u64>>,
}

impl Drop for Adopted {
    fn drop(&mut self) {
        if let Some(cores) = &self.cores {
            let _ = sched_setaffinity(None, cores);
        }
        let _ = set_current_timer_slack(self.slack_ns);
    }
}

/// The cores that the calling thread may use.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else {
        return Vec::new();
    };
    (0..CpuSet::MAX_CPU)
        .filter(|&core| set.is_set(core))
        .collect()
}
