//! Fork-join: divide, maybe in parallel, and combine. Every pool behind [`pools::ForkJoin`], every
//! workload in [`work`] written once.
//!
//! Work is divided down to the smallest piece, as the pools' authors promise to make cheap; only
//! [`work::quicksort`] stops earlier, as every sort does.

mod pools;
mod work;

use anyhow::Result;

use crate::harness::{Better, Metric};

use super::clock::Took;
use super::contender::{League, ours, peer};
use super::plan::Plan;

const METRICS: &[Metric] = &[
    Metric {
        name: "wall_us",
        unit: "us",
        better: Better::Lower,
    },
    Metric {
        name: "cpu_us",
        unit: "us",
        better: Better::Lower,
    },
];

/// Those who take part, each with this function.
macro_rules! pools {
    ($measure:ident) => {
        vec![League {
            metrics: METRICS,
            contenders: vec![
                ours("beehive", $measure::<pools::Beehive>),
                peer("rayon", $measure::<pools::Rayon>),
                peer("chili", $measure::<pools::Chili>),
                peer("forte", $measure::<pools::Forte>),
            ],
        }]
    };
}

/// Medians of wall and CPU time. `once` times its work itself, so that what it prepares and checks
/// does not count.
fn repeat(plan: &Plan, once: impl FnMut() -> Result<Took>) -> Result<Vec<f64>> {
    Ok(Took::medians_us(plan.repeat(once)?))
}

pub(super) fn fib() -> Vec<League> {
    use work::fib as measure;
    pools!(measure)
}

pub(super) fn skynet() -> Vec<League> {
    use work::skynet as measure;
    pools!(measure)
}

pub(super) fn nqueens() -> Vec<League> {
    use work::nqueens as measure;
    pools!(measure)
}

pub(super) fn tree_sum() -> Vec<League> {
    use work::tree_sum as measure;
    pools!(measure)
}

pub(super) fn quicksort() -> Vec<League> {
    use work::quicksort as measure;
    pools!(measure)
}
