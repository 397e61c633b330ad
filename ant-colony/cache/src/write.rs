//! Writing: what enters, what leaves for it, and what is removed.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ant_colony_policy::Frequency;

use crate::cache::Cache;
use crate::departure::{Cause, Departed};
use crate::entry::{Entry, Mark, Times};
use crate::expiry::Expiry;
use crate::shard::{Shard, State};
use crate::slots::{Id, Used};

/// An entry that weighs more than one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the entry weighs {weight}, but one may weigh at most {limit}: raise the bound on the weight, \
     or divide it among fewer shards"
)]
pub struct TooHeavy {
    /// What it weighs.
    pub weight: u64,
    /// What one may weigh: [`Cache::entry_weight_max`], or one more in some shards.
    pub limit: u64,
}

/// A value that can enter: what the user's functions say of it.
pub(crate) struct Weighed<V> {
    value: V,
    weight: u64,
    times: Times,
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Sets the value of `key`.
    ///
    /// # Errors
    /// If the entry is too heavy. Then the value before is removed all the same, since it is
    /// outdated.
    pub fn insert(&self, key: K, value: V) -> Result<(), TooHeavy> {
        let hash = self.index.hash(&key);
        let weighed = match self.weigh(hash, &key, value) {
            Ok(weighed) => weighed,
            Err(error) => {
                self.remove(&key);
                return Err(error);
            }
        };
        let mut departed = Departed::new();
        let now = self.now();
        {
            let shard = self.shard(hash);
            let mut state = shard.lock();
            state.flights.detach(hash, &key);
            self.place(shard, &mut state, hash, key, weighed, now, &mut departed);
        }
        self.announce(departed);
        Ok(())
    }

    /// Removes `key`; true if it had a value.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.remove_with(key, |_| ()).is_some()
    }

    /// Removes `key`, and then calls `f` with its value, if it had one.
    pub fn remove_with<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (hash, now) = (self.index.hash(key), self.now());
        let mut departed = Departed::new();
        let expired = {
            let shard = self.shard(hash);
            let mut state = shard.lock();
            state.flights.detach(hash, key);
            let is = |known: &K, _: &Entry<V>| known.borrow() == key;
            let seen = |_: &K, entry: &Entry<V>| (entry.id(), self.is_due(entry, now));
            let (id, expired) = self.index.find_with(hash, is, seen)?;
            let cause = if expired {
                Cause::Expired
            } else {
                Cause::Explicit
            };
            self.take(shard, &mut state, hash, id, cause, &mut departed);
            expired
        };
        // The listener hears of it also if `f` panics.
        let read = |value| catch_unwind(AssertUnwindSafe(|| f(value)));
        let result = (!expired).then(|| departed.first().map(read)).flatten();
        self.announce(departed);
        result.map(|read| read.unwrap_or_else(|panic| resume_unwind(panic)))
    }

    /// Asks the weigher and the lifetime of the user.
    pub(crate) fn weigh(&self, hash: usize, key: &K, value: V) -> Result<Weighed<V>, TooHeavy> {
        let weight = (self.weigher.as_ref()).map_or(0, |weigher| weigher(key, &value));
        let shard = self.shard(hash);
        let limit = shard.limits().weight;
        if weight > limit {
            shard.count_too_heavy();
            return Err(TooHeavy { weight, limit });
        }
        let times = |expiry: &Expiry<K, V>| expiry.times(key, &value);
        Ok(Weighed {
            weight,
            times: self.expiry.as_ref().map_or_else(Times::never, times),
            value,
        })
    }

    /// Puts an entry in, in place of the one of the same key, after room was made.
    #[expect(
        clippy::too_many_arguments,
        reason = "one critical section in two halves"
    )]
    pub(crate) fn place<'c>(
        &'c self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        hash: usize,
        key: K,
        new: Weighed<V>,
        now: u64,
        departed: &mut Departed<'c, K, V>,
    ) {
        // The only code of the user in here, and nothing has changed yet.
        let is = |known: &K, _: &Entry<V>| *known == key;
        let seen =
            |_: &K, entry: &Entry<V>| (entry.id(), entry.mark.get(), self.is_due(entry, now));
        let before = self.index.find_with(hash, is, seen);
        let whole = Used {
            count: 1,
            weight: new.weight,
        };
        let more = before.map_or(whole, |(id, ..)| Used {
            count: 0,
            weight: (new.weight).saturating_sub(state.eviction.slots().weight(id)),
        });
        self.sweep(shard, state, now, departed);
        self.make_room(shard, state, more, now, departed);
        let still = |id: &Id| state.eviction.slots().holds(*id);
        let before = before.filter(|(id, ..)| still(id));
        if before.is_none() {
            // It may have been the victim itself, or swept away: then its room counts no more.
            self.make_room(shard, state, whole, now, departed);
        }
        let (id, mark) = match before {
            Some((id, mark, _)) => (state.eviction.renew(id, new.weight), mark.hit()),
            None => (
                state.eviction.enter(hash as u64, new.weight),
                Frequency::ZERO,
            ),
        };
        shard.publish(state);
        state.insertions += 1;
        let entry = Entry {
            mark: Mark::new(id, mark),
            times: new.times,
            value: new.value,
        };
        let replaced = |_: &K, old: &Entry<V>| old.id().slot == id.slot && before.is_some();
        if let Some(old) = self.index.put(hash, replaced, key, entry) {
            let expired = before.is_some_and(|(_, _, expired)| expired);
            let cause = if expired {
                Cause::Expired
            } else {
                Cause::Replaced
            };
            state.departed[cause as usize] += 1;
            departed.push(old, cause);
        }
    }

    /// Lets entries go until there is room for so much more.
    fn make_room<'c>(
        &'c self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        more: Used,
        now: u64,
        departed: &mut Departed<'c, K, V>,
    ) {
        while let Some(limit) = shard.exceeded(state, more) {
            let mut cause = Cause::Capacity;
            let victim = state.eviction.victim(limit, |hash, id, judge| {
                let is = |_: &K, entry: &Entry<V>| entry.id() == id;
                let fate = |_: &K, entry: &Entry<V>| {
                    if self.is_due(entry, now) {
                        cause = Cause::Expired;
                        return None;
                    }
                    Some(judge(&entry.mark))
                };
                self.index.find_with(hash as usize, is, fate).flatten()
            });
            let (hash, id) = victim.expect("what exceeds a limit is in a queue");
            self.take(shard, state, hash as usize, id, cause, departed);
        }
    }

    /// Looks at a few entries in turn and lets go of those that have expired.
    fn sweep<'c>(
        &'c self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        now: u64,
        departed: &mut Departed<'c, K, V>,
    ) {
        const LOOKS: usize = 2;
        if self.expiry.is_none() {
            return;
        }
        for _ in 0..LOOKS {
            let Some((hash, id)) = state.eviction.next_in_turn() else {
                continue;
            };
            self.take_if_due(shard, state, hash as usize, id, now, departed);
        }
    }

    /// Takes an entry out, first of the index, then of the queues.
    pub(crate) fn take<'c>(
        &'c self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        hash: usize,
        id: Id,
        cause: Cause,
        departed: &mut Departed<'c, K, V>,
    ) {
        let is = |_: &K, entry: &Entry<V>| entry.id() == id;
        if let Some(taken) = self.index.take_if(hash, is) {
            departed.push(taken, cause);
        }
        state.eviction.leave(id);
        state.departed[cause as usize] += 1;
        shard.publish(state);
    }

    /// Takes an entry out if it is there and has expired.
    pub(crate) fn take_if_due<'c>(
        &'c self,
        shard: &Shard<K, V>,
        state: &mut State<K, V>,
        hash: usize,
        id: Id,
        now: u64,
        departed: &mut Departed<'c, K, V>,
    ) {
        let is = |_: &K, entry: &Entry<V>| entry.id() == id;
        let due = |_: &K, entry: &Entry<V>| self.is_due(entry, now);
        if self.index.find_with(hash, is, due) == Some(true) {
            self.take(shard, state, hash, id, Cause::Expired, departed);
        }
    }

    /// An entry was found to have expired. If others write meanwhile, it is left to them.
    #[cold]
    pub(crate) fn expire(&self, hash: usize, id: Id, now: u64) {
        let mut departed = Departed::new();
        let shard = self.shard(hash);
        if let Some(mut state) = shard.try_lock() {
            self.take_if_due(shard, &mut state, hash, id, now, &mut departed);
        }
        self.announce(departed);
    }

    pub(crate) fn announce(&self, departed: Departed<'_, K, V>) {
        departed.announce(self.listener.as_deref());
    }
}
