//! A miss: who loads, and what is loaded along with it.

use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Core;
use super::aftermath::Aftermath;
use super::prefetcher::{Fetch, Order};
use crate::cache::Cache;
use crate::load::{Asked, Lead, Waiter};

/// What to do about a key that was not there a moment ago.
pub(super) enum Missed<'c, K: Hash + Eq + Clone, V, S: BuildHasher> {
    /// It has come.
    Value(V),
    /// Another one loads it. What is to be told comes after the wait: the listener might wait for the
    /// same key, and this waiter be woken to load it.
    Wait(Waiter<'c, K, V, S>, Aftermath<'c, K, V, S>),
    Load(Batch<'c, K, V, S>),
}

/// The duty to load a missed key, and what rides along.
pub(super) struct Batch<'c, K: Hash + Eq + Clone, V, S: BuildHasher> {
    key: K,
    lead: Lead<'c, K, V, S>,
    riders: Riders<'c, K, V, S>,
    /// Is dropped last.
    after: Aftermath<'c, K, V, S>,
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
    ) -> Missed<'_, K, V, S> {
        loop {
            // Outlives what is led.
            let mut after = Aftermath::new(&self.cache);
            match self.cache.ask(hash, key) {
                Asked::Again => {}
                Asked::Value(value) => {
                    // Perhaps a prefetch has brought it.
                    self.use_first(hash, key, sequence);
                    return Missed::Value(value);
                }
                Asked::Wait(waiter) => {
                    if !mem::replace(is_told, true) {
                        let orders;
                        (orders, after) = self.tell(sequence, Fetch::Joined, hash, key);
                        self.dispatch(orders);
                    }
                    return Missed::Wait(waiter, after);
                }
                Asked::Lead(lead) => {
                    let mut orders = Vec::new();
                    if !mem::replace(is_told, true) {
                        (orders, after) = self.tell(sequence, Fetch::Missed, hash, key);
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
                        key: key.clone(),
                        lead,
                        riders,
                        after,
                    });
                }
            }
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Batch<'_, K, V, S> {
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
        let mut after = self.after;
        let (riders, lead, key) = (self.riders, self.lead, self.key);
        let mut results = results.into_iter();
        let missed = results.next();
        let missed = missed.expect("a loader of many keys must answer for the first one at least");
        let hash = lead.ticket.hash();
        let value = missed.map(|value| match riders.is_empty() {
            true => lead.finish(key, value),
            false => lead.finish_before(after.of(hash).0, key, value),
        });
        riders.finish(results, &mut after);
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

impl<'c, K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Riders<'c, K, V, S> {
    pub(super) fn keys(&self) -> impl Iterator<Item = K> {
        self.0.iter().map(|(_, order)| order.key.clone())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of which nothing good is said have failed.
    pub(super) fn finish<E>(
        self,
        results: impl IntoIterator<Item = Result<V, E>>,
        after: &mut Aftermath<'c, K, V, S>,
    ) {
        for ((lead, order), result) in self.0.into_iter().zip(results) {
            if let Ok(value) = result {
                lead.finish_order(order, value, after);
            }
        }
    }
}
