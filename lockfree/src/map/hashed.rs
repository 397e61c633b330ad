//! Operations by a key's hash, for who keeps entries of a map in queues of their own as well: a
//! cache knows of the next to leave only its hash and its place in the queue, and must drop no
//! value of its user while it has a lock.

use core::borrow::Borrow;
use core::fmt;
use core::hash::{BuildHasher, Hash};

use super::layout::{Entry, Retiring, Store};
use super::search::{Hold, Search};
use super::{Boxed, Map, Spin, pause};

type Held<'m, K, V> = <Boxed as Store<K, V>>::Held<'m>;

/// An entry that was taken out of a [`Map`]. When this is dropped, the entry waits to be freed; the
/// drop may free others, and so runs code of the user.
pub struct Taken<'m, K, V>(Retiring<'m, K, V>);

impl<K, V> Taken<'_, K, V> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &K {
        self.0.key()
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &V {
        self.0.value()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Taken<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Taken")
            .field(self.key())
            .field(self.value())
            .finish()
    }
}

/// In these, a hash must be [`hash`](Map::hash) of the key in question; with another one, entries are
/// missed or there twice.
impl<K: Hash + Eq, V, S: BuildHasher> Map<K, V, S, Boxed> {
    /// The hash of a key in this map.
    #[inline]
    pub fn hash<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + ?Sized,
    {
        self.hasher.hash_one(key) as usize
    }

    /// Calls `f` with the entry with this hash that `is` the one, if it is there, and returns what `f`
    /// returns. Nothing is locked meanwhile.
    #[inline]
    pub fn find_with<R>(
        &self,
        hash: usize,
        is: impl FnMut(&K, &V) -> bool,
        f: impl FnOnce(&K, &V) -> R,
    ) -> Option<R> {
        match self.find_hashed(hash, is) {
            Search::Found(_, held) => Some(f(held.key(), held.value())),
            Search::Absent(..) => None,
        }
    }

    /// Replaces the entry with this hash that `is` the one, or adds one if there is none; returns
    /// the entry before.
    pub fn put(
        &self,
        hash: usize,
        mut is: impl FnMut(&K, &V) -> bool,
        key: K,
        value: V,
    ) -> Option<Taken<'_, K, V>> {
        let fresh = Boxed::fresh(key, value);
        let mut spin = Spin::new();
        loop {
            match self.find_hashed(hash, &mut is) {
                Search::Found(spot, held) => {
                    // Not only the chain: the value must be the one that `is` was asked about.
                    if let Some(locked) = self.lock_value(&spot) {
                        drop(held);
                        return Some(Taken(self.replace(locked, &spot, fresh)));
                    }
                }
                absent @ Search::Absent(..) => {
                    if let Some(locked) = absent.lock() {
                        self.add(locked, hash, fresh);
                        return None;
                    }
                }
            }
            pause(&mut spin);
        }
    }

    /// Takes out the entry with this hash that `is` the one.
    pub fn take_if(
        &self,
        hash: usize,
        mut is: impl FnMut(&K, &V) -> bool,
    ) -> Option<Taken<'_, K, V>> {
        let mut spin = Spin::new();
        loop {
            let Search::Found(spot, held) = self.find_hashed(hash, &mut is) else {
                return None;
            };
            if let Some(locked) = self.lock_value(&spot) {
                drop(held);
                return Some(Taken(self.take(locked, &spot)));
            }
            pause(&mut spin);
        }
    }

    #[inline(always)]
    fn find_hashed(
        &self,
        hash: usize,
        mut is: impl FnMut(&K, &V) -> bool,
    ) -> Search<'_, Held<'_, K, V>> {
        self.table.search(hash, hash, |spot| {
            // SAFETY: a spot of the table that belongs to the domain.
            match unsafe { Boxed::hold(&self.domain, spot, |_| true) } {
                Hold::Is(held) if !is(held.key(), held.value()) => Hold::Other,
                hold => hold,
            }
        })
    }
}
