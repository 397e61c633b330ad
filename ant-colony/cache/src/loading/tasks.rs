//! Loaders of tasks, on any runtime.

use std::hash::{BuildHasher, Hash};
use std::pin::Pin;
use std::sync::Arc;

use super::aftermath::Aftermath;
use super::miss::{Missed, board};
use super::prefetcher::Order;
use super::{Core, Loading};
use crate::RandomState;
use crate::statistics::stripe;

/// A cache whose misses are loaded by the task that asks; see [`Loading`] and
/// [`Builder::async_loader`](crate::Builder::async_loader).
pub type AsyncLoadingCache<K, V, E, S = RandomState> = Loading<K, V, Tasks<K, V, E>, S>;

/// What a spawner of an [`AsyncLoadingCache`] is given: to be polled by any runtime.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a loader of tasks returns.
pub(super) type Results<V, E> = Pin<Box<dyn Future<Output = Vec<Result<V, E>>> + Send>>;

/// The loader of an [`AsyncLoadingCache`].
pub struct Tasks<K, V, E> {
    pub(super) load: Box<dyn Fn(Vec<K>) -> Results<V, E> + Send + Sync>,
    pub(super) spawner: Option<Box<dyn Fn(Task) + Send + Sync>>,
}

impl<K: Hash + Eq + Clone, V: Clone, E, S: BuildHasher> AsyncLoadingCache<K, V, E, S> {
    /// A clone of the value of `key`; if there is none, of the one that the loader returns, which is
    /// then kept, unless it is too heavy or `key` is written or removed meanwhile. It needs no
    /// particular runtime. What is asked for on one thread is taken for one sequence: where tasks
    /// take turns, [`load_in_sequence`](Self::load_in_sequence) tells them apart.
    ///
    /// Of all who ask for a key at the same time, one loads, and the others wait for its value. If the
    /// loader fails or panics, that is this caller's, and the next one who waits loads.
    ///
    /// # Errors
    /// Those of the loader.
    ///
    /// # Panics
    /// If the loader does, or has no result for the first of its keys.
    ///
    /// # Cancel safety
    /// Dropping the future drops the loader, if it is the one that runs; then the next one who waits
    /// loads. What would have ridden along is not loaded either.
    ///
    /// A future that loads and is kept without being polled holds up whoever asks for its key, and with
    /// [trails](crate::LoadingBuilder::trails) for any key that rides along, of which it alone knows.
    pub async fn load(&self, key: &K) -> Result<V, E> {
        self.load_in_sequence(stripe(), key).await
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
    ///
    /// # Cancel safety
    /// As [`load`](Self::load).
    pub async fn load_in_sequence(&self, sequence: usize, key: &K) -> Result<V, E> {
        let hash = self.hash(key);
        let found = self.0.look(hash, key, V::clone, || sequence);
        self.count_read(found.is_some());
        if let Some(value) = found {
            return Ok(value);
        }
        let (mut is_told, mut waiter) = (false, None);
        loop {
            match self.0.miss(sequence, hash, key, &mut is_told) {
                Missed::Value(value) => return Ok(value),
                Missed::Wait(next, _after) => {
                    if let Some(value) = waiter.insert(next).landed().await {
                        return Ok(value);
                    }
                }
                Missed::Load(batch) => {
                    drop(waiter);
                    let results = (self.0.loader.load)(batch.keys()).await;
                    return batch.finish(results);
                }
            }
        }
    }
}

impl<K, V, E, S> Core<K, V, Tasks<K, V, E>, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Gives what is ordered to the spawner.
    pub(super) fn spawn_task(self: &Arc<Self>, orders: Vec<Order<K>>) {
        let Some(spawner) = &self.loader.spawner else {
            return;
        };
        // What waits in the spawner, which is the cache's own, must not keep it.
        let core = Arc::downgrade(self);
        spawner(Box::pin(async move {
            let Some(core) = core.upgrade() else {
                return;
            };
            let mut after = Aftermath::new(&core.cache);
            let riders = board(&core.cache, orders);
            if !riders.is_empty() {
                let keys = riders.keys().collect();
                let results = (core.loader.load)(keys).await;
                riders.finish(results, &mut after);
            }
        }));
    }
}
