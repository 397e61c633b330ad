//! Caches that know how to load what they miss, and learn what to load along with it.
//!
//! [`Loading`] is a cache with a loader. With [trails](LoadingBuilder::trails) it learns which key tends
//! to be asked for after which, and prefetches: a loader of many keys is given those that are
//! predicted beside the one that was missed, so that one round trip brings them all; with a
//! [spawner](LoadingBuilder::spawner) they are loaded elsewhere, by any thread or runtime. Without
//! either nothing runs but what the caller asked for. Predictions are made all the time, which costs
//! some hundred nanoseconds for each miss, and issued only while most of their kind come true: keys in
//! random order are never prefetched. The decisions are the policy's
//! ([`Trails`](ant_colony_policy::Trails)), as in the replay of recorded traces.
//!
//! 1. A miss begins the flight of its key, and tells the [`prefetcher`], which learns and orders. Each
//!    ordered key gets a flight of its own, unless it is there or under way. So who asks for it
//!    meanwhile waits for it, and a write or removal of it makes what is loaded stale: it is not kept.
//!    Nobody who leads a flight waits for another one.
//! 2. The value of the missed key lands first. Those of ordered ones enter the small queue as *unused*
//!    entries ([`enter`]): the policy does not hear of them, and they are at most one in sixteen.
//! 3. The first read of an unused entry is a fetch like a miss, without its cost: the entry joins the
//!    queue that a missed one would, and the trails learn.
//! 4. An unused entry that is not asked for within 32 fetches of its sequence is given up; within 32 of
//!    all, if a heavy one needs its room. The account of all that is
//!    [`Prefetches`](crate::Prefetches).
//! 5. The listener is told of all that left, and user's values are dropped, when no flight is led from
//!    there any more ([`aftermath`]): so it may ask for what rode along.
//!
//! A hit reads the mark that it would update anyway; caches without a loader do not know of any of
//! this.

mod aftermath;
mod builder;
mod enter;
mod keys;
mod miss;
mod outstanding;
mod prefetcher;
mod tasks;
mod threads;

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use builder::LoadingBuilder;
pub use tasks::{AsyncLoadingCache, Task, Tasks};
pub use threads::{Job, LoadingCache, Threads};

use crate::RandomState;
use crate::cache::Cache;
use crate::statistics::{STRIPES, Statistics, stripe};
use aftermath::Aftermath;
use prefetcher::{Fetch, Order, Prefetcher};

/// Beyond these, too many keys would have the same [name](keys::name), which has 32 bits.
pub(crate) const TRAILS_MOST: usize = 1 << 28;
/// Sequences of requests that are told apart.
const SEQUENCES: usize = STRIPES;
/// Keys that ride along with a missed one, or are loaded elsewhere at a time.
const STEPS: usize = 7;

/// A cache with a loader: a [`LoadingCache`] or an [`AsyncLoadingCache`]. A clone is the same cache.
///
/// It is used as a [`Cache`], too. But what a reference to that reads, past this type, trails do not
/// learn from.
pub struct Loading<K: Hash + Eq + Clone, V, L, S = RandomState>(Arc<Core<K, V, L, S>>);

struct Core<K: Hash + Eq + Clone, V, L, S> {
    cache: Cache<K, V, S>,
    loader: L,
    prefetcher: Option<Arc<Prefetcher<K>>>,
    trails: usize,
    /// If what is ordered is loaded along with what was missed.
    rides: bool,
    /// If it is loaded elsewhere: how.
    spawn: Option<Spawn<K, V, L, S>>,
    loads: AtomicU64,
}

type Spawn<K, V, L, S> = fn(&Arc<Core<K, V, L, S>>, Vec<Order<K>>);

impl<K: Hash + Eq + Clone, V, L, S: BuildHasher> Loading<K, V, L, S> {
    /// As [`Cache::get`]: loads nothing, but may prefetch, if it uses something prefetched.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.get_with(key, V::clone)
    }

    /// As [`Cache::get_with`]: loads nothing, but may prefetch, if it uses something prefetched.
    pub fn get_with<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let found = self.0.look(hash, key, f, stripe);
        self.count_read(found.is_some());
        found
    }

    /// As [`Cache::statistics`], with what the loader did.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let mut statistics = self.0.cache.statistics();
        statistics.loads = self.0.loads.load(Relaxed);
        if let Some(prefetcher) = &self.0.prefetcher {
            statistics.prefetches = prefetcher.prefetches();
        }
        statistics
    }

    /// Memory for trails and the keys they lead to: for each trail 6 bytes, and a key with 16 bytes
    /// beside it (for an integer or a `String`: 30 and 46 in all). What keys own elsewhere comes on
    /// top of that. Beside it some 20 KB for each cache that has trails.
    #[must_use]
    pub fn trails_bytes(&self) -> usize {
        Prefetcher::<K>::bytes(self.0.trails)
    }
}

impl<K: Hash + Eq + Clone, V, L, S: BuildHasher> Core<K, V, L, S> {
    /// Reads a value, if it is there, and learns from it if that was its first use.
    #[inline]
    fn look<Q, R>(
        self: &Arc<Self>,
        hash: usize,
        key: &Q,
        f: impl FnOnce(&V) -> R,
        sequence: impl FnOnce() -> usize,
    ) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let read = |entry: &crate::entry::Entry<V>| (f(&entry.value), entry.mark.is_unused());
        let (read, is_unused) = self.cache.look_at_entry(hash, key, read)?;
        if is_unused {
            self.use_first(hash, key, sequence());
        }
        Some(read)
    }

    #[cold]
    fn use_first<Q>(self: &Arc<Self>, hash: usize, key: &Q, sequence: usize)
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let found = self.cache.find(hash, key);
        let Some(key) = found.map(|found| found.key().clone()) else {
            return;
        };
        if self.cache.use_first(hash, &key) {
            let (orders, _after) = self.tell(sequence, Fetch::Used, hash, &key);
            self.dispatch(orders);
        }
    }

    /// Tells the prefetcher of a fetch. What it orders, and whom it gives up.
    fn tell(
        &self,
        sequence: usize,
        fetch: Fetch,
        hash: usize,
        key: &K,
    ) -> (Vec<Order<K>>, Aftermath<'_, K, V, S>) {
        let Some(prefetcher) = &self.prefetcher else {
            return (Vec::new(), Aftermath::new(&self.cache));
        };
        let can_order = self.spawn.is_some() || self.rides && fetch == Fetch::Missed;
        let steps = if can_order { STEPS } else { 0 };
        let sequence = sequence % SEQUENCES;
        prefetcher.on_fetch(&self.cache, sequence, fetch, (hash, key), steps)
    }

    /// Lets what is ordered be loaded elsewhere.
    fn dispatch(self: &Arc<Self>, orders: Vec<Order<K>>) {
        if let Some(spawn) = self.spawn
            && !orders.is_empty()
        {
            spawn(self, orders);
        }
    }
}

impl<K: Hash + Eq + Clone, V, L, S> Deref for Loading<K, V, L, S> {
    type Target = Cache<K, V, S>;

    fn deref(&self) -> &Cache<K, V, S> {
        &self.0.cache
    }
}

impl<K: Hash + Eq + Clone, V, L, S> Clone for Loading<K, V, L, S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq + Clone, V, L, S> fmt::Debug for Loading<K, V, L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loading")
            .field("cache", &self.0.cache)
            .field("trails", &self.0.trails)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
