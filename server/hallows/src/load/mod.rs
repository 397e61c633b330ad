//! What the workers of a server do, as it travels from `hallows serve` to `hallows top`: the
//! replies of `HALLOWS LOAD` and `HALLOWS TASKS`, in JSON.
//!
//! Times are in seconds since the server started where they only grow, and counts likewise: who wants
//! rates asks twice. Unknown fields are ignored when it is read, so that a newer server can be looked
//! at. Who reads it trusts no server: texts come without control characters, and sums do not overflow.

mod make;
pub(crate) mod text;

pub(crate) use make::{load, tasks};

use serde::{Deserialize, Serialize};

/// The reply of `HALLOWS LOAD`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Load {
    #[serde(deserialize_with = "text::read")]
    pub(crate) version: String,
    pub(crate) pid: u32,
    #[serde(deserialize_with = "text::read")]
    pub(crate) io: String,
    pub(crate) uptime_s: f64,
    /// CPU time of the process.
    pub(crate) cpu_s: f64,
    pub(crate) resident_bytes: usize,
    pub(crate) clients: usize,
    pub(crate) commands: u64,
    /// Ready tasks that no worker has taken yet, at least.
    pub(crate) entrance: usize,
    /// Tasks that have waited and not ended.
    pub(crate) live: usize,
    /// Blocking work that is queued or going on.
    pub(crate) blocking: usize,
    pub(crate) workers: Vec<WorkerLoad>,
    /// Kinds of tasks, the busiest first, at most [`KINDS_MAX`]; `None` if tasks are not recorded.
    pub(crate) kinds: Option<Vec<Kind>>,
}

/// Kinds of tasks in a report.
pub(crate) const KINDS_MAX: usize = 50;

/// One worker.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct WorkerLoad {
    pub(crate) worker: usize,
    /// `running`, `reactor`, `searching` or `parked`.
    #[serde(deserialize_with = "text::read")]
    pub(crate) phase: String,
    pub(crate) phase_age_s: f64,
    pub(crate) running_s: f64,
    pub(crate) reactor_s: f64,
    pub(crate) searching_s: f64,
    pub(crate) parked_s: f64,
    pub(crate) latency: ClassLoad,
    pub(crate) normal: ClassLoad,
    pub(crate) background: ClassLoad,
    /// Preemptible tasks after their first slice.
    pub(crate) slices: ClassLoad,
    pub(crate) searches: u64,
    pub(crate) steals: u64,
    pub(crate) stolen: u64,
    pub(crate) jobs: u64,
    pub(crate) parks: u64,
    pub(crate) wakes: u64,
    pub(crate) messages: u64,
    pub(crate) injected: u64,
    pub(crate) moved: u64,
    pub(crate) waits: u64,
    pub(crate) wait_s: f64,
    pub(crate) oldest_wait_s: f64,
    pub(crate) live: usize,
    pub(crate) stalls: u64,
    pub(crate) connections: u32,
    pub(crate) busy_permille: u32,
    pub(crate) signal_age_s: f64,
}

impl WorkerLoad {
    /// Tasks that are ready.
    pub(crate) fn queued(&self) -> usize {
        let queued = self.kinds().map(|(_, kind)| kind.queued);
        queued.into_iter().fold(0, usize::saturating_add)
    }

    /// Polls of all tasks.
    pub(crate) fn polls(&self) -> u64 {
        let polls = self.kinds().map(|(_, kind)| kind.polls);
        polls.into_iter().fold(0, u64::saturating_add)
    }

    /// What its time went to, by name.
    pub(crate) fn kinds(&self) -> [(&'static str, &ClassLoad); 4] {
        [
            ("latency", &self.latency),
            ("normal", &self.normal),
            ("background", &self.background),
            ("slices", &self.slices),
        ]
    }

    /// Its phases, by name, in seconds.
    pub(crate) fn phases(&self) -> [(&'static str, f64); 4] {
        [
            ("running", self.running_s),
            ("reactor", self.reactor_s),
            ("searching", self.searching_s),
            ("parked", self.parked_s),
        ]
    }
}

/// Tasks of one class on one worker.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct ClassLoad {
    pub(crate) polls: u64,
    pub(crate) time_s: f64,
    pub(crate) queued: usize,
}

/// Tasks with the same name, or from the same place.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Kind {
    #[serde(deserialize_with = "text::read")]
    pub(crate) name: String,
    #[serde(deserialize_with = "text::read")]
    pub(crate) place: String,
    pub(crate) alive: u64,
    pub(crate) ended: u64,
    pub(crate) polls: u64,
    pub(crate) busy_s: f64,
    pub(crate) queued_s: f64,
}

/// One task, in the reply of `HALLOWS TASKS`, which is a list of them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Task {
    pub(crate) id: u64,
    /// Its name, or the type of its future.
    #[serde(deserialize_with = "text::read")]
    pub(crate) name: String,
    #[serde(deserialize_with = "text::read")]
    pub(crate) place: String,
    #[serde(deserialize_with = "text::read")]
    pub(crate) class: String,
    /// `queued`, `running` or `waiting`.
    #[serde(deserialize_with = "text::read")]
    pub(crate) state: String,
    /// How long it has been in this state.
    pub(crate) state_s: f64,
    /// The worker that polls it.
    pub(crate) worker: Option<usize>,
    pub(crate) age_s: f64,
    pub(crate) polls: u64,
    pub(crate) busy_s: f64,
    pub(crate) queued_s: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_what_a_server_says_do_not_overflow() {
        let many = ClassLoad {
            polls: u64::MAX,
            queued: usize::MAX,
            ..ClassLoad::default()
        };
        let worker = WorkerLoad {
            latency: many,
            normal: many,
            ..WorkerLoad::default()
        };
        assert_eq!((worker.queued(), worker.polls()), (usize::MAX, u64::MAX));
    }
}
