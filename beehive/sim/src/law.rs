//! Service laws: how long tasks run. All have the same mean, [`MEAN_SERVICE_NS`].

use fastrand::Rng;
use serde::Serialize;

/// The mean service time, and the unit in which results are told.
pub const MEAN_SERVICE_NS: u64 = 100_000;

/// The distribution of service times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// Memoryless: the expected rest of a running task is one mean.
    Exponential,
    /// Of 1,000 tasks 995 are short and 5 run a thousand times as long (Shinjuku, NSDI'19).
    Bimodal,
    /// Sigma 1.5: a tail between the two, as of web requests.
    Lognormal,
    /// The five transactions of TPC-C in Silo as measured for Perséphone (SOSP'21).
    TpcC,
}

/// Kinds of tasks that a scheduler may tell apart: their share, and their service in means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kind {
    pub(crate) share: f64,
    pub(crate) service: f64,
}

const SHORT: f64 = 1.0 / (0.995 + 0.005 * 1_000.0);
const BIMODAL: &[Kind] = &[
    Kind {
        share: 0.995,
        service: SHORT,
    },
    Kind {
        share: 0.005,
        service: 1_000.0 * SHORT,
    },
];

/// Payment, order status, new order, delivery, stock level, in µs.
const TPC_C_US: [(f64, f64); 5] = [
    (0.44, 5.7),
    (0.04, 6.0),
    (0.44, 20.0),
    (0.04, 88.0),
    (0.04, 100.0),
];
const TPC_C_MEAN_US: f64 = 0.44 * 5.7 + 0.04 * 6.0 + 0.44 * 20.0 + 0.04 * 88.0 + 0.04 * 100.0;
const TPC_C: &[Kind] = &{
    let mut kinds = [Kind {
        share: 1.0,
        service: 1.0,
    }; 5];
    let mut index = 0;
    while index < kinds.len() {
        kinds[index].share = TPC_C_US[index].0;
        kinds[index].service = TPC_C_US[index].1 / TPC_C_MEAN_US;
        index += 1;
    }
    kinds
};
const ONE_KIND: &[Kind] = &[Kind {
    share: 1.0,
    service: 1.0,
}];

impl Law {
    /// All laws.
    pub const ALL: [Self; 4] = [
        Self::Exponential,
        Self::Bimodal,
        Self::Lognormal,
        Self::TpcC,
    ];

    /// The name, as flags and results spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exponential => "exponential",
            Self::Bimodal => "bimodal",
            Self::Lognormal => "lognormal",
            Self::TpcC => "tpc-c",
        }
    }

    /// The kinds of tasks, the shortest first.
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Exponential | Self::Lognormal => ONE_KIND,
            Self::Bimodal => BIMODAL,
            Self::TpcC => TPC_C,
        }
    }

    /// The service time of one task in nanoseconds, and its kind.
    pub(crate) fn sample(self, random: &mut Rng) -> (u32, u8) {
        let (means, kind) = match self {
            Self::Exponential => (exponential(random), 0),
            Self::Lognormal => {
                const SIGMA: f64 = 1.5;
                ((SIGMA * normal(random) - SIGMA * SIGMA / 2.0).exp(), 0)
            }
            Self::Bimodal | Self::TpcC => {
                let kinds = self.kinds();
                let mut draw = random.f64();
                let chosen = kinds[..kinds.len() - 1].iter().position(|kind| {
                    draw -= kind.share;
                    draw < 0.0
                });
                let chosen = chosen.unwrap_or(kinds.len() - 1);
                (kinds[chosen].service, chosen as u8)
            }
        };
        ((means * MEAN_SERVICE_NS as f64).max(1.0) as u32, kind)
    }
}

/// An exponential variable of mean one.
pub(crate) fn exponential(random: &mut Rng) -> f64 {
    -(1.0 - random.f64()).ln()
}

/// A standard normal variable (Box and Muller).
fn normal(random: &mut Rng) -> f64 {
    let radius = (2.0 * exponential(random)).sqrt();
    radius * (core::f64::consts::TAU * random.f64()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and residual `E[S²] / 2 E[S]²` of many samples, in means.
    fn moments(law: Law) -> (f64, f64) {
        let mut random = Rng::with_seed(11);
        let count = 1_000_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..count {
            let service = f64::from(law.sample(&mut random).0) / MEAN_SERVICE_NS as f64;
            sum += service;
            squares += service * service;
        }
        let mean = sum / f64::from(count);
        (mean, squares / f64::from(count) / (2.0 * mean * mean))
    }

    #[test]
    fn laws_have_one_mean_and_the_residuals_of_their_sources() {
        for (law, residual) in [
            (Law::Exponential, 1.0),
            (Law::Lognormal, 4.74),
            (Law::Bimodal, 69.6),
            (Law::TpcC, 1.24),
        ] {
            let (mean, found) = moments(law);
            assert!((mean - 1.0).abs() < 0.03, "{law:?}: mean {mean}");
            assert!((found / residual - 1.0).abs() < 0.1, "{law:?}: {found}");
        }
    }
}
