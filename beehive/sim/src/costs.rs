//! What the simulated machine charges: for looking, moving and waking.

use beehive_policy::{Nanos, Place, Prices, Tier, Topology};

use crate::law::MEAN_SERVICE_NS;

/// Cores that share a last-level cache.
const CORES_PER_LLC: usize = 8;
/// Cores of a memory node.
const CORES_PER_NODE: usize = 32;
/// A failed probe in means, by tier.
const PROBE: [f64; 5] = [0.0, 0.01, 0.01, 0.03, 0.06];
/// What a moved task loses, as a part of the migration cost, by tier.
const REFILL: [f64; 5] = [0.0, 0.02, 0.1, 0.4, 1.0];
/// From waking a parked core until it works, in means.
const WAKE: f64 = 0.5;
/// Reading another domain's aggregate is one cache miss; a probe is about ten.
const READS_PER_PROBE: u64 = 10;

/// The machine's true costs in nanoseconds; the policy is told the same as its prices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Costs {
    pub(crate) prices: Prices,
}

impl Costs {
    /// `migration_cost` is what a move to another memory node loses, in mean service times.
    pub(crate) fn new(migration_cost: f64) -> Self {
        let nanos = |means: f64| Nanos((means * MEAN_SERVICE_NS as f64).round() as u64);
        Self {
            prices: Prices {
                probe: PROBE.map(nanos),
                refill: REFILL.map(|part| nanos(part * migration_cost)),
                wake: nanos(WAKE),
            },
        }
    }

    /// Nothing costs anything: the assumptions of queueing theory.
    #[cfg(test)]
    pub(crate) const FREE: Self = Self {
        prices: Prices {
            probe: [Nanos(0); 5],
            refill: [Nanos(0); 5],
            wake: Nanos(0),
        },
    };

    pub(crate) fn probe(&self, tier: Tier) -> u64 {
        self.prices.probe[tier as usize].0
    }

    pub(crate) fn read(&self, tier: Tier) -> u64 {
        self.probe(tier) / READS_PER_PROBE
    }

    pub(crate) fn refill(&self, tier: Tier) -> u64 {
        self.prices.refill[tier as usize].0
    }

    pub(crate) fn wake(&self) -> u64 {
        self.prices.wake.0
    }
}

/// Caches of 8 cores, nodes of 32.
pub(crate) fn topology(cores: usize) -> Topology {
    let place = |core: usize| Place {
        node: (core / CORES_PER_NODE) as u32,
        llc: (core / CORES_PER_LLC) as u32,
        core: core as u32,
    };
    Topology::new(&(0..cores).map(place).collect::<Vec<_>>())
}
