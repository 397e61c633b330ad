//! What is to be told when no flight is led from here any more.

use std::hash::{BuildHasher, Hash};

use super::outstanding::Stale;
use crate::cache::Cache;
use crate::departure::{Departed, Panics};

/// Who has left for values that came together, and who is to be given up. Dropped, it tells the listener,
/// which may ask for anything, also for what was on its way: so it has to be dropped last, whatever
/// panics.
pub(super) struct Aftermath<'c, K: Hash + Eq, V, S: BuildHasher> {
    cache: &'c Cache<K, V, S>,
    departed: Vec<Departed<'c, K, V>>,
    pub(super) stale: Vec<Stale>,
}

impl<'c, K: Hash + Eq, V, S: BuildHasher> Aftermath<'c, K, V, S> {
    pub(super) const fn new(cache: &'c Cache<K, V, S>) -> Self {
        Self {
            cache,
            departed: Vec::new(),
            stale: Vec::new(),
        }
    }

    /// For what leaves for a value with this hash, and for who is given up.
    pub(super) fn of(&mut self, hash: usize) -> (&mut Departed<'c, K, V>, &mut Vec<Stale>) {
        let departed = self.cache.departed(self.cache.shard(hash));
        (self.departed.push_mut(departed), &mut self.stale)
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Drop for Aftermath<'_, K, V, S> {
    fn drop(&mut self) {
        let mut panics = Panics::default();
        for departed in self.departed.drain(..) {
            panics.catch(|| drop(departed));
        }
        for stale in self.stale.drain(..) {
            panics.catch(|| self.cache.give_up(stale.hash, stale.there.place));
        }
        panics.go_on();
    }
}
