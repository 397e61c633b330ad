//! What to prefetch: the trails of a cache, the keys they lead to, and what was ordered, under one
//! lock.
//!
//! The lock is taken by misses and by the first use of what was prefetched, never by other hits, and
//! while it is held no other lock is taken and no code of the user runs but comparisons of keys.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use ant_colony_policy::{Known, Presence, Trails};
use parking_lot::Mutex;

use super::SEQUENCES;
use super::aftermath::Aftermath;
use super::keys::{Hashed, Keys, name, spread};
use super::outstanding::{Outstanding, Stale, There};
use crate::cache::Cache;
use crate::statistics::Prefetches;

/// A key that was asked for, and what came of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fetch {
    /// It was there by a prefetch, and this is its first use.
    Used,
    /// It was not there, and is loaded now.
    Missed,
    /// Somebody loads it already.
    Joined,
}

pub(super) struct Prefetcher<K>(Mutex<State<K>>);

struct State<K> {
    trails: Trails<u32>,
    keys: Keys<K>,
    outstanding: Outstanding,
    wasted: u64,
}

impl<K: Hash + Eq + Clone> Prefetcher<K> {
    pub(super) const fn bytes(trails: usize) -> usize {
        Trails::<u32>::bytes(trails) + Keys::<K>::bytes(trails)
    }

    /// With so many trails, and at most so many objects that were prefetched and not used.
    pub(super) fn new(trails: usize, unused_most: usize, weight_most: u64) -> Self {
        Self(Mutex::new(State {
            trails: Trails::new(trails, SEQUENCES),
            keys: Keys::new(trails),
            outstanding: Outstanding::new(unused_most, weight_most),
            wasted: 0,
        }))
    }

    /// A key was asked for. Orders at most so many others that are predicted to be asked for next; and
    /// who is to be given up.
    pub(super) fn on_fetch<'c, V, S: BuildHasher>(
        self: &Arc<Self>,
        cache: &'c Cache<K, V, S>,
        sequence: usize,
        fetch: Fetch,
        (hash, key): Hashed<&K>,
        steps: usize,
    ) -> (Vec<Order<K>>, Aftermath<'c, K, V, S>) {
        // Whatever panics, who is given up goes.
        let mut after = Aftermath::new(cache);
        let (copy, now) = (key.clone(), cache.now());
        let is_there = |hash, key: &K| cache.is_valid(hash, key, now);
        // Dropped out here, for it is the user's.
        let _forgotten;
        let taken = {
            let mut state = self.0.lock();
            state.settle(fetch, hash);
            _forgotten = state.keys.keep(hash, copy);
            state.order(sequence, hash, steps, is_there, &mut after.stale)
        };
        // All of them first: a clone may panic.
        let orders = taken.into_iter().map(|((hash, key), number)| {
            let duty = Duty {
                prefetcher: Arc::clone(self),
                number,
                hash,
                is_done: false,
            };
            Order { key, duty }
        });
        let orders: Vec<Order<K>> = orders.collect();
        for Order { key, duty } in &orders {
            let copy = key.clone();
            let _surplus = self.0.lock().put_back(duty.hash, copy);
        }
        (orders, after)
    }

    pub(super) fn prefetches(&self) -> Prefetches {
        let state = self.0.lock();
        let account = state.trails.account();
        Prefetches {
            issued: account.issued,
            useful: account.useful,
            late: account.late,
            wasted: state.wasted,
            harmful: account.harmful,
        }
    }

    /// How many of what is outstanding are there.
    #[cfg(test)]
    pub(super) fn there(&self) -> usize {
        self.0.lock().outstanding.there()
    }

    #[cfg(test)]
    pub(super) fn outstanding(&self) -> usize {
        self.0.lock().outstanding.len()
    }
}

impl<K: Eq> State<K> {
    /// If what is asked for was ordered, that is over.
    fn settle(&mut self, fetch: Fetch, hash: usize) {
        match (fetch, self.outstanding.end_of(hash)) {
            (_, None) => {}
            (Fetch::Used, Some(_)) => self.trails.on_use(),
            (_, Some(None)) => self.trails.on_late_use(),
            // It has left before anybody asked for it.
            (_, Some(Some(there))) => self.waste(there),
        }
    }

    fn waste(&mut self, there: There) {
        self.wasted += 1;
        self.trails.on_waste(there.displaced.map(spread));
    }

    /// Learns, and orders. The keys of what is ordered, taken out of the table, with the numbers of the
    /// orders; and who is given up is added to those who are.
    fn order(
        &mut self,
        sequence: usize,
        hash: usize,
        steps: usize,
        is_there: impl Fn(usize, &K) -> bool,
        stale: &mut Vec<Stale>,
    ) -> Vec<(Hashed<K>, u64)> {
        self.wasted += self.outstanding.on_fetch(sequence, stale);
        stale.iter().for_each(|stale| self.waste(stale.there));
        let (keys, outstanding) = (&mut self.keys, &self.outstanding);
        let known = |successor| {
            let (hash, key) = keys.follow(successor)?;
            let presence = if outstanding.contains(hash) {
                Presence::Ordered
            } else if is_there(hash, key) {
                Presence::Held
            } else {
                Presence::Absent
            };
            let hash = spread(hash);
            Some(Known { hash, presence })
        };
        let steps = steps.min(outstanding.room());
        let ordered =
            (self.trails).on_fetch_ahead(sequence, spread(hash), name(hash), steps, known);
        let (mut taken, known) = (Vec::with_capacity(ordered.len()), stale.len());
        for (hash, key) in ordered.into_iter().filter_map(|name| self.keys.take(name)) {
            let (number, given_up) = self.outstanding.add(hash, sequence);
            stale.extend(given_up);
            taken.push(((hash, key), number));
        }
        let more = &stale[known..];
        more.iter().for_each(|stale| self.waste(stale.there));
        taken
    }

    /// The key of an order is known again. What is to be dropped.
    fn put_back(&mut self, hash: usize, key: K) -> Option<K> {
        let surplus = self.keys.keep(hash, key);
        self.keys.follow(name(hash));
        surplus
    }
}

/// A key to be prefetched.
pub(super) struct Order<K: Hash + Eq + Clone> {
    pub(super) key: K,
    pub(super) duty: Duty<K>,
}

/// The duty to tell what became of an order. Dropped, it has failed.
pub(super) struct Duty<K: Hash + Eq + Clone> {
    prefetcher: Arc<Prefetcher<K>>,
    number: u64,
    hash: usize,
    is_done: bool,
}

impl<K: Hash + Eq + Clone> Duty<K> {
    pub(super) const fn hash(&self) -> usize {
        self.hash
    }

    /// Whether the value is to be kept, if nobody waits for it. Adds who is given up for it.
    pub(super) fn admits(&self, weight: u64, stale: &mut Vec<Stale>) -> bool {
        let mut state = self.prefetcher.0.lock();
        let known = stale.len();
        let admits = state.outstanding.admits(self.number, weight, stale);
        let more = &stale[known..];
        more.iter().for_each(|stale| state.waste(stale.there));
        admits
    }

    /// The value is in the cache.
    pub(super) fn arrive(mut self, there: There) {
        self.is_done = true;
        let mut state = self.prefetcher.0.lock();
        state.outstanding.arrive(self.number, there);
    }

    /// Somebody has waited for the value.
    pub(super) fn come_late(mut self) {
        self.is_done = true;
        let mut state = self.prefetcher.0.lock();
        if state.outstanding.end(self.number).is_some() {
            state.trails.on_late_use();
        }
    }
}

impl<K: Hash + Eq + Clone> Drop for Duty<K> {
    fn drop(&mut self) {
        if !self.is_done {
            let mut state = self.prefetcher.0.lock();
            if let Some(there) = state.outstanding.end(self.number) {
                state.waste(there.unwrap_or_default());
            }
        }
    }
}
