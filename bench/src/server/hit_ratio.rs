//! Hit ratios with equally much resident memory, on traces with sizes: of `hallows`, and of redis with
//! each of its policies for all keys.
//!
//! The client asks for each object of a trace and writes those that are not there, as a program does
//! that uses a server as its cache. `hallows` is given a tenth of what all objects take. Then redis is
//! given so much memory that its process is at least as large in the end: its limit counts less than
//! what it takes, so the right one is found by repetition.
//!
//! Redis' LFU forgets by the minute, and a replay takes seconds: it does not see that taste changes. Its
//! LRU does.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ant_colony_sim::{Record, Trace, Unit};
use anyhow::{Context, Result, ensure};

use crate::harness::{Better, Measured, Metric};
use crate::load::VALUE_BYTE;
use crate::load::client::{Client, Reply};
use crate::process::Process;

use super::Plan;
use super::subjects::{Program, Reactor, Setting, Starter, Subject};

const METRICS: &[Metric] = &[
    Metric {
        name: "hit_ratio",
        unit: "1",
        better: Better::Higher,
    },
    Metric {
        name: "resident_mib",
        unit: "MiB",
        better: Better::Lower,
    },
];

const OURS: Program = Program::Hallows(Reactor::Auto);
const PEERS: [Program; 2] = [Program::RedisLfu, Program::RedisLru];

/// The part of all objects' bytes that ours may take.
const MEMORY_SHARE: u64 = 10;
const MEMORY_MIN: u64 = 8 << 20;
/// What a peer is given at least.
const LIMIT_MIN: u64 = 2 << 20;
/// By so many percent a peer may be larger.
const LARGER_PERCENT: u64 = 2;
/// Requests that are sent together.
const BATCH: usize = 32;

/// Generated traces: what is asked for, by name.
const GENERATED: [(&str, &str); 3] = [
    ("hit_ratio_zipf", "gen:zipf,times=10,skew=0.9"),
    ("hit_ratio_shift", "gen:shift,times=10,skew=0.9"),
    ("hit_ratio_scan", "gen:scan,times=0.8,share=0.4,run=2000"),
];

/// Replays the generated traces, or those in files.
pub(super) fn run(
    starter: &mut Starter<'_>,
    files: &[PathBuf],
    plan: &Plan,
) -> Result<Vec<Measured>> {
    let traces = match files {
        [] => GENERATED
            .map(|(name, what)| generated(name, what, plan))
            .into(),
        files => files.iter().map(|file| recorded(file)).collect::<Vec<_>>(),
    };
    traces
        .into_iter()
        .map(|trace| compare(starter, &trace?, plan))
        .collect()
}

/// A generated trace with sizes: 64 bytes to 2 KiB, each power of two as often as the others.
fn generated(name: &str, what: &str, plan: &Plan) -> Result<Trace> {
    let (capacity, requests) = (plan.trace_capacity, plan.trace_requests);
    let every = requests / 5;
    let shift = if what.contains("shift") {
        format!(",every={every}")
    } else {
        String::new()
    };
    let what = format!("{what},capacity={capacity},requests={requests}{shift}");
    let trace = Trace::generated(&what)?;
    let mut records = Vec::with_capacity(requests);
    each(&trace, |key, _| {
        let size = size_of_object(key);
        records.push(Record { key, size });
        Ok(())
    })?;
    Ok(Trace::of(name, records))
}

fn size_of_object(key: u64) -> u32 {
    let random = crate::random::Random::new(key).fraction();
    (64.0 * (random * 5.0).exp2()) as u32
}

fn recorded(file: &Path) -> Result<Trace> {
    let trace = Trace::open(file)?;
    ensure!(
        trace.bytes() > u64::from(trace.objects()),
        "{} has no sizes: give one with sizes, such as NAME.u64.zst beside NAME.sz.u32.zst",
        file.display()
    );
    Ok(trace)
}

/// Calls `visit` with key and size of each request.
fn each(trace: &Trace, mut visit: impl FnMut(u64, u32) -> Result<()>) -> Result<()> {
    let mut requests = trace.requests(Unit::Bytes)?;
    let mut piece = Vec::with_capacity(4096);
    loop {
        piece.clear();
        requests.read(&mut piece)?;
        for request in &piece {
            visit(request.key, request.size)?;
        }
        if piece.len() < piece.capacity() {
            return Ok(());
        }
    }
}

fn compare(starter: &mut Starter<'_>, trace: &Trace, plan: &Plan) -> Result<Measured> {
    let peers: Vec<Program> = PEERS
        .into_iter()
        .filter(|&program| starter.can_start(subject(program)))
        .collect();
    let subjects: Vec<Program> = [OURS].into_iter().chain(peers).collect();
    let names = subjects
        .iter()
        .map(|&program| (subject(program).name(), program.is_ours()));
    let name = match trace.name().strip_prefix("hit_ratio_") {
        Some(_) => trace.name().to_owned(),
        None => format!("hit_ratio_{}", trace.name()),
    };
    let mut measured = Measured::new(name, METRICS, names);
    let memory = (trace.bytes() / MEMORY_SHARE).max(MEMORY_MIN);
    // What makes a peer as large is known after the first round.
    let mut limits = vec![memory; subjects.len()];
    for _ in 0..plan.trace_rounds {
        let ours = replay(starter, OURS, memory, trace)?;
        for (index, &program) in subjects.iter().enumerate().skip(1) {
            let mut search = Search {
                program,
                limit: &mut limits[index],
                resident: ours.resident,
            };
            let peer = search.run(starter, trace, plan.trace_attempts)?;
            measured.add(index, peer.figures());
        }
        measured.add(0, ours.figures());
    }
    Ok(measured)
}

/// For the limit with which a peer is as large as ours.
struct Search<'a> {
    program: Program,
    limit: &'a mut u64,
    /// What ours takes.
    resident: u64,
}

impl Search<'_> {
    /// Replays with more memory or less until the peer's process is as large. If it never is, because it
    /// varies too much, the smallest one counts that is larger. A single attempt is taken as it comes.
    fn run(&mut self, starter: &Starter<'_>, trace: &Trace, attempts: usize) -> Result<Replayed> {
        let name = subject(self.program).name();
        let most = self.resident + self.resident * LARGER_PERCENT / 100;
        let mut larger: Option<Replayed> = None;
        for _ in 0..attempts {
            let peer = replay(starter, self.program, *self.limit, trace)?;
            if attempts == 1 || (self.resident..=most).contains(&peer.resident) {
                return Ok(peer);
            }
            let (had, wanted) = (peer.resident >> 10, self.resident >> 10);
            eprintln!(
                "{:23} again: {name} took {had} KiB instead of {wanted}",
                trace.name()
            );
            let limit = *self.limit + self.resident.midpoint(most);
            *self.limit = limit.saturating_sub(peer.resident).max(LIMIT_MIN);
            let least = larger.as_ref().map_or(u64::MAX, |larger| larger.resident);
            if (self.resident..least).contains(&peer.resident) {
                larger = Some(peer);
            }
        }
        larger.with_context(|| format!("{name} could not be made as large as hallows"))
    }
}

fn subject(program: Program) -> Subject {
    let setting = Setting::Pinned;
    Subject { program, setting }
}

/// What came of a trace.
struct Replayed {
    hits: u64,
    requests: u64,
    resident: u64,
}

impl Replayed {
    fn figures(&self) -> Vec<f64> {
        let ratio = self.hits as f64 / self.requests as f64;
        vec![ratio, self.resident as f64 / f64::from(1 << 20)]
    }
}

fn replay(starter: &Starter<'_>, program: Program, memory: u64, trace: &Trace) -> Result<Replayed> {
    let server = starter.start_with(subject(program), memory)?;
    let drive = || drive(&server.process, trace);
    let hits = starter.cores.run(Setting::Pinned.client_place(), drive)?;
    Ok(Replayed {
        hits: hits.with_context(|| format!("{} on {}", trace.name(), server.subject.name()))?,
        requests: trace.len(),
        resident: server.process.resident_bytes()?,
    })
}

/// Uses the server as a cache; answers how often an object was there.
fn drive(process: &Process, trace: &Trace) -> Result<u64> {
    let mut batch = Batch {
        client: Client::connect(process.address)?,
        objects: Vec::with_capacity(BATCH),
        keys: HashSet::with_capacity(BATCH),
        hits: 0,
        value: Vec::new(),
    };
    each(trace, |key, size| {
        // What is asked for again must have been written before.
        if batch.objects.len() == BATCH || batch.keys.contains(&key) {
            batch.run()?;
        }
        batch.objects.push((key, size));
        batch.keys.insert(key);
        Ok(())
    })?;
    batch.run()?;
    Ok(batch.hits)
}

/// Distinct objects that are asked for together.
struct Batch {
    client: Client,
    objects: Vec<(u64, u32)>,
    keys: HashSet<u64>,
    hits: u64,
    value: Vec<u8>,
}

impl Batch {
    fn run(&mut self) -> Result<()> {
        for (key, _) in &self.objects {
            self.client.push(&[b"GET", name(*key).as_bytes()]);
        }
        self.client.send()?;
        let mut missing = Vec::new();
        for &object in &self.objects {
            match self.client.reply()? {
                Reply::Nil => missing.push(object),
                _ => self.hits += 1,
            }
        }
        for &(key, size) in &missing {
            let size = size as usize;
            if self.value.len() < size {
                self.value.resize(size, VALUE_BYTE);
            }
            let value = &self.value[..size];
            self.client.push(&[b"SET", name(key).as_bytes(), value]);
        }
        self.client.send_and_forget(missing.len())?;
        self.objects.clear();
        self.keys.clear();
        Ok(())
    }
}

fn name(key: u64) -> String {
    format!("{key:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_spread_over_the_powers_of_two() {
        let sizes: Vec<u32> = (0..10_000).map(size_of_object).collect();
        assert!(sizes.iter().all(|size| (64..2048).contains(size)));
        let small = sizes.iter().filter(|&&size| size < 128).count();
        assert!((1_800..2_200).contains(&small), "{small}");
    }
}
