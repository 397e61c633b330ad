//! The highest load at which 99% of the requests are answered within ten mean service times, found
//! by halving the interval; reported as a part of what an ideal pair of servers with one queue and
//! no overhead bears.

use std::time::Duration;

use anyhow::Result;

use crate::harness::{Better, Metric};
use crate::scheduler::contender::{League, ours, peer};
use crate::scheduler::plan::{Plan, Scale};
use crate::scheduler::random::Random;
use crate::scheduler::runtimes::{
    Beehive, Compio, Glommio, Local, Monoio, Nio, Shared, Smol, Spargio, Tokio, TokioCurrentThread,
};

use super::crowd::{Apart, Crowd, Together};
use super::window::{Law, quantile};

/// Load at which the p99 of two servers with one queue reaches ten mean service times, for Poisson
/// arrivals and exponential service times.
const CENTRAL_QUEUE_LOAD: f64 = 0.752;
const P99_MAX_SERVICES: f64 = 10.0;

const METRICS: &[Metric] = &[Metric {
    name: "part_of_central_queue",
    unit: "1",
    better: Better::Higher,
}];

/// `$measure` with mean service times in microseconds, for every runtime.
macro_rules! league {
    ($micros:literal) => {{
        fn together<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
            search(plan, $micros, &Together(R::start(plan.workers)?))
        }
        fn apart<R: Local>(plan: &Plan) -> Result<Vec<f64>> {
            search(plan, $micros, &Apart::start::<R>(plan.workers))
        }
        vec![League {
            metrics: METRICS,
            contenders: vec![
                ours("beehive", together::<Beehive>),
                peer("tokio", together::<Tokio>),
                peer("smol", together::<Smol>),
                peer("nio", together::<Nio>),
                peer("spargio", together::<Spargio>),
                peer("tokio-current-thread", apart::<TokioCurrentThread>),
                peer("glommio", apart::<Glommio>),
                peer("monoio", apart::<Monoio>),
                peer("compio", apart::<Compio>),
            ],
        }]
    }};
}

pub(in crate::scheduler) fn exponential_10us() -> Vec<League> {
    league!(10)
}

pub(in crate::scheduler) fn exponential_25us() -> Vec<League> {
    league!(25)
}

pub(in crate::scheduler) fn exponential_100us() -> Vec<League> {
    league!(100)
}

fn search(plan: &Plan, mean_micros: u64, crowd: &dyn Crowd) -> Result<Vec<f64>> {
    /// Halvings of the interval from 0 to 1.
    const STEPS: u32 = 6;
    let mut random = Random::new(9);
    let (mut bears, mut fails) = (0.0, 1.0);
    let (mut p99_bears, mut p99_fails) = (None, None);
    for _ in 0..plan.size(STEPS, 2) {
        let load = f64::midpoint(bears, fails);
        let p99 = p99_at(load, mean_micros, plan, crowd, &mut random)?;
        if p99 <= P99_MAX_SERVICES {
            (bears, p99_bears) = (load, Some(p99));
        } else {
            (fails, p99_fails) = (load, Some(p99));
        }
    }
    let load = match (p99_bears, p99_fails) {
        (Some(below), Some(above)) => bears + (fails - bears) * part_to_limit(below, above),
        // It never bore a load, or always: the end of the interval that is left.
        _ => f64::midpoint(bears, fails),
    };
    Ok(vec![load / CENTRAL_QUEUE_LOAD])
}

/// How far from `below` to `above` the limit lies, the p99 growing exponentially.
fn part_to_limit(below: f64, above: f64) -> f64 {
    (P99_MAX_SERVICES / below).ln() / (above / below).ln()
}

/// The p99 in mean service times: the median over windows, so that a moment in which the machine is
/// elsewhere does not decide.
fn p99_at(
    load: f64,
    mean_micros: u64,
    plan: &Plan,
    crowd: &dyn Crowd,
    random: &mut Random,
) -> Result<f64> {
    let (windows, requests) = match plan.scale {
        Scale::Full => (7, 4_000),
        Scale::Quick => (5, 2_000),
        Scale::Tiny => (1, 50),
    };
    let law = Law {
        load,
        mean_service: Duration::from_micros(mean_micros),
        service: |random, mean| Duration::from_secs_f64(random.exponential(mean.as_secs_f64())),
    };
    let mean = law.mean_service.as_secs_f64();
    let mut p99s = Vec::new();
    for _ in 0..windows {
        let served = law.run(crowd, requests, random)?;
        let in_services = |latency: Duration| latency.as_secs_f64() / mean;
        let mut latencies: Vec<f64> = served.iter().map(|(_, late)| in_services(*late)).collect();
        p99s.push(quantile(&mut latencies, 0.99));
    }
    Ok(quantile(&mut p99s, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Part of the requests of an M/M/2 queue that take longer than `services` mean service times.
    fn late(load: f64, services: f64) -> f64 {
        let all_busy = 2.0 * load * load / (1.0 + load);
        let spare = 1.0 - 2.0 * load;
        let wait = all_busy * (1.0 - (-services * spare).exp()) / spare;
        (-services).exp() * (1.0 + wait)
    }

    #[test]
    fn at_the_bound_one_request_in_a_hundred_takes_ten_services() {
        let part = late(CENTRAL_QUEUE_LOAD, P99_MAX_SERVICES);
        assert!((0.008..0.0102).contains(&part), "{part}");
    }

    #[test]
    fn the_limit_is_found_between_two_loads() {
        assert_eq!(part_to_limit(1.0, 100.0), 0.5);
    }
}
