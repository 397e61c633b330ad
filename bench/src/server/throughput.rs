//! CPU time per request and requests per second, with 50 connections.
//!
//! CPU time is the server process's own, user and system, between the first and the last request:
//! it does not suffer from a neighbour on the machine as a rate does. Beside redis and the stub the
//! client is redis-benchmark. It cannot speak to memcached, so there the load client of this
//! harness drives both sides, in an experiment of its own.

use std::net::SocketAddr;

use anyhow::Result;

use crate::harness::{Better, Contender, Experiment, Measured, Metric};
use crate::load::closed_loop::Run;
use crate::load::dialect::Request;
use crate::load::{Keys, VALUE};
use crate::machine::Cores;

use super::redis_benchmark::{self, RedisBenchmark};
use super::subjects::{Program, Server, Subject};
use super::{Plan, Workload};

/// Name, request and pipeline.
pub(super) const WORKLOADS: &[(Workload, Request, usize)] = &[
    (Workload::SetP1, Request::Set, 1),
    (Workload::GetP1, Request::Get, 1),
    (Workload::SetP16, Request::Set, 16),
    (Workload::GetP16, Request::Get, 16),
];

const CONNECTIONS: usize = 50;

const METRICS: &[Metric] = &[
    Metric {
        name: "cpu_us_per_request",
        unit: "us",
        better: Better::Lower,
    },
    Metric {
        name: "requests_per_second",
        unit: "1/s",
        better: Better::Higher,
    },
];

/// Who drives the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    RedisBenchmark,
    LoadClient,
}

impl Client {
    /// Ours are measured with either client, a peer with the one it is compared by.
    fn drives(self, program: Program) -> bool {
        program.is_ours() || (program == Program::Memcached) == (self == Client::LoadClient)
    }

    fn is_there(self) -> bool {
        self == Client::LoadClient || redis_benchmark::is_installed()
    }

    fn subject_name(self, subject: Subject) -> String {
        match self {
            Client::LoadClient if subject.program.is_ours() => {
                format!("{}-loadclient", subject.name())
            }
            _ => subject.name(),
        }
    }
}

struct Load {
    client: Client,
    request: Request,
    pipeline: usize,
    requests: usize,
    keys: u64,
}

pub(super) fn run(
    servers: &[Server],
    cores: &Cores,
    (workload, request, pipeline): (Workload, Request, usize),
    plan: &Plan,
) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for client in [Client::RedisBenchmark, Client::LoadClient] {
        let peers = servers.iter().filter(|server| !server.is_ours());
        let somebody = peers
            .into_iter()
            .any(|peer| client.drives(peer.subject.program));
        if !somebody || !client.is_there() {
            continue;
        }
        let load = Load {
            client,
            request,
            pipeline,
            requests: if pipeline == 1 {
                plan.requests_p1
            } else {
                plan.requests_p16
            },
            keys: plan.keys,
        };
        let contenders = servers
            .iter()
            .filter(|server| client.drives(server.subject.program))
            .map(|server| Contender {
                name: client.subject_name(server.subject),
                ours: server.is_ours(),
                measure: Box::new(|| load.measure(server, cores)),
            })
            .collect();
        let experiment = Experiment {
            workload: workload.name(),
            metrics: METRICS,
            contenders,
        };
        measured.push(experiment.run(plan.rounds)?);
    }
    Ok(measured)
}

impl Load {
    fn measure(&self, server: &Server, cores: &Cores) -> Result<Vec<f64>> {
        let address = server.process.address;
        let before = server.process.cpu_ns()?;
        let rate = cores.run(server.subject.setting.client_place(), || {
            self.drive(server.subject.program, address)
        })??;
        let cpu_ns = server.process.cpu_ns()?.saturating_sub(before);
        Ok(vec![cpu_ns as f64 / 1_000.0 / self.requests as f64, rate])
    }

    /// Sends the requests; returns how many per second were answered.
    fn drive(&self, program: Program, address: SocketAddr) -> Result<f64> {
        match self.client {
            Client::RedisBenchmark => RedisBenchmark {
                test: match self.request {
                    Request::Get => "get",
                    Request::Set | Request::SetFor(_) => "set",
                },
                connections: CONNECTIONS,
                pipeline: self.pipeline,
                requests: self.requests,
                keys: self.keys,
                value_bytes: VALUE.len(),
            }
            .run(address),
            Client::LoadClient => {
                let run = Run {
                    dialect: program.dialect(),
                    request: self.request,
                    connections: CONNECTIONS,
                    pipeline: self.pipeline,
                    requests: self.requests,
                    keys: Keys::random(self.keys),
                };
                Ok(self.requests as f64 / run.drive(address)?.as_secs_f64())
            }
        }
    }
}
