//! Walks over all shards, one lock at a time.

use super::Store;
use crate::Millis;
use crate::config::DATABASES;
use crate::entry::Entry;
use crate::stats::Expired;

/// Chains that a scan may visit per key that was asked for, when few chains have any.
const CHAINS_PER_KEY: usize = 10;
/// Bytes that go back to the system in one step: some 100 µs.
const SHRINK_STEP_BYTES: usize = 1 << 20;

impl Store {
    /// Visits some keys of `db`, about `count`, and answers the cursor to continue from;
    /// a scan starts and ends with zero. A key that is there from start to end of a full
    /// scan is visited at least once, whatever else is written meanwhile.
    pub fn scan(
        &self,
        db: u8,
        cursor: u64,
        count: usize,
        now: Millis,
        mut visit: impl FnMut(&[u8], &Entry<'_>),
    ) -> u64 {
        let db = database(db);
        let mut number = (cursor >> 32) as usize;
        let mut position = cursor as u32;
        let mut keys = 0;
        let mut chains = count.saturating_mul(CHAINS_PER_KEY);
        while number < self.shared.cells.len() {
            let shard = self.lock_shard(number);
            // An empty shard costs no chain: a small database takes one call.
            let mut next = Some(position).filter(|_| shard.state.counts[db].keys > 0);
            while let Some(at) = next {
                if keys >= count || chains == 0 {
                    return (number as u64) << 32 | u64::from(at);
                }
                chains -= 1;
                next = shard.state.visit_position(db, at, now, |key, entry| {
                    keys += 1;
                    visit(key, entry);
                });
            }
            number += 1;
            position = 0;
        }
        0
    }

    /// Visits a key of `db` picked by `random`; false if there is none.
    pub fn random(
        &self,
        db: u8,
        random: u64,
        now: Millis,
        visit: impl FnOnce(&[u8], &Entry<'_>),
    ) -> bool {
        let db = database(db);
        let shards = self.shared.cells.len();
        let start = random as usize % shards;
        let mut visit = Some(visit);
        (start..start + shards).any(|number| {
            let shard = self.lock_shard(number % shards);
            shard.state.counts[db].keys > 0
                && shard.state.visit_random(db, random, now, |key, entry| {
                    if let Some(visit) = visit.take() {
                        visit(key, entry);
                    }
                })
        })
    }

    /// Number of keys in `db`, those included whose time is over but which nothing has met yet.
    #[must_use]
    pub fn len(&self, db: u8) -> usize {
        let db = database(db);
        self.sum(|shard| shard.state.counts[db].keys)
    }

    /// Whether `db` has no key.
    #[must_use]
    pub fn is_empty(&self, db: u8) -> bool {
        self.len(db) == 0
    }

    /// Number of keys in `db` that have an expiry.
    #[must_use]
    pub fn expires(&self, db: u8) -> usize {
        let db = database(db);
        self.sum(|shard| shard.state.counts[db].expiring)
    }

    fn sum(&self, of: impl Fn(&crate::shard::Shard<'_>) -> usize) -> usize {
        (0..self.shared.cells.len())
            .map(|number| of(&self.lock_shard(number)))
            .sum()
    }

    /// Removes expired objects of one shard, looking at up to about `budget` objects of
    /// those that may have expired. Called for each shard in turn, every now and then.
    pub fn expire_step(&self, shard_hint: usize, now: Millis, budget: usize) -> Expired {
        let number = shard_hint % self.shared.cells.len();
        self.lock_shard(number).state.expire_step(now, budget)
    }

    /// Gives some memory of what was flushed or freed back to the system, or evicts some objects
    /// if more is used than the limit allows; whether there is more to do. Called every now and
    /// then.
    pub fn shrink_step(&self, now: Millis) -> bool {
        if self.shared.remains.free(SHRINK_STEP_BYTES) > 0
            || self.budget.purge_surplus(SHRINK_STEP_BYTES) > 0
        {
            return true;
        }
        if !self.budget.is_over_limit() {
            return false;
        }
        let surplus = self.budget.used().saturating_sub(self.budget.limit());
        if self.budget.purge(surplus.min(SHRINK_STEP_BYTES)) > 0 {
            return self.budget.is_over_limit();
        }
        let largest = (0..self.shared.cells.len())
            .max_by_key(|&number| self.lock_shard(number).state.footprint())
            .unwrap_or(0);
        let freed = self.lock_shard(largest).state.shrink(now);
        freed > 0 && self.budget.is_over_limit()
    }

    /// Number of shards, for callers of [`Store::expire_step`].
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shared.cells.len()
    }
}

fn database(db: u8) -> usize {
    let db = usize::from(db);
    assert!(
        db < DATABASES,
        "database {db} does not exist: a store has {DATABASES}"
    );
    db
}
