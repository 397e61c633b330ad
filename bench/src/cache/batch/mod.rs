//! Batches of look-ups in tables that are larger than the caches, or not: ours that know all keys of a
//! batch in advance, beside hashbrown in a loop.
//!
//! Keys are drawn evenly. All tables hash with foldhash; hashbrown is for one thread and keeps nothing
//! but the entries, where the map of `lockfree` may be written to meanwhile, and the byte store counts
//! accesses and knows of times as well. hashbrown is there as users get it, and in huge pages, which ours
//! ask for themselves. Beside them an array that needs no search: what no table can beat.

mod tables;

use anyhow::{Result, ensure};
use hallows_lockfree::map::{Boxed, Inline};

use super::{CPU, Plan, Workload, draws};
use crate::harness::{Contender, Experiment, Measured};
use crate::machine::Cores;
use crate::team::{Core, Team};
use tables::{ByteStore, Found, KnownPlaces, LockFree, Serialised, Table, TightLoop, Wide};

/// Keys that are asked for together.
const BATCH: usize = 32;
/// A serialised get takes several times as long.
const SERIALISED_SHARE: usize = 8;

pub(super) fn measure(workload: Workload, plan: &Plan, cores: &Cores) -> Result<Measured> {
    let entries = match workload {
        Workload::BatchGet1m => plan.batch_entries_small,
        _ => plan.batch_entries,
    };
    // Every second one is of an id that is not there.
    let ids = match workload {
        Workload::BatchGetMisses => 2 * entries,
        _ => entries,
    };
    let keys = draws::uniform(ids, plan.batch_gets, 0);
    let expected = |keys: &[u64]| {
        let mut found = Found::default();
        let ids = keys.iter().map(|&key| draws::id(key));
        ids.filter(|&id| id < entries as u64)
            .for_each(|id| found.add(id));
        found
    };
    let few = &keys[..keys.len() / SERIALISED_SHARE];
    let (all, few) = ((&keys[..], expected(&keys)), (few, expected(few)));
    let context = Context { entries, cores };
    let contenders = match workload {
        Workload::BatchGetChase => vec![
            context.contender::<LockFree<Wide, Boxed>>("lock-free map", true, all)?,
            context.contender::<ByteStore<4>>("byte store", true, all)?,
            context.contender::<TightLoop<Box<Wide>, false>>("hashbrown", false, all)?,
            context.contender::<TightLoop<Box<Wide>, true>>("hashbrown-huge-pages", false, all)?,
            context.contender::<Serialised<Box<Wide>>>("hashbrown-serialised", false, few)?,
            context.contender::<KnownPlaces<Box<Wide>>>("known places", false, all)?,
        ],
        _ => vec![
            context.contender::<LockFree<u64, Inline>>("lock-free map", true, all)?,
            context.contender::<ByteStore<1>>("byte store", true, all)?,
            context.contender::<TightLoop<u64, false>>("hashbrown", false, all)?,
            context.contender::<TightLoop<u64, true>>("hashbrown-huge-pages", false, all)?,
            context.contender::<Serialised<u64>>("hashbrown-serialised", false, few)?,
            context.contender::<KnownPlaces<u64>>("known places", false, all)?,
        ],
    };
    let experiment = Experiment {
        workload: workload.name(),
        metrics: &[CPU],
        contenders,
    };
    experiment.run(plan.rounds)
}

/// What all tables of a workload are given.
struct Context<'a> {
    entries: usize,
    cores: &'a Cores,
}

impl<'a> Context<'a> {
    fn contender<T: Table>(
        &self,
        name: &str,
        ours: bool,
        (keys, expected): (&'a [u64], Found),
    ) -> Result<Contender<'a>> {
        let table = T::filled(self.entries as u64)?;
        let cores = self.cores;
        let measure = move || {
            let mut team = Team::new(cores);
            let table = &table;
            team.add(Core::First, move || table.get_all(keys));
            let (took, found) = team.run(keys.len() as u64)?;
            ensure!(found == [expected], "{found:?} instead of {expected:?}");
            Ok(vec![took.cpu.as_secs_f64() * 1e9 / took.operations as f64])
        };
        Ok(Contender {
            name: name.to_owned(),
            ours,
            measure: Box::new(measure),
        })
    }
}
