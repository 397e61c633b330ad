//! Who does a workload: names, and the functions that measure them.

use anyhow::Result;

use crate::harness::Metric;

use super::plan::Plan;

/// One subject of a workload. Its function runs in a process of its own and yields one value per
/// metric of its league.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) ours: bool,
    pub(super) measure: fn(&Plan) -> Result<Vec<f64>>,
}

pub(super) fn ours(name: &'static str, measure: fn(&Plan) -> Result<Vec<f64>>) -> Contender {
    Contender {
        name,
        ours: true,
        measure,
    }
}

pub(super) fn peer(name: &'static str, measure: fn(&Plan) -> Result<Vec<f64>>) -> Contender {
    Contender {
        name,
        ours: false,
        measure,
    }
}

/// Subjects that do the same under the same conditions, and so are compared with each other.
pub(super) struct League {
    pub(super) metrics: &'static [Metric],
    pub(super) contenders: Vec<Contender>,
}

/// The runtimes whose tasks any worker may run, each with the function `$measure`.
macro_rules! shared_runtimes {
    ($measure:ident) => {{
        use $crate::scheduler::contender::peer;
        use $crate::scheduler::runtimes::Spargio;
        let mut contenders = $crate::scheduler::contender::busy_runtimes!($measure);
        contenders.push(peer("spargio", $measure::<Spargio>));
        contenders
    }};
}

/// Those of them that begin new tasks although others are always ready. A shard of spargio never
/// does: a task that yields comes before all that wait.
macro_rules! busy_runtimes {
    ($measure:ident) => {{
        use $crate::scheduler::contender::{ours, peer};
        use $crate::scheduler::runtimes::{Beehive, Nio, Smol, Tokio};
        vec![
            ours("beehive", $measure::<Beehive>),
            peer("tokio", $measure::<Tokio>),
            peer("smol", $measure::<Smol>),
            peer("nio", $measure::<Nio>),
        ]
    }};
}

/// The runtimes of one thread, or ours with tasks that stay on one, each with `$measure`.
macro_rules! local_runtimes {
    ($measure:ident) => {{
        use $crate::scheduler::contender::{ours, peer};
        use $crate::scheduler::runtimes::{
            BeehiveLocal, Compio, Glommio, Monoio, TokioCurrentThread,
        };
        vec![
            ours("beehive-local", $measure::<BeehiveLocal>),
            peer("tokio-current-thread", $measure::<TokioCurrentThread>),
            peer("glommio", $measure::<Glommio>),
            peer("monoio", $measure::<Monoio>),
            peer("compio", $measure::<Compio>),
        ]
    }};
}

pub(super) use {busy_runtimes, local_runtimes, shared_runtimes};
