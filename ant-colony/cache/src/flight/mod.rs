//! Single flight: one loader at a time for a key, and who waits for it. The states are under the
//! shard's lock, but for the flight that most often is the only one, which begins without it
//! (`claim.rs`).
//!
//! 1. Who finds neither a value nor a flight begins one and *leads* it.
//! 2. Who finds a flight that is led waits: it is counted, and listens from before the lock is
//!    released, so that it misses nothing.
//! 3. The leader has loaded: it ends the flight and adds the entry in the same critical section, so that
//!    there is no moment without both; then it hands the value to those who wait.
//! 4. The leader fails, panics or is cancelled: if nobody waits, the flight is taken out; else it is
//!    led by nobody, and one of those who wait is woken to lead it, once the lock is released. Whoever
//!    comes first leads it.
//! 5. Who stops waiting is counted off. The last one of a flight that nobody leads takes it out. If
//!    there are others, it wakes one, since it may be the one that step 4 woke.
//! 6. A write or removal of the key *detaches* its flight: nobody joins it any more and its value is
//!    not kept, because it may be older than the write.
//! 7. Comparisons of keys may panic at any step. A leader that did not get to its end then does step 4
//!    once the lock is released; a write leaves the word of `claim.rs` closed, and the next flight, or
//!    the next write, opens it again.

mod claim;

use std::borrow::Borrow;
use std::sync::{Arc, OnceLock};

use hashbrown::HashTable;

pub(crate) use self::claim::Claim;
use crate::sync::{Event, EventListener};

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
    /// [`Self::CLAIM`], or of the table.
    number: u64,
    hash: usize,
}

impl Ticket {
    const CLAIM: u64 = 0;

    /// Begins a flight without the lock, if it may.
    #[inline]
    pub(crate) fn claim(claim: &Claim, hash: usize) -> Option<Self> {
        let number = Self::CLAIM;
        claim.begin(hash).then_some(Self { number, hash })
    }

    pub(crate) const fn hash(self) -> usize {
        self.hash
    }

    const fn is_claim(self) -> bool {
        self.number == Self::CLAIM
    }
}

/// Who leads a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leader {
    Nobody,
    /// Who has claimed the word, unless that is for another key with the same hash.
    Claimant,
    /// Who has the ticket.
    Holder,
}

/// A flight that others may wait for.
struct Pending<K, V> {
    ticket: Ticket,
    key: K,
    leader: Leader,
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

/// Who is to be told that flights are over, or that nobody leads them: mostly nobody. Wakers are code of
/// the user, and so are drops of keys: no lock may be held when this is dropped. Those who wait are
/// woken, whatever panics.
pub(crate) struct Landing<K, V>(Option<Box<Told<K, V>>>);

struct Told<K, V> {
    /// Who waits for the value of who has loaded.
    waiting: Option<Arc<Flight<V>>>,
    left: Vec<Left<K, V>>,
}

enum Left<K, V> {
    /// Taken out of the table, with its key.
    Ended(Option<Arc<Flight<V>>>, K),
    /// Others wait, and nobody leads.
    Unled(Arc<Flight<V>>),
}

impl<K, V> Landing<K, V> {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    fn told(&mut self) -> &mut Told<K, V> {
        self.0.get_or_insert_with(|| {
            Box::new(Told {
                waiting: None,
                left: Vec::new(),
            })
        })
    }

    /// Whether somebody has waited for the value of who has loaded.
    pub(crate) fn is_awaited(&self) -> bool {
        (self.0.as_ref()).is_some_and(|told| told.waiting.is_some())
    }

    /// Hands the value out.
    #[inline(always)]
    pub(crate) fn land(self, value: &V)
    where
        V: Clone,
    {
        let waiting = self.0.as_ref().and_then(|told| told.waiting.as_ref());
        if let Some(flight) = waiting {
            flight.land(Some(value.clone()));
        }
    }
}

impl<K, V> Drop for Landing<K, V> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            told.wake();
        }
    }
}

impl<K, V> Told<K, V> {
    #[cold]
    fn wake(&self) {
        for left in &self.left {
            match left {
                Left::Ended(Some(flight), _) => flight.land(None),
                Left::Ended(None, _) => {}
                Left::Unled(flight) => {
                    flight.landed.notify_additional(1);
                }
            }
        }
    }
}

/// The flights of a shard that were not begun by claiming the word, and those who wait for the one that
/// was; by the hashes of their keys.
pub(crate) struct Flights<K, V> {
    pending: HashTable<Pending<K, V>>,
    begun: u64,
}

impl<K, V> Flights<K, V> {
    pub(crate) const fn new() -> Self {
        Self {
            pending: HashTable::new(),
            begun: Ticket::CLAIM,
        }
    }

    /// Leads or joins the flight of `key`. (`key` itself is given up only if it was not known.)
    pub(crate) fn join(
        &mut self,
        claim: &Claim,
        hash: usize,
        key: &mut Option<K>,
    ) -> Option<Joined<V>>
    where
        K: Eq,
    {
        let wanted = key.as_ref()?;
        let seen = claim.close();
        if self.find(hash, wanted).is_none() {
            let claimed = seen.is_loading(hash);
            let ticket = self.add(hash, key.take()?, claimed);
            if !claimed {
                return Some(Joined::Lead(ticket));
            }
            return self.named(ticket).map(Pending::wait);
        }
        let pending = self.find(hash, wanted)?;
        if pending.leader == Leader::Nobody {
            pending.leader = Leader::Holder;
            return Some(Joined::Lead(pending.ticket));
        }
        Some(pending.wait())
    }

    fn add(&mut self, hash: usize, key: K, claimed: bool) -> Ticket {
        self.begun += 1;
        let number = self.begun;
        let pending = Pending {
            ticket: Ticket { number, hash },
            key,
            leader: match claimed {
                true => Leader::Claimant,
                false => Leader::Holder,
            },
            detached: false,
            waiting: 0,
            flight: None,
        };
        let hash_of = |pending: &Pending<K, V>| pending.ticket.hash as u64;
        self.pending.insert_unique(hash as u64, pending, hash_of);
        Ticket { number, hash }
    }

    /// `key` is going to be written or removed. To be followed by [`open`](Self::open).
    pub(crate) fn detach<Q>(&mut self, claim: &Claim, hash: usize, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        claim.detach(Some(hash));
        if let Some(pending) = self.find(hash, key) {
            pending.detached = true;
        }
    }

    /// Any key may be removed from now on.
    pub(crate) fn detach_all(&mut self, claim: &Claim) {
        claim.detach(None);
        for pending in &mut self.pending {
            pending.detached = true;
        }
        self.open(claim);
    }

    /// Whatever was to be written is. (If it is not opened because something has panicked, the next
    /// one does it.)
    #[inline]
    pub(crate) fn open(&self, claim: &Claim) {
        if self.pending.is_empty() {
            claim.open();
        }
    }

    /// The leader has loaded; true if its value is to be kept. Then comes [`settle`](Self::settle).
    #[inline]
    pub(crate) fn end(
        &mut self,
        claim: &Claim,
        ticket: Ticket,
        key: &K,
        landing: &mut Landing<K, V>,
    ) -> bool
    where
        K: Eq,
    {
        ticket.is_claim() && claim.is_alone() || self.end_joined(claim, ticket, key, landing)
    }

    #[cold]
    fn end_joined(
        &mut self,
        claim: &Claim,
        ticket: Ticket,
        key: &K,
        landing: &mut Landing<K, V>,
    ) -> bool
    where
        K: Eq,
    {
        let is_claim = ticket.is_claim();
        let ended = self.take(ticket.hash, |it| match it.leader {
            Leader::Claimant => is_claim && it.key == *key,
            _ => it.ticket == ticket,
        });
        let attached = ended.as_ref().is_some_and(|it| !it.detached);
        if let Some(ended) = ended {
            let told = landing.told();
            told.waiting.clone_from(&ended.flight);
            told.left.push(ended.left());
        }
        match is_claim {
            true => claim.is_attached(),
            false => attached,
        }
    }

    /// The leader's flight is over: others may lead now.
    #[inline]
    pub(crate) fn settle(&mut self, claim: &Claim, ticket: Ticket, landing: &mut Landing<K, V>) {
        if !self.pending.is_empty() {
            return self.settle_joined(claim, ticket, landing);
        }
        if ticket.is_claim() {
            return claim.clear();
        }
        claim.open();
    }

    #[cold]
    fn settle_joined(&mut self, claim: &Claim, ticket: Ticket, landing: &mut Landing<K, V>) {
        if !ticket.is_claim() {
            return;
        }
        // Who still waits for the claimant waits for another key, or in vain.
        let mut unled = Vec::new();
        for pending in &mut self.pending {
            if pending.leader == Leader::Claimant {
                pending.leader = Leader::Nobody;
                unled.push(pending.ticket);
            }
        }
        for ticket in unled {
            self.look_after(ticket, landing);
        }
        claim.end();
        self.open(claim);
    }

    /// The leader has nothing.
    pub(crate) fn abandon(&mut self, claim: &Claim, ticket: Ticket, landing: &mut Landing<K, V>) {
        if let Some(pending) = self.named(ticket) {
            pending.leader = Leader::Nobody;
            self.look_after(ticket, landing);
        }
        self.settle(claim, ticket, landing);
    }

    /// One waits no longer.
    pub(crate) fn leave(&mut self, claim: &Claim, ticket: Ticket, landing: &mut Landing<K, V>) {
        if let Some(pending) = self.named(ticket) {
            pending.waiting -= 1;
            self.look_after(ticket, landing);
            self.open(claim);
        }
    }

    /// If nobody leads a flight, one of those who wait is woken; or it is over.
    fn look_after(&mut self, ticket: Ticket, landing: &mut Landing<K, V>) {
        let unled = |it: &Pending<K, V>| it.ticket == ticket && it.leader == Leader::Nobody;
        let over = |it: &Pending<K, V>| it.detached || it.waiting == 0;
        if let Some(ended) = self.take(ticket.hash, |it| unled(it) && over(it)) {
            landing.told().left.push(ended.left());
        } else if let Some(pending) = self.pending.find(ticket.hash as u64, unled) {
            let flight = pending.flight.clone();
            landing.told().left.extend(flight.map(Left::Unled));
        }
    }

    fn take(&mut self, hash: usize, is: impl Fn(&Pending<K, V>) -> bool) -> Option<Pending<K, V>> {
        let found = self.pending.find_entry(hash as u64, is).ok()?;
        Some(found.remove().0)
    }

    fn find<Q>(&mut self, hash: usize, key: &Q) -> Option<&mut Pending<K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.pending.find_mut(hash as u64, |pending| {
            pending.ticket.hash == hash && !pending.detached && pending.key.borrow() == key
        })
    }

    fn named(&mut self, ticket: Ticket) -> Option<&mut Pending<K, V>> {
        (self.pending).find_mut(ticket.hash as u64, |pending| pending.ticket == ticket)
    }
}

impl<K, V> Pending<K, V> {
    fn left(self) -> Left<K, V> {
        Left::Ended(self.flight, self.key)
    }

    /// One more waits.
    fn wait(&mut self) -> Joined<V> {
        self.waiting += 1;
        let new = || {
            Arc::new(Flight {
                landed: Event::new(),
                value: OnceLock::new(),
            })
        };
        let flight = Arc::clone(self.flight.get_or_insert_with(new));
        let listener = flight.landed.listen();
        Joined::Wait(self.ticket, flight, listener)
    }
}

#[cfg(test)]
impl<K, V> Flights<K, V> {
    /// How many wait in all.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.iter().map(|pending| pending.waiting).sum()
    }

    pub(crate) fn is_empty(&self, claim: &Claim) -> bool {
        self.pending.is_empty() && claim.is_free()
    }
}
