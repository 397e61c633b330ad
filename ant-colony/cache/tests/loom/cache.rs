//! A shard with two keys, of which each step of `load.rs` and `write.rs` that concerns flights is here.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::panicking;

use loom::sync::{Mutex, MutexGuard};

use crate::flight::{Claim, Flight, Flights, Joined, Landing, Ticket};
use crate::sync::{AtomicUsize, EventListener};

type Key = usize;
/// 0 is none.
type Value = usize;

pub(crate) const KEY: Key = 0;
pub(crate) const OTHER: Key = 1;

pub(crate) struct Cache {
    hashes: [usize; 2],
    claim: Claim,
    flights: Mutex<Flights<Key, Value>>,
    /// What is found without the lock. That these are relaxed leaves all order to the flights.
    entries: [AtomicUsize; 2],
    /// Whatever it is that loaders read; it is changed before the cache is told.
    pub(crate) source: AtomicUsize,
}

impl Cache {
    pub(crate) fn new(hashes: [usize; 2]) -> Self {
        Self {
            hashes,
            claim: Claim::default(),
            flights: Mutex::new(Flights::new()),
            entries: Default::default(),
            source: AtomicUsize::default(),
        }
    }

    pub(crate) fn entry(&self, key: Key) -> Value {
        self.entries[key].load(Relaxed)
    }

    /// Everybody is done: the next one begins without the lock.
    pub(crate) fn check_is_idle(&self) {
        let lead = self.claim(KEY).expect("nobody loads or waits");
        drop(lead);
    }

    fn lock(&self) -> MutexGuard<'_, Flights<Key, Value>> {
        self.flights.lock().unwrap()
    }

    /// As `insert`; or as `remove`, if the value is 0.
    pub(crate) fn write(&self, key: Key, value: Value) {
        let mut flights = self.lock();
        flights.detach(&self.claim, self.hashes[key], &key);
        self.entries[key].store(value, Relaxed);
        flights.open(&self.claim);
    }

    /// Removes all entries.
    pub(crate) fn clear(&self) {
        self.lock().detach_all(&self.claim);
        for entry in &self.entries {
            let _held = self.lock();
            entry.store(0, Relaxed);
        }
    }

    /// As `get_or_insert_with` if the key was not there a moment ago. A loader without a value has
    /// panicked, or was cancelled.
    pub(crate) fn load(&self, key: Key, load: impl FnOnce() -> Option<Value>) -> Option<Value> {
        let mut waiter = None;
        loop {
            match self.ask(key) {
                Asked::Value(value) => return Some(value),
                Asked::Lead(lead) => {
                    drop(waiter);
                    return Some(lead.finish(load()?));
                }
                Asked::Wait(next) => {
                    if let Some(value) = waiter.insert(next).wait() {
                        return Some(value);
                    }
                }
            }
        }
    }

    pub(crate) fn ask(&self, key: Key) -> Asked<'_> {
        let Some(lead) = self.claim(key) else {
            return self.ask_locked(key);
        };
        match lead.is_absent {
            true => Asked::Lead(lead),
            false => Asked::Value(self.entry(key)),
        }
    }

    pub(crate) fn claim(&self, key: Key) -> Option<Lead<'_>> {
        let ticket = Ticket::claim(&self.claim, self.hashes[key])?;
        let mut lead = Lead {
            cache: self,
            key,
            ticket,
            is_absent: false,
        };
        lead.is_absent = self.entry(key) == 0;
        Some(lead)
    }

    fn ask_locked(&self, key: Key) -> Asked<'_> {
        let mut flights = self.lock();
        let found = self.entry(key);
        if found != 0 {
            return Asked::Value(found);
        }
        let joined = flights.join(&self.claim, self.hashes[key], &mut Some(key));
        match joined.expect("there was a key") {
            Joined::Lead(ticket) => Asked::Lead(Lead {
                cache: self,
                key,
                ticket,
                is_absent: true,
            }),
            Joined::Wait(ticket, flight, listener) => Asked::Wait(Waiter {
                cache: self,
                ticket,
                flight,
                listener: Some(listener),
            }),
        }
    }
}

pub(crate) enum Asked<'c> {
    Value(Value),
    Lead(Lead<'c>),
    Wait(Waiter<'c>),
}

pub(crate) struct Lead<'c> {
    cache: &'c Cache,
    key: Key,
    ticket: Ticket,
    is_absent: bool,
}

impl Lead<'_> {
    pub(crate) fn finish(self, value: Value) -> Value {
        let Self {
            cache, key, ticket, ..
        } = self;
        let mut landing = Landing::new();
        let mut flights = cache.lock();
        if flights.end(&cache.claim, ticket, &key, &mut landing) {
            let before = cache.entry(key);
            assert!(!self.is_absent || before == 0, "there are two entries");
            cache.entries[key].store(value, Relaxed);
        }
        flights.settle(&cache.claim, ticket, &mut landing);
        drop(flights);
        mem::forget(self);
        landing.land(&value);
        value
    }

    /// Panics under the lock, after the flight has ended.
    pub(crate) fn fail_to_finish(self) {
        let (cache, key) = (self.cache, self.key);
        let mut landing = Landing::new();
        cache
            .lock()
            .end(&cache.claim, self.ticket, &key, &mut landing);
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if panicking() {
            return; // The model has failed.
        }
        let mut landing = Landing::new();
        let mut flights = self.cache.lock();
        flights.abandon(&self.cache.claim, self.ticket, &mut landing);
        drop(flights);
    }
}

pub(crate) struct Waiter<'c> {
    cache: &'c Cache,
    ticket: Ticket,
    flight: Arc<Flight<Value>>,
    listener: Option<EventListener>,
}

impl Waiter<'_> {
    pub(crate) fn wait(&mut self) -> Option<Value> {
        if let Some(listener) = self.listener.take() {
            listener.wait();
        }
        self.flight.value().copied()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if panicking() {
            return; // The model has failed.
        }
        self.listener = None;
        let mut landing = Landing::new();
        let mut flights = self.cache.lock();
        flights.leave(&self.cache.claim, self.ticket, &mut landing);
        drop(flights);
    }
}
