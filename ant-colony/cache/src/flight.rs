//! Single flight: one loader at a time for a key, and who waits for it. The states are under the
//! shard's lock.
//!
//! 1. Who finds neither a value nor a flight begins one and *leads* it.
//! 2. Who finds a flight that is led waits: it is counted, and listens from before the lock is
//!    released, so that it misses nothing.
//! 3. The leader has loaded: it takes the flight out of the table and adds the entry in the same critical
//!    section, so that there is no moment without both; then it hands the value to those who wait.
//! 4. The leader fails, panics or is cancelled: if nobody waits, the flight is taken out; else it is
//!    led by nobody, and one of those who wait is woken to lead it, once the lock is released. Whoever
//!    comes first leads it.
//! 5. Who stops waiting is counted off. The last one of a flight that nobody leads takes it out. If
//!    there are others, it wakes one, since it may be the one that step 4 woke.
//! 6. A write or removal of the key *detaches* its flight: nobody joins it any more and its value is
//!    not kept, because it may be older than the write.

use std::borrow::Borrow;
use std::sync::{Arc, OnceLock};

use event_listener::{Event, EventListener};
use hashbrown::HashTable;

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
pub(crate) struct Ticket {
    number: u64,
    hash: usize,
}

struct Pending<K, V> {
    ticket: Ticket,
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

/// A flight that was taken out of the table; to be dropped when the lock is released.
pub(crate) struct Ended<K, V> {
    pub(crate) flight: Option<Arc<Flight<V>>>,
    /// False if its value must not be kept.
    pub(crate) attached: bool,
    _key: K,
}

/// What one leaves behind who led or waited. Wakers are code of the user: no lock may be held now.
#[must_use = "somebody may have to be woken"]
pub(crate) enum Left<K, V> {
    Ended(Ended<K, V>),
    /// Others wait, and nobody leads.
    Unled(Arc<Flight<V>>),
}

impl<K, V> Left<K, V> {
    /// Wakes those who have to know.
    pub(crate) fn wake(self) {
        match self {
            Self::Ended(ended) => {
                if let Some(flight) = ended.flight {
                    flight.land(None);
                }
            }
            Self::Unled(flight) => {
                flight.landed.notify_additional(1);
            }
        }
    }
}

/// The flights of a shard. Mostly there is one at a time, which needs no table; of the others, by the
/// hashes of their keys.
pub(crate) struct Flights<K, V> {
    one: Option<Pending<K, V>>,
    others: HashTable<Pending<K, V>>,
    begun: u64,
}

impl<K, V> Flights<K, V> {
    pub(crate) const fn new() -> Self {
        Self {
            one: None,
            others: HashTable::new(),
            begun: 0,
        }
    }

    /// Leads or joins the flight of `key`. (`key` itself is given up only if a flight begins.)
    #[inline]
    pub(crate) fn join(&mut self, hash: usize, key: &mut Option<K>) -> Option<Joined<V>>
    where
        K: Eq,
    {
        let wanted = key.as_ref()?;
        let Some(pending) = self.find(hash, wanted) else {
            self.begun += 1;
            let ticket = Ticket {
                number: self.begun,
                hash,
            };
            let pending = Pending {
                ticket,
                key: key.take()?,
                led: true,
                detached: false,
                waiting: 0,
                flight: None,
            };
            if self.one.is_none() {
                self.one = Some(pending);
            } else {
                (self.others).insert_unique(hash as u64, pending, Pending::table_hash);
            }
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
        for pending in self.one.iter_mut().chain(&mut self.others) {
            pending.detached = true;
        }
    }

    /// The leader has loaded.
    #[inline]
    pub(crate) fn end(&mut self, ticket: Ticket) -> Option<Ended<K, V>> {
        let is = |pending: &Pending<K, V>| pending.ticket == ticket;
        let pending = match self.one.take_if(|pending| is(pending)) {
            Some(pending) => pending,
            None => {
                let found = self.others.find_entry(ticket.hash as u64, is).ok()?;
                found.remove().0
            }
        };
        Some(Ended {
            flight: pending.flight,
            attached: !pending.detached,
            _key: pending.key,
        })
    }

    /// The leader has nothing.
    pub(crate) fn abandon(&mut self, ticket: Ticket) -> Option<Left<K, V>> {
        let pending = self.named(ticket)?;
        if pending.detached || pending.waiting == 0 {
            return self.end(ticket).map(Left::Ended);
        }
        pending.led = false;
        pending.flight.clone().map(Left::Unled)
    }

    /// One waits no longer.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Left<K, V>> {
        let pending = self.named(ticket)?;
        pending.waiting -= 1;
        if pending.led {
            return None;
        }
        if pending.waiting == 0 {
            return self.end(ticket).map(Left::Ended);
        }
        pending.flight.clone().map(Left::Unled)
    }

    fn find<Q>(&mut self, hash: usize, key: &Q) -> Option<&mut Pending<K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.find_by(hash, |pending| {
            pending.ticket.hash == hash && !pending.detached && pending.key.borrow() == key
        })
    }

    fn named(&mut self, ticket: Ticket) -> Option<&mut Pending<K, V>> {
        self.find_by(ticket.hash, |pending| pending.ticket == ticket)
    }

    #[inline]
    fn find_by(
        &mut self,
        hash: usize,
        is: impl Fn(&Pending<K, V>) -> bool,
    ) -> Option<&mut Pending<K, V>> {
        let one = self.one.as_mut().filter(|pending| is(pending));
        if one.is_some() || self.others.is_empty() {
            return one;
        }
        self.others.find_mut(hash as u64, is)
    }
}

#[cfg(test)]
impl<K, V> Flights<K, V> {
    /// How many wait in all.
    pub(crate) fn waiting(&self) -> usize {
        let all = self.one.iter().chain(&self.others);
        all.map(|pending| pending.waiting).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.one.is_none() && self.others.is_empty()
    }
}

impl<K, V> Pending<K, V> {
    fn table_hash(&self) -> u64 {
        self.ticket.hash as u64
    }
}
