//! The simulator beside what it models: the same tasks on the runtime's workers and on as many simulated
//! cores, under the same policy. Poisson arrivals, exponential service times of 100 us, half of the
//! capacity and most of it.
//!
//! Moves cost nothing in the simulation: these tasks touch no memory. What it does not know is the task
//! that generates arrivals, which shares the workers with the tasks it spawns, and whatever else the
//! machine does.

use std::time::Duration;

use anyhow::Result;
use beehive_sim::{Arrivals, Cell, Contender as Simulated, Elements, MEAN_SERVICE_NS};

use crate::harness::{Better, Metric};
use crate::random::Random;
use crate::scheduler::contender::{League, ours, peer};
use crate::scheduler::plan::{Plan, Scale};
use crate::scheduler::runtimes::{Beehive, Shared};

use super::crowd::Together;
use super::window::{Law, quantile};

const LOADS: [f64; 2] = [0.5, 0.7];
/// The runtime publishes an ordinary change of its signal at most every 50 us.
const STALENESS: f64 = 50_000.0 / MEAN_SERVICE_NS as f64;

const fn latency(name: &'static str) -> Metric {
    Metric {
        name,
        unit: "services",
        better: Better::Lower,
    }
}

/// Mean and 99th percentile at each load, in mean service times.
const METRICS: &[Metric] = &[
    latency("mean_at_50"),
    latency("p99_at_50"),
    latency("mean_at_70"),
    latency("p99_at_70"),
];

pub(in crate::scheduler) fn simulated() -> Vec<League> {
    vec![League {
        metrics: METRICS,
        contenders: vec![ours("beehive", real), peer("simulated", model)],
    }]
}

/// The median over windows, as in the other open loops: a moment in which the machine is elsewhere
/// spoils one of them.
fn real(plan: &Plan) -> Result<Vec<f64>> {
    let (windows, requests) = match plan.scale {
        Scale::Full => (9, 4_000),
        Scale::Quick => (5, 2_000),
        Scale::Tiny => (1, 50),
    };
    let crowd = Together(Beehive::start(plan.workers)?);
    let mut random = Random::new(11);
    let mut figures = Vec::new();
    for load in LOADS {
        let law = Law::exponential(load, Duration::from_nanos(MEAN_SERVICE_NS));
        let (mut means, mut p99s) = (Vec::new(), Vec::new());
        for _ in 0..windows {
            let served = law.run(&crowd, requests, &mut random)?;
            let in_services = served.iter().map(|(_, late)| law.in_services(*late));
            let mut latencies: Vec<f64> = in_services.collect();
            means.push(latencies.iter().sum::<f64>() / latencies.len() as f64);
            p99s.push(quantile(&mut latencies, 0.99));
        }
        figures.extend([quantile(&mut means, 0.5), quantile(&mut p99s, 0.5)]);
    }
    Ok(figures)
}

/// As many tasks as a full run of [`real`] has at each load.
fn model(plan: &Plan) -> Result<Vec<f64>> {
    let tasks = plan.size(36_000, 1_000);
    let outcomes = LOADS.map(|load| {
        let cell = Cell {
            cores: plan.workers,
            load,
            law: beehive_sim::Law::Exponential,
            arrivals: Arrivals::Uniform,
            staleness: STALENESS,
            migration_cost: 0.0,
        };
        // As the runtime sets it.
        let elements = Elements {
            pull_near: false,
            pull_far: false,
            ..Elements::ALL
        };
        Simulated::Bee(elements).run(&cell, tasks, 11)
    });
    Ok(outcomes.iter().flat_map(|it| [it.mean, it.p99]).collect())
}
