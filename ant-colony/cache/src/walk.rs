//! All entries: looking at them, and removing some. Shard by shard, a few places at a time, so that
//! no lock is held for long.

use std::hash::{BuildHasher, Hash};
use std::vec;

use crate::cache::Cache;
use crate::departure::{Cause, Departed};
use crate::entry::Entry;
use crate::slots::Id;

/// A position between places.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    shard: usize,
    slot: usize,
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Clones of all entries, in no order. An entry that is there all the time is met exactly once;
    /// one that comes or goes meanwhile may be. Being met is no use of an entry.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, K, V, S>
    where
        K: Clone,
        V: Clone,
    {
        Iter {
            cache: self,
            now: self.now(),
            position: Position::default(),
            batch: Vec::new().into_iter(),
        }
    }

    /// Removes the entries for which `is_invalid` returns true, and keeps none of the values that are
    /// being loaded. Asks about every entry that is there all the time; asks again about one whose
    /// value changes before it is removed. Nothing is locked meanwhile.
    pub fn invalidate_if(&self, mut is_invalid: impl FnMut(&K, &V) -> bool) {
        self.remove_if(|key, entry| is_invalid(key, &entry.value));
    }

    /// Removes all entries that are there, and keeps none of the values that are being loaded.
    pub fn invalidate_all(&self) {
        self.remove_if(|_, _| true);
    }

    /// Removes all entries whose time has passed: for who wants their room, or to hear of them, early.
    pub fn remove_expired(&self) {
        let now = self.now();
        self.for_each_place(|hash, id| {
            let mut departed = Departed::new();
            {
                // Looked at under the lock, so that one that was read or written lately stays.
                let shard = self.shard(hash);
                let mut state = shard.lock();
                self.take_if_due(shard, &mut state, hash, id, now, &mut departed);
            }
            self.announce(departed);
        });
    }

    fn remove_if(&self, mut f: impl FnMut(&K, &Entry<V>) -> bool) {
        for shard in &self.shards {
            shard.lock().flights.detach_all();
        }
        self.for_each_place(|hash, id| self.remove_one_if(hash, id, &mut f));
    }

    fn for_each_place(&self, mut f: impl FnMut(usize, Id)) {
        let mut position = Position::default();
        while let Some(batch) = self.next_batch(&mut position) {
            for (hash, id) in batch {
                f(hash, id);
            }
        }
    }

    fn remove_one_if(&self, hash: usize, id: Id, f: &mut impl FnMut(&K, &Entry<V>) -> bool) {
        let here = |_: &K, entry: &Entry<V>| entry.id().slot == id.slot;
        while let Some(Some(now)) =
            (self.index).find_with(hash, here, |key, entry| f(key, entry).then_some(entry.id()))
        {
            let mut departed = Departed::new();
            {
                let shard = self.shard(hash);
                let mut state = shard.lock();
                if state.eviction.slots().holds(now) {
                    self.take(shard, &mut state, hash, now, Cause::Explicit, &mut departed);
                }
            }
            if departed.first().is_some() {
                self.announce(departed);
                return;
            }
        }
    }

    /// The entries in the next places, with their hashes; none if there are no more places.
    fn next_batch(&self, position: &mut Position) -> Option<Vec<(usize, Id)>> {
        const PLACES: usize = 64;
        let state = self.shards.get(position.shard)?.lock();
        let slots = state.eviction.slots();
        let places = position.slot..slots.len().min(position.slot + PLACES);
        *position = if places.end < slots.len() {
            Position {
                slot: places.end,
                ..*position
            }
        } else {
            Position {
                shard: position.shard + 1,
                slot: 0,
            }
        };
        let entries = places.filter_map(|slot| slots.at(slot));
        Some(entries.map(|(hash, id)| (hash as usize, id)).collect())
    }
}

/// What [`Cache::iter`] returns.
pub struct Iter<'c, K: Hash + Eq, V, S> {
    cache: &'c Cache<K, V, S>,
    now: u64,
    position: Position,
    batch: vec::IntoIter<(usize, Id)>,
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Iterator for Iter<'_, K, V, S> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            for (hash, id) in self.batch.by_ref() {
                let here = |_: &K, entry: &Entry<V>| entry.id().slot == id.slot;
                let found = self.cache.index.find_with(hash, here, |key, entry| {
                    let valid = !self.cache.is_due(entry, self.now);
                    valid.then(|| (key.clone(), entry.value.clone()))
                });
                if let Some(Some(entry)) = found {
                    return Some(entry);
                }
            }
            self.batch = self.cache.next_batch(&mut self.position)?.into_iter();
        }
    }
}

impl<K: Hash + Eq, V, S> std::fmt::Debug for Iter<'_, K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}
