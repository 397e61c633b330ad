//! The part that all connections share: store, settings, registry of clients,
//! counters. One [`Engine`] serves all workers; every method takes `&self`.
use alloc::boxed::Box;

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ant_colony_store::{Config, ConfigError, Store};

use crate::clients::Clients;
use crate::host::{Host, Now};
use crate::rates::Rates;
use crate::settings::Settings;
use crate::stats::Stats;

/// What an engine is made from.
pub struct EngineConfig {
    /// Number of workers that will execute requests at the same time.
    pub workers: usize,
    /// Seed of hashes and random choices: from the operating system's generator
    /// in a server, fixed in a test.
    pub seed: u64,
    /// Initial settings; `maxmemory` bounds the store.
    pub settings: Settings,
}

/// Why an engine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store refused its configuration.
    #[error("the store cannot be made: {0}")]
    Store(#[from] ConfigError),
}

/// What all connections share.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) clients: Clients,
    pub(crate) stats: Stats,
    pub(crate) rates: Rates,
    pub(crate) host: Box<dyn Host>,
    random: AtomicU64,
}

impl Engine {
    /// Makes an engine with empty databases.
    ///
    /// # Errors
    /// When the store cannot work with the memory limit in the settings.
    pub fn new(config: EngineConfig, host: Box<dyn Host>) -> Result<Self, EngineError> {
        let store = Store::new(Config {
            memory: config.settings.maxmemory(),
            workers: config.workers,
            seed: config.seed,
        })?;
        Ok(Self {
            store,
            settings: config.settings,
            clients: Clients::new(),
            stats: Stats::new(config.workers),
            rates: Rates::default(),
            host,
            random: AtomicU64::new(config.seed),
        })
    }

    /// A pseudo-random number: splitmix64, which needs no lock.
    pub(crate) fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.random.fetch_add(STEP, Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The settings, as CONFIG shows them.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The registry of connected clients.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The counters that INFO shows.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The store beneath, for its own counters.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Does a bounded piece of background work: removes expired keys near
    /// `shard_hint`, and gives some memory back. Returns whether there is more to expire there at
    /// once.
    pub fn maintain(&self, shard_hint: usize, now: Now, budget: usize) -> bool {
        self.rates.sample(now, &self.stats, &self.store);
        let expiring = self.settings.active_expire()
            && self
                .store
                .expire_step(shard_hint, now.unix_ms(), budget)
                .more;
        self.shrink(now);
        expiring
    }

    /// Gives back some of the memory that was flushed or freed, or that a lowered limit no longer
    /// allows. Returns whether there is more.
    pub fn shrink(&self, now: Now) -> bool {
        self.store.shrink_step(now.unix_ms())
    }
}
