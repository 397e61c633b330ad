//! Suite `scheduler`: Beehive beside the runtimes and thread pools that users would otherwise take,
//! each configured as its authors advise, with as many workers.
//!
//! A module per family of workloads: [`spawning`] (tokio's own benchmarks), [`remote`], [`open_loop`],
//! [`shares`], [`tcp`], [`fork_join`], [`signal_cost`]. They meet the runtimes through [`runtimes`]; [`contender`] says who takes part,
//! [`plan`] how much is done, [`isolation`] gives each measurement a process of its own, [`clock`]
//! times it.
//!
//! Not for scalability: two cores are all it uses.

mod clock;
mod contender;
mod fork_join;
mod isolation;
mod open_loop;
mod plan;

mod remote;
mod runtimes;
mod shares;
mod signal_cost;
mod spawning;
mod tcp;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::harness::report::Row;
use crate::harness::{self, Experiment, report};
use crate::machine::{Cores, Place};

use contender::{Contender, League};
use plan::{Plan, Scale};

#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds.
    #[arg(long)]
    quick: bool,
    /// As little as possible of each workload: shows that everything runs, measures nothing worth
    /// reading.
    #[arg(long, conflicts_with = "quick")]
    tiny: bool,
    /// Rounds per workload [default: 10, with --quick 3, with --tiny 1].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Only these workloads.
    #[arg(long, value_enum, value_name = "WORKLOAD,..", value_delimiter = ',')]
    only: Vec<Workload>,
    /// Write the rows to this file as well, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure this contender of the workload given by --only, once, in this process.
    #[arg(long, hide = true, requires_all = ["only", "scale"])]
    subject: Option<String>,
    /// How much of it.
    #[arg(long, hide = true, value_enum)]
    scale: Option<Scale>,
}

/// What is measured; the names are those of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Workload {
    SpawnManyLocal,
    SpawnManyRemoteIdle,
    #[value(name = "spawn_many_remote_busy1")]
    SpawnManyRemoteBusy1,
    #[value(name = "spawn_many_remote_busy2")]
    SpawnManyRemoteBusy2,
    YieldMany,
    PingPong,
    ChainedSpawn,
    #[value(name = "remote_spawn_idle")]
    RemoteSpawnIdle,
    #[value(name = "open_loop_exp_10us")]
    OpenLoopExp10us,
    #[value(name = "open_loop_exp_25us")]
    OpenLoopExp25us,
    #[value(name = "open_loop_exp_100us")]
    OpenLoopExp100us,
    #[value(name = "simulated_2_cores")]
    Simulated2Cores,
    #[value(name = "bimodal_p999_slowdown")]
    BimodalP999Slowdown,
    SharesError,
    #[value(name = "latency_probe_p99")]
    LatencyProbeP99,
    HotspotRotating,
    BalancedStream,
    TcpEchoCpu,
    TcpEchoRtt,
    Fib,
    Skynet,
    Nqueens,
    TreeSum,
    Quicksort,
    SignalCost,
}

impl Workload {
    /// The name in tables and rows is the one on the command line.
    fn name(self) -> &'static str {
        match self {
            Workload::SpawnManyLocal => "spawn_many_local",
            Workload::SpawnManyRemoteIdle => "spawn_many_remote_idle",
            Workload::SpawnManyRemoteBusy1 => "spawn_many_remote_busy1",
            Workload::SpawnManyRemoteBusy2 => "spawn_many_remote_busy2",
            Workload::YieldMany => "yield_many",
            Workload::PingPong => "ping_pong",
            Workload::ChainedSpawn => "chained_spawn",
            Workload::RemoteSpawnIdle => "remote_spawn_idle",
            Workload::OpenLoopExp10us => "open_loop_exp_10us",
            Workload::OpenLoopExp25us => "open_loop_exp_25us",
            Workload::OpenLoopExp100us => "open_loop_exp_100us",
            Workload::Simulated2Cores => "simulated_2_cores",
            Workload::BimodalP999Slowdown => "bimodal_p999_slowdown",
            Workload::SharesError => "shares_error",
            Workload::LatencyProbeP99 => "latency_probe_p99",
            Workload::HotspotRotating => "hotspot_rotating",
            Workload::BalancedStream => "balanced_stream",
            Workload::TcpEchoCpu => "tcp_echo_cpu",
            Workload::TcpEchoRtt => "tcp_echo_rtt",
            Workload::Fib => "fib",
            Workload::Skynet => "skynet",
            Workload::Nqueens => "nqueens",
            Workload::TreeSum => "tree_sum",
            Workload::Quicksort => "quicksort",
            Workload::SignalCost => "signal_cost",
        }
    }

    fn leagues(self) -> Vec<League> {
        match self {
            Workload::SpawnManyLocal => spawning::spawn_many_local(),
            Workload::SpawnManyRemoteIdle => spawning::spawn_many_remote_idle(),
            Workload::SpawnManyRemoteBusy1 => spawning::spawn_many_remote_busy1(),
            Workload::SpawnManyRemoteBusy2 => spawning::spawn_many_remote_busy2(),
            Workload::YieldMany => spawning::yield_many(),
            Workload::PingPong => spawning::ping_pong(),
            Workload::ChainedSpawn => spawning::chained_spawn(),
            Workload::RemoteSpawnIdle => remote::remote_spawn_idle(),
            Workload::OpenLoopExp10us => open_loop::exponential_10us(),
            Workload::OpenLoopExp25us => open_loop::exponential_25us(),
            Workload::OpenLoopExp100us => open_loop::exponential_100us(),
            Workload::Simulated2Cores => open_loop::simulated(),
            Workload::BimodalP999Slowdown => open_loop::slowdown(),
            Workload::SharesError => shares::error(),
            Workload::LatencyProbeP99 => shares::latency(),
            Workload::HotspotRotating => tcp::hotspot(),
            Workload::BalancedStream => tcp::balanced(),
            Workload::TcpEchoCpu => tcp::cpu(),
            Workload::TcpEchoRtt => tcp::round_trip(),
            Workload::Fib => fork_join::fib(),
            Workload::Skynet => fork_join::skynet(),
            Workload::Nqueens => fork_join::nqueens(),
            Workload::TreeSum => fork_join::tree_sum(),
            Workload::Quicksort => fork_join::quicksort(),
            Workload::SignalCost => signal_cost::signal_cost(),
        }
    }

    /// A peer that cannot do it anywhere, and why.
    fn absent(self) -> Option<String> {
        match self {
            Workload::OpenLoopExp10us | Workload::OpenLoopExp25us | Workload::OpenLoopExp100us => {
                let why = open_loop::NO_SPARGIO;
                Some(format!("spargio on {}: {why}", self.name()))
            }
            _ => None,
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let cores = Cores::find()?;
    // What is measured inherits this.
    cores.enter(Place::Both)?;
    let scale = options
        .scale
        .unwrap_or(match (options.tiny, options.quick) {
            (true, _) => Scale::Tiny,
            (_, true) => Scale::Quick,
            _ => Scale::Full,
        });
    let plan = Plan {
        scale,
        workers: if cores.are_separate() { 2 } else { 1 },
        cores,
    };
    if let (Some(subject), [workload]) = (&options.subject, &options.only[..]) {
        return measure_here(*workload, subject, &plan);
    }
    let rounds = match (options.rounds, scale) {
        (Some(rounds), _) => usize::from(rounds),
        (None, Scale::Full) => 10,
        (None, Scale::Quick) => 3,
        (None, Scale::Tiny) => 1,
    };
    compare(options, &plan, rounds)
}

fn compare(options: &Options, plan: &Plan, rounds: usize) -> Result<()> {
    let (mut rows, mut absent) = (Vec::new(), Vec::new());
    for workload in Workload::value_variants() {
        if options.only.is_empty() || options.only.contains(workload) {
            absent.extend(workload.absent());
            for league in workload.leagues() {
                rows.extend(compare_league(
                    *workload,
                    league,
                    plan,
                    rounds,
                    &mut absent,
                )?);
            }
        }
    }
    print!("{}", report::table(&rows));
    for line in &absent {
        println!("absent: {line}");
    }
    if plan.workers == 1 {
        println!("note: only one core: all threads share it");
    }
    if let Some(path) = &options.json {
        report::write_json(path, &rows)?;
    }
    if rows.is_empty() {
        bail!("nothing was compared");
    }
    Ok(())
}

/// Peers that cannot do the workload here are left out, and named in `absent`. A league without one
/// of ours is run for its figures; it gives no row.
fn compare_league(
    workload: Workload,
    league: League,
    plan: &Plan,
    rounds: usize,
    absent: &mut Vec<String>,
) -> Result<Vec<Row>> {
    let mut able = Vec::new();
    for contender in league.contenders {
        match try_out(workload, &contender, plan) {
            Ok(values) => able.push((contender, values)),
            Err(error) if contender.ours => return Err(error),
            Err(error) => {
                let line = format!("{} on {}: {error:#}", contender.name, workload.name());
                eprintln!("absent: {line}");
                absent.push(line);
            }
        }
    }
    let contenders = able
        .into_iter()
        .map(|(contender, tiny)| harness::Contender {
            name: contender.name.to_owned(),
            ours: contender.ours,
            measure: Box::new(move || match plan.scale {
                Scale::Tiny => Ok(tiny.clone()),
                _ => isolation::measure(workload, contender.name, plan),
            }),
        })
        .collect();
    let experiment = Experiment {
        workload: workload.name(),
        metrics: league.metrics,
        contenders,
    };
    Ok(experiment.run(rounds)?.rows())
}

/// As little as possible, to see whether it can do the workload at all. A tiny run is no more than
/// this.
fn try_out(workload: Workload, contender: &Contender, plan: &Plan) -> Result<Vec<f64>> {
    let tiny = Plan {
        scale: Scale::Tiny,
        ..*plan
    };
    isolation::measure(workload, contender.name, &tiny)
}

/// Prints what the contender yields, and ends: nobody waits for a runtime's threads.
fn measure_here(workload: Workload, subject: &str, plan: &Plan) -> Result<()> {
    let mut contenders = workload.leagues().into_iter().flat_map(|l| l.contenders);
    let contender = contenders
        .find(|contender| contender.name == subject)
        .with_context(|| format!("{subject} does not take part in {}", workload.name()))?;
    let values = (contender.measure)(plan)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(&values)?)?;
    out.flush()?;
    std::process::exit(0)
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

    #[test]
    fn a_contender_is_found_by_its_name() {
        for workload in Workload::value_variants() {
            let leagues = workload.leagues();
            let contenders = leagues.iter().flat_map(|league| &league.contenders);
            let mut names: Vec<_> = contenders.map(|contender| contender.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", workload.name());
        }
    }
}
