//! Prefetched entries in the cache: how they enter on probation, become as others by their first use,
//! or are given up.

use std::hash::{BuildHasher, Hash};

use ant_colony_policy::Frequency;

use super::aftermath::Aftermath;
use super::outstanding::There;
use super::prefetcher::Order;
use crate::cache::Cache;
use crate::departure::{Cause, Departed};
use crate::load::{Landing, Lead};
use crate::shard::{Shard, State};
use crate::write::Weighed;

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
        let entry = slot.and_then(|slot| Some(state.entries.get(slot)?.1));
        let Some(entry) = entry.filter(|entry| entry.mark.is_unused()) else {
            return false;
        };
        entry.mark.set(Frequency::ZERO);
        state.eviction.use_first(entry.place);
        true
    }

    /// Puts in what was ordered. If it is unused, it tells where it is.
    #[expect(
        clippy::too_many_arguments,
        reason = "one critical section in two halves"
    )]
    fn place_order(
        &self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        hash: usize,
        key: K,
        new: Weighed<V>,
        now: u64,
        departed: &mut Departed<'_, K, V>,
    ) -> Option<There> {
        let (unused, weight) = (new.unused, new.weight);
        let known = state.entries.find(hash, |known, _| *known == key);
        if let Some(slot) = known {
            // It has expired, or nobody would have loaded it: what comes is not the same entry again.
            let place = state.entries.get(slot)?.1.place;
            self.take(shard, state, place, Cause::Expired, departed);
        }
        departed.last = None;
        let place = self.place_new(shard, state, hash, key, new, now, departed);
        unused.then_some(There {
            place,
            weight,
            displaced: departed.last,
        })
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
        let entry = slot.and_then(|slot| Some(state.entries.get(slot)?.1));
        if entry.is_some_and(|entry| entry.mark.is_unused()) {
            self.take(shard, &mut state, place, Cause::Capacity, &mut departed);
            departed.collect(&mut state);
        }
    }
}

impl<'c, K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Lead<'c, K, V, S> {
    /// The value of what was ordered has come: it enters on probation, unless somebody waits for it,
    /// who makes it an entry like others, or the key was written or removed meanwhile.
    pub(super) fn finish_order(
        mut self,
        order: Order<K>,
        value: V,
        after: &mut Aftermath<'c, K, V, S>,
    ) {
        let (cache, hash) = (self.cache, self.hash);
        let Order { key, duty } = order;
        let mut weighed = cache.weigh(hash, &key, value.clone()).ok();
        let (departed, stale) = after.of(hash);
        let is_admitted =
            (weighed.as_ref()).is_some_and(|weighed| duty.admits(weighed.weight, stale));
        let now = cache.now();
        let shard = cache.shard(hash);
        let (mut landing, mut there) = (Landing(None), None);
        // Out here, for its drop, and that of a value that is not kept, may use the cache.
        let mut ended;
        let mut key = Some(key);
        {
            let mut state = shard.lock();
            let state = &mut *state;
            ended = self.ticket.take().and_then(|t| state.flights.end(t));
            let attached = ended.as_ref().is_some_and(|ended| ended.attached);
            landing.0 = ended.as_mut().and_then(|ended| ended.flight.take());
            let is_wanted = attached && (is_admitted || landing.0.is_some());
            if is_wanted
                && weighed.is_some()
                && let Some((key, mut new)) = key.take().zip(weighed.take())
            {
                new.unused = landing.0.is_none();
                there = cache.place_order(shard, state, hash, key, new, now, departed);
                departed.collect(state);
            }
        }
        match there {
            _ if landing.0.is_some() => duty.come_late(),
            Some(there) => duty.arrive(there),
            None => drop(duty),
        }
        landing.land(&value);
    }
}
