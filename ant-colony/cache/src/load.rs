//! Values that are loaded when they are missing: once, whoever waits, in threads and in tasks.

use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::Arc;

use event_listener::{EventListener, Listener as _};

use crate::cache::Cache;
use crate::departure::Departed;
use crate::flight::{Flight, Joined, Landing, Ticket};
use crate::shard::Shard;

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// A clone of the value of `key`; if there is none, of the one that `load` returns, which is then
    /// kept, unless it is too heavy or `key` is written or removed meanwhile.
    ///
    /// Of all who ask for a key at the same time, in threads or tasks, one loads; the others wait
    /// for its value. If its `load` panics, the next one loads. `load` may use the cache, but must not
    /// ask for the same key, or for one whose hash is the same because `Hash` leaves out what makes them
    /// differ: it would wait for itself.
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

    #[inline(always)]
    fn look_and_count(&self, hash: usize, key: &K) -> Option<V> {
        let found = self.look(hash, key, V::clone);
        self.count_read(found.is_some());
        found
    }

    /// The value was not there a moment ago.
    #[inline(never)]
    fn load(&self, hash: usize, key: K, load: impl FnOnce() -> V) -> V {
        match self.claim(hash, &key) {
            Some(lead) if lead.is_absent => {
                let value = load();
                lead.finish(key, value)
            }
            claimed => self.load_unless(self.ask_again(claimed, hash, &key), hash, key, load),
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

    /// Begins a flight without the lock, if that may be, and looks whether the key is there.
    #[inline(always)]
    fn claim(&self, hash: usize, key: &K) -> Option<Lead<'_, K, V, S>> {
        let shard = self.shard(hash);
        let ticket = Ticket::claim(shard.claim(), hash)?;
        let mut lead = Lead {
            cache: self,
            shard,
            ticket,
            is_absent: false,
        };
        lead.is_absent = self.find(hash, key).is_none();
        Some(lead)
    }

    /// Leads or joins the flight of `key`, unless its value has come meanwhile.
    pub(crate) fn ask(&self, hash: usize, key: &K) -> Asked<'_, K, V, S> {
        let claimed = self.claim(hash, key);
        self.ask_again(claimed, hash, key)
    }

    /// The same if that was claimed which may be.
    #[cold]
    fn ask_again<'c>(
        &'c self,
        claimed: Option<Lead<'c, K, V, S>>,
        hash: usize,
        key: &K,
    ) -> Asked<'c, K, V, S> {
        let Some(lead) = claimed else {
            return self.ask_locked(hash, key);
        };
        if lead.is_absent {
            return Asked::Lead(lead);
        }
        match self.look(hash, key, V::clone) {
            Some(value) => Asked::Value(value),
            // Expired, or gone by now.
            None => Asked::Lead(lead),
        }
    }

    /// The same under the lock.
    fn ask_locked(&self, hash: usize, key: &K) -> Asked<'_, K, V, S> {
        let mut spare = Some(key.clone());
        let now = self.now();
        let shard = self.shard(hash);
        let mut state = shard.lock();
        let known = state.entries.find(hash, |known, _| known == key);
        let has_come = known.is_some_and(|slot| !self.is_due(shard, slot, now));
        let joined = (!has_come).then(|| state.flights.join(shard.claim(), hash, &mut spare));
        drop(state);
        match joined.flatten() {
            None => match self.look(hash, key, V::clone) {
                Some(value) => Asked::Value(value),
                None => Asked::Again,
            },
            Some(Joined::Lead(ticket)) => Asked::Lead(Lead {
                cache: self,
                shard,
                ticket,
                is_absent: known.is_none(),
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
    pub(crate) shard: &'c Shard<K, V>,
    pub(crate) ticket: Ticket,
    /// That nobody else has put the key in, if the flight has not been detached: it was not there, also
    /// not expired, when it began.
    is_absent: bool,
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Lead<'_, K, V, S> {
    /// Keeps the value and hands it to those who wait.
    #[inline(always)]
    pub(crate) fn finish(self, key: K, value: V) -> V {
        let mut departed = self.cache.departed(self.shard);
        self.finish_before(&mut departed, key, value)
    }

    /// The same before it is told what has left.
    #[inline(always)]
    pub(crate) fn finish_before(self, departed: &mut Departed<'_, K, V>, key: K, value: V) -> V {
        let Self {
            cache,
            shard,
            ticket,
            is_absent,
        } = self;
        let hash = ticket.hash();
        // Out here, for its drop, and that of a value that is not kept, may use the cache.
        let mut weighed = cache.weigh(shard, &key, value.clone()).ok();
        let now = cache.now();
        let mut landing = Landing::new();
        let mut state = shard.lock();
        let attached = (state.flights).end(shard.claim(), ticket, &key, &mut landing);
        if attached && let Some(weighed) = weighed.take() {
            let mut section = cache.section(shard, &mut state, now, departed);
            if is_absent {
                section.place_new(hash, key, weighed);
            } else {
                section.place(hash, key, weighed);
            }
            section.collect();
        }
        (state.flights).settle(shard.claim(), ticket, &mut landing);
        drop(state);
        mem::forget(self);
        landing.land(&value);
        value
    }
}

impl<K: Hash + Eq, V, S> Drop for Lead<'_, K, V, S> {
    #[inline]
    fn drop(&mut self) {
        self.shard.give_up(self.ticket);
    }
}

impl<K: Eq, V> Shard<K, V> {
    /// Who leads has nothing.
    #[cold]
    fn give_up(&self, ticket: Ticket) {
        let mut landing = Landing::new();
        (self.lock().flights).abandon(self.claim(), ticket, &mut landing);
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
        let mut landing = Landing::new();
        (shard.lock().flights).leave(shard.claim(), self.ticket, &mut landing);
    }
}

#[cfg(test)]
mod tests;
