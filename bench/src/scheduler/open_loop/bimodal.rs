//! Many short requests and few long ones: 99.5% take half a microsecond, 0.5% a thousand times as
//! long. What counts is how much longer than its service the slowest in a thousand of the short
//! ones takes.

use std::time::Duration;

use anyhow::Result;

use crate::harness::{Better, Metric};
use crate::random::Random;
use crate::scheduler::contender::{League, ours, peer};
use crate::scheduler::plan::{Plan, Scale};
use crate::scheduler::runtimes::{
    Beehive, Compio, Glommio, Local, Monoio, Nio, Shared, Smol, Spargio, Tokio, TokioCurrentThread,
};

use super::crowd::{Apart, Crowd, Sliced, Together};
use super::window::{Law, quantile};

const SHORT: Duration = Duration::from_nanos(500);
const LONG: Duration = Duration::from_micros(500);
const LONG_PART: f64 = 0.005;
/// Of the capacity of two cores, overhead not counted.
const LOAD: f64 = 0.5;

pub(in crate::scheduler) fn slowdown() -> Vec<League> {
    vec![League {
        metrics: &[Metric {
            name: "p999_slowdown",
            unit: "1",
            better: Better::Lower,
        }],
        contenders: vec![
            ours("beehive", sliced),
            ours("beehive-cooperative", together::<Beehive>),
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
}

/// Nobody knows beforehand which requests are long: all can be preempted.
fn sliced(plan: &Plan) -> Result<Vec<f64>> {
    measure(plan, &Sliced(Beehive::start(plan.workers)?))
}

fn together<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
    measure(plan, &Together(R::start(plan.workers)?))
}

fn apart<R: Local>(plan: &Plan) -> Result<Vec<f64>> {
    measure(plan, &Apart::start::<R>(plan.workers))
}

/// The median over windows.
fn measure(plan: &Plan, crowd: &dyn Crowd) -> Result<Vec<f64>> {
    let (windows, requests) = match plan.scale {
        Scale::Full => (9, 40_000),
        Scale::Quick => (5, 30_000),
        Scale::Tiny => (1, 1_000),
    };
    let law = Law {
        load: LOAD,
        mean_service: SHORT.mul_f64(1.0 - LONG_PART) + LONG.mul_f64(LONG_PART),
        service,
    };
    let mut random = Random::new(5);
    let mut p999s = Vec::new();
    for _ in 0..windows {
        let served = law.run(crowd, requests, &mut random)?;
        let mut slowdowns: Vec<f64> = served
            .iter()
            .filter(|(service, _)| *service == SHORT)
            .map(|(service, latency)| latency.as_secs_f64() / service.as_secs_f64())
            .collect();
        p999s.push(quantile(&mut slowdowns, 0.999));
    }
    Ok(vec![quantile(&mut p999s, 0.5)])
}

fn service(random: &mut Random, _: Duration) -> Duration {
    if random.fraction() < LONG_PART {
        LONG
    } else {
        SHORT
    }
}
