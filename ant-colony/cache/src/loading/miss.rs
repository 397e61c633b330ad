//! A miss: who loads, and what is loaded along with it.

use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Core;
use super::outstanding::Stale;
use super::prefetcher::{Fetch, Order};
use crate::cache::Cache;
use crate::load::{Asked, Lead, Waiter};

/// What to do about a key that was not there a moment ago.
pub(super) enum Missed<'c, K: Hash + Eq + Clone, V, L, S> {
    /// It has come.
    Value(V),
    /// Another one loads it.
    Wait(Waiter<'c, K, V, S>),
    Load(Batch<'c, K, V, L, S>),
}

/// The duty to load a missed key, and what rides along.
pub(super) struct Batch<'c, K: Hash + Eq + Clone, V, L, S> {
    core: &'c Core<K, V, L, S>,
    key: K,
    lead: Lead<'c, K, V, S>,
    riders: Riders<'c, K, V, S>,
    stale: Vec<Stale>,
}

impl<K: Hash + Eq + Clone, V: Clone, L, S: BuildHasher> Core<K, V, L, S> {
    /// Leads or joins the flight of a missed key. `is_told` says whether the prefetcher has heard of the
    /// miss.
    pub(super) fn miss(
        self: &Arc<Self>,
        sequence: usize,
        hash: usize,
        key: &K,
        is_told: &mut bool,
    ) -> Missed<'_, K, V, L, S> {
        loop {
            match self.cache.ask(hash, key) {
                Asked::Again => {}
                Asked::Value(value) => {
                    // Perhaps a prefetch has brought it.
                    self.use_first(hash, key, sequence);
                    return Missed::Value(value);
                }
                Asked::Wait(waiter) => {
                    if !mem::replace(is_told, true) {
                        let (orders, stale) = self.tell(sequence, Fetch::Joined, hash, key);
                        self.dispatch(orders);
                        self.give_up(stale);
                    }
                    return Missed::Wait(waiter);
                }
                Asked::Lead(lead) => {
                    let (mut orders, mut stale) = Default::default();
                    if !mem::replace(is_told, true) {
                        (orders, stale) = self.tell(sequence, Fetch::Missed, hash, key);
                    }
                    let riders = match self.rides {
                        true => board(&self.cache, orders),
                        false => {
                            self.dispatch(orders);
                            Riders(Vec::new())
                        }
                    };
                    self.loads.fetch_add(1, Relaxed);
                    return Missed::Load(Batch {
                        core: self,
                        key: key.clone(),
                        lead,
                        riders,
                        stale,
                    });
                }
            }
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone, L, S: BuildHasher> Batch<'_, K, V, L, S> {
    /// What is to be loaded; the missed key comes first.
    pub(super) fn keys(&self) -> Vec<K> {
        let missed = self.key.clone();
        [missed].into_iter().chain(self.riders.keys()).collect()
    }

    /// What the loader said of each key.
    ///
    /// # Panics
    /// If it said nothing of the first.
    pub(super) fn finish<E>(self, results: Vec<Result<V, E>>) -> Result<V, E> {
        let mut results = results.into_iter();
        let missed = results.next();
        let missed = missed.expect("a loader of many keys must answer for the first one at least");
        let value = missed.map(|value| self.lead.finish(self.key, value));
        self.riders.finish(results);
        // Last, for it may call the listener, which may ask for anything.
        self.core.give_up(self.stale);
        value
    }
}

/// Ordered keys whose flights are led from here.
pub(super) struct Riders<'c, K: Hash + Eq + Clone, V, S>(Vec<(Lead<'c, K, V, S>, Order<K>)>);

/// Leads the flights of ordered keys. Those that are there by now, or are led by another one, have
/// failed as orders.
pub(super) fn board<K: Hash + Eq + Clone, V: Clone, S: BuildHasher>(
    cache: &Cache<K, V, S>,
    orders: Vec<Order<K>>,
) -> Riders<'_, K, V, S> {
    let lead = |order: Order<K>| match cache.ask(order.duty.hash(), &order.key) {
        Asked::Lead(lead) => Some((lead, order)),
        Asked::Value(_) | Asked::Wait(_) | Asked::Again => None,
    };
    Riders(orders.into_iter().filter_map(lead).collect())
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Riders<'_, K, V, S> {
    pub(super) fn keys(&self) -> impl Iterator<Item = K> {
        self.0.iter().map(|(_, order)| order.key.clone())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of which nothing good is said have failed.
    pub(super) fn finish<E>(self, results: impl IntoIterator<Item = Result<V, E>>) {
        for ((lead, order), result) in self.0.into_iter().zip(results) {
            if let Ok(value) = result {
                lead.finish_order(order, value);
            }
        }
    }
}
