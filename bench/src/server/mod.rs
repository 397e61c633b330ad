//! Suite `server`: hallows beside redis, memcached and the bare epoll stub.
//!
//! [`subjects`] starts them, [`throughput`], [`latency`], [`connections`], [`memory`], [`churn`] and
//! [`hit_ratio`] measure. A peer that is not
//! there, or a backend that this machine refuses, is left out and named at the end; without hallows
//! itself there is nothing to compare and the suite fails.

mod churn;
mod connections;
mod hit_ratio;
mod latency;
mod memory;
mod redis_benchmark;
mod subjects;
mod throughput;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::harness::{Measured, report};
use crate::machine::Cores;
use subjects::{Setting, Starter};

#[derive(Args)]
pub(crate) struct Options {
    /// Fewer rounds with fewer requests: under two minutes in all.
    #[arg(long)]
    quick: bool,
    /// A few requests per workload: shows that everything runs, measures nothing worth reading.
    #[arg(long, conflicts_with = "quick")]
    tiny: bool,
    /// Rounds per workload [default: 5, with --quick 3, with --tiny 1].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Only these workloads.
    #[arg(long, value_enum, value_name = "WORKLOAD,..", value_delimiter = ',')]
    only: Vec<Workload>,
    /// Write the rows to this file as well, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The program to measure [default: `hallows` beside this harness].
    #[arg(long, value_name = "PROGRAM")]
    hallows: Option<PathBuf>,
    /// For hit_ratio, replay this trace with sizes instead of generated ones; may be repeated.
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Workload {
    SetP1,
    GetP1,
    SetP16,
    GetP16,
    P50Lone,
    BytesPerKey,
    BytesPerKeyTtl,
    SkewedConnections,
    EvenConnections,
    Churn,
    HitRatio,
}

/// How much of everything.
struct Plan {
    rounds: usize,
    /// Memory hardly varies between rounds.
    memory_rounds: usize,
    /// Keys that throughput and latency touch at random.
    keys: u64,
    /// Requests per round without pipelining, and in pipelines of 16.
    requests_p1: usize,
    requests_p16: usize,
    latency_requests: usize,
    memory_keys: u64,
    /// Between the last write and the look at the resident memory.
    memory_settle: Duration,
    /// How long unlike connections send.
    connections_time: Duration,
    churn_rounds: usize,
    churn_memory: u64,
    churn_keys: u64,
    churn_writes_per_hour: usize,
    /// Hit ratios vary even less than memory.
    trace_rounds: usize,
    /// To find the limit with which a peer is as large as ours.
    trace_attempts: usize,
    /// Objects that generated traces are made for, and their requests.
    trace_capacity: usize,
    trace_requests: usize,
}

impl Plan {
    fn of(options: &Options) -> Plan {
        let mut plan = if options.tiny {
            Plan {
                rounds: 1,
                memory_rounds: 1,
                keys: 1_000,
                requests_p1: 1_000,
                requests_p16: 8_000,
                latency_requests: 100,
                memory_keys: 5_000,
                memory_settle: Duration::from_millis(100),
                connections_time: Duration::from_millis(50),
                churn_rounds: 1,
                churn_memory: 16 << 20,
                churn_keys: 20_000,
                churn_writes_per_hour: 1_000,
                trace_rounds: 1,
                trace_attempts: 1,
                trace_capacity: 10_000,
                trace_requests: 5_000,
            }
        } else if options.quick {
            Plan {
                rounds: 3,
                memory_rounds: 1,
                keys: 100_000,
                requests_p1: 20_000,
                requests_p16: 128_000,
                latency_requests: 3_000,
                memory_keys: 500_000,
                memory_settle: Duration::from_secs(12),
                connections_time: Duration::from_secs(1),
                churn_rounds: 1,
                churn_memory: 128 << 20,
                churn_keys: 400_000,
                churn_writes_per_hour: 60_000,
                trace_rounds: 1,
                trace_attempts: 8,
                trace_capacity: 50_000,
                trace_requests: 500_000,
            }
        } else {
            Plan {
                rounds: 5,
                memory_rounds: 3,
                keys: 100_000,
                requests_p1: 200_000,
                requests_p16: 1_000_000,
                latency_requests: 20_000,
                memory_keys: 500_000,
                memory_settle: Duration::from_secs(12),
                connections_time: Duration::from_secs(3),
                churn_rounds: 3,
                churn_memory: 512 << 20,
                churn_keys: 1_600_000,
                churn_writes_per_hour: 250_000,
                trace_rounds: 3,
                trace_attempts: 8,
                trace_capacity: 100_000,
                trace_requests: 2_000_000,
            }
        };
        if let Some(rounds) = options.rounds {
            plan.rounds = usize::from(rounds);
            plan.memory_rounds = usize::from(rounds);
            plan.churn_rounds = usize::from(rounds);
            plan.trace_rounds = usize::from(rounds);
        }
        plan
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = Plan::of(options);
    let cores = Cores::find()?;
    let hallows = match &options.hallows {
        Some(path) => path.clone(),
        None => beside_this_program("hallows")?,
    };
    let mut starter = Starter::new(&cores, hallows, beside_this_program("epoll-stub")?);
    if !cores.are_separate() {
        starter.note("only one core: server and client share it".to_owned());
    }
    if !redis_benchmark::is_installed() {
        let text = "redis-benchmark is not installed (Debian package redis-tools): \
                    redis and the stub are left out of set_* and get_*";
        starter.note(text.to_owned());
    }
    let wanted = |workload: Workload| options.only.is_empty() || options.only.contains(&workload);
    let measured = measure(&mut starter, &plan, &options.trace, wanted)?;

    let rows: Vec<_> = measured.iter().flat_map(Measured::rows).collect();
    print!("{}", report::table(&rows));
    println!();
    for program in ["redis-server", "memcached"] {
        if let Some(version) = subjects::version(program) {
            println!("{version}");
        }
    }
    for note in starter.notes() {
        println!("note: {note}");
    }
    if let Some(path) = &options.json {
        report::write_json(path, &rows)?;
    }
    if rows.is_empty() {
        bail!("no peer to compare with; `cargo xtask test` installs redis and memcached");
    }
    Ok(())
}

fn measure(
    starter: &mut Starter,
    plan: &Plan,
    traces: &[PathBuf],
    wanted: impl Fn(Workload) -> bool,
) -> Result<Vec<Measured>> {
    let cores = starter.cores;
    let mut measured = Vec::new();
    for setting in Setting::ALL {
        let loads: Vec<_> = throughput::WORKLOADS
            .iter()
            .filter(|(workload, ..)| wanted(*workload))
            .collect();
        let lone = setting == Setting::Pinned && wanted(Workload::P50Lone);
        if loads.is_empty() && !lone {
            continue;
        }
        let servers = starter.start_all(setting, plan.keys)?;
        for load in loads {
            measured.extend(throughput::run(&servers, cores, *load, plan)?);
        }
        if lone {
            measured.push(latency::run(&servers, cores, plan)?);
        }
    }
    measured.extend(connections::run(starter, &wanted, plan)?);
    let memory: Vec<_> = [Workload::BytesPerKey, Workload::BytesPerKeyTtl]
        .into_iter()
        .filter(|workload| wanted(*workload))
        .collect();
    if !memory.is_empty() {
        measured.extend(memory::run(starter, &memory, plan)?);
    }
    if wanted(Workload::Churn) {
        measured.extend(churn::run(starter, plan)?);
    }
    if wanted(Workload::HitRatio) {
        measured.extend(hit_ratio::run(starter, traces, plan)?);
    }
    Ok(measured)
}

fn beside_this_program(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!(
            "{} does not exist; `cargo xtask bench server` builds it",
            path.display()
        );
    }
    Ok(path)
}

impl Workload {
    /// The name in tables and rows is the one on the command line.
    fn name(self) -> &'static str {
        match self {
            Workload::SetP1 => "set_p1",
            Workload::GetP1 => "get_p1",
            Workload::SetP16 => "set_p16",
            Workload::GetP16 => "get_p16",
            Workload::P50Lone => "p50_lone",
            Workload::BytesPerKey => "bytes_per_key",
            Workload::BytesPerKeyTtl => "bytes_per_key_ttl",
            Workload::SkewedConnections => "skewed_connections",
            Workload::EvenConnections => "even_connections",
            Workload::Churn => "churn",
            Workload::HitRatio => "hit_ratio",
        }
    }
}
