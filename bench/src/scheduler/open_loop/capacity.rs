//! The highest load at which 99% of the requests are answered within ten mean service times, found
//! by halving the interval; reported as a part of what an ideal pair of servers with one queue and
//! no overhead bears.

use std::time::Duration;

use anyhow::Result;

use crate::harness::{Better, Metric};
use crate::random::Random;
use crate::scheduler::contender::{League, ours, peer};
use crate::scheduler::plan::{Plan, Scale};
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
            search(plan.scale, $micros, &Together(R::start(plan.workers)?))
        }
        fn apart<R: Local>(plan: &Plan) -> Result<Vec<f64>> {
            search(plan.scale, $micros, &Apart::start::<R>(plan.workers))
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

fn search(scale: Scale, mean_micros: u64, crowd: &dyn Crowd) -> Result<Vec<f64>> {
    // Halvings of the interval from 0 to 1.
    let steps = match scale {
        Scale::Full | Scale::Quick => 7,
        Scale::Tiny => 2,
    };
    let mut random = Random::new(9);
    let (mut borne, mut failed) = (0.0, 1.0);
    for _ in 0..steps {
        let load = f64::midpoint(borne, failed);
        if bears(load, mean_micros, scale, crowd, &mut random)? {
            borne = load;
        } else {
            failed = load;
        }
    }
    Ok(vec![f64::midpoint(borne, failed) / CENTRAL_QUEUE_LOAD])
}

/// Whether some windows of several keep the limit. Not most of them: one moment in which the machine
/// is elsewhere makes more than 1% of a window late, and it never makes a request early.
fn bears(
    load: f64,
    mean_micros: u64,
    scale: Scale,
    crowd: &dyn Crowd,
    random: &mut Random,
) -> Result<bool> {
    let (windows, enough, requests) = match scale {
        Scale::Full => (9, 3, 4_000),
        Scale::Quick => (6, 2, 2_000),
        Scale::Tiny => (1, 1, 50),
    };
    let law = Law::exponential(load, Duration::from_micros(mean_micros));
    let mut kept = 0;
    for done in 0..windows {
        if kept == enough || kept + windows - done < enough {
            break;
        }
        let served = law.run(crowd, requests, random)?;
        let in_services = served.iter().map(|(_, late)| law.in_services(*late));
        let mut latencies: Vec<f64> = in_services.collect();
        if quantile(&mut latencies, 0.99) <= P99_MAX_SERVICES {
            kept += 1;
        }
    }
    Ok(kept == enough)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::open_loop::window::Window;

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

    /// Two servers with one queue and no overhead, in no time.
    struct Ideal;

    impl Crowd for Ideal {
        fn serve(&self, window: &'static Window) -> Result<()> {
            let mut free = [Duration::ZERO; 2];
            for (index, arrival) in window.arrivals().iter().enumerate() {
                free.sort_unstable();
                free[0] = free[0].max(arrival.at) + arrival.service;
                window.finish(index, free[0] - arrival.at);
            }
            Ok(())
        }
    }

    #[test]
    fn an_ideal_pair_of_servers_bears_what_the_formula_says() {
        let part = search(Scale::Full, 10, &Ideal).expect("nothing fails")[0];
        assert!((0.97..1.05).contains(&part), "{part}");
    }
}
