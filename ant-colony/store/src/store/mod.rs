//! The store: shards, the budget that they share, and what concerns all of them.

mod many;
mod read;
mod remains;
mod tally;
#[cfg(test)]
mod tests;
mod walk;
mod whole;

pub use many::ShardSet;
pub use read::{Brief, Part};

use crate::config::{Config, ConfigError, DATABASES, Sizes};
use crate::key::{Key, KeyHasher};
use crate::lock::Mutex;
use crate::memory::{Charge, Kind, Memory as Budget};
use crate::record::{Namespace, Namespaces};
use crate::shard::{Shard, ShardCell, ShardGuard, State};
use crate::view::View;
use alloc::boxed::Box;
use alloc::sync::Arc;
use ant_colony_policy::Policy;
use core::sync::atomic::AtomicUsize;
use remains::Remains;
use tally::Tallies;

/// A bounded store of keys and values, in [`DATABASES`] databases. Any thread may use
/// any key.
pub struct Store {
    shared: Shared,
    budget: Arc<Budget>,
    hasher: KeyHasher,
    /// Look-ups without a lock.
    tallies: Tallies,
    /// Locked only by whoever holds all shards.
    numbering: Mutex<Numbering>,
    _fixed: Charge,
}

/// How namespaces are given out.
struct Numbering {
    /// The one given out last.
    last: Namespace,
    /// Those that databases had when the numbers started again. Their records may outlive
    /// that database's next flush, so these numbers are left out until the next start.
    reserved: Namespaces,
}

/// What a locked shard knows of the others, and of what was flushed.
pub(crate) struct Shared {
    pub(crate) cells: Box<[ShardCell]>,
    /// Freed before anything is evicted.
    pub(crate) remains: Remains,
    /// What is seen of each without its lock.
    pub(crate) views: Box<[Arc<View>]>,
}

impl Store {
    /// An empty store.
    ///
    /// # Errors
    /// If the memory limit is too small to hold anything.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let sizes = Sizes::of(&config)?;
        let too_small = ConfigError::MemoryTooSmall {
            given: config.memory,
        };
        let budget = Budget::new(config.memory);
        let hasher = KeyHasher::new(config.seed);
        let fixed = budget
            .charge(
                Kind::Fixed,
                size_of::<Self>() + sizes.shards * (size_of::<ShardCell>() + size_of::<View>()),
            )
            .ok_or(too_small)?;
        let views: Box<[_]> = (0..sizes.shards)
            .map(|_| Arc::new(View::new(sizes.segment_bytes, &budget)))
            .collect();
        let cells = (0..sizes.shards)
            .map(|number| {
                let ghosts = budget.charge(Kind::Ghosts, Policy::bytes(sizes.ghosts))?;
                let budget = Arc::clone(&budget);
                let view = Arc::clone(&views[number]);
                let state = State::new(sizes, hasher.clone(), budget, ghosts, view, number);
                Some(ShardCell {
                    state: Mutex::new(state),
                    footprint: AtomicUsize::new(0),
                })
            })
            .collect::<Option<Box<[_]>>>()
            .ok_or(too_small)?;
        Ok(Self {
            shared: Shared {
                cells,
                views,
                remains: Remains::new(),
            },
            budget,
            hasher,
            tallies: Tallies::default(),
            numbering: Mutex::new(Numbering {
                last: DATABASES as Namespace - 1,
                reserved: core::array::from_fn(|db| db as Namespace),
            }),
            _fixed: fixed,
        })
    }

    /// A key of database `db`, ready for look-up.
    ///
    /// # Panics
    /// If there is no such database.
    #[inline]
    #[must_use]
    pub fn key<'k>(&self, db: u8, bytes: &'k [u8]) -> Key<'k> {
        self.hasher.key(db, bytes)
    }

    /// Locks the shard of `key`.
    #[inline]
    pub fn lock(&self, key: &Key<'_>) -> ShardGuard<'_> {
        ShardGuard(self.lock_shard(self.shard_of(key)))
    }

    /// Panics if any running total differs from what the records say. Frees what was flushed.
    #[cfg(test)]
    fn audit(&self) {
        self.shared.remains.free(usize::MAX);
        let shards = (0..self.shared.cells.len()).map(|number| self.lock_shard(number));
        let costs: alloc::vec::Vec<_> = shards.map(|shard| shard.state.audit()).collect();
        crate::shard::audit::audit_budget(&self.budget, costs.into_iter());
    }

    #[inline]
    fn shard_of(&self, key: &Key<'_>) -> usize {
        // The top bits; the index uses the low ones. The number of shards is a power of two.
        (key.hash >> 56) as usize & (self.shared.cells.len() - 1)
    }

    #[inline]
    fn try_lock_shard(&self, number: usize) -> Option<Shard<'_>> {
        Some(Shard {
            state: self.shared.cells[number].state.try_lock()?,
            shared: &self.shared,
            number,
        })
    }

    #[inline]
    fn lock_shard(&self, number: usize) -> Shard<'_> {
        Shard {
            state: self.shared.cells[number].state.lock(),
            shared: &self.shared,
            number,
        }
    }
}
