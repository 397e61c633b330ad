//! Many traces in one figure: the mean reduction of the miss ratio against FIFO.

use ant_colony_sim::Row;
use serde::Serialize;

/// How a policy compares with FIFO at one size, over all traces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Gain {
    pub(super) policy: &'static str,
    /// As given: the place among the sizes is what traces have in common.
    pub(super) size: String,
    pub(super) traces: usize,
    /// Mean of 1 - misses / FIFO's misses, in percent; each trace counts once.
    pub(super) reduction_percent_mean: f64,
    /// The same on the trace where it is least.
    pub(super) reduction_percent_worst: f64,
    pub(super) worst_trace: String,
    /// Share of prefetches that were asked for in time, over all traces; none without prefetches.
    pub(super) useful_prefetches_percent: Option<f64>,
    /// CPU time per access, mean over the traces.
    #[serde(skip)]
    pub(super) cpu_ns: f64,
}

/// Rows by size, then by policy, in the order in which they come first.
pub(super) fn against_fifo(rows: &[Row]) -> Vec<Gain> {
    let mut kinds: Vec<(String, &'static str)> = Vec::new();
    for row in rows {
        let kind = (size(row), row.policy);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut sizes: Vec<String> = kinds.iter().map(|kind| kind.0.clone()).collect();
    let mut seen = std::collections::HashSet::new();
    sizes.retain(|size| seen.insert(size.clone()));
    let place = |size: &String| sizes.iter().position(|one| one == size);
    kinds.sort_by_key(|kind| place(&kind.0));
    let gain = |(size, policy)| gain(rows, size, policy);
    kinds.into_iter().filter_map(gain).collect()
}

fn gain(rows: &[Row], of_size: String, policy: &'static str) -> Option<Gain> {
    let here = rows.iter().filter(|row| size(row) == of_size);
    let here: Vec<&Row> = here.collect();
    let reduction = |row: &&Row| {
        let is_fifo = |one: &&&Row| one.policy == "fifo" && one.trace == row.trace;
        let fifo = here.iter().find(is_fifo)?;
        Some(100.0 * (1.0 - row.misses as f64 / fifo.misses.max(1) as f64))
    };
    let ours: Vec<&Row> = here
        .iter()
        .copied()
        .filter(|row| row.policy == policy)
        .collect();
    let reductions: Vec<(f64, &Row)> = ours
        .iter()
        .filter_map(|row| Some((reduction(row)?, *row)))
        .collect();
    let &(worst, worst_row) = reductions.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let traces = reductions.len();
    let mean = |sum: f64| sum / traces as f64;
    let issued: u64 = ours.iter().map(|row| row.prefetches).sum();
    let useful: u64 = ours.iter().map(|row| row.useful_prefetches).sum();
    Some(Gain {
        policy,
        size: of_size,
        traces,
        reduction_percent_mean: mean(reductions.iter().map(|one| one.0).sum()),
        reduction_percent_worst: worst,
        worst_trace: worst_row.trace.clone(),
        useful_prefetches_percent: (issued > 0).then(|| 100.0 * useful as f64 / issued as f64),
        cpu_ns: mean(ours.iter().map(|row| row.cpu_ns).sum()),
    })
}

/// What makes sizes of different traces the same: the share, where one was given.
fn size(row: &Row) -> String {
    super::table::percent(row.capacity.size_fraction)
}
