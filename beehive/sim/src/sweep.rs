//! Many cells: which ones a sweep visits, and what is said about each.

use std::collections::BTreeMap;

use beehive_policy::{Elements, Nanos};
use serde::Serialize;

use crate::contender::{Cell, Contender};
use crate::law::{Law, MEAN_SERVICE_NS};
use crate::stats::Interval;
use crate::tally::Outcome;
use crate::workload::Arrivals;

/// How wide a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// A look: 8 and 64 cores, exponential service, load 0.8.
    Quick,
    /// All laws and arrivals at three loads and four sizes, and staleness and migration costs.
    Full,
}

/// The means of several runs; times in mean service times, counts per task.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// The mean over all seeds.
    #[serde(flatten)]
    pub mean: Outcome,
    /// The 99th percentile, as mean over seeds with its interval.
    pub p99_interval: Interval,
}

/// How the policy compares with random steal-half by its 99th percentile, seed by seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The interval of the ratio lies below one.
    Better,
    /// It holds one.
    Equal,
    /// It lies above one.
    Worse,
}

/// What was found in one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellReport {
    /// The conditions.
    #[serde(flatten)]
    pub cell: Cell,
    /// The policy.
    #[serde(flatten)]
    pub bee: Summary,
    /// Random steal-half.
    pub random_stealing: Summary,
    /// The central queue whose moves are free.
    pub central_fcfs: Summary,
    /// Other contenders that were asked for, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<&'static str, Summary>,
    /// The policy's 99th percentile in terms of random steal-half's.
    pub ratio: Interval,
    /// What that means.
    pub verdict: Verdict,
}

/// The cells of a sweep.
#[must_use]
pub fn cells(sweep: Sweep) -> Vec<Cell> {
    let mut cells = Vec::new();
    match sweep {
        Sweep::Quick => {
            for cores in [8, 64] {
                for arrivals in Arrivals::ALL {
                    cells.push(Cell::usual(cores, Law::Exponential, arrivals));
                }
            }
        }
        Sweep::Full => {
            for cores in [8, 64, 256, 1_024] {
                for law in Law::ALL {
                    for arrivals in Arrivals::ALL {
                        around(Cell::usual(cores, law, arrivals), &mut cells);
                    }
                }
            }
        }
    }
    cells
}

/// A usual cell at three loads; where service is exponential or lognormal also with other
/// staleness and migration costs.
fn around(usual: Cell, cells: &mut Vec<Cell>) {
    cells.extend([0.5, 0.8, 0.9].map(|load| Cell { load, ..usual }));
    let rotating = usual.arrivals == Arrivals::Rotating;
    if !rotating && matches!(usual.law, Law::Exponential | Law::Lognormal) {
        cells.extend([0.0, 0.1, 5.0, 20.0].map(|staleness| Cell { staleness, ..usual }));
        cells.extend([0.0, 1.0, 2.0].map(|migration_cost| Cell {
            migration_cost,
            ..usual
        }));
    }
}

impl Cell {
    /// The usual conditions: load 0.8, signals at most half a mean service time apart, a move to
    /// another node as dear as half a task.
    #[must_use]
    pub const fn usual(cores: usize, law: Law, arrivals: Arrivals) -> Self {
        Self {
            cores,
            load: 0.8,
            law,
            arrivals,
            staleness: 0.5,
            migration_cost: 0.5,
        }
    }

    /// How many tasks to simulate, so that every core sees enough of them.
    #[must_use]
    pub const fn tasks(&self) -> usize {
        let by_cores = 150 * self.cores;
        if by_cores < 40_000 { 40_000 } else { by_cores }
    }
}

/// The outcomes of one contender with seeds 1 to `seeds`; `done` is called after each.
pub fn runs(contender: Contender, cell: &Cell, seeds: u32, done: &mut dyn FnMut()) -> Vec<Outcome> {
    let run = |seed| {
        let outcome = contender.run(cell, cell.tasks(), u64::from(seed));
        done();
        outcome
    };
    (1..=seeds).map(run).collect()
}

/// Measures a cell: the policy, what it is judged by, and others.
pub fn measure(
    cell: &Cell,
    others: &[Contender],
    seeds: u32,
    done: &mut dyn FnMut(),
) -> CellReport {
    let bee = runs(Contender::Bee(Elements::ALL), cell, seeds, done);
    let stealing = runs(Contender::StealHalf, cell, seeds, done);
    let central = runs(Contender::CentralFcfs, cell, seeds, done);
    let others = others
        .iter()
        .map(|&other| (other.name(), Summary::of(&runs(other, cell, seeds, done))))
        .collect();
    let ratio = p99_ratio(&bee, &stealing);
    CellReport {
        cell: *cell,
        bee: Summary::of(&bee),
        random_stealing: Summary::of(&stealing),
        central_fcfs: Summary::of(&central),
        others,
        ratio,
        verdict: Verdict::of(ratio),
    }
}

/// The ratio of 99th percentiles, paired by seed.
#[must_use]
pub fn p99_ratio(one: &[Outcome], other: &[Outcome]) -> Interval {
    let pairs = one.iter().zip(other);
    Interval::of_ratios(pairs.map(|(one, other)| (one.p99, other.p99)))
}

impl Verdict {
    /// By the interval of a ratio.
    #[must_use]
    pub fn of(ratio: Interval) -> Self {
        if ratio.high < 1.0 {
            Self::Better
        } else if ratio.low > 1.0 {
            Self::Worse
        } else {
            Self::Equal
        }
    }
}

impl Summary {
    /// Of the outcomes of several seeds.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mean = |of: fn(&Outcome) -> f64| {
            outcomes.iter().map(of).sum::<f64>() / outcomes.len().max(1) as f64
        };
        let p99s: Vec<_> = outcomes.iter().map(|outcome| outcome.p99).collect();
        Self {
            mean: Outcome {
                mean: mean(|outcome| outcome.mean),
                p99: mean(|outcome| outcome.p99),
                p999: mean(|outcome| outcome.p999),
                probes: mean(|outcome| outcome.probes),
                moves: mean(|outcome| outcome.moves),
                wakes: mean(|outcome| outcome.wakes),
            },
            p99_interval: Interval::of(&p99s),
        }
    }
}

/// The policy with one part changed, by name.
#[must_use]
pub fn variants() -> Vec<(&'static str, Elements)> {
    let all = Elements::ALL;
    let means = |count: u64| Some(Nanos(count * MEAN_SERVICE_NS));
    vec![
        (
            "no signals",
            Elements {
                signals: false,
                ..all
            },
        ),
        (
            "no write-back",
            Elements {
                write_back: false,
                ..all
            },
        ),
        (
            "no claims",
            Elements {
                claims: false,
                ..all
            },
        ),
        (
            "no hints",
            Elements {
                hints: false,
                ..all
            },
        ),
        ("no cry", Elements { cry: false, ..all }),
        (
            "no age pull",
            Elements {
                age_pull: false,
                ..all
            },
        ),
        (
            "no pull near",
            Elements {
                pull_near: false,
                ..all
            },
        ),
        (
            "no pull far",
            Elements {
                pull_far: false,
                ..all
            },
        ),
        (
            "pull uphill",
            Elements {
                downhill: false,
                ..all
            },
        ),
        (
            "ranked by length alone",
            Elements {
                age_key: false,
                ..all
            },
        ),
        (
            "one task from neighbours",
            Elements {
                near_half: false,
                ..all
            },
        ),
        ("far only at random", Elements { far: false, ..all }),
        (
            "no fan-out",
            Elements {
                fan_out: false,
                ..all
            },
        ),
        (
            "no lingering",
            Elements {
                linger: false,
                ..all
            },
        ),
        (
            "no prices",
            Elements {
                prices: false,
                ..all
            },
        ),
        (
            "decay, half-life 1",
            Elements {
                half_life: means(1),
                ..all
            },
        ),
        (
            "decay, half-life 4",
            Elements {
                half_life: means(4),
                ..all
            },
        ),
    ]
}
