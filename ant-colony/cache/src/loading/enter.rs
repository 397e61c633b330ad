//! Prefetched entries in the cache: how they enter on probation, become as others by their first use,
//! or are given up.

use std::hash::{BuildHasher, Hash};
use std::mem;

use ant_colony_policy::Frequency;

use super::aftermath::Aftermath;
use super::outstanding::There;
use super::prefetcher::Order;
use crate::cache::Cache;
use crate::departure::Cause;
use crate::flight::Landing;
use crate::load::Lead;
use crate::section::{Section, Weighed};

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Whether a key has a value at this time.
    pub(super) fn is_valid(&self, hash: usize, key: &K, now: u64) -> bool {
        let found = self.find(hash, key);
        found.is_some_and(|found| !self.is_due(self.shard(hash), found.slot(), now))
    }

    /// Who comes first to an unused entry gets true: from now on it is as one that was missed.
    pub(super) fn use_first(&self, hash: usize, key: &K) -> bool {
        let mut state = self.shard(hash).lock();
        let state = &mut *state;
        let slot = state.entries.find(hash, |known, _| known == key);
        let entry = slot.and_then(|slot| Some(state.entries.get(hash, slot)?.1));
        let Some(entry) = entry.filter(|entry| entry.mark.is_unused()) else {
            return false;
        };
        entry.mark.set(Frequency::ZERO);
        state.eviction.use_first(entry.place);
        true
    }

    /// Lets an entry go if it is still unused.
    pub(super) fn give_up(&self, hash: usize, place: u32) {
        let shard = self.shard(hash);
        let mut departed = self.departed(shard);
        let mut state = shard.lock();
        let places = state.eviction.places();
        let slot = places
            .slot(place)
            .filter(|_| places.hash(place) == hash as u64);
        let entry = slot.and_then(|slot| Some(state.entries.get(hash, slot)?.1));
        if entry.is_some_and(|entry| entry.mark.is_unused()) {
            let mut section = self.section(shard, &mut state, 0, &mut departed);
            section.take(place, Cause::Capacity);
            section.collect();
        }
    }
}

impl<K: Hash + Eq, V> Section<'_, '_, K, V> {
    /// Puts in what was ordered. If it is unused, it tells where it is.
    fn place_order(&mut self, hash: usize, key: K, new: Weighed<V>) -> Option<There> {
        let (unused, weight) = (new.unused, new.weight);
        let entries = &self.state.entries;
        if let Some(slot) = entries.find(hash, |known, _| *known == key) {
            // It has expired, or nobody would have loaded it: what comes is not the same entry again.
            let place = entries.get(hash, slot)?.1.place;
            self.take(place, Cause::Expired);
        }
        self.last = None;
        let place = self.place_new_apart(hash, key, new);
        unused.then_some(There {
            place,
            weight,
            displaced: self.last,
        })
    }
}

impl<'c, K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Lead<'c, K, V, S> {
    /// The value of what was ordered has come: it enters on probation, unless somebody waits for it,
    /// who makes it an entry like others, or the key was written or removed meanwhile.
    pub(super) fn finish_order(
        self,
        order: Order<K>,
        value: V,
        after: &mut Aftermath<'c, K, V, S>,
    ) {
        let Self {
            cache,
            shard,
            ticket,
            ..
        } = self;
        let Order { key, duty } = order;
        // Out here, for its drop, and that of a value that is not kept, may use the cache.
        let mut weighed = cache.weigh(shard, &key, value.clone()).ok();
        let (departed, stale) = after.of(ticket.hash());
        let is_admitted =
            (weighed.as_ref()).is_some_and(|weighed| duty.admits(weighed.weight, stale));
        let now = cache.now();
        let (mut landing, mut there) = (Landing::new(), None);
        let mut state = shard.lock();
        let attached = (state.flights).end(shard.claim(), ticket, &key, &mut landing);
        let is_awaited = landing.is_awaited();
        if attached
            && (is_admitted || is_awaited)
            && let Some(mut new) = weighed.take()
        {
            new.unused = !is_awaited;
            let mut section = cache.section(shard, &mut state, now, departed);
            there = section.place_order(ticket.hash(), key, new);
            section.collect();
        }
        (state.flights).settle(shard.claim(), ticket, &mut landing);
        drop(state);
        mem::forget(self);
        match there {
            _ if is_awaited => duty.come_late(),
            Some(there) => duty.arrive(there),
            None => drop(duty),
        }
        landing.land(&value);
    }
}
