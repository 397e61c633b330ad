//! Resident memory per key: each round starts every server afresh, writes one key until its buffers
//! are what they will be, notes its resident memory, writes the keys over one connection, and looks
//! again once background work has settled: jemalloc, for one, gives freed pages back over ten seconds.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::harness::{Better, Measured, Metric};
use crate::load::dialect::Request;

use super::subjects::{Program, Reactor, Server, Setting, Starter, Subject};
use super::{Plan, Workload};

const METRICS: &[Metric] = &[Metric {
    name: "bytes_per_key",
    unit: "bytes",
    better: Better::Lower,
}];

/// The reactor holds no keys; the number of workers decides how finely the store is divided.
const SUBJECTS: &[Subject] = &[
    Subject {
        program: Program::Hallows(Reactor::Auto),
        setting: Setting::Pinned,
    },
    Subject {
        program: Program::Hallows(Reactor::Auto),
        setting: Setting::Shared,
    },
    Subject {
        program: Program::Redis,
        setting: Setting::Pinned,
    },
    Subject {
        program: Program::Memcached,
        setting: Setting::Pinned,
    },
];

/// For what a server still sets up after it listens.
const AFTER_START: Duration = Duration::from_millis(200);

/// No key expires while it is counted.
const TTL_S: u32 = 36_000;

/// Runs these of the two workloads. All servers are watched at once: memory, unlike time, is not
/// disturbed by neighbours, and settling takes long.
pub(super) fn run(
    starter: &mut Starter,
    workloads: &[Workload],
    plan: &Plan,
) -> Result<Vec<Measured>> {
    // A first start tells who is there at all; the rounds start their own.
    let present: Vec<Subject> = starter
        .start_some(SUBJECTS)?
        .iter()
        .map(|server| server.subject)
        .collect();
    let mut measured: Vec<Measured> = workloads
        .iter()
        .map(|workload| {
            let subjects = present.iter().map(|s| (s.name(), s.program.is_ours()));
            Measured::new(workload.name(), METRICS, subjects)
        })
        .collect();
    for _ in 0..plan.memory_rounds {
        let mut filled = Vec::new();
        for workload in workloads {
            for subject in &present {
                filled.push(Filled::start(starter, *subject, *workload, plan)?);
            }
        }
        sleep(plan.memory_settle);
        for (index, filled) in filled.into_iter().enumerate() {
            let (workload, subject) = (index / present.len(), index % present.len());
            let value = filled.bytes_per_key(plan.memory_keys)?;
            measured[workload].add(subject, vec![value]);
        }
    }
    Ok(measured)
}

/// A server that holds its keys.
struct Filled {
    server: Server,
    resident_before: u64,
}

impl Filled {
    fn start(
        starter: &Starter,
        subject: Subject,
        workload: Workload,
        plan: &Plan,
    ) -> Result<Filled> {
        let request = match workload {
            Workload::BytesPerKeyTtl => Request::SetFor(TTL_S),
            _ => Request::Set,
        };
        let server = starter.start(subject)?;
        sleep(AFTER_START);
        server.warm_up(starter.cores, request)?;
        let resident_before = server.process.resident_bytes()?;
        server.fill(starter.cores, request, plan.memory_keys)?;
        Ok(Filled {
            server,
            resident_before,
        })
    }

    fn bytes_per_key(self, keys: u64) -> Result<f64> {
        let now = self.server.process.resident_bytes()?;
        Ok(now.saturating_sub(self.resident_before) as f64 / keys as f64)
    }
}
