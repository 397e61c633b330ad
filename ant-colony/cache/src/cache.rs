//! The cache: its parts, and reading it.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use crossbeam_utils::CachePadded;
use hallows_lockfree::slab_map::{Found, Slot};

use crate::RandomState;
use crate::builder::Builder;
use crate::departure::Listener;
use crate::entry::Entry;
use crate::expiry::Expiry;
use crate::shard::Shard;
use crate::statistics::{Reads, Statistics};

/// What an entry weighs.
pub(crate) type Weigher<K, V> = dyn Fn(&K, &V) -> u64 + Send + Sync;

/// A concurrent cache; see the [crate] for what it promises, and [`Builder`] for what it can.
///
/// Values are given out as clones: take a type that is cheap to clone, as an [`Arc`](std::sync::Arc)
/// is, or read them in place with [`get_with`](Cache::get_with).
pub struct Cache<K: Hash + Eq, V, S = RandomState> {
    pub(crate) hasher: S,
    /// As many as a power of two.
    pub(crate) shards: Box<[CachePadded<Shard<K, V>>]>,
    pub(crate) weigher: Option<Box<Weigher<K, V>>>,
    pub(crate) expiry: Option<Expiry<K, V>>,
    pub(crate) listener: Option<Box<Listener<K, V>>>,
    /// If reads are counted.
    pub(crate) reads: Option<Box<Reads>>,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// A cache of at most `capacity` entries.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        match Self::builder().capacity(capacity).build() {
            Ok(cache) => cache,
            Err(error) => panic!("{error}"),
        }
    }

    /// Begins a cache with other limits.
    #[must_use]
    pub fn builder() -> Builder<K, V> {
        Builder::new()
    }
}

impl<K: Hash + Eq, V, S> Cache<K, V, S> {
    /// How many entries there are, never more than the capacity; those that have expired count until
    /// they have left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.count()).sum()
    }

    /// True if there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What all entries weigh, never more than the bound; 0 without a weigher.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.shards.iter().map(|shard| shard.weight()).sum()
    }

    /// The most that one entry may weigh: the bound, divided by the shards.
    #[must_use]
    pub fn entry_weight_max(&self) -> u64 {
        let limits = self.shards.iter().map(|shard| shard.limits().weight);
        limits.min().unwrap_or(0)
    }

    /// What the cache has done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let mut sum = Statistics::default();
        for shard in &self.shards {
            shard.add_to(&mut sum);
        }
        if let Some(reads) = &self.reads {
            reads.add_to(&mut sum);
        }
        sum
    }

    /// The shard of the keys with this hash.
    pub(crate) fn shard(&self, hash: usize) -> &Shard<K, V> {
        // Its index chooses by the low bits and tells apart by the high ones: these are neither.
        &self.shards[(hash >> (usize::BITS / 2)) & (self.shards.len() - 1)]
    }

    /// Nanoseconds of the cache's clock, if it needs one.
    pub(crate) fn now(&self) -> u64 {
        self.expiry.as_ref().map_or(0, Expiry::now)
    }

    /// True if the entry in a slot has expired.
    #[inline]
    pub(crate) fn is_due(&self, shard: &Shard<K, V>, slot: Slot, now: u64) -> bool {
        let expiry = self.expiry.as_ref();
        expiry.is_some_and(|expiry| shard.is_due(expiry, slot, now))
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    #[inline]
    pub(crate) fn hash<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + ?Sized,
    {
        self.hasher.hash_one(key) as usize
    }

    /// A clone of the value of `key`.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.get_with(key, V::clone)
    }

    /// Calls `f` with the value of `key`, if it is there, and returns what `f` returns. Nothing is
    /// locked meanwhile.
    #[inline]
    pub fn get_with<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let found = self.look(self.hash(key), key, f);
        self.count_read(found.is_some());
        found
    }

    /// True if `key` has a value. That is no use of it: it does not keep it in the cache.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (hash, now) = (self.hash(key), self.now());
        let found = self.find(hash, key);
        found.is_some_and(|found| !self.is_due(self.shard(hash), found.slot(), now))
    }

    #[inline]
    pub(crate) fn count_read(&self, hit: bool) {
        if let Some(reads) = &self.reads {
            reads.count(hit);
        }
    }

    /// The entry of `key`, also if it has expired.
    #[inline(always)]
    pub(crate) fn find<Q>(&self, hash: usize, key: &Q) -> Option<Found<'_, K, Entry<V>>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let entries = &self.shard(hash).entries;
        entries.find(hash, |known, _| known.borrow() == key)
    }

    /// Reads the value of `key`, and marks the entry.
    #[inline(always)]
    pub(crate) fn look<Q, R>(&self, hash: usize, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.look_at_entry(hash, key, |entry| f(&entry.value))
    }

    #[inline(always)]
    pub(crate) fn look_at_entry<Q, R>(
        &self,
        hash: usize,
        key: &Q,
        f: impl FnOnce(&Entry<V>) -> R,
    ) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        if let Some(expiry) = &self.expiry {
            return self.look_in_time(expiry, hash, key, f);
        }
        let found = self.find(hash, key)?;
        let entry = found.value();
        entry.mark.hit();
        Some(f(entry))
    }

    #[inline(never)]
    fn look_in_time<Q, R>(
        &self,
        expiry: &Expiry<K, V>,
        hash: usize,
        key: &Q,
        f: impl FnOnce(&Entry<V>) -> R,
    ) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let now = expiry.now();
        let found = self.find(hash, key)?;
        let entry = found.value();
        let times = self.shard(hash).times.as_ref()?.at(found.slot());
        if expiry.is_due(times, now) {
            let place = entry.place;
            drop(found);
            self.expire(hash, place, now);
            return None;
        }
        expiry.touch(times, now);
        entry.mark.hit();
        Some(f(entry))
    }
}

impl<K: Hash + Eq, V, S> fmt::Debug for Cache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("len", &self.shards.iter().map(|s| s.count()).sum::<usize>())
            .field("shards", &self.shards.len())
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}
