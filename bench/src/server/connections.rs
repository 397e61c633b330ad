//! Connections that want unlike much, and connections that are alike: `hallows` with load signals and
//! without.
//!
//! Skewed, one connection sends ten times as much as each other one: more than lets its worker serve an
//! equal share of the others, though all together are less than two workers can do. Even, all send the
//! same. Latencies are counted from the scheduled time, once the first second has passed: of all
//! connections, and of all but the first.
//!
//! A request is a SCAN that finds nothing: work for the server and little for the client, with which it
//! shares the cores.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::harness::{Better, Contender, Experiment, Measured, Metric};
use crate::load::dialect::{Dialect, Request};
use crate::load::open_loop::{Reply, Schedule};
use crate::machine::Cores;

use super::subjects::{Program, Reactor, Server, Setting, Starter, Subject};
use super::{Plan, Workload};

const METRICS: &[Metric] = &[
    Metric {
        name: "p99_us",
        unit: "us",
        better: Better::Lower,
    },
    Metric {
        name: "p99_others_us",
        unit: "us",
        better: Better::Lower,
    },
    Metric {
        name: "cpu_us_per_request",
        unit: "us",
        better: Better::Lower,
    },
];

const CONNECTIONS: usize = 16;
/// What comes before is not counted: connections need some time to find their places.
const WARM_UP: Duration = Duration::from_secs(1);
/// Looks at ten thousand keys and finds none.
const REQUEST: &[u8] = b"SCAN 0 MATCH no:* COUNT 10000\r\n";
/// Requests that tell roughly what one costs, and how many cores then tell it better.
const TRIAL: usize = 500;
const TRIAL_CORES: f64 = 1.2;

/// Who sends how much.
struct Mix {
    workload: Workload,
    /// The rate of the first connection, in terms of each other one's.
    first: f64,
    /// The work of all, in cores.
    cores: f64,
}

const MIXES: [Mix; 2] = [
    Mix {
        workload: Workload::SkewedConnections,
        first: 10.0,
        cores: 1.2,
    },
    Mix {
        workload: Workload::EvenConnections,
        first: 1.0,
        cores: 1.0,
    },
];

/// Runs those that are wanted.
pub(super) fn run(
    starter: &mut Starter,
    wanted: impl Fn(Workload) -> bool,
    plan: &Plan,
) -> Result<Vec<Measured>> {
    let mixes = MIXES.iter().filter(|mix| wanted(mix.workload));
    let mixes: Vec<_> = mixes.collect();
    if mixes.is_empty() {
        return Ok(Vec::new());
    }
    let setting = Setting::Shared;
    let programs = [Program::Hallows(Reactor::Auto), Program::WithoutSignals];
    let servers = starter.start_some(&programs.map(|program| Subject { program, setting }))?;
    let cores = starter.cores;
    for server in &servers {
        server.fill(cores, Request::Set, plan.keys)?;
    }
    let cost = cost(&servers, cores)?;
    mixes
        .into_iter()
        .map(|mix| measure(mix, cost, &servers, cores, plan))
        .collect()
}

/// Seconds of CPU time that one request costs ours.
fn cost(servers: &[Server], cores: &Cores) -> Result<f64> {
    let ours = servers.iter().find(|server| server.is_ours());
    let ours = ours.context("hallows has not started")?;
    let used_by = |schedule: &Schedule| -> Result<f64> {
        let before = ours.process.cpu_ns()?;
        drive(schedule, ours, cores)?;
        let used = ours.process.cpu_ns()?.saturating_sub(before);
        Ok(used as f64 / 1e9 / schedule.requests() as f64)
    };
    let roughly = used_by(&Schedule::at_once(TRIAL, CONNECTIONS))?;
    let rate = TRIAL_CORES / roughly / CONNECTIONS as f64;
    used_by(&Schedule::poisson(&[rate; CONNECTIONS], WARM_UP))
}

fn measure(
    mix: &Mix,
    cost: f64,
    servers: &[Server],
    cores: &Cores,
    plan: &Plan,
) -> Result<Measured> {
    let mut shares = [1.0; CONNECTIONS];
    shares[0] = mix.first;
    let unit = mix.cores / cost / shares.iter().sum::<f64>();
    let rates = shares.map(|share| share * unit);
    let schedule = &Schedule::poisson(&rates, WARM_UP + plan.connections_time);
    let contenders = servers
        .iter()
        .map(|server| Contender {
            name: server.subject.name(),
            ours: server.is_ours(),
            measure: Box::new(move || figures(schedule, server, cores)),
        })
        .collect();
    let experiment = Experiment {
        workload: mix.workload.name(),
        metrics: METRICS,
        contenders,
    };
    experiment.run(plan.rounds)
}

/// The 99th percentile over all connections and over all but the first, and the CPU time of a request.
fn figures(schedule: &Schedule, server: &Server, cores: &Cores) -> Result<Vec<f64>> {
    let before = server.process.cpu_ns()?;
    let replies = drive(schedule, server, cores)?;
    let cpu_ns = server.process.cpu_ns()?.saturating_sub(before);
    Ok(vec![
        p99_us(&replies),
        p99_us(&replies[1..]),
        cpu_ns as f64 / 1_000.0 / schedule.requests() as f64,
    ])
}

fn p99_us(replies: &[Vec<Reply>]) -> f64 {
    let replies = replies.iter().flatten();
    let late = replies.filter(|reply| reply.due >= WARM_UP);
    let mut latencies: Vec<_> = late.map(|reply| reply.latency).collect();
    let rank = latencies.len() * 99 / 100;
    let (_, p99, _) = latencies.select_nth_unstable(rank);
    p99.as_secs_f64() * 1e6
}

fn drive(schedule: &Schedule, server: &Server, cores: &Cores) -> Result<Vec<Vec<Reply>>> {
    let address = server.process.address;
    let place = server.subject.setting.client_place();
    cores.run(place, || schedule.drive(Dialect::Resp, REQUEST, address))?
}
