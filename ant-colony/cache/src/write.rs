//! Writing: what enters, what leaves for it, and what is removed.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

use ant_colony_policy::Frequency;
use hallows_lockfree::slab_map::Slot;

use crate::cache::Cache;
use crate::departure::{Cause, Departed};
use crate::entry::{Entry, Mark};
use crate::expiry::Expiry;
use crate::places::Used;
use crate::shard::{Shard, State};
use crate::times::Times;

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

/// A value that can enter: what the user's functions say of it.
pub(crate) struct Weighed<V> {
    value: V,
    pub(crate) weight: u64,
    /// If it was prefetched and nobody has asked for it yet.
    pub(crate) unused: bool,
    /// If entries expire.
    times: Option<Times>,
}

impl<V> Weighed<V> {
    fn into_entry(self, place: u32, frequency: Frequency) -> Entry<V> {
        let mark = match self.unused {
            true => Mark::unused(),
            false => Mark::new(frequency),
        };
        Entry {
            mark,
            place,
            value: self.value,
        }
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Sets the value of `key`.
    ///
    /// # Errors
    /// If the entry is too heavy. Then the value before is removed all the same, since it is
    /// outdated.
    pub fn insert(&self, key: K, value: V) -> Result<(), TooHeavy> {
        let hash = self.hash(&key);
        let weighed = match self.weigh(hash, &key, value) {
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
        state.flights.detach(hash, &key);
        self.place(shard, &mut state, hash, key, weighed, now, &mut departed);
        departed.collect(&mut state);
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
        state.flights.detach(hash, key);
        let known = state.entries.find(hash, |known, _| known.borrow() == key);
        let known = known.and_then(|slot| Some((slot, state.entries.get(slot)?.1.place)));
        let Some((slot, place)) = known else {
            return false;
        };
        let expired = self.is_due(shard, slot, now);
        let cause = if expired {
            Cause::Expired
        } else {
            Cause::Explicit
        };
        self.take(shard, &mut state, place, cause, departed);
        departed.collect(&mut state);
        !expired
    }

    /// For what an operation makes leave.
    pub(crate) fn departed<'c>(&'c self, shard: &'c Shard<K, V>) -> Departed<'c, K, V> {
        Departed::new(shard, self.listener.as_deref(), false)
    }

    /// Asks the weigher and the lifetime of the user.
    #[inline(always)]
    pub(crate) fn weigh(&self, hash: usize, key: &K, value: V) -> Result<Weighed<V>, TooHeavy> {
        let weight = (self.weigher.as_ref()).map_or(0, |weigher| weigher(key, &value));
        let shard = self.shard(hash);
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

    /// Puts an entry in, in place of the one of the same key, after room was made.
    #[expect(
        clippy::too_many_arguments,
        reason = "one critical section in two halves"
    )]
    pub(crate) fn place(
        &self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        hash: usize,
        key: K,
        new: Weighed<V>,
        now: u64,
        departed: &mut Departed<'_, K, V>,
    ) {
        // The only code of the user in here, and nothing has changed yet.
        let Some(slot) = state.entries.find(hash, |known, _| *known == key) else {
            self.place_new(shard, state, hash, key, new, now, departed);
            return;
        };
        let place = state.entries.get(slot).map(|(_, entry)| entry.place);
        let before = place.map_or(0, |place| state.eviction.places().weight(place));
        let more = Used {
            count: 0,
            weight: new.weight.saturating_sub(before),
        };
        self.sweep(shard, state, now, departed);
        self.make_room(shard, state, more, now, departed);
        if state.entries.get(slot).is_none() {
            // It was the victim itself, or swept away: its room counts no more.
            self.place_new(shard, state, hash, key, new, now, departed);
            return;
        }
        state.insertions += 1;
        self.replace(shard, state, hash, slot, key, new, now, departed);
    }

    /// The same for a key that is not there; answers its place.
    #[expect(clippy::too_many_arguments, reason = "the same")]
    pub(crate) fn place_new(
        &self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        hash: usize,
        key: K,
        new: Weighed<V>,
        now: u64,
        departed: &mut Departed<'_, K, V>,
    ) -> u32 {
        let whole = Used {
            count: 1,
            weight: new.weight,
        };
        self.sweep(shard, state, now, departed);
        self.make_room(shard, state, whole, now, departed);
        let place = match new.unused {
            true => state.eviction.enter_unused(hash as u64, new.weight),
            false => state.eviction.enter(hash as u64, new.weight),
        };
        shard.publish(state);
        self.set_times(shard, state, &new);
        let entry = new.into_entry(place, Frequency::ZERO);
        let places = state.eviction.places();
        let hash_of = |_: &K, entry: &Entry<V>| places.hash(entry.place) as usize;
        let slot = state.entries.insert(hash, key, entry, hash_of);
        state.eviction.settle(place, slot);
        state.insertions += 1;
        place
    }

    #[expect(clippy::too_many_arguments, reason = "the same")]
    fn replace(
        &self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        hash: usize,
        slot: Slot,
        key: K,
        new: Weighed<V>,
        now: u64,
        departed: &mut Departed<'_, K, V>,
    ) {
        let (_, old) = state.entries.get(slot).expect("what was found");
        let (place, mark) = (old.place, old.mark.get());
        let (before, after) = (state.eviction.places().weight(place), new.weight);
        let expired = self.is_due(shard, slot, now);
        state.eviction.reweigh(place, after);
        if after > before {
            shard.publish(state);
        }
        self.set_times(shard, state, &new);
        let entry = new.into_entry(place, mark.hit());
        let cause = if expired {
            Cause::Expired
        } else {
            Cause::Replaced
        };
        state.departed[cause as usize] += 1;
        let by = if departed.wanted() {
            let replaced = state.entries.replace(hash, slot, key, entry);
            replaced.map(|(by, taken)| {
                departed.push(taken, before, cause);
                by
            })
        } else {
            state.waits += before;
            state.entries.overwrite(hash, slot, key, entry)
        };
        state.eviction.settle(place, by.expect("what was found"));
        if after < before {
            shard.publish(state);
        }
    }

    /// For the value that enters next.
    #[inline]
    fn set_times(&self, shard: &Shard<K, V>, state: &mut State<K, V>, new: &Weighed<V>) {
        if let (Some(all), Some(times)) = (&shard.times, &new.times) {
            all.set(state.entries.next_slot(), times);
        }
    }

    /// Lets entries go until there is room for so much more.
    #[inline(always)]
    fn make_room(
        &self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        more: Used,
        now: u64,
        departed: &mut Departed<'_, K, V>,
    ) {
        while let Some(limit) = shard.exceeded(state, more) {
            let mut cause = Cause::Capacity;
            let victim = state.eviction.victim(limit, |slot| {
                if self.is_due(shard, slot, now) {
                    cause = Cause::Expired;
                    return None;
                }
                state.entries.get(slot).map(|(_, entry)| &entry.mark)
            });
            let place = victim.expect("what exceeds a limit is in a queue");
            self.take(shard, state, place, cause, departed);
        }
    }

    /// Looks at a few entries in turn and lets go of those that have expired.
    #[inline(always)]
    fn sweep(
        &self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        now: u64,
        departed: &mut Departed<'_, K, V>,
    ) {
        const LOOKS: usize = 2;
        if self.expiry.is_none() {
            return;
        }
        for _ in 0..LOOKS {
            if let Some(place) = state.eviction.next_in_turn() {
                self.take_if_due(shard, state, place, now, departed);
            }
        }
    }

    /// Takes the entry in a place out, first of the map, then of the queues.
    #[inline(always)]
    pub(crate) fn take(
        &self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        place: u32,
        cause: Cause,
        departed: &mut Departed<'_, K, V>,
    ) {
        let places = state.eviction.places();
        let (hash, weight) = (places.hash(place) as usize, places.weight(place));
        if let Some(slot) = places.slot(place) {
            if !departed.wanted() {
                state.entries.remove(hash, slot);
                state.waits += weight;
            } else if let Some(taken) = state.entries.take(hash, slot) {
                departed.push(taken, weight, cause);
            }
        }
        departed.last = Some(hash);
        let next = state.eviction.leave(place);
        if let Some((hash, slot)) = next {
            // The next to leave, most likely: it has not been looked at for long.
            state.entries.prefetch(hash as usize, slot);
        }
        state.departed[cause as usize] += 1;
        shard.publish(state);
    }

    /// Takes the entry in a place out if there is one and it has expired.
    pub(crate) fn take_if_due(
        &self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        place: u32,
        now: u64,
        departed: &mut Departed<'_, K, V>,
    ) {
        let slot = state.eviction.places().slot(place);
        if slot.is_some_and(|slot| self.is_due(shard, slot, now)) {
            self.take(shard, state, place, Cause::Expired, departed);
        }
    }

    /// The entry in a place was found to have expired. If others write meanwhile, it is left to them.
    #[cold]
    pub(crate) fn expire(&self, hash: usize, place: u32, now: u64) {
        let shard = self.shard(hash);
        let mut departed = self.departed(shard);
        if let Some(mut state) = shard.try_lock() {
            self.take_if_due(shard, &mut state, place, now, &mut departed);
            departed.collect(&mut state);
        }
    }
}
