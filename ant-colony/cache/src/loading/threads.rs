//! Loaders of threads.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::aftermath::Aftermath;
use super::miss::{Missed, board};
use super::prefetcher::Order;
use super::{Core, Loading};
use crate::RandomState;
use crate::statistics::stripe;

/// A cache whose misses are loaded by the thread that asks; see [`Loading`] and
/// [`Builder::loader`](crate::Builder::loader).
pub type LoadingCache<K, V, E, S = RandomState> = Loading<K, V, Threads<K, V, E>, S>;

/// What a spawner of a [`LoadingCache`] is given: to be called once, by any thread.
pub type Job = Box<dyn FnOnce() + Send>;

/// A function of the user that loads.
pub(super) type Load<K, V, E> = dyn Fn(&[K]) -> Vec<Result<V, E>> + Send + Sync;

/// The loader of a [`LoadingCache`].
pub struct Threads<K, V, E> {
    pub(super) load: Box<Load<K, V, E>>,
    pub(super) spawner: Option<Box<dyn Fn(Job) + Send + Sync>>,
}

impl<K: Hash + Eq + Clone, V: Clone, E, S: BuildHasher> LoadingCache<K, V, E, S> {
    /// A clone of the value of `key`; if there is none, of the one that the loader returns, which is
    /// then kept, unless it is too heavy or `key` is written or removed meanwhile. What is asked for
    /// by one thread is taken for one sequence.
    ///
    /// Of all who ask for a key at the same time, one loads, and the others wait for its value. If the
    /// loader fails or panics, that is this caller's, and the next one who waits loads.
    ///
    /// # Errors
    /// Those of the loader.
    ///
    /// # Panics
    /// If the loader does, or has no result for the first of its keys.
    pub fn load(&self, key: &K) -> Result<V, E> {
        self.load_from(stripe, key)
    }

    /// As [`load`](Self::load), where the caller knows better which requests follow each other than by
    /// threads: those with the same number, which may be that of a connection or of a user. (Numbers
    /// are taken modulo 16.)
    ///
    /// # Errors
    /// Those of the loader.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    pub fn load_in_sequence(&self, sequence: usize, key: &K) -> Result<V, E> {
        self.load_from(|| sequence, key)
    }

    fn load_from(&self, sequence: impl Fn() -> usize, key: &K) -> Result<V, E> {
        let hash = self.hash(key);
        let found = self.0.look(hash, key, V::clone, &sequence);
        self.count_read(found.is_some());
        if let Some(value) = found {
            return Ok(value);
        }
        let (mut is_told, mut waiter) = (false, None);
        loop {
            match self.0.miss(sequence(), hash, key, &mut is_told) {
                Missed::Value(value) => return Ok(value),
                Missed::Wait(next, _after) => {
                    if let Some(value) = waiter.insert(next).wait() {
                        return Ok(value);
                    }
                }
                Missed::Load(batch) => {
                    drop(waiter);
                    let results = (self.0.loader.load)(&batch.keys());
                    return batch.finish(results);
                }
            }
        }
    }
}

impl<K, V, E, S> Core<K, V, Threads<K, V, E>, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Gives what is ordered to the spawner.
    pub(super) fn spawn_job(self: &Arc<Self>, orders: Vec<Order<K>>) {
        let Some(spawner) = &self.loader.spawner else {
            return;
        };
        // What waits in the spawner, which is the cache's own, must not keep it.
        let core = Arc::downgrade(self);
        spawner(Box::new(move || {
            let Some(core) = core.upgrade() else {
                return;
            };
            let mut after = Aftermath::new(&core.cache);
            let riders = board(&core.cache, orders);
            if !riders.is_empty() {
                let keys: Vec<K> = riders.keys().collect();
                riders.finish((core.loader.load)(&keys), &mut after);
            }
        }));
    }
}
