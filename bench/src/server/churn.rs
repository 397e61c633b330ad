//! What is left of memory after a day of changes, pressed into minutes.
//!
//! A day has 24 hours, in each of which as much is written as in the others. Values are eight times as
//! large at noon as at midnight, when they have 32 to 256 bytes: at noon the server evicts, and at
//! night what it keeps gets smaller than what it had. Three writes in four stay, one lives for a moment
//! only; one request in nine deletes.
//!
//! In the end the resident memory is compared with what the server says that it uses (`used_memory`),
//! and with the keys and values that it still has, which the client asks for one by one.

use std::thread::sleep;

use anyhow::{Result, bail};

use crate::harness::{Better, Measured, Metric};
use crate::load::VALUE_BYTE;
use crate::load::client::{Client, Reply};
use crate::process::Process;
use crate::random::Random;

use super::subjects::{Program, Reactor, Server, Setting, Starter, Subject};
use super::{Plan, Workload};

const METRICS: &[Metric] = &[
    Metric {
        name: "resident_per_used",
        unit: "1",
        better: Better::Lower,
    },
    Metric {
        name: "resident_per_payload",
        unit: "1",
        better: Better::Lower,
    },
];

const PROGRAMS: [Program; 2] = [Program::Hallows(Reactor::Auto), Program::RedisLfu];

const HOURS: u64 = 24;
/// Of values at midnight, and how many times as large they are at noon.
const BYTES_MIN: f64 = 32.0;
const BYTES_RANGE: f64 = 8.0;
const NOON: f64 = 8.0;
/// How long values last that do not stay.
const MOMENT_MS: u64 = 2_000;
/// Requests that are sent together.
const BATCH: usize = 200;

pub(super) fn run(starter: &mut Starter<'_>, plan: &Plan) -> Result<Vec<Measured>> {
    let present: Vec<Subject> = PROGRAMS
        .into_iter()
        .map(|program| Subject {
            program,
            setting: Setting::Pinned,
        })
        .filter(|&subject| starter.can_start(subject))
        .collect();
    let names = present.iter().map(|s| (s.name(), s.program.is_ours()));
    let mut measured = Measured::new(Workload::Churn.name(), METRICS, names);
    for _ in 0..plan.churn_rounds {
        let servers = present
            .iter()
            .map(|&subject| {
                let server = starter.start_with(subject, plan.churn_memory)?;
                starter.cores.run(Setting::Pinned.client_place(), || {
                    live_through(&server.process, plan)
                })??;
                Ok(server)
            })
            .collect::<Result<Vec<Server>>>()?;
        // For whoever gives back in the background, and for what lives a moment.
        sleep(plan.memory_settle);
        for (index, server) in servers.iter().enumerate() {
            measured.add(index, figures(&server.process, plan)?);
        }
    }
    Ok(vec![measured])
}

/// A day's requests.
fn live_through(process: &Process, plan: &Plan) -> Result<()> {
    let mut client = Client::connect(process.address)?;
    let mut random = Random::new(7);
    let largest = BYTES_MIN * BYTES_RANGE * NOON;
    let values = vec![VALUE_BYTE; largest as usize];
    for hour in 0..HOURS {
        // From 0 at midnight to 1 at noon, and back.
        let day = (1.0 - (std::f64::consts::TAU * hour as f64 / HOURS as f64).cos()) / 2.0;
        let least = BYTES_MIN * (1.0 + (NOON - 1.0) * day);
        for _ in 0..plan.churn_writes_per_hour / BATCH {
            for _ in 0..BATCH {
                let key = key(random.next() % plan.churn_keys);
                let bytes = least * BYTES_RANGE.powf(random.fraction());
                let value = &values[..bytes as usize];
                let moment = (1 + random.next() % MOMENT_MS).to_string();
                match random.next() % 9 {
                    0 => client.push(&[b"DEL", &key]),
                    1 | 2 => client.push(&[b"SET", &key, value, b"PX", moment.as_bytes()]),
                    _ => client.push(&[b"SET", &key, value]),
                }
            }
            client.send_and_forget(BATCH)?;
        }
    }
    Ok(())
}

fn key(number: u64) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

fn figures(process: &Process, plan: &Plan) -> Result<Vec<f64>> {
    let mut client = Client::connect(process.address)?;
    let resident = process.resident_bytes()? as f64;
    let used = client.info("used_memory")?;
    let payload = payload(&mut client, plan.churn_keys)?;
    Ok(vec![resident / used as f64, resident / payload as f64])
}

/// Bytes of all keys and values that are there. No value is empty.
fn payload(client: &mut Client, keys: u64) -> Result<u64> {
    let mut sum = 0;
    let numbers: Vec<u64> = (0..keys).collect();
    for batch in numbers.chunks(BATCH) {
        for &number in batch {
            client.push(&[b"STRLEN", &key(number)]);
        }
        client.send()?;
        for &number in batch {
            match client.reply()? {
                Reply::Integer(0) => {}
                Reply::Integer(bytes) => sum += bytes + key(number).len() as u64,
                other => bail!("STRLEN replied {other:?}"),
            }
        }
    }
    Ok(sum)
}
