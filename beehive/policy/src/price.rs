//! What it costs to look elsewhere, to move a task, and to wake somebody: plain numbers, by tier.

use crate::Nanos;
use crate::topology::Tier;

/// Costs in nanoseconds. The mechanism may replace them while it runs, by what it has measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// A look at another worker's queue that finds nothing, by tier.
    pub probe: [Nanos; 5],
    /// What a task loses by moving: its data has to be fetched anew, by tier.
    pub refill: [Nanos; 5],
    /// From waking a parked worker until it can work.
    pub wake: Nanos,
}

impl Prices {
    /// Moves within a cache and waking count as free: whoever has work that waits tells a parked
    /// neighbour at once. Moves beyond it cost what fetching some dozens of cache lines does.
    pub const NEAR_IS_FREE: Self = Self {
        probe: [Nanos(0), Nanos(0), Nanos(0), Nanos(300), Nanos(600)],
        refill: [Nanos(0), Nanos(0), Nanos(0), Nanos(5_000), Nanos(12_000)],
        wake: Nanos(0),
    };

    pub(crate) fn probe_ns(&self, tier: Tier) -> u64 {
        self.probe[tier as usize].0
    }

    pub(crate) fn refill_ns(&self, tier: Tier) -> u64 {
        self.refill[tier as usize].0
    }
}
