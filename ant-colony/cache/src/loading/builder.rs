//! What a cache with a loader is told before it begins.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::prefetcher::Prefetcher;
use super::tasks::{Task, Tasks};
use super::threads::{Job, Load, Threads};
use super::{Core, Loading, Spawn, TRAILS_MOST};
use crate::RandomState;
use crate::builder::{BuildError, Builder};

/// Builds a [`Loading`] cache.
pub struct LoadingBuilder<K: Hash + Eq + Clone, V, L, S = RandomState> {
    cache: Builder<K, V, S>,
    loader: L,
    /// If the loader takes many keys at once.
    is_many: bool,
    trails: usize,
    spawn: Option<Spawn<K, V, L, S>>,
}

impl<K: Hash + Eq + Clone, V, S> Builder<K, V, S> {
    /// A cache that [loads](crate::LoadingCache::load) what it misses by `load`. Limits, times and so
    /// on have to be given before.
    ///
    /// `load` may use the cache, but must not ask for the same key or one with the same hash; with
    /// [trails](LoadingBuilder::trails), for no key at all: who waits for whom is not known beforehand
    /// then. If it cannot fail, its error is [`Infallible`](std::convert::Infallible).
    #[must_use]
    pub fn loader<E>(
        self,
        load: impl Fn(&K) -> Result<V, E> + Send + Sync + 'static,
    ) -> LoadingBuilder<K, V, Threads<K, V, E>, S> {
        let load = move |keys: &[K]| keys.iter().map(&load).collect();
        LoadingBuilder::new(self, threads(Box::new(load)), false)
    }

    /// As [`loader`](Self::loader), for several keys at once, as a query for many rows is: what is
    /// predicted to be asked for next then rides along with what was missed.
    ///
    /// The first key is the one that was asked for. `load` returns the results in the order of the
    /// keys, and has to have one for the first; the others may fail or be left out, of which nobody
    /// hears. Without [trails](LoadingBuilder::trails) there is always one key.
    #[must_use]
    pub fn loader_many<E>(
        self,
        load: impl Fn(&[K]) -> Vec<Result<V, E>> + Send + Sync + 'static,
    ) -> LoadingBuilder<K, V, Threads<K, V, E>, S> {
        LoadingBuilder::new(self, threads(Box::new(load)), true)
    }

    /// As [`loader`](Self::loader), with a loader that returns a future.
    #[must_use]
    pub fn async_loader<E, F>(
        self,
        load: impl Fn(K) -> F + Send + Sync + 'static,
    ) -> LoadingBuilder<K, V, Tasks<K, V, E>, S>
    where
        K: Send + 'static,
        V: Send + 'static,
        E: Send + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        let load = Arc::new(load);
        let tasks = tasks(move |keys: Vec<K>| {
            let load = Arc::clone(&load);
            async move {
                let mut results = Vec::with_capacity(keys.len());
                for key in keys {
                    results.push(load(key).await);
                }
                results
            }
        });
        LoadingBuilder::new(self, tasks, false)
    }

    /// As [`loader_many`](Self::loader_many), with a loader that returns a future.
    #[must_use]
    pub fn async_loader_many<E, F>(
        self,
        load: impl Fn(Vec<K>) -> F + Send + Sync + 'static,
    ) -> LoadingBuilder<K, V, Tasks<K, V, E>, S>
    where
        F: Future<Output = Vec<Result<V, E>>> + Send + 'static,
    {
        LoadingBuilder::new(self, tasks(load), true)
    }
}

fn threads<K, V, E>(load: Box<Load<K, V, E>>) -> Threads<K, V, E> {
    Threads {
        load,
        spawner: None,
    }
}

fn tasks<K, V, E, F>(load: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Tasks<K, V, E>
where
    F: Future<Output = Vec<Result<V, E>>> + Send + 'static,
{
    Tasks {
        load: Box::new(move |keys| Box::pin(load(keys))),
        spawner: None,
    }
}

impl<K, V, E, S> LoadingBuilder<K, V, Threads<K, V, E>, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Prefetches are loaded by whatever calls the jobs that `spawner` is given, off the path of who
    /// asks: a pool of threads, for instance. A job that is dropped is a prefetch that failed.
    ///
    /// `spawner` is called while others may wait for what was missed: it must not wait for a job to be
    /// done. Jobs that wait do not keep the cache; one that runs may be the last to have it, and then
    /// drops it, with `spawner` and all it owns, in its thread.
    #[must_use]
    pub fn spawner(mut self, spawner: impl Fn(Job) + Send + Sync + 'static) -> Self {
        self.loader.spawner = Some(Box::new(spawner));
        self.spawn = Some(Core::spawn_job);
        self
    }
}

impl<K, V, E, S> LoadingBuilder<K, V, Tasks<K, V, E>, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Prefetches are loaded by the tasks that `spawner` is given, off the path of who asks: on tokio
    /// `|task| drop(tokio::spawn(task))`. A task that is dropped is a prefetch that failed.
    ///
    /// `spawner` must not wait for a task to be done. Tasks that wait do not keep the cache; one that
    /// runs may be the last to have it, and then drops it, with `spawner` and all it owns.
    #[must_use]
    pub fn spawner(mut self, spawner: impl Fn(Task) + Send + Sync + 'static) -> Self {
        self.loader.spawner = Some(Box::new(spawner));
        self.spawn = Some(Core::spawn_task);
        self
    }
}

impl<K: Hash + Eq + Clone, V, L, S> LoadingBuilder<K, V, L, S> {
    const fn new(cache: Builder<K, V, S>, loader: L, is_many: bool) -> Self {
        Self {
            cache,
            loader,
            is_many,
            trails: 0,
            spawn: None,
        }
    }

    /// Learns which key follows which, of so many keys, and prefetches where that comes true. Without,
    /// nothing is learned or prefetched. As many as there are keys in the sequences that repeat are
    /// enough; [`Loading::trails_bytes`] says what that takes.
    ///
    /// What is prefetched and not used yet is at most a sixteenth of the cache, so one of fewer than 16
    /// entries prefetches nothing.
    #[must_use]
    pub const fn trails(mut self, trails: usize) -> Self {
        self.trails = trails;
        self
    }

    /// Builds the cache.
    ///
    /// # Errors
    /// If what was asked for makes no cache; the error says what to change.
    pub fn build(self) -> Result<Loading<K, V, L, S>, BuildError> {
        let can_prefetch = self.is_many || self.spawn.is_some();
        if self.trails > 0 && !can_prefetch {
            return Err(BuildError::TrailsInVain);
        }
        if self.trails > TRAILS_MOST {
            let trails = self.trails;
            return Err(BuildError::TooManyTrails { trails });
        }
        let cache = self.cache.build()?;
        let limits = || cache.shards.iter().map(|shard| shard.limits());
        let part = |all: u64| all / 16;
        let count = limits().map(|it| it.count as u64).sum::<u64>();
        let weight = limits().fold(0, |sum: u64, it| sum.saturating_add(it.weight));
        let unused_most = usize::try_from(part(count)).unwrap_or(usize::MAX);
        let new = || Arc::new(Prefetcher::new(self.trails, unused_most, part(weight)));
        Ok(Loading(Arc::new(Core {
            prefetcher: (self.trails > 0).then(new),
            cache,
            loader: self.loader,
            trails: self.trails,
            rides: self.is_many && self.spawn.is_none(),
            spawn: self.spawn,
            loads: AtomicU64::new(0),
        })))
    }
}

impl<K: Hash + Eq + Clone, V, L, S> fmt::Debug for LoadingBuilder<K, V, L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadingBuilder")
            .field("cache", &self.cache)
            .field("trails", &self.trails)
            .finish_non_exhaustive()
    }
}
