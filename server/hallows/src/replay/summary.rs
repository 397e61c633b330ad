//! Many traces in one figure: the mean reduction of the miss ratio against FIFO.

use ant_colony_sim::Row;
use serde::Serialize;

/// How a policy compares with FIFO at one size, over all traces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Gain {
    pub(super) policy: &'static str,
    /// As given: traces have that in common, whatever it is in their terms.
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

/// Means by size, then by policy. Rows are of all `sizes` in their order, again and again.
pub(super) fn against_fifo(rows: &[Row], sizes: &[String]) -> Vec<Gain> {
    let mut gains = Vec::new();
    for (place, size) in sizes.iter().enumerate() {
        let here: Vec<&Row> = rows.iter().skip(place).step_by(sizes.len()).collect();
        let mut seen = std::collections::HashSet::new();
        let policies = here.iter().map(|row| row.policy);
        let policies = policies.filter(|&policy| seen.insert(policy));
        gains.extend(policies.filter_map(|policy| gain(&here, size, policy)));
    }
    gains
}

fn gain(here: &[&Row], size: &str, policy: &'static str) -> Option<Gain> {
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
        size: size.to_owned(),
        traces,
        reduction_percent_mean: mean(reductions.iter().map(|one| one.0).sum()),
        reduction_percent_worst: worst,
        worst_trace: worst_row.trace.clone(),
        useful_prefetches_percent: (issued > 0).then(|| 100.0 * useful as f64 / issued as f64),
        cpu_ns: mean(ours.iter().map(|row| row.cpu_ns).sum()),
    })
}
