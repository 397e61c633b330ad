//! The highest load at which 99% of the requests are answered within ten mean service times, found
//! by halving the interval; reported as a part of what an ideal pair of servers with one queue and
//! no overhead bears.
//!
//! A search is short, so that ten rounds of all take minutes. That flatters everyone alike: some
//! windows of several must keep the limit, and the luckiest of short windows keep it at more than the
//! load that an endless one would bear. By this measure the ideal pair itself reaches about 1.07 of
//! its bound, and 1.1 with services of 100 us.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::harness::{Better, Metric};
use crate::random::Random;
use crate::scheduler::contender::{League, ours, peer};
use crate::scheduler::plan::{Plan, Scale};
use crate::scheduler::runtimes::{
    Beehive, Compio, Glommio, Local, Monoio, Nio, Shared, Smol, Tokio, TokioCurrentThread,
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

/// Loads between which it is looked for. Nobody bears the second for long; who does not bear the first
/// is said to.
const LOADS: (f64, f64) = (0.1, 0.9);
/// A search that has not ended after this yields the highest load that was borne until then.
const SEARCH_MAX: Duration = Duration::from_secs(4);

/// Why spargio is left out.
pub(in crate::scheduler) const NO_SPARGIO: &str = "a shard begins no task while another one yields, \
    as the source of arrivals does; it bears no load";

/// Searches with a mean service time in microseconds, for every runtime that bears any load.
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

/// How much is tried.
struct Effort {
    /// Halvings of the interval.
    steps: u32,
    /// Windows for each load, and how many of them must keep the limit. Not most of them: one moment
    /// in which the machine is elsewhere makes more than 1% of a window late, and it never makes a
    /// request early.
    windows: u32,
    enough: u32,
    /// Requests of a window.
    requests: usize,
}

impl Effort {
    fn new(scale: Scale, mean_micros: u64) -> Effort {
        let [steps, windows, enough] = match scale {
            Scale::Full | Scale::Quick => [6, 5, 2],
            Scale::Tiny => [2, 1, 1],
        };
        let requests = match scale {
            // The slower they are served the longer a window takes.
            Scale::Full if mean_micros < 100 => 4_000,
            Scale::Full | Scale::Quick => 2_000,
            Scale::Tiny => 50,
        };
        Effort {
            steps,
            windows,
            enough,
            requests,
        }
    }
}

fn search(scale: Scale, mean_micros: u64, crowd: &dyn Crowd) -> Result<Vec<f64>> {
    let effort = Effort::new(scale, mean_micros);
    let end = Instant::now() + SEARCH_MAX;
    let mut random = Random::new(9);
    let (mut borne, mut failed) = LOADS;
    for _ in 0..effort.steps {
        let load = f64::midpoint(borne, failed);
        let law = Law::exponential(load, Duration::from_micros(mean_micros));
        match bears(&law, &effort, crowd, &mut random, end)? {
            Some(true) => borne = load,
            Some(false) => failed = load,
            None => return Ok(vec![borne / CENTRAL_QUEUE_LOAD]),
        }
    }
    Ok(vec![f64::midpoint(borne, failed) / CENTRAL_QUEUE_LOAD])
}

/// Whether enough windows keep the limit; `None` if that is not known in time.
fn bears(
    law: &Law,
    effort: &Effort,
    crowd: &dyn Crowd,
    random: &mut Random,
    end: Instant,
) -> Result<Option<bool>> {
    let mut kept = 0;
    for done in 0..effort.windows {
        if kept == effort.enough || kept + effort.windows - done < effort.enough {
            break;
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        let served = law.run(crowd, effort.requests, random)?;
        let in_services = served.iter().map(|(_, late)| law.in_services(*late));
        let mut latencies: Vec<f64> = in_services.collect();
        if quantile(&mut latencies, 0.99) <= P99_MAX_SERVICES {
            kept += 1;
        }
    }
    Ok(Some(kept == effort.enough))
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
        for mean_micros in [10, 25, 100] {
            let part = search(Scale::Full, mean_micros, &Ideal).expect("nothing fails")[0];
            assert!((0.98..1.14).contains(&part), "{mean_micros} us: {part}");
        }
    }

    /// Keeps all waiting.
    struct Overloaded;

    impl Crowd for Overloaded {
        fn serve(&self, window: &'static Window) -> Result<()> {
            (0..window.arrivals().len()).for_each(|index| window.finish(index, LATE));
            Ok(())
        }
    }

    const LATE: Duration = Duration::from_secs(1);

    #[test]
    fn who_bears_nothing_is_said_to_bear_the_least_load() {
        let part = search(Scale::Quick, 10, &Overloaded).expect("nothing fails")[0];
        assert!((0.13..0.15).contains(&part), "{part}");
    }

    #[test]
    fn a_search_without_time_yields_what_was_borne_until_then() {
        let (law, effort) = (
            Law::exponential(0.5, Duration::from_micros(10)),
            Effort::new(Scale::Quick, 10),
        );
        let past = Instant::now();
        let answer = bears(&law, &effort, &Ideal, &mut Random::new(9), past);
        assert_eq!(answer.expect("nothing fails"), None);
    }
}
