//! Recomputes from the records what a shard and the budget keep as running totals.

use super::State;
use super::state::Counts;
use crate::config::DATABASES;
use crate::memory::{Kind, Memory, Span};
use alloc::collections::BTreeSet;

/// Budget by kind.
#[derive(Default)]
pub(crate) struct Costs {
    segments: usize,
    index: usize,
    large: usize,
}

impl State {
    /// Panics if a running total differs from what the records say; answers what the
    /// shard takes from the budget.
    pub(crate) fn audit(&self) -> Costs {
        let findings = self.log.audit(self.epoch, self.scan.map(|scan| scan.id));
        let mut counts = [Counts::default(); DATABASES];
        for &at in &findings.live {
            let found = self.index.find(self.hash_at(at), |location| location == at);
            assert!(found.is_some(), "a live record has a slot");
            if let Some(db) = self.database_of(self.log.header(at)) {
                counts[db].keys += 1;
                let expires = self.log.expires_at(at, self.epoch).is_some();
                counts[db].expiring += usize::from(expires);
            }
        }
        assert_eq!(self.counts, counts);
        let live: BTreeSet<_> = findings.live.iter().copied().collect();
        let mut slots = 0;
        let mut position = Some(0);
        while let Some(at) = position {
            position = self.index.walk(at, |slot| {
                slots += 1;
                assert!(live.contains(&slot.location()), "a slot has a live record");
            });
        }
        assert_eq!(self.index.len(), slots);
        assert_eq!(live.len(), slots);
        Costs {
            segments: findings.segment_cost + self.spares.iter().map(Span::cost).sum::<usize>(),
            index: self.index.cost(),
            large: self.log.large_bytes(),
        }
    }
}

/// Panics if the budget differs from what the shards hold.
pub(crate) fn audit_budget(memory: &Memory, shards: impl Iterator<Item = Costs>) {
    let sum = shards.fold(Costs::default(), |sum, costs| Costs {
        segments: sum.segments + costs.segments,
        index: sum.index + costs.index,
        large: sum.large + costs.large,
    });
    assert_eq!(memory.used_by(Kind::Segment), sum.segments);
    assert_eq!(memory.used_by(Kind::Index), sum.index);
    assert_eq!(memory.used_by(Kind::Large), sum.large);
    let fixed =
        memory.used_by(Kind::Fixed) + memory.used_by(Kind::Ghosts) + memory.used_by(Kind::Kept);
    assert_eq!(memory.used(), sum.segments + sum.index + sum.large + fixed);
    assert!(memory.used() <= memory.limit());
}
