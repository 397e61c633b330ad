//! Single flight: one loader at a time for a key, and who waits for it. The states are under the
//! shard's lock.
//!
//! 1. Who finds neither a value nor a flight begins one and *leads* it.
//! 2. Who finds a flight that is led waits: it is counted, and listens from before the lock is
//!    released, so that it misses nothing.
//! 3. The leader has loaded: it takes the flight off the list and adds the entry in the same critical
//!    section, so that there is no moment without both; then it hands the value to those who wait.
//! 4. The leader fails, panics or is cancelled: if nobody waits, the flight is taken off; else it is
//!    led by nobody, and one of those who wait is woken to lead it. Whoever comes first leads it.
//! 5. Who stops waiting is counted off. The last one of a flight that nobody leads takes it off. If
//!    there are others, it wakes one, since it may be the one that step 4 woke.
//! 6. A write or removal of the key *detaches* its flight: nobody joins it any more and its value is
//!    not kept, because it may be older than the write.

use std::borrow::Borrow;
use std::sync::{Arc, OnceLock};

use event_listener::{Event, EventListener};

/// Those who wait for a value.
pub(crate) struct Flight<V> {
    landed: Event,
    value: OnceLock<V>,
}

impl<V> Flight<V> {
    /// The value, if the leader had one.
    pub(crate) fn value(&self) -> Option<&V> {
        self.value.get()
    }

    /// Wakes all; first gives them the value, if there is one.
    pub(crate) fn land(&self, value: Option<V>) {
        if let Some(value) = value {
            // Only the leader of the last try has one.
            let _ = self.value.set(value);
        }
        self.landed.notify(usize::MAX);
    }
}

/// Names a flight of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

struct Pending<K, V> {
    ticket: Ticket,
    hash: usize,
    key: K,
    led: bool,
    detached: bool,
    waiting: usize,
    /// Made by the first who waits.
    flight: Option<Arc<Flight<V>>>,
}

/// What to do about a key that is not in the cache.
pub(crate) enum Joined<V> {
    Lead(Ticket),
    Wait(Ticket, Arc<Flight<V>>, EventListener),
}

/// A flight that was taken off the list; to be dropped when the lock is released.
pub(crate) struct Ended<K, V> {
    pub(crate) flight: Option<Arc<Flight<V>>>,
    /// False if its value must not be kept.
    pub(crate) attached: bool,
    _key: K,
}

/// The flights of a shard. There are as many as loaders run, so a list will do.
pub(crate) struct Flights<K, V> {
    pending: Vec<Pending<K, V>>,
    begun: u64,
}

impl<K, V> Flights<K, V> {
    pub(crate) const fn new() -> Self {
        Self {
            pending: Vec::new(),
            begun: 0,
        }
    }

    /// Leads or joins the flight of `key`. (`key` itself is given up only if a flight begins.)
    pub(crate) fn join(&mut self, hash: usize, key: &mut Option<K>) -> Option<Joined<V>>
    where
        K: Eq,
    {
        let wanted = key.as_ref()?;
        let Some(pending) = self.find(hash, wanted) else {
            self.begun += 1;
            let ticket = Ticket(self.begun);
            self.pending.push(Pending {
                ticket,
                hash,
                key: key.take()?,
                led: true,
                detached: false,
                waiting: 0,
                flight: None,
            });
            return Some(Joined::Lead(ticket));
        };
        if !pending.led {
            pending.led = true;
            return Some(Joined::Lead(pending.ticket));
        }
        pending.waiting += 1;
        let new = || {
            Arc::new(Flight {
                landed: Event::new(),
                value: OnceLock::new(),
            })
        };
        let flight = Arc::clone(pending.flight.get_or_insert_with(new));
        let listener = flight.landed.listen();
        Some(Joined::Wait(pending.ticket, flight, listener))
    }

    /// `key` is written or removed.
    pub(crate) fn detach<Q>(&mut self, hash: usize, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        if let Some(pending) = self.find(hash, key) {
            pending.detached = true;
        }
    }

    /// Any key may be removed.
    pub(crate) fn detach_all(&mut self) {
        for pending in &mut self.pending {
            pending.detached = true;
        }
    }

    /// The leader has loaded.
    pub(crate) fn end(&mut self, ticket: Ticket) -> Option<Ended<K, V>> {
        let at = self.position(ticket)?;
        let pending = self.pending.swap_remove(at);
        Some(Ended {
            flight: pending.flight,
            attached: !pending.detached,
            _key: pending.key,
        })
    }

    /// The leader has nothing.
    pub(crate) fn abandon(&mut self, ticket: Ticket) -> Option<Ended<K, V>> {
        let at = self.position(ticket)?;
        let pending = &mut self.pending[at];
        if pending.detached || pending.waiting == 0 {
            return self.end(ticket);
        }
        pending.led = false;
        pending.wake_one();
        None
    }

    /// One waits no longer.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Ended<K, V>> {
        let at = self.position(ticket)?;
        let pending = &mut self.pending[at];
        pending.waiting -= 1;
        if pending.led {
            return None;
        }
        if pending.waiting == 0 {
            return self.end(ticket);
        }
        pending.wake_one();
        None
    }

    fn find<Q>(&mut self, hash: usize, key: &Q) -> Option<&mut Pending<K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.pending.iter_mut().find(|pending| {
            pending.hash == hash && !pending.detached && pending.key.borrow() == key
        })
    }

    fn position(&self, ticket: Ticket) -> Option<usize> {
        self.pending.iter().position(|p| p.ticket == ticket)
    }
}

impl<K, V> Pending<K, V> {
    fn wake_one(&self) {
        if let Some(flight) = &self.flight {
            flight.landed.notify_additional(1);
        }
    }
}
