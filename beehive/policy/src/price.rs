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

    /// These prices where a move has been measured to cost so much, whatever its tier: then none to
    /// another cache costs less. Moves within a cache keep their price: it decides whom to wake, and to
    /// leave a core idle is dearer than any of them.
    #[must_use]
    pub fn with_measured(mut self, refill: Nanos) -> Self {
        for tier in [Tier::Node, Tier::Far] {
            let price = &mut self.refill[tier as usize];
            *price = refill.max(*price);
        }
        self
    }

    pub(crate) fn probe_ns(&self, tier: Tier) -> u64 {
        self.probe[tier as usize].0
    }

    pub(crate) fn refill_ns(&self, tier: Tier) -> u64 {
        self.refill[tier as usize].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_the_least_that_a_move_to_another_cache_costs() {
        let usual = Prices::NEAR_IS_FREE;
        let of = |measured| usual.with_measured(Nanos(measured)).refill;
        assert_eq!(of(1_000), usual.refill);
        assert_eq!(of(8_000).map(|price| price.0), [0, 0, 0, 8_000, 12_000]);
        assert_eq!(of(90_000).map(|price| price.0), [0, 0, 0, 90_000, 90_000]);
    }
}
