//! Results of `hallows sim` as text.

use std::collections::BTreeSet;
use std::fmt::Write;

use beehive_sim::stats::geometric_mean;
use beehive_sim::sweep::{CellReport, Summary, Verdict};

use super::Ablation;

/// One block per cell, then what all cells say together.
pub(super) fn sweep(cells: &[CellReport]) -> String {
    let mut text = String::new();
    for report in cells {
        block(&mut text, report);
    }
    if cells.len() > 1 {
        together(&mut text, cells);
    }
    text
}

fn block(text: &mut String, report: &CellReport) {
    let cell = &report.cell;
    let _ = writeln!(
        text,
        "{} cores, load {}, {} service, {} arrivals, staleness {}, migration cost {}",
        cell.cores,
        cell.load,
        cell.law.name(),
        cell.arrivals.name(),
        cell.staleness,
        cell.migration_cost
    );
    let _ = writeln!(
        text,
        "  {:20} {:>9} {:>19} {:>9} {:>8} {:>7} {:>7} {:>7}",
        "", "p99", "95% interval", "p99.9", "mean", "probes", "moves", "wakes"
    );
    row(text, "bee", &report.bee);
    row(text, "steal-half", &report.random_stealing);
    row(text, "central-fcfs", &report.central_fcfs);
    for (name, summary) in &report.others {
        row(text, name, summary);
    }
    let (ratio, verdict) = (&report.ratio, verdict(report.verdict));
    let _ = writeln!(
        text,
        "  p99 against steal-half: {:.3} ({:.3} to {:.3}), {verdict}\n",
        ratio.mean, ratio.low, ratio.high
    );
}

fn row(text: &mut String, name: &str, summary: &Summary) {
    let (mean, interval) = (&summary.mean, &summary.p99_interval);
    let interval = format!("{:.2} to {:.2}", interval.low, interval.high);
    let _ = writeln!(
        text,
        "  {name:20} {:9.2} {interval:>19} {:9.2} {:8.2} {:7.2} {:7.2} {:7.3}",
        mean.p99, mean.p999, mean.mean, mean.probes, mean.moves, mean.wakes
    );
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Equal => "equal",
        Verdict::Worse => "worse",
    }
}

fn together(text: &mut String, cells: &[CellReport]) {
    let _ = writeln!(
        text,
        "{:>6} {:>6} {:>15} {:>7} {:>6} {:>6} {:>13} {:>12}",
        "cores",
        "cells",
        "p99/steal-half",
        "better",
        "equal",
        "worse",
        "fewer probes",
        "fewer moves"
    );
    let sizes: BTreeSet<_> = cells.iter().map(|report| report.cell.cores).collect();
    for cores in sizes {
        let here: Vec<_> = cells
            .iter()
            .filter(|report| report.cell.cores == cores)
            .collect();
        let count = |is: &dyn Fn(&CellReport) -> bool| here.iter().filter(|one| is(one)).count();
        let fewer = |of: fn(&Summary) -> f64| {
            count(&|report| of(&report.bee) <= of(&report.random_stealing))
        };
        let _ = writeln!(
            text,
            "{cores:>6} {:>6} {:>15.3} {:>7} {:>6} {:>6} {:>13} {:>12}",
            here.len(),
            geometric_mean(here.iter().map(|report| report.ratio.mean)),
            count(&|report| report.verdict == Verdict::Better),
            count(&|report| report.verdict == Verdict::Equal),
            count(&|report| report.verdict == Verdict::Worse),
            fewer(|summary| summary.mean.probes),
            fewer(|summary| summary.mean.moves),
        );
    }
}

/// One line per part of the policy.
pub(super) fn ablation(rows: &[Ablation], cells: usize) -> String {
    let mut text = format!(
        "Without a part, in terms of the whole policy; geometric means over {cells} cells.\n\
         {:26} {:>7} {:>16} {:>11} {:>7} {:>7} {:>7}\n",
        "", "p99", "95% interval", "worst cell", "probes", "moves", "wakes"
    );
    for row in rows {
        let interval = format!("{:.3} to {:.3}", row.p99.low, row.p99.high);
        let _ = writeln!(
            text,
            "{:26} {:7.3} {interval:>16} {:11.3} {:7.2} {:7.2} {:7.2}",
            row.part, row.p99.mean, row.p99_worst, row.probes, row.moves, row.wakes
        );
    }
    text
}
