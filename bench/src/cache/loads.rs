//! How often a loader is called: by the typed cache with trails, which lets it load several keys at
//! once, and by caches that load what is missed, one by one.
//!
//! Where keys are asked for in runs that repeat (`loads_runs`: documents by Zipf's law, each read from
//! its first key to its last, and one key in ten is a stranger), and where they are not (`loads_zipf`:
//! single keys). A load takes no time here: what is counted is calls, and keys that these load, for
//! each access. A round trip to a database costs some ten thousand times the CPU time.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ant_colony::LoadingCache;
use anyhow::{Context as _, Result};
use foldhash::fast::RandomState as Foldhash;

use super::subjects::{AntColony, Cache, Moka, QuickCache};
use super::{CPU, Plan, Workload, draws};
use crate::harness::{Better, Contender, Experiment, Measured, Metric};
use crate::machine::Cores;
use crate::team::{Core, Team};

const METRICS: &[Metric] = &[
    Metric {
        name: "loads_per_access",
        unit: "1",
        better: Better::Lower,
    },
    Metric {
        name: "keys_per_access",
        unit: "1",
        better: Better::Lower,
    },
    CPU,
];

/// The caches have room for one in so many keys.
const ROOM: usize = 10;

pub(super) fn measure(workload: Workload, plan: &Plan, cores: &Cores) -> Result<Measured> {
    let (keys, operations) = (plan.keys / 10, plan.operations / 4);
    let draws = match workload {
        Workload::LoadsRuns => draws::runs(keys, operations),
        _ => draws::zipf(keys, operations, 0),
    };
    let capacity = keys / ROOM;
    let (trails, draws) = (WithTrails::new(capacity, keys), &draws);
    let contenders = vec![
        contender("ant-colony, trails", true, trails, draws, cores),
        contender(
            "ant-colony",
            true,
            single::<AntColony<Foldhash>>(capacity),
            draws,
            cores,
        ),
        contender(
            "quick_cache",
            false,
            single::<QuickCache<Foldhash>>(capacity),
            draws,
            cores,
        ),
        contender(
            "moka",
            false,
            single::<Moka<Foldhash>>(capacity),
            draws,
            cores,
        ),
    ];
    let experiment = Experiment {
        workload: workload.name(),
        metrics: METRICS,
        contenders,
    };
    experiment.run(plan.rounds)
}

/// A cache that is asked for keys, and counts.
trait Loads: Send {
    /// Asks for all; how often the loader was called, and for how many keys.
    fn ask(&self, keys: &[u64]) -> (u64, u64);
}

fn contender<'a>(
    name: &str,
    ours: bool,
    cache: impl Loads + Sync + 'a,
    draws: &'a [u64],
    cores: &'a Cores,
) -> Contender<'a> {
    // What is asked for before anything counts.
    cache.ask(draws);
    let measure = move || {
        let mut team = Team::new(cores);
        team.add(Core::First, || cache.ask(draws));
        let (took, mut counts) = team.run(draws.len() as u64)?;
        let (loads, keys) = counts.pop().context("one thread ran")?;
        let per_access = |count: u64| count as f64 / draws.len() as f64;
        let cpu_ns = took.cpu.as_secs_f64() * 1e9 / took.operations as f64;
        Ok(vec![per_access(loads), per_access(keys), cpu_ns])
    };
    Contender {
        name: name.to_owned(),
        ours,
        measure: Box::new(measure),
    }
}

/// One key at a time.
struct Single<C>(C);

fn single<C: Cache>(capacity: usize) -> Single<C> {
    Single(C::new(capacity))
}

impl<C: Cache + Send> Loads for Single<C> {
    fn ask(&self, keys: &[u64]) -> (u64, u64) {
        let loads = Cell::new(0);
        for &key in keys {
            let value = self.0.get_or_insert(key, || {
                loads.set(loads.get() + 1);
                !key
            });
            assert_eq!(value, !key, "another key's value");
        }
        (loads.get(), loads.get())
    }
}

struct WithTrails {
    cache: LoadingCache<u64, u64, Infallible, Foldhash>,
    loaded: Arc<AtomicU64>,
}

impl WithTrails {
    fn new(capacity: usize, trails: usize) -> WithTrails {
        let loaded = Arc::<AtomicU64>::default();
        let count = Arc::clone(&loaded);
        let limits = ant_colony::Cache::builder().capacity(capacity);
        let loader = limits
            .hasher(Foldhash::default())
            .loader_many(move |keys: &[u64]| {
                count.fetch_add(keys.len() as u64, Relaxed);
                keys.iter().map(|&key| Ok(!key)).collect()
            });
        WithTrails {
            cache: loader.trails(trails).build().expect("a capacity above 0"),
            loaded,
        }
    }
}

impl Loads for WithTrails {
    fn ask(&self, keys: &[u64]) -> (u64, u64) {
        let count = || (self.cache.statistics().loads, self.loaded.load(Relaxed));
        let before = count();
        for key in keys {
            // Always of the same sequence, though each round has a thread of its own.
            let Ok(value) = self.cache.load_in_sequence(0, key);
            assert_eq!(value, !key, "another key's value");
        }
        let after = count();
        (after.0 - before.0, after.1 - before.1)
    }
}
