//! Maps that grow from empty: what the worst single insert costs, and what an entry takes in memory.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::harness::{Better, Contender, Experiment, Measured, Metric};
use crate::lockfree::{Bench, Workload};
use crate::process::own_resident_bytes;
use crate::team::{Core, Team, thread_cpu};

use super::{KINDS, Session, Table, fill, key, value};

/// The worst insert of each round, by the thread's CPU time: that of others is not its fault.
pub(crate) fn worst_insert(bench: &Bench, workload: Workload) -> Result<Measured> {
    const METRICS: &[Metric] = &[Metric {
        name: "worst_insert_us",
        unit: "us",
        better: Better::Lower,
    }];
    let contenders = KINDS
        .iter()
        .map(|kind| Contender {
            name: kind.name.to_owned(),
            ours: kind.ours,
            measure: Box::new(|| Ok(vec![(kind.worst_insert)(bench)?.as_secs_f64() * 1e6])),
        })
        .collect();
    let experiment = Experiment {
        workload: workload.name(),
        metrics: METRICS,
        contenders,
    };
    experiment.run(bench.plan.rounds)
}

/// The clock is read once per insert: the end of one is the beginning of the next.
pub(super) fn worst_insert_of<T: Table>(bench: &Bench) -> Result<Duration> {
    let table = T::with_capacity(0);
    let mut team = Team::new(&bench.cores);
    let entries = bench.plan.entries;
    let table = &table;
    team.add(Core::First, move || {
        let mut session = table.session();
        let mut worst = Duration::ZERO;
        let mut before = thread_cpu();
        for id in 0..entries {
            session.put(key(id), value(id, 0));
            let after = thread_cpu();
            worst = worst.max(after.saturating_sub(before));
            before = after;
        }
        worst
    });
    let (_, worst) = team.run(entries)?;
    Ok(worst[0])
}

/// Growth of resident memory, allocator and table alike, per entry: each map in a process of its
/// own, so that nothing of another's memory is reused.
pub(crate) fn bytes_per_entry(bench: &Bench, workload: Workload) -> Result<Measured> {
    const METRICS: &[Metric] = &[Metric {
        name: "bytes_per_entry",
        unit: "bytes",
        better: Better::Lower,
    }];
    let contenders = KINDS
        .iter()
        .map(|kind| Contender {
            name: kind.name.to_owned(),
            ours: kind.ours,
            measure: Box::new(|| {
                let bytes = resident_growth_elsewhere(kind.name, bench.plan.entries)?;
                Ok(vec![bytes / bench.plan.entries as f64])
            }),
        })
        .collect();
    let experiment = Experiment {
        workload: workload.name(),
        metrics: METRICS,
        contenders,
    };
    experiment.run(bench.plan.rounds)
}

fn resident_growth_elsewhere(name: &str, entries: u64) -> Result<f64> {
    let output = Command::new(std::env::current_exe()?)
        .args(["lockfree", "--resident", name, "--entries"])
        .arg(entries.to_string())
        .output()
        .context("this program could not be started again")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout)?;
    text.trim()
        .parse()
        .with_context(|| format!("not a number: {text}"))
}

/// In this process: what the map called `name` adds to resident memory when it is filled.
pub(crate) fn resident_growth(name: &str, entries: u64) -> Result<u64> {
    match KINDS.iter().find(|kind| kind.name == name) {
        Some(kind) => (kind.resident_growth)(entries),
        None => bail!("there is no map called {name}"),
    }
}

pub(super) fn resident_growth_of<T: Table>(entries: u64) -> Result<u64> {
    let before = own_resident_bytes()?;
    let table = T::with_capacity(0);
    fill(&table, entries);
    let after = own_resident_bytes()?;
    drop(table);
    Ok(after.saturating_sub(before))
}
