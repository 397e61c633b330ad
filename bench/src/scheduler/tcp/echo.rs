//! Echo on one core, the client on the other: 64 bytes there and back, on many connections or one.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Client, Server, Service, every_server, start};
use crate::harness::{Better, Metric};
use crate::machine::Place;
use crate::scheduler::clock::{process_cpu, thread_cpu};
use crate::scheduler::contender::League;
use crate::scheduler::plan::{Plan, Scale};

const MESSAGE_BYTES: usize = 64;
const CONNECTIONS: usize = 50;

#[derive(Default)]
struct Echo;

impl Service for Echo {
    fn answer(&mut self, _: &mut Vec<u8>) {}
}

pub(in crate::scheduler) fn cpu() -> Vec<League> {
    vec![League {
        metrics: &[
            Metric {
                name: "server_cpu_us",
                unit: "us",
                better: Better::Lower,
            },
            Metric {
                name: "requests_per_s",
                unit: "1/s",
                better: Better::Higher,
            },
        ],
        contenders: every_server!(cpu_of),
    }]
}

pub(in crate::scheduler) fn round_trip() -> Vec<League> {
    vec![League {
        metrics: &[
            Metric {
                name: "p50_us",
                unit: "us",
                better: Better::Lower,
            },
            Metric {
                name: "p99_us",
                unit: "us",
                better: Better::Lower,
            },
        ],
        contenders: every_server!(round_trip_of),
    }]
}

/// A server of one worker on its core, and this thread, with its connections, on another.
fn connect<R: Server>(plan: &Plan, connections: usize) -> Result<Client> {
    let address = start::<R, Echo>(plan.cores, Place::Server, 1)?;
    plan.cores.enter(Place::Client)?;
    let message = [b'x'; MESSAGE_BYTES];
    Client::connect(&[address], connections, |_| {
        (message.to_vec(), message.to_vec())
    })
}

fn requests(plan: &Plan) -> usize {
    match plan.scale {
        Scale::Full => 40_000,
        Scale::Quick => 15_000,
        Scale::Tiny => 500,
    }
}

fn cpu_of<R: Server>(plan: &Plan) -> Result<Vec<f64>> {
    let mut client = connect::<R>(plan, CONNECTIONS)?;
    let each = requests(plan) / CONNECTIONS;
    client.drive(|_| each / 4, 1)?;
    // What this process uses and the client does not is the server's.
    let server_cpu = || process_cpu().saturating_sub(thread_cpu());
    let before = server_cpu();
    let wall = client.drive(|_| each, 1)?;
    let cpu = server_cpu().saturating_sub(before);
    let requests = (each * CONNECTIONS) as f64;
    Ok(vec![
        cpu.as_secs_f64() * 1e6 / requests,
        requests / wall.as_secs_f64(),
    ])
}

fn round_trip_of<R: Server>(plan: &Plan) -> Result<Vec<f64>> {
    let mut client = connect::<R>(plan, 1)?;
    let requests = requests(plan) / 4;
    client.round_trips(requests / 4)?;
    let mut took = client.round_trips(requests)?;
    took.sort_unstable();
    let at = |part: f64| -> Result<f64> {
        let index = (took.len() as f64 * part) as usize;
        let took: &Duration = took.get(index).context("no round trip")?;
        Ok(took.as_secs_f64() * 1e6)
    };
    Ok(vec![at(0.5)?, at(0.99)?])
}
