//! The critical section of a write: what enters a shard, and what leaves for it.

use std::borrow::Borrow;
use std::hash::Hash;

use ant_colony_policy::{Frequency, Queue};
use hallows_lockfree::slab_map::{Occupied, Slot, Writer};

use crate::cache::Cache;
use crate::departure::{Cause, Departed};
use crate::entry::{Entry, Mark};
use crate::eviction::{Limit, Victim};
use crate::expiry::Expiry;
use crate::places::Used;
use crate::shard::{Shard, State};
use crate::times::Times;

/// A value that can enter: what the user's functions say of it.
pub(crate) struct Weighed<V> {
    pub(crate) value: V,
    pub(crate) weight: u64,
    /// If it was prefetched and nobody has asked for it yet.
    pub(crate) unused: bool,
    /// If entries expire.
    pub(crate) times: Option<Times>,
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

/// A shard whose lock is held by who writes.
pub(crate) struct Section<'s, 'c, K: Hash + Eq, V> {
    shard: &'s Shard<K, V>,
    pub(crate) state: &'s mut State<K, V>,
    expiry: Option<&'s Expiry<K, V>>,
    now: u64,
    departed: &'s mut Departed<'c, K, V>,
    /// The hash of what left last.
    pub(crate) last: Option<usize>,
}

impl<K: Hash + Eq, V, S> Cache<K, V, S> {
    /// What is done with a shard that was locked at the time `now`; `departed` gets what leaves.
    #[inline(always)]
    pub(crate) fn section<'s, 'c>(
        &'s self,
        shard: &'s Shard<K, V>,
        state: &'s mut State<K, V>,
        now: u64,
        departed: &'s mut Departed<'c, K, V>,
    ) -> Section<'s, 'c, K, V> {
        Section {
            shard,
            state,
            expiry: self.expiry.as_ref(),
            now,
            departed,
            last: None,
        }
    }
}

impl<K: Hash + Eq, V> Section<'_, '_, K, V> {
    /// True if the entry in a slot has expired.
    #[inline(always)]
    pub(crate) fn is_due(&self, slot: Slot) -> bool {
        is_due(self.shard, self.expiry, slot, self.now)
    }

    /// Puts an entry in, in place of the one of the same key, after room was made.
    #[inline(never)]
    pub(crate) fn place(&mut self, hash: usize, key: K, new: Weighed<V>) {
        // The only code of the user in here, and nothing has changed yet.
        let Some(slot) = self.state.entries.find(hash, |known, _| *known == key) else {
            self.place_new_apart(hash, key, new);
            return;
        };
        let known = self.state.entries.get(hash, slot);
        let place = known.map(|(_, entry)| entry.place);
        let before = place.map_or(0, |place| self.state.eviction.places().weight(place));
        self.sweep();
        self.make_room(Used {
            count: 0,
            weight: new.weight.saturating_sub(before),
        });
        if self.state.entries.get(hash, slot).is_none() {
            // It was the victim itself, or swept away: its room counts no more.
            self.place_new_apart(hash, key, new);
            return;
        }
        self.replace(hash, slot, key, new);
    }

    /// The same for a key that is not there; answers its place.
    #[inline(always)]
    pub(crate) fn place_new(&mut self, hash: usize, key: K, new: Weighed<V>) -> u32 {
        self.sweep();
        // First, for it waits for memory: what makes room does not wait for it.
        let queue = match new.unused {
            true => Queue::Small,
            false => self.state.eviction.queue_of(hash as u64),
        };
        self.make_room(Used {
            count: 1,
            weight: new.weight,
        });
        self.set_times(&new);
        let state = &mut *self.state;
        let slot = state.entries.next_slot();
        let place = (state.eviction).enter(queue, hash as u64, new.weight, slot);
        // Before the entry can be found, and after others have gone that made room.
        self.shard.publish(state);
        let entry = new.into_entry(place, Frequency::ZERO);
        let places = state.eviction.places();
        let hash_of = |_: &K, entry: &Entry<V>| places.hash(entry.place) as usize;
        state.entries.insert(hash, key, entry, hash_of);
        state.insertions += 1;
        place
    }

    #[inline(never)]
    pub(crate) fn place_new_apart(&mut self, hash: usize, key: K, new: Weighed<V>) -> u32 {
        self.place_new(hash, key, new)
    }

    #[inline(never)]
    fn replace(&mut self, hash: usize, slot: Slot, key: K, new: Weighed<V>) {
        let expired = self.is_due(slot);
        self.set_times(&new);
        let state = &mut *self.state;
        let (_, old) = state.entries.get(hash, slot).expect("what was found");
        let (place, mark) = (old.place, old.mark.get());
        let (before, after) = (state.eviction.places().weight(place), new.weight);
        state.eviction.reweigh(place, after);
        if after > before {
            self.shard.publish(state);
        }
        let entry = new.into_entry(place, mark.hit());
        let cause = match expired {
            true => Cause::Expired,
            false => Cause::Replaced,
        };
        state.insertions += 1;
        state.departed[cause as usize] += 1;
        let by = if self.departed.wanted() {
            let replaced = state.entries.replace(hash, slot, key, entry);
            replaced.map(|(by, taken)| {
                self.departed.push(taken, before, cause);
                by
            })
        } else {
            state.waits += before;
            state.entries.overwrite(hash, slot, key, entry)
        };
        state.eviction.settle(place, by.expect("what was found"));
        if after < before {
            self.shard.publish(state);
        }
    }

    /// For the value that enters next.
    #[inline(always)]
    fn set_times(&mut self, new: &Weighed<V>) {
        if let (Some(all), Some(times)) = (&self.shard.times, &new.times) {
            all.set(self.state.entries.next_slot(), times);
        }
    }

    /// Lets entries go until there is room for so much more, which is at most one entry. How much is
    /// there now has yet to be published.
    #[inline(always)]
    fn make_room(&mut self, more: Used) {
        let limits = self.shard.limits();
        if self.state.eviction.used().count + more.count > limits.count {
            self.evict(Limit::Count(limits.count));
        }
        if self.state.eviction.used().weight > limits.weight - more.weight {
            self.make_lighter(limits.weight - more.weight);
        }
    }

    #[inline(never)]
    fn make_lighter(&mut self, bound: u64) {
        while self.state.eviction.used().weight > bound {
            self.evict(Limit::Weight(self.shard.limits().weight));
        }
    }

    #[inline(always)]
    fn evict(&mut self, limit: Limit) {
        let mut kept = 0;
        let (victim, cause) = loop {
            let candidate = self.state.eviction.candidate(limit);
            let candidate = candidate.expect("what exceeds a limit is in a queue");
            if let Some(cause) = self.try_evict(candidate, kept) {
                break (candidate.1, cause);
            }
            kept += 1;
        };
        self.left(victim, cause);
    }

    /// Takes a candidate out of the map if it does not stay: why.
    #[inline(always)]
    fn try_evict(&mut self, candidate: (Queue, Victim), kept: usize) -> Option<Cause> {
        let (_, victim) = candidate;
        let is_due = victim.slot.is_some_and(|slot| self.is_due(slot));
        let state = &mut *self.state;
        let Some(entry) = occupied(&mut state.entries, victim) else {
            return Some(Cause::Capacity);
        };
        let mark = &entry.value().mark;
        if !is_due && !state.eviction.lets_go(candidate, mark, kept) {
            return None;
        }
        let cause = match is_due {
            true => Cause::Expired,
            false => Cause::Capacity,
        };
        take_out(entry, self.departed, &mut state.waits, victim.weight, cause);
        Some(cause)
    }

    /// Looks at a few entries in turn and lets go of those that have expired.
    #[inline(always)]
    fn sweep(&mut self) {
        const LOOKS: usize = 2;
        if self.expiry.is_none() {
            return;
        }
        for _ in 0..LOOKS {
            if let Some(place) = self.state.eviction.next_in_turn() {
                self.take_if_due(place);
            }
        }
    }

    /// Takes an entry that is not in the map any more out of the queues.
    #[inline(always)]
    fn left(&mut self, victim: Victim, cause: Cause) {
        let state = &mut *self.state;
        self.last = Some(victim.hash as usize);
        let next = state.eviction.leave(victim.place);
        if let Some((hash, slot)) = next {
            // The next to leave, most likely: it has not been looked at for long.
            state.entries.prefetch(hash as usize, slot);
        }
        state.departed[cause as usize] += 1;
    }

    /// Takes the entry in a place out.
    pub(crate) fn take(&mut self, place: u32, cause: Cause) {
        if let Some(victim) = self.state.eviction.at(place) {
            if let Some(entry) = occupied(&mut self.state.entries, victim) {
                let waits = &mut self.state.waits;
                take_out(entry, self.departed, waits, victim.weight, cause);
            }
            self.left(victim, cause);
            self.shard.publish(self.state);
        }
    }

    /// Takes `key` out; true if it had a value that had not expired.
    pub(crate) fn take_key<Q>(mut self, hash: usize, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let entries = &self.state.entries;
        let known = entries.find(hash, |known, _| known.borrow() == key);
        let known = known.and_then(|slot| Some((slot, entries.get(hash, slot)?.1.place)));
        let Some((slot, place)) = known else {
            return false;
        };
        let expired = self.is_due(slot);
        let cause = match expired {
            true => Cause::Expired,
            false => Cause::Explicit,
        };
        self.take(place, cause);
        self.collect();
        !expired
    }

    /// Takes the entry in a place out if there is one and it has expired.
    pub(crate) fn take_if_due(&mut self, place: u32) {
        let slot = self.state.eviction.places().slot(place);
        if slot.is_some_and(|slot| self.is_due(slot)) {
            self.take(place, Cause::Expired);
        }
    }

    /// What can be dropped when the lock is released.
    #[inline(always)]
    pub(crate) fn collect(self) {
        self.departed.collect(self.state);
    }
}

/// The victim in the map, if it is there.
#[inline(always)]
fn occupied<K, V>(
    entries: &mut Writer<K, Entry<V>>,
    victim: Victim,
) -> Option<Occupied<'_, K, Entry<V>>> {
    entries.occupied(victim.hash as usize, victim.slot?)
}

/// Takes an entry out of the map: it waits to be dropped, or to be read before.
#[inline(always)]
fn take_out<K, V>(
    entry: Occupied<'_, K, Entry<V>>,
    departed: &mut Departed<'_, K, V>,
    waits: &mut u64,
    weight: u64,
    cause: Cause,
) {
    if departed.wanted() {
        departed.push(entry.take(), weight, cause);
    } else {
        entry.remove();
        *waits += weight;
    }
}

/// True if the entry in a slot has expired.
#[inline(always)]
fn is_due<K, V>(shard: &Shard<K, V>, expiry: Option<&Expiry<K, V>>, slot: Slot, now: u64) -> bool {
    expiry.is_some_and(|expiry| shard.is_due(expiry, slot, now))
}
