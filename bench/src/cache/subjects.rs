//! The caches, each as its documentation recommends, with a hasher that is given.

use std::hash::BuildHasher;

/// What hashes the keys of a cache.
pub(super) trait Hasher: BuildHasher + Clone + Default + Send + Sync + 'static {}

impl<S: BuildHasher + Clone + Default + Send + Sync + 'static> Hasher for S {}

/// A cache under measurement.
pub(super) trait Cache: Sync + 'static {
    fn new(capacity: usize) -> Self;
    fn get(&self, key: u64) -> Option<u64>;
    fn insert(&self, key: u64, value: u64);
    /// The value of the key; if there is none, the one that `load` returns, which is kept.
    fn get_or_insert(&self, key: u64, load: impl FnOnce() -> u64) -> u64;
    /// How many entries there are, if that is a promise and not an estimate.
    fn exact_len(&self) -> Option<usize> {
        None
    }
}

pub(super) struct AntColony<S>(ant_colony::Cache<u64, u64, S>);

impl<S: Hasher> Cache for AntColony<S> {
    fn new(capacity: usize) -> Self {
        let cache = ant_colony::Cache::builder()
            .capacity(capacity)
            .hasher(S::default());
        AntColony(cache.build().expect("a capacity above 0"))
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value).expect("nothing is weighed");
    }

    fn get_or_insert(&self, key: u64, load: impl FnOnce() -> u64) -> u64 {
        self.0.get_or_insert_with(key, load)
    }

    fn exact_len(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

type Quick<S> = quick_cache::sync::Cache<u64, u64, quick_cache::UnitWeighter, S>;

pub(super) struct QuickCache<S>(Quick<S>);

impl<S: Hasher> Cache for QuickCache<S> {
    fn new(capacity: usize) -> Self {
        QuickCache(Quick::with(
            capacity,
            capacity as u64,
            quick_cache::UnitWeighter,
            S::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        ))
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }

    fn get_or_insert(&self, key: u64, load: impl FnOnce() -> u64) -> u64 {
        let loaded = self.0.get_or_insert_with(&key, || Ok(load()));
        loaded.unwrap_or_else(|never: std::convert::Infallible| match never {})
    }
}

pub(super) struct Moka<S>(moka::sync::Cache<u64, u64, S>);

impl<S: Hasher> Cache for Moka<S> {
    fn new(capacity: usize) -> Self {
        let builder = moka::sync::Cache::builder().max_capacity(capacity as u64);
        Moka(builder.build_with_hasher(S::default()))
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }

    fn get_or_insert(&self, key: u64, load: impl FnOnce() -> u64) -> u64 {
        self.0.get_with(key, load)
    }
}
