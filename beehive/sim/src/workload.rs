//! Arrivals: which task comes when, and where. The stream depends on cell and seed only, so that
//! all contenders are judged by the same one.

use fastrand::Rng;
use serde::Serialize;

use crate::law::{Law, MEAN_SERVICE_NS, exponential};

/// Where and how tasks arrive. Times between arrivals are exponential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Each at a core chosen at random.
    Uniform,
    /// Half of them at one core, the others at random.
    HalfOnOne,
    /// In bursts of 32 on average (geometric), each burst at one core chosen at random.
    Bursty,
    /// As `HalfOnOne`, but the hot core changes every 20 mean service times.
    Rotating,
}

/// Mean number of tasks of a burst.
const BURST: f64 = 32.0;
/// How long a core stays hot.
const ROTATION_NS: u64 = 20 * MEAN_SERVICE_NS;

impl Arrivals {
    /// All patterns.
    pub const ALL: [Self; 4] = [Self::Uniform, Self::HalfOnOne, Self::Bursty, Self::Rotating];

    /// The name, as flags and results spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::HalfOnOne => "half-on-one",
            Self::Bursty => "bursty",
            Self::Rotating => "rotating",
        }
    }
}

/// A task: when and where it came, and how long it runs on a warm cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    pub(crate) arrived: u64,
    pub(crate) service: u32,
    /// The core whose cache holds its data.
    pub(crate) home: u16,
    pub(crate) kind: u8,
}

/// An endless stream of tasks in the order of arrival.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    law: Law,
    arrivals: Arrivals,
    cores: usize,
    /// Mean time between two arrivals (of tasks or of bursts).
    gap_ns: f64,
    random: Rng,
    now: f64,
    /// Tasks of the current burst that are left, and its core.
    burst: (u32, u16),
    hot: (u64, u16),
}

impl Workload {
    pub(crate) fn new(cores: usize, load: f64, law: Law, arrivals: Arrivals, seed: u64) -> Self {
        let per_arrival = if arrivals == Arrivals::Bursty {
            BURST
        } else {
            1.0
        };
        Self {
            law,
            arrivals,
            cores,
            gap_ns: per_arrival * MEAN_SERVICE_NS as f64 / (load * cores as f64),
            random: Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            now: 0.0,
            burst: (0, 0),
            hot: (0, 0),
        }
    }

    pub(crate) fn next(&mut self) -> Task {
        let home = self.next_home();
        let (service, kind) = self.law.sample(&mut self.random);
        Task {
            arrived: self.now as u64,
            service,
            home,
            kind,
        }
    }

    fn next_home(&mut self) -> u16 {
        if self.burst.0 > 0 {
            self.burst.0 -= 1;
            return self.burst.1;
        }
        self.now += self.gap_ns * exponential(&mut self.random);
        let any = self.random.usize(..self.cores) as u16;
        let is_hot = self.random.bool();
        match self.arrivals {
            Arrivals::Uniform => any,
            Arrivals::HalfOnOne if is_hot => 0,
            Arrivals::Rotating if is_hot => {
                let turn = self.now as u64 / ROTATION_NS;
                if turn != self.hot.0 {
                    self.hot = (turn, any);
                }
                self.hot.1
            }
            Arrivals::HalfOnOne | Arrivals::Rotating => any,
            Arrivals::Bursty => {
                let further = exponential(&mut self.random) / -(1.0 - 1.0 / BURST).ln();
                self.burst = (further as u32, any);
                any
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_brings_the_load_that_was_asked_for() {
        for arrivals in Arrivals::ALL {
            let mut workload = Workload::new(16, 0.7, Law::Exponential, arrivals, 5);
            let count = 400_000;
            let tasks: Vec<_> = (0..count).map(|_| workload.next()).collect();
            let work: f64 = tasks.iter().map(|task| f64::from(task.service)).sum();
            let load = work / (16.0 * tasks[count - 1].arrived as f64);
            assert!((load / 0.7 - 1.0).abs() < 0.03, "{arrivals:?}: {load}");
        }
    }

    #[test]
    fn half_on_one_sends_half_to_the_first_core_and_its_share_of_the_rest() {
        let mut workload = Workload::new(8, 0.5, Law::Exponential, Arrivals::HalfOnOne, 5);
        let hot = (0..100_000).filter(|_| workload.next().home == 0).count();
        assert!(hot.abs_diff(56_250) < 1_000, "{hot}");
    }

    #[test]
    fn the_same_seed_gives_the_same_stream_and_another_one_another() {
        let stream = |seed| {
            let mut workload = Workload::new(64, 0.8, Law::Lognormal, Arrivals::Rotating, seed);
            (0..100)
                .map(|_| workload.next())
                .map(|task| (task.arrived, task.service, task.home))
                .collect::<Vec<_>>()
        };
        assert_eq!(stream(1), stream(1));
        assert_ne!(stream(1), stream(2));
    }
}
