//! Suite `cache`: `ant-colony` beside the caches that users would otherwise take: hits, and misses that
//! are loaded, with one thread and with two; batches of look-ups beside a plain table; and the longest
//! operation of a cache of bytes. All hash with
//! foldhash, so that they differ in the rest; but in `hit_default_hash_1t` each has the hasher that it
//! has unless told otherwise.
//!
//! [`subjects`] adapts each cache, [`draws`] says which keys are asked for, [`batch`] has the batches,
//! [`pauses`] the longest operation, [`loads`] how often something is loaded.
//! Entries are `u64` to `u64` where nothing else is said.

mod batch;
mod draws;
mod loads;
mod pauses;
mod subjects;

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::harness::{Better, Contender, Experiment, Measured, Metric, report};
use crate::machine::Cores;
use crate::team::{Core, Team};
use foldhash::fast::RandomState as Foldhash;
use subjects::{AntColony, Cache, Hasher, Moka, QuickCache};

#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds.
    #[arg(long)]
    quick: bool,
    /// A few operations per workload: shows that everything runs, measures nothing worth reading.
    #[arg(long, conflicts_with = "quick")]
    tiny: bool,
    /// Rounds per workload [default: 7, with --quick 3, with --tiny 1].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Only these workloads.
    #[arg(long, value_enum, value_name = "WORKLOAD,..", value_delimiter = ',')]
    only: Vec<Workload>,
    /// Write the rows to this file as well, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Workload {
    #[value(name = "hit_1t")]
    Hit1Thread,
    #[value(name = "hit_2t")]
    Hit2Threads,
    #[value(name = "hit_default_hash_1t")]
    HitDefaultHash1Thread,
    #[value(name = "get_or_insert_1t")]
    GetOrInsert1Thread,
    #[value(name = "get_or_insert_2t")]
    GetOrInsert2Threads,
    #[value(name = "batch_get_1m")]
    BatchGet1m,
    #[value(name = "batch_get_128m")]
    BatchGet128m,
    #[value(name = "batch_get_misses")]
    BatchGetMisses,
    #[value(name = "batch_get_chase")]
    BatchGetChase,
    #[value(name = "loads_runs")]
    LoadsRuns,
    #[value(name = "loads_zipf")]
    LoadsZipf,
    #[value(name = "worst_pause")]
    WorstPause,
}

impl Workload {
    /// The name in tables and rows is the one on the command line.
    fn name(self) -> &'static str {
        match self {
            Workload::Hit1Thread => "hit_1t",
            Workload::Hit2Threads => "hit_2t",
            Workload::HitDefaultHash1Thread => "hit_default_hash_1t",
            Workload::GetOrInsert1Thread => "get_or_insert_1t",
            Workload::GetOrInsert2Threads => "get_or_insert_2t",
            Workload::BatchGet1m => "batch_get_1m",
            Workload::BatchGet128m => "batch_get_128m",
            Workload::BatchGetMisses => "batch_get_misses",
            Workload::BatchGetChase => "batch_get_chase",
            Workload::LoadsRuns => "loads_runs",
            Workload::LoadsZipf => "loads_zipf",
            Workload::WorstPause => "worst_pause",
        }
    }

    fn threads(self) -> usize {
        match self {
            Workload::Hit2Threads | Workload::GetOrInsert2Threads => 2,
            _ => 1,
        }
    }

    fn is_batch(self) -> bool {
        matches!(
            self,
            Workload::BatchGet1m
                | Workload::BatchGet128m
                | Workload::BatchGetMisses
                | Workload::BatchGetChase
        )
    }

    /// Whether all keys that are asked for are there.
    fn hits(self) -> bool {
        matches!(
            self,
            Workload::Hit1Thread | Workload::Hit2Threads | Workload::HitDefaultHash1Thread
        )
    }
}

const CPU: Metric = Metric {
    name: "cpu_ns",
    unit: "ns",
    better: Better::Lower,
};
const MISS_RATIO: Metric = Metric {
    name: "miss_ratio",
    unit: "1",
    better: Better::Lower,
};

/// How much of everything.
struct Plan {
    rounds: usize,
    /// Operations of each thread in a round.
    operations: usize,
    /// Entries that are hit; their cache has room for twice as many.
    hit_entries: usize,
    /// Keys that are asked for where some miss; their cache has room for one in a hundred.
    keys: usize,
    /// Gets of a round in batches.
    batch_gets: usize,
    /// Entries of which hashbrown makes a table of 1 MiB.
    batch_entries_small: usize,
    /// The same for one of 128 MiB; both are filled to 70%.
    batch_entries: usize,
    /// Limit of the cache whose pauses are looked for.
    pause_memory: usize,
}

impl Plan {
    fn of(options: &Options) -> Plan {
        let (rounds, operations) = match (options.tiny, options.quick) {
            (true, _) => (1, 2_000),
            (_, true) => (3, 1_000_000),
            _ => (7, 4_000_000),
        };
        let (hit_entries, keys) = if options.tiny {
            (1_000, 20_000)
        } else {
            (50_000, 1_000_000)
        };
        Plan {
            rounds: options.rounds.map_or(rounds, usize::from),
            operations,
            hit_entries,
            keys,
            batch_gets: operations / 2,
            batch_entries_small: if options.tiny { 1_000 } else { 45_000 },
            batch_entries: if options.tiny { 5_000 } else { 5_900_000 },
            pause_memory: match (options.tiny, options.quick) {
                (true, _) => 2 << 20,
                (_, true) => 256 << 20,
                _ => 2 << 30,
            },
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (plan, cores) = (Plan::of(options), Cores::find()?);
    let mut measured = Vec::new();
    for workload in Workload::value_variants() {
        if options.only.is_empty() || options.only.contains(workload) {
            measured.push(match workload {
                Workload::WorstPause => pauses::measure(*workload, &plan, &cores)?,
                Workload::LoadsRuns | Workload::LoadsZipf => {
                    loads::measure(*workload, &plan, &cores)?
                }
                _ if workload.is_batch() => batch::measure(*workload, &plan, &cores)?,
                _ => measure(*workload, &plan, &cores)?,
            });
        }
    }
    let rows: Vec<_> = measured.iter().flat_map(Measured::rows).collect();
    print!("{}", report::table(&rows));
    if let Some(path) = &options.json {
        report::write_json(path, &rows)?;
    }
    if rows.is_empty() {
        bail!("nothing was compared");
    }
    Ok(())
}

fn measure(workload: Workload, plan: &Plan, cores: &Cores) -> Result<Measured> {
    let hits = workload.hits();
    let draws: Vec<Vec<u64>> = (0..workload.threads() as u64)
        .map(|thread| match hits {
            true => draws::uniform(plan.hit_entries, plan.operations, thread),
            false => draws::zipf(plan.keys, plan.operations, thread),
        })
        .collect();
    let context = Context {
        plan,
        cores,
        draws: &draws,
        hits,
    };
    let experiment = Experiment {
        workload: workload.name(),
        metrics: if hits { &[CPU] } else { &[CPU, MISS_RATIO] },
        contenders: match workload {
            Workload::HitDefaultHash1Thread => context.contenders::<
                ant_colony::RandomState,
                quick_cache::DefaultHashBuilder,
                std::hash::RandomState,
            >()?,
            _ => context.contenders::<Foldhash, Foldhash, Foldhash>()?,
        },
    };
    experiment.run(plan.rounds)
}

/// What all contenders of a workload are given.
#[derive(Clone, Copy)]
struct Context<'a> {
    plan: &'a Plan,
    cores: &'a Cores,
    /// The keys that each thread asks for.
    draws: &'a [Vec<u64>],
    /// Whether all of them are there.
    hits: bool,
}

impl<'a> Context<'a> {
    /// Each cache with its hasher.
    fn contenders<A: Hasher, Q: Hasher, M: Hasher>(self) -> Result<Vec<Contender<'a>>> {
        Ok(vec![
            self.contender::<AntColony<A>>("ant-colony", true)?,
            self.contender::<QuickCache<Q>>("quick_cache", false)?,
            self.contender::<Moka<M>>("moka", false)?,
        ])
    }

    fn contender<C: Cache>(self, name: &str, ours: bool) -> Result<Contender<'a>> {
        let measure: Box<dyn FnMut() -> Result<Vec<f64>> + 'a> = if self.hits {
            Box::new(self.hits::<C>())
        } else {
            Box::new(self.loads::<C>()?)
        };
        Ok(Contender {
            name: name.to_owned(),
            ours,
            measure,
        })
    }

    /// All keys are there.
    fn hits<C: Cache>(self) -> impl FnMut() -> Result<Vec<f64>> + 'a {
        let cache = C::new(2 * self.plan.hit_entries);
        (0..self.plan.hit_entries).for_each(|id| cache.insert(draws::key(id), id as u64));
        move || {
            let (cpu_ns, missed) = self.run(|keys| {
                let missed = keys.iter().filter(|&&key| cache.get(key).is_none());
                missed.count()
            })?;
            ensure!(missed == 0, "{missed} keys are not there any more");
            Ok(vec![cpu_ns])
        }
    }

    /// A key that is not there is loaded; the cache has seen all of them once before that counts.
    fn loads<C: Cache>(self) -> Result<impl FnMut() -> Result<Vec<f64>> + 'a> {
        let capacity = self.plan.keys / 100;
        let cache = C::new(capacity);
        self.load(&cache)?;
        Ok(move || {
            let (cpu_ns, loaded) = self.load(&cache)?;
            if let Some(len) = cache.exact_len() {
                ensure!(
                    len <= capacity,
                    "{len} entries where {capacity} are allowed"
                );
            }
            let operations = self.plan.operations * self.draws.len();
            Ok(vec![cpu_ns, loaded as f64 / operations as f64])
        })
    }

    /// Asks for all keys; CPU time per key, and how many were loaded.
    fn load<C: Cache>(self, cache: &C) -> Result<(f64, usize)> {
        self.run(|keys| {
            let mut loaded = 0;
            for &key in keys {
                let value = cache.get_or_insert(key, || {
                    loaded += 1;
                    !key
                });
                assert_eq!(value, !key, "another key's value");
            }
            loaded
        })
    }

    /// Has each thread ask for its keys; CPU time per key, and the sum of what `work` returns.
    fn run(self, work: impl Fn(&[u64]) -> usize + Sync) -> Result<(f64, usize)> {
        let mut team = Team::new(self.cores);
        for (thread, draws) in self.draws.iter().enumerate() {
            let work = &work;
            team.add(Core::in_turn(thread), move || work(draws));
        }
        let operations = (self.plan.operations * self.draws.len()) as u64;
        let (took, counts) = team.run(operations)?;
        let cpu_ns = took.cpu.as_secs_f64() * 1e9 / took.operations as f64;
        Ok((cpu_ns, counts.iter().sum()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_has_one_name_everywhere() {
        for workload in Workload::value_variants() {
            let value = workload.to_possible_value().expect("none is skipped");
            assert_eq!(value.get_name(), workload.name());
        }
    }
}
