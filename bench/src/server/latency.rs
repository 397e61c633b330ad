//! The median latency of a lone connection: what batching must not cost. One GET at a time, each
//! sent when the reply before it is in.
//!
//! Measured in the pinned setting only: where client and server may share a core, the median tells
//! whether the kernel happened to put them together, which halves it.

use anyhow::Result;

use crate::harness::{Better, Contender, Experiment, Measured, Metric};
use crate::load::Keys;
use crate::load::closed_loop::Run;
use crate::load::dialect::Request;
use crate::machine::Cores;

use super::subjects::Server;
use super::{Plan, Workload};

const METRICS: &[Metric] = &[Metric {
    name: "p50_lone_us",
    unit: "us",
    better: Better::Lower,
}];

pub(super) fn run(servers: &[Server], cores: &Cores, plan: &Plan) -> Result<Measured> {
    let contenders = servers
        .iter()
        .map(|server| Contender {
            name: server.subject.name(),
            ours: server.is_ours(),
            measure: Box::new(|| measure(server, cores, plan)),
        })
        .collect();
    let experiment = Experiment {
        workload: Workload::P50Lone.name(),
        metrics: METRICS,
        contenders,
    };
    experiment.run(plan.rounds)
}

fn measure(server: &Server, cores: &Cores, plan: &Plan) -> Result<Vec<f64>> {
    let run = Run {
        dialect: server.subject.program.dialect(),
        request: Request::Get,
        connections: 1,
        pipeline: 1,
        requests: plan.latency_requests,
        keys: Keys::random(plan.keys),
    };
    let address = server.process.address;
    let mut latencies = cores.run(server.subject.setting.client_place(), || {
        run.latencies(address)
    })??;
    let middle = latencies.len() / 2;
    let (_, median, _) = latencies.select_nth_unstable(middle);
    Ok(vec![median.as_secs_f64() * 1e6])
}
