//! Measuring fairly: contenders take turns in every round, so that whatever else the machine does
//! meets them all; figures are medians, and each comes with its spread.
//!
//! [`Experiment`] runs, [`Measured`] holds one figure per contender, metric and round, and
//! [`report`] turns pairs of them into rows.

pub(crate) mod report;
mod statistics;

use anyhow::{Context, Result};

use report::Row;
use statistics::{median, relative_spread};

/// Which way a metric improves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// A figure that every contender of an experiment yields in every round.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

/// Someone who is measured: yields one value per metric of the experiment.
pub(crate) struct Contender<'a> {
    pub(crate) name: String,
    /// Ours are compared with the others, never among themselves.
    pub(crate) ours: bool,
    pub(crate) measure: Box<dyn FnMut() -> Result<Vec<f64>> + 'a>,
}

/// One workload and those who do it.
pub(crate) struct Experiment<'a> {
    pub(crate) workload: &'static str,
    pub(crate) metrics: &'static [Metric],
    pub(crate) contenders: Vec<Contender<'a>>,
}

/// What an experiment found.
pub(crate) struct Measured {
    workload: String,
    metrics: &'static [Metric],
    series: Vec<Series>,
}

/// One contender's values: by round, then by metric.
struct Series {
    name: String,
    ours: bool,
    rounds: Vec<Vec<f64>>,
}

impl Experiment<'_> {
    /// Runs the rounds. Each begins with another contender, so that no place in the order is
    /// anybody's for good.
    pub(crate) fn run(mut self, rounds: usize) -> Result<Measured> {
        let count = self.contenders.len();
        let subjects = self.contenders.iter().map(|c| (c.name.clone(), c.ours));
        let mut measured = Measured::new(self.workload, self.metrics, subjects);
        for round in 0..rounds {
            for turn in 0..count {
                let index = (round + turn) % count;
                let contender = &mut self.contenders[index];
                let values = (contender.measure)()
                    .with_context(|| format!("{} on {}", self.workload, contender.name))?;
                measured.add(index, values);
            }
        }
        Ok(measured)
    }
}

impl Measured {
    /// Nothing yet of these subjects: their names, and whether they are ours.
    pub(crate) fn new(
        workload: impl Into<String>,
        metrics: &'static [Metric],
        subjects: impl Iterator<Item = (String, bool)>,
    ) -> Measured {
        let series = subjects.map(|(name, ours)| Series {
            name,
            ours,
            rounds: Vec::new(),
        });
        Measured {
            workload: workload.into(),
            metrics,
            series: series.collect(),
        }
    }

    /// Takes in one round of the subject at `index`: a value per metric. Shown as progress.
    pub(crate) fn add(&mut self, index: usize, values: Vec<f64>) {
        let figures: Vec<String> = self
            .metrics
            .iter()
            .zip(&values)
            .map(|(metric, value)| format!("{} {}", report::figure(*value), metric.unit))
            .collect();
        let series = &mut self.series[index];
        eprintln!(
            "{:23} round {}  {:31} {}",
            self.workload,
            series.rounds.len() + 1,
            series.name,
            figures.join(", ")
        );
        series.rounds.push(values);
    }

    /// One row per metric for each of ours beside each peer.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for ours in self.series.iter().filter(|series| series.ours) {
            for (index, metric) in self.metrics.iter().enumerate() {
                for peer in self.series.iter().filter(|series| !series.ours) {
                    rows.push(self.row(ours, peer, index, metric));
                }
            }
        }
        rows
    }

    fn row(&self, ours: &Series, peer: &Series, index: usize, metric: &Metric) -> Row {
        let ratio = |ours: f64, peer: f64| match metric.better {
            Better::Lower => peer / ours,
            Better::Higher => ours / peer,
        };
        let column = |series: &Series| -> Vec<f64> {
            series.rounds.iter().map(|values| values[index]).collect()
        };
        let (our_values, peer_values) = (column(ours), column(peer));
        let per_round: Vec<f64> = our_values
            .iter()
            .zip(&peer_values)
            .map(|(ours, peer)| ratio(*ours, *peer))
            .collect();
        let (our_median, peer_median) = (median(&our_values), median(&peer_values));
        Row {
            workload: self.workload.clone(),
            subject: ours.name.clone(),
            metric: metric.name.to_owned(),
            unit: metric.unit.to_owned(),
            ours: our_median,
            peer: peer.name.clone(),
            peer_value: peer_median,
            ratio: ratio(our_median, peer_median),
            rounds: per_round.len(),
            spread: relative_spread(&per_round),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    const METRICS: &[Metric] = &[
        Metric {
            name: "cost",
            unit: "us",
            better: Better::Lower,
        },
        Metric {
            name: "rate",
            unit: "1/s",
            better: Better::Higher,
        },
    ];

    fn contender<'a>(
        name: &str,
        ours: bool,
        log: &'a RefCell<String>,
        value: f64,
    ) -> Contender<'a> {
        let letter = name.to_owned();
        Contender {
            name: name.to_owned(),
            ours,
            measure: Box::new(move || {
                log.borrow_mut().push_str(&letter);
                Ok(vec![value, 1.0 / value])
            }),
        }
    }

    #[test]
    fn rounds_are_interleaved_and_begin_in_turn() {
        let log = RefCell::new(String::new());
        let experiment = Experiment {
            workload: "w",
            metrics: METRICS,
            contenders: vec![
                contender("a", true, &log, 1.0),
                contender("b", false, &log, 2.0),
                contender("c", false, &log, 4.0),
            ],
        };
        experiment.run(3).expect("nothing fails");
        assert_eq!(*log.borrow(), "abcbcacab");
    }

    #[test]
    fn a_ratio_above_one_means_ours_is_better_in_either_direction() {
        let log = RefCell::new(String::new());
        let experiment = Experiment {
            workload: "w",
            metrics: METRICS,
            contenders: vec![
                contender("a", true, &log, 1.0),
                contender("b", false, &log, 2.0),
                contender("c", false, &log, 0.5),
            ],
        };
        let rows = experiment.run(2).expect("nothing fails").rows();
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.metric.as_str(), row.peer.as_str(), row.ratio))
            .collect();
        assert_eq!(
            found,
            [
                ("cost", "b", 2.0),
                ("cost", "c", 0.5),
                ("rate", "b", 2.0),
                ("rate", "c", 0.5)
            ]
        );
        assert_eq!((rows[0].rounds, rows[0].spread), (2, 0.0));
    }
}
