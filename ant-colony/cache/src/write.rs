//! Writing: what enters, what leaves for it, and what is removed.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

use crate::cache::Cache;
use crate::departure::Departed;
use crate::expiry::Expiry;
use crate::section::Weighed;
use crate::shard::Shard;

/// An entry that weighs more than one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the entry weighs {weight}, but one may weigh at most {limit}: raise the bound on the weight, \
     or divide it among fewer shards"
)]
pub struct TooHeavy {
    /// What it weighs.
    pub weight: u64,
    /// What one may weigh: [`Cache::entry_weight_max`], or one more in some shards.
    pub limit: u64,
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Sets the value of `key`.
    ///
    /// # Errors
    /// If the entry is too heavy. Then the value before is removed all the same, since it is
    /// outdated.
    pub fn insert(&self, key: K, value: V) -> Result<(), TooHeavy> {
        let hash = self.hash(&key);
        let weighed = match self.weigh(self.shard(hash), &key, value) {
            Ok(weighed) => weighed,
            Err(error) => {
                self.remove(&key);
                return Err(error);
            }
        };
        let shard = self.shard(hash);
        let mut departed = self.departed(shard);
        let now = self.now();
        let mut state = shard.lock();
        state.flights.detach(shard.claim(), hash, &key);
        let mut section = self.section(shard, &mut state, now, &mut departed);
        section.place(hash, key, weighed);
        section.collect();
        state.flights.open(shard.claim());
        Ok(())
    }

    /// Removes `key`; true if it had a value.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let mut departed = self.departed(self.shard(hash));
        self.take_key(hash, key, &mut departed)
    }

    /// Removes `key`, and then calls `f` with its value, if it had one.
    pub fn remove_with<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let mut departed = Departed::new(self.shard(hash), self.listener.as_deref(), true);
        let removed = self.take_key(hash, key, &mut departed);
        removed.then(|| departed.first().map(f)).flatten()
    }

    /// Takes `key` out; true if it had a value that had not expired.
    fn take_key<Q>(&self, hash: usize, key: &Q, departed: &mut Departed<'_, K, V>) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let (shard, now) = (self.shard(hash), self.now());
        let mut state = shard.lock();
        state.flights.detach(shard.claim(), hash, key);
        let removed = self
            .section(shard, &mut state, now, departed)
            .take_key(hash, key);
        state.flights.open(shard.claim());
        removed
    }

    /// For what an operation makes leave.
    pub(crate) fn departed<'c>(&'c self, shard: &'c Shard<K, V>) -> Departed<'c, K, V> {
        Departed::new(shard, self.listener.as_deref(), false)
    }

    /// Asks the weigher and the lifetime of the user.
    #[inline(always)]
    pub(crate) fn weigh(
        &self,
        shard: &Shard<K, V>,
        key: &K,
        value: V,
    ) -> Result<Weighed<V>, TooHeavy> {
        let weight = (self.weigher.as_ref()).map_or(0, |weigher| weigher(key, &value));
        let limit = shard.limits().weight;
        if weight > limit {
            shard.count_too_heavy();
            return Err(TooHeavy { weight, limit });
        }
        let times = |expiry: &Expiry<K, V>| expiry.times(key, &value);
        Ok(Weighed {
            weight,
            times: self.expiry.as_ref().map(times),
            unused: false,
            value,
        })
    }

    /// The entry in a place was found to have expired. If others write meanwhile, it is left to them.
    #[cold]
    pub(crate) fn expire(&self, hash: usize, place: u32, now: u64) {
        let shard = self.shard(hash);
        let mut departed = self.departed(shard);
        if let Some(mut state) = shard.try_lock() {
            let mut section = self.section(shard, &mut state, now, &mut departed);
            section.take_if_due(place);
            section.collect();
        }
    }
}
