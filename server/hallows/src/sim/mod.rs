//! `hallows sim`: Beehive's policy against its rivals, simulated.
//!
//! `args` turns flags into cells and contenders, `beehive-sim` measures them, `table` and `plot`
//! show what came out.

mod args;
mod plot;
mod table;

use beehive_sim::stats::Interval;
use beehive_sim::sweep::{self, CellReport};
use beehive_sim::{Cell, Contender, Elements, Outcome};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

pub(crate) use args::SimArgs;

use crate::failure::Failure;
use crate::stdout;

/// All that a sweep has found.
#[derive(Serialize)]
struct Report {
    cells: Vec<CellReport>,
}

/// What a part of the policy is worth: figures without it in terms of those with it, as geometric
/// means over all cells.
#[derive(Serialize)]
struct Ablation {
    part: &'static str,
    p99: Interval,
    /// The 99th percentile in the cell where its absence costs most.
    p99_worst: f64,
    probes: f64,
    moves: f64,
    wakes: f64,
}

/// Runs the command.
pub(crate) fn run(args: &SimArgs) -> Result<(), Failure> {
    let cells = args.cells()?;
    if args.ablation {
        let rows = ablate(&cells, args.seeds);
        return if args.json {
            stdout::json(&rows)
        } else {
            stdout::write(table::ablation(&rows, cells.len()).as_bytes())
        };
    }
    let others = args.others();
    let progress = progress(cells.len() * (3 + others.len()) * args.seeds as usize);
    let measure = |cell| sweep::measure(cell, &others, args.seeds, &mut || progress.inc(1));
    let report = Report {
        cells: cells.iter().map(measure).collect(),
    };
    progress.finish_and_clear();
    if let Some(file) = &args.plot {
        plot::draw(&report.cells, file)?;
    }
    if args.json {
        stdout::json(&report)
    } else {
        stdout::write(table::sweep(&report.cells).as_bytes())
    }
}

fn ablate(cells: &[Cell], seeds: u32) -> Vec<Ablation> {
    let variants = sweep::variants();
    let progress = progress(cells.len() * (1 + variants.len()) * seeds as usize);
    let runs = |cell: &Cell, elements| {
        sweep::runs(Contender::Bee(elements), cell, seeds, &mut || {
            progress.inc(1);
        })
    };
    let whole: Vec<_> = cells.iter().map(|cell| runs(cell, Elements::ALL)).collect();
    let row = |(part, elements)| {
        let without: Vec<_> = cells.iter().map(|cell| runs(cell, elements)).collect();
        compare(part, &without, &whole)
    };
    let rows = variants.into_iter().map(row).collect();
    progress.finish_and_clear();
    rows
}

/// Compares runs by cell and seed.
fn compare(part: &'static str, without: &[Vec<Outcome>], whole: &[Vec<Outcome>]) -> Ablation {
    // What hardly ever happens must not dominate a mean of ratios.
    const FLOOR: f64 = 0.001;
    let pairs = || without.iter().flatten().zip(whole.iter().flatten());
    let ratio = |of: fn(&Outcome) -> f64| {
        let ratios = pairs().map(|(one, other)| (of(one) + FLOOR) / (of(other) + FLOOR));
        beehive_sim::stats::geometric_mean(ratios)
    };
    let cells = without.iter().zip(whole);
    let by_cell: Vec<_> = cells
        .map(|(one, other)| sweep::p99_ratio(one, other).mean)
        .collect();
    Ablation {
        part,
        p99: sweep::p99_ratio(&without.concat(), &whole.concat()),
        p99_worst: by_cell.iter().copied().fold(0.0, f64::max),
        probes: ratio(|outcome| outcome.probes),
        moves: ratio(|outcome| outcome.moves),
        wakes: ratio(|outcome| outcome.wakes),
    }
}

/// A bar on standard error; nothing where that is not a terminal.
fn progress(runs: usize) -> ProgressBar {
    let style = "{bar:40} {pos} of {len} runs, {eta} left";
    let bar = ProgressBar::new(runs as u64);
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
