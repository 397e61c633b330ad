//! Values that are loaded when they are missing: once, whoever waits, in threads and in tasks.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use event_listener::{EventListener, Listener as _};

use crate::cache::Cache;
use crate::departure::Departed;
use crate::flight::{Flight, Joined, Ticket};

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// A clone of the value of `key`; if there is none, of the one that `load` returns, which is then
    /// kept, unless it is too heavy or `key` is written or removed meanwhile.
    ///
    /// Of all who ask for a key at the same time, in threads or tasks, one loads; the others wait
    /// for its value. If its `load` panics, the next one loads. `load` may use the cache, but must not
    /// ask for the same key: it would wait for itself.
    #[inline]
    pub fn get_or_insert_with(&self, key: K, load: impl FnOnce() -> V) -> V {
        let hash = self.hash(&key);
        match self.look_and_count(hash, &key) {
            Some(value) => value,
            None => self.load(hash, key, load),
        }
    }

    /// As [`get_or_insert_with`](Cache::get_or_insert_with), with a loader that is a future and may
    /// fail. It needs no particular runtime.
    ///
    /// # Errors
    /// Those of this caller's own `load`. If another one's fails, this one loads.
    ///
    /// # Cancel safety
    /// Dropping the future drops the loader, if it is the one that runs; then the next one who waits
    /// loads.
    pub async fn get_or_try_insert_with<E, F>(
        &self,
        key: K,
        load: impl FnOnce() -> F,
    ) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let hash = self.hash(&key);
        if let Some(value) = self.look_and_count(hash, &key) {
            return Ok(value);
        }
        let mut waiter: Option<Waiter<'_, K, V, S>> = None;
        loop {
            match self.ask(hash, &key) {
                Asked::Value(value) => return Ok(value),
                Asked::Again => {}
                Asked::Lead(lead) => {
                    drop(waiter);
                    let value = load().await?;
                    return Ok(lead.finish(key, value));
                }
                Asked::Wait(next) => {
                    if let Some(value) = waiter.insert(next).landed().await {
                        return Ok(value);
                    }
                }
            }
        }
    }

    #[inline]
    fn look_and_count(&self, hash: usize, key: &K) -> Option<V> {
        let found = self.look(hash, key, V::clone);
        self.count_read(found.is_some());
        found
    }

    /// The value was not there a moment ago.
    #[inline(never)]
    fn load(&self, hash: usize, key: K, load: impl FnOnce() -> V) -> V {
        match self.ask(hash, &key) {
            Asked::Lead(lead) => {
                let value = load();
                lead.finish(key, value)
            }
            asked => self.load_unless(asked, hash, key, load),
        }
    }

    /// It may be there, or another one loads it.
    #[cold]
    fn load_unless<'c>(
        &'c self,
        mut asked: Asked<'c, K, V, S>,
        hash: usize,
        key: K,
        load: impl FnOnce() -> V,
    ) -> V {
        let mut waiter: Option<Waiter<'c, K, V, S>> = None;
        loop {
            match asked {
                Asked::Value(value) => return value,
                Asked::Again => {}
                Asked::Lead(lead) => {
                    drop(waiter);
                    let value = load();
                    return lead.finish(key, value);
                }
                Asked::Wait(next) => {
                    if let Some(value) = waiter.insert(next).wait() {
                        return value;
                    }
                }
            }
            asked = self.ask(hash, &key);
        }
    }

    /// Leads or joins the flight of `key`, unless its value has come meanwhile.
    #[inline]
    pub(crate) fn ask(&self, hash: usize, key: &K) -> Asked<'_, K, V, S> {
        let mut spare = Some(key.clone());
        let now = self.now();
        let shard = self.shard(hash);
        let mut state = shard.lock();
        let known = state.entries.find(hash, |known, _| known == key);
        let has_come = known.is_some_and(|slot| !self.is_due(shard, slot, now));
        let joined = (!has_come).then(|| state.flights.join(hash, &mut spare));
        let absent_at = known.is_none().then_some(state.insertions);
        drop(state);
        match joined.flatten() {
            None => match self.look(hash, key, V::clone) {
                Some(value) => Asked::Value(value),
                None => Asked::Again,
            },
            Some(Joined::Lead(ticket)) => Asked::Lead(Lead {
                cache: self,
                hash,
                ticket: Some(ticket),
                absent_at,
            }),
            Some(Joined::Wait(ticket, flight, listener)) => Asked::Wait(Waiter {
                cache: self,
                hash,
                ticket,
                flight,
                listener: Some(listener),
            }),
        }
    }
}

pub(crate) enum Asked<'c, K: Hash + Eq, V, S> {
    Value(V),
    /// It has come meanwhile and left again.
    Again,
    Lead(Lead<'c, K, V, S>),
    Wait(Waiter<'c, K, V, S>),
}

/// The duty to load. Dropped, it passes on.
pub(crate) struct Lead<'c, K: Hash + Eq, V, S> {
    pub(crate) cache: &'c Cache<K, V, S>,
    pub(crate) hash: usize,
    /// None when it is done.
    pub(crate) ticket: Option<Ticket>,
    /// How many insertions the shard had seen when the key was found missing; none if it had expired.
    absent_at: Option<u64>,
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Lead<'_, K, V, S> {
    /// Keeps the value and hands it to those who wait.
    #[inline]
    pub(crate) fn finish(self, key: K, value: V) -> V {
        let cache = self.cache;
        let mut departed = cache.departed(cache.shard(self.hash));
        self.finish_before(&mut departed, key, value)
    }

    /// The same before it is told what has left.
    #[inline(always)]
    pub(crate) fn finish_before(
        mut self,
        departed: &mut Departed<'_, K, V>,
        key: K,
        value: V,
    ) -> V {
        let cache = self.cache;
        let mut weighed = cache.weigh(self.hash, &key, value.clone()).ok();
        let now = cache.now();
        let shard = cache.shard(self.hash);
        let mut landing = Landing(None);
        // Out here, for its drop, and that of a value that is not kept, may use the cache.
        let mut ended;
        {
            let mut state = shard.lock();
            ended = self.ticket.take().and_then(|t| state.flights.end(t));
            let attached = ended.as_ref().is_some_and(|ended| ended.attached);
            landing.0 = ended.as_mut().and_then(|ended| ended.flight.take());
            if attached && let Some(weighed) = weighed.take() {
                let (hash, state) = (self.hash, &mut *state);
                if self.absent_at == Some(state.insertions) {
                    cache.place_new(shard, state, hash, key, weighed, now, departed);
                } else {
                    cache.place(shard, state, hash, key, weighed, now, departed);
                }
                departed.collect(state);
            }
        }
        landing.land(&value);
        value
    }
}

impl<K: Hash + Eq, V, S> Drop for Lead<'_, K, V, S> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let shard = self.cache.shard(self.hash);
        let left = shard.lock().flights.abandon(ticket);
        if let Some(left) = left {
            left.wake();
        }
    }
}

/// Those who wait are woken, whatever panics.
pub(crate) struct Landing<V>(pub(crate) Option<Arc<Flight<V>>>);

impl<V: Clone> Landing<V> {
    pub(crate) fn land(mut self, value: &V) {
        if let Some(flight) = &self.0 {
            flight.land(Some(value.clone()));
            self.0 = None;
        }
    }
}

impl<V> Drop for Landing<V> {
    fn drop(&mut self) {
        if let Some(flight) = &self.0 {
            flight.land(None);
        }
    }
}

/// A place among those who wait.
pub(crate) struct Waiter<'c, K: Hash + Eq, V, S> {
    cache: &'c Cache<K, V, S>,
    hash: usize,
    ticket: Ticket,
    flight: Arc<Flight<V>>,
    listener: Option<EventListener>,
}

impl<K: Hash + Eq, V: Clone, S> Waiter<'_, K, V, S> {
    /// Blocks the thread until the flight has landed; none if it has no value.
    pub(crate) fn wait(&mut self) -> Option<V> {
        if let Some(listener) = self.listener.take() {
            listener.wait();
        }
        self.flight.value().cloned()
    }

    /// The same for a task.
    pub(crate) async fn landed(&mut self) -> Option<V> {
        if let Some(listener) = self.listener.take() {
            listener.await;
        }
        self.flight.value().cloned()
    }
}

impl<K: Hash + Eq, V, S> Drop for Waiter<'_, K, V, S> {
    fn drop(&mut self) {
        // First: if it was woken, `leave` wakes another one instead.
        self.listener = None;
        let shard = self.cache.shard(self.hash);
        let left = shard.lock().flights.leave(self.ticket);
        if let Some(left) = left {
            left.wake();
        }
    }
}

#[cfg(test)]
mod tests;
