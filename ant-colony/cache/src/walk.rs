//! All entries: looking at them, and removing some. Shard by shard, a few places at a time, so that
//! no lock is held for long.

use std::hash::{BuildHasher, Hash};
use std::vec;

use crate::cache::Cache;
use crate::departure::{Cause, Panics};
use crate::entry::Entry;

/// A position between places.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    shard: usize,
    place: usize,
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
        self.for_each_place(|hash, place, panics| {
            let shard = self.shard(hash);
            let mut departed = self.departed(shard);
            {
                // Looked at under the lock, so that one that was read or written lately stays.
                let mut state = shard.lock();
                let mut section = self.section(shard, &mut state, now, &mut departed);
                section.take_if_due(place);
                section.collect();
            }
            panics.catch(|| drop(departed));
        });
    }

    fn remove_if(&self, mut f: impl FnMut(&K, &Entry<V>) -> bool) {
        for shard in &self.shards {
            shard.lock().flights.detach_all(shard.claim());
        }
        self.for_each_place(|hash, place, panics| self.remove_one_if(hash, place, &mut f, panics));
    }

    /// Calls `f`, which removes entries, for all; then lets go of what waits. What panics when entries
    /// have left does not end it: the first panic goes on afterwards.
    fn for_each_place(&self, mut f: impl FnMut(usize, u32, &mut Panics)) {
        let mut panics = Panics::default();
        let mut position = Position::default();
        while let Some(batch) = self.next_batch(&mut position) {
            for (hash, place) in batch {
                f(hash, place, &mut panics);
            }
        }
        for shard in &self.shards {
            let garbage = shard.collect_all(&mut shard.lock());
            panics.catch(|| drop(garbage));
        }
        panics.go_on();
    }

    fn remove_one_if(
        &self,
        hash: usize,
        place: u32,
        f: &mut impl FnMut(&K, &Entry<V>) -> bool,
        panics: &mut Panics,
    ) {
        let shard = self.shard(hash);
        let here = |_: &K, entry: &Entry<V>| entry.place == place;
        while let Some(found) = shard.entries.find(hash, here) {
            if !f(found.key(), found.value()) {
                return;
            }
            let mut departed = self.departed(shard);
            let is_same = {
                let mut state = shard.lock();
                // No other value will be in the slot as long as this one is being read.
                let is_same = state.eviction.places().slot(place) == Some(found.slot());
                if is_same {
                    let mut section = self.section(shard, &mut state, 0, &mut departed);
                    section.take(place, Cause::Explicit);
                    section.collect();
                }
                is_same
            };
            drop(found);
            panics.catch(|| drop(departed));
            if is_same {
                return;
            }
        }
    }

    /// The entries in the next places, with their hashes; none if there are no more places.
    fn next_batch(&self, position: &mut Position) -> Option<Vec<(usize, u32)>> {
        const PLACES: usize = 64;
        let state = self.shards.get(position.shard)?.lock();
        let places = state.eviction.places();
        let range = position.place..places.len().min(position.place + PLACES);
        *position = if range.end < places.len() {
            Position {
                place: range.end,
                ..*position
            }
        } else {
            Position {
                shard: position.shard + 1,
                place: 0,
            }
        };
        let taken = range.filter_map(|place| places.at(place));
        Some(taken.map(|it| (places.hash(it) as usize, it)).collect())
    }
}

/// What [`Cache::iter`] returns.
pub struct Iter<'c, K: Hash + Eq, V, S> {
    cache: &'c Cache<K, V, S>,
    position: Position,
    batch: vec::IntoIter<(usize, u32)>,
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Iterator for Iter<'_, K, V, S> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let now = self.cache.now();
        loop {
            for (hash, place) in self.batch.by_ref() {
                let here = |_: &K, entry: &Entry<V>| entry.place == place;
                let shard = self.cache.shard(hash);
                let Some(found) = shard.entries.find(hash, here) else {
                    continue;
                };
                if !self.cache.is_due(shard, found.slot(), now) {
                    return Some((found.key().clone(), found.value().value.clone()));
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
