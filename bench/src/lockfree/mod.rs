//! Suite `lockfree`: the structures of `hallows-lockfree` beside the crates that users would
//! otherwise take, each in its best configuration.
//!
//! One module per family of workloads: [`spsc`], [`mpsc`], [`mpmc`], [`deque`], [`map`], [`reply`],
//! [`admission`], [`latest`], [`ring`]. They share [`transfer`] (moving numbers and checking that
//! each arrived), [`team`](crate::team) (pinned threads that start together), [`wait`] (how to wait for those
//! that cannot) and [`measure`] (how many operations fill a round).
//!
//! Not for scalability: two cores are all it uses, and where more threads run, they take turns.

mod admission;
mod deque;
mod latest;
mod map;
mod measure;
mod mpmc;
mod mpsc;
mod reply;
mod ring;
mod spsc;
mod transfer;
mod wait;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::harness::{Measured, report};
use crate::machine::Cores;

#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds: under two minutes in all.
    #[arg(long)]
    quick: bool,
    /// A few operations per workload: shows that everything runs, measures nothing worth reading.
    #[arg(long, conflicts_with = "quick")]
    tiny: bool,
    /// Rounds per workload [default: 7, with --quick 3, with --tiny 1].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Only these workloads.
    #[arg(long, value_enum, value_name = "WORKLOAD,..", value_delimiter = ',')]
    only: Vec<Workload>,
    /// Write the rows to this file as well, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fill this map with --entries and print the growth of resident memory in bytes: what
    /// map_bytes_per_entry runs in a process of its own.
    #[arg(long, hide = true, requires = "entries")]
    resident: Option<String>,
    #[arg(long, hide = true)]
    entries: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Workload {
    SpscSingle,
    SpscChunk64,
    SpscRtt,
    #[value(name = "mpsc_2p1c")]
    Mpsc2p1c,
    #[value(name = "mpmc_1p1c")]
    Mpmc1p1c,
    #[value(name = "mpmc_2p2c")]
    Mpmc2p2c,
    DequeOwner,
    DequeSteal,
    #[value(name = "map_95_5_1t")]
    Map95Reads1Thread,
    #[value(name = "map_95_5_2t")]
    Map95Reads2Threads,
    #[value(name = "map_50_50_2t")]
    Map50Reads2Threads,
    MapBytesPerEntry,
    MapWorstInsert,
    ReplySlot,
    Admission,
    LatestValue,
    #[value(name = "ring_1p1c")]
    Ring1p1c,
    #[value(name = "ring_1p2c")]
    Ring1p2c,
}

/// How much of everything.
struct Plan {
    rounds: usize,
    /// Runs of a contender in a round, and the time that each gets; it does as much as fits.
    runs: usize,
    run: Duration,
    /// Entries of the maps.
    entries: u64,
}

impl Plan {
    fn of(options: &Options) -> Plan {
        let mut plan = if options.tiny {
            Plan {
                rounds: 1,
                runs: 1,
                run: Duration::from_micros(200),
                entries: 2_000,
            }
        } else if options.quick {
            Plan {
                rounds: 3,
                runs: 3,
                run: Duration::from_millis(20),
                entries: 1_000_000,
            }
        } else {
            Plan {
                rounds: 7,
                runs: 5,
                run: Duration::from_millis(50),
                entries: 1_000_000,
            }
        };
        if let Some(rounds) = options.rounds {
            plan.rounds = usize::from(rounds);
        }
        plan
    }
}

/// What every family needs to run.
struct Bench {
    plan: Plan,
    cores: Cores,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if let (Some(name), Some(entries)) = (&options.resident, options.entries) {
        println!("{}", map::resident_growth(name, entries)?);
        return Ok(());
    }
    let bench = Bench {
        plan: Plan::of(options),
        cores: Cores::find()?,
    };
    let mut measured = Vec::new();
    for workload in Workload::value_variants() {
        if options.only.is_empty() || options.only.contains(workload) {
            measured.push(measure_one(&bench, *workload)?);
        }
    }
    let rows: Vec<_> = measured.iter().flat_map(Measured::rows).collect();
    print!("{}", report::table(&rows));
    if !bench.cores.are_separate() {
        println!("\nnote: only one core: all threads share it");
    }
    if let Some(path) = &options.json {
        report::write_json(path, &rows)?;
    }
    if rows.is_empty() {
        bail!("nothing was compared");
    }
    Ok(())
}

fn measure_one(bench: &Bench, workload: Workload) -> Result<Measured> {
    match workload {
        Workload::SpscSingle => spsc::single(bench, workload),
        Workload::SpscChunk64 => spsc::chunks(bench, workload),
        Workload::SpscRtt => spsc::round_trip(bench, workload),
        Workload::Mpsc2p1c => mpsc::run(bench, workload),
        Workload::Mpmc1p1c => mpmc::run(bench, workload, 1),
        Workload::Mpmc2p2c => mpmc::run(bench, workload, 2),
        Workload::DequeOwner => deque::owner(bench, workload),
        Workload::DequeSteal => deque::steal(bench, workload),
        Workload::Map95Reads1Thread => map::mixed(bench, workload, 95, 1),
        Workload::Map95Reads2Threads => map::mixed(bench, workload, 95, 2),
        Workload::Map50Reads2Threads => map::mixed(bench, workload, 50, 2),
        Workload::MapBytesPerEntry => map::bytes_per_entry(bench, workload),
        Workload::MapWorstInsert => map::worst_insert(bench, workload),
        Workload::ReplySlot => reply::run(bench, workload),
        Workload::Admission => admission::run(bench, workload),
        Workload::LatestValue => latest::run(bench, workload),
        Workload::Ring1p1c => ring::run(bench, workload, 1),
        Workload::Ring1p2c => ring::run(bench, workload, 2),
    }
}

impl Workload {
    /// The name in tables and rows is the one on the command line.
    fn name(self) -> &'static str {
        match self {
            Workload::SpscSingle => "spsc_single",
            Workload::SpscChunk64 => "spsc_chunk64",
            Workload::SpscRtt => "spsc_rtt",
            Workload::Mpsc2p1c => "mpsc_2p1c",
            Workload::Mpmc1p1c => "mpmc_1p1c",
            Workload::Mpmc2p2c => "mpmc_2p2c",
            Workload::DequeOwner => "deque_owner",
            Workload::DequeSteal => "deque_steal",
            Workload::Map95Reads1Thread => "map_95_5_1t",
            Workload::Map95Reads2Threads => "map_95_5_2t",
            Workload::Map50Reads2Threads => "map_50_50_2t",
            Workload::MapBytesPerEntry => "map_bytes_per_entry",
            Workload::MapWorstInsert => "map_worst_insert",
            Workload::ReplySlot => "reply_slot",
            Workload::Admission => "admission",
            Workload::LatestValue => "latest_value",
            Workload::Ring1p1c => "ring_1p1c",
            Workload::Ring1p2c => "ring_1p2c",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_has_one_name_everywhere() {
        for workload in Workload::value_variants() {
            let value = workload.to_possible_value().expect("none is skipped");
            assert_eq!(value.get_name(), workload.name());
        }
    }
}
