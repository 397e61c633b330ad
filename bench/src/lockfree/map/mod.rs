//! Concurrent maps of `u64` to `u64`: a million entries, keys drawn by Zipf's law with exponent
//! 0.99. All of them hash with foldhash, so that they differ in their tables only, and have room
//! for all entries from the start where that is not what is measured.
//!
//! [`tables`] adapts each map, [`growth`] fills them from empty; here they are read and written.

mod growth;
mod tables;
mod zipf;

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::harness::Measured;

use super::measure::{Subject, THROUGHPUT, compare};
use super::{Bench, Workload};
use crate::team::{Core, Team, Took};
use zipf::{Draw, Draws};

pub(super) use growth::{bytes_per_entry, resident_growth, worst_insert};

/// A map under measurement.
trait Table: Sync + Sized + 'static {
    const NAME: &'static str;
    const OURS: bool = false;
    /// One thread at a time: it takes part where one is enough.
    const FOR_ONE_THREAD: bool = false;
    /// A get may miss a key that is only updated: a flaw of that map, which must not end the run.
    const MAY_MISS: bool = false;

    /// With room for this many; for 0, as small as it comes.
    fn with_capacity(entries: usize) -> Self;

    /// What a thread uses for a while: a guard where the map has one.
    type Session<'a>: Session;
    fn session(&self) -> Self::Session<'_>;
}

trait Session {
    fn get(&mut self, key: u64) -> Option<u64>;
    /// Inserts or overwrites.
    fn put(&mut self, key: u64, value: u64);
}

/// Operations before a thread renews its session, so that a guard delays what is to be freed, but
/// not for ever.
const SESSION: usize = 1_024;

/// What can be measured of a map, whatever its type.
struct Kind {
    name: &'static str,
    ours: bool,
    for_one_thread: bool,
    mixed: for<'a> fn(&'a Bench, &'a [Draws], usize) -> Subject<'a>,
    worst_insert: fn(&Bench) -> Result<Duration>,
    resident_growth: fn(u64) -> Result<u64>,
}

impl Kind {
    const fn of<T: Table>() -> Kind {
        Kind {
            name: T::NAME,
            ours: T::OURS,
            for_one_thread: T::FOR_ONE_THREAD,
            mixed: mixed_subject::<T>,
            worst_insert: growth::worst_insert_of::<T>,
            resident_growth: growth::resident_growth_of::<T>,
        }
    }
}

const KINDS: &[Kind] = &[
    Kind::of::<tables::Hallows>(),
    Kind::of::<tables::HallowsBoxed>(),
    Kind::of::<tables::OneThread>(),
    Kind::of::<tables::Sharded>(),
    Kind::of::<tables::SccHashMap>(),
    Kind::of::<tables::SccHashIndex>(),
    Kind::of::<tables::DashMap>(),
    Kind::of::<tables::Papaya>(),
    Kind::of::<tables::Flurry>(),
];

/// Keys are all over the number range, as hashes or addresses are.
fn key(id: u64) -> u64 {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Values tell whose they are in their low half.
fn value(id: u64, stamp: u32) -> u64 {
    u64::from(stamp) << 32 | id
}

fn fill<T: Table>(table: &T, entries: u64) {
    let mut next = 0;
    while next < entries {
        let mut session = table.session();
        let end = entries.min(next + SESSION as u64);
        for id in next..end {
            session.put(key(id), value(id, 0));
        }
        next = end;
    }
}

/// Gets, and overwrites, of entries that are there.
pub(super) fn mixed(
    bench: &Bench,
    workload: Workload,
    reads_percent: u32,
    threads: usize,
) -> Result<Measured> {
    let draws: Vec<Draws> = (0..threads)
        .map(|thread| Draws::new(bench.plan.entries, reads_percent, thread as u64))
        .collect();
    let subjects = KINDS
        .iter()
        .filter(|kind| threads == 1 || !kind.for_one_thread)
        .map(|kind| (kind.mixed)(bench, &draws, threads))
        .collect();
    compare(bench, workload, &THROUGHPUT, subjects)
}

/// The map is filled once, when its turn first comes, and lives as long as the workload; each run
/// goes on with the draws where the last one ended.
fn mixed_subject<'a, T: Table>(
    bench: &'a Bench,
    draws: &'a [Draws],
    threads: usize,
) -> Subject<'a> {
    let mut filled = None;
    let mut sessions_done = 0;
    let run = move |operations: u64| {
        let table: &T = filled.get_or_insert_with(|| {
            let table = T::with_capacity(bench.plan.entries as usize);
            fill(&table, bench.plan.entries);
            table
        });
        let mut team = Team::new(&bench.cores);
        for (thread, draws) in draws.iter().enumerate() {
            let share = operations as usize / threads;
            let draws = draws.sessions(sessions_done);
            team.add(Core::in_turn(thread), move || visit(table, draws, share));
        }
        sessions_done += operations as usize / threads / SESSION;
        let (took, wrong) = team.run(operations)?;
        let wrong: u64 = wrong.iter().sum();
        ensure!(
            wrong == 0 || T::MAY_MISS,
            "{wrong} gets missed a key that is there, or found another's value"
        );
        Ok::<Took, _>(took)
    };
    Subject {
        name: T::NAME,
        ours: T::OURS,
        run: Box::new(run),
    }
}

/// How many gets did not find what must be there.
fn visit<'a, T: Table>(
    table: &T,
    draws: impl Iterator<Item = &'a [Draw]>,
    operations: usize,
) -> u64 {
    let mut wrong = 0;
    let mut left = operations;
    let mut stamp = 0;
    for draws in draws {
        let mut session = table.session();
        for draw in &draws[..left.min(draws.len())] {
            let id = draw.id();
            if draw.is_read() {
                let found = session.get(key(id));
                wrong += u64::from(found.is_none_or(|value| value & 0xffff_ffff != id));
            } else {
                stamp += 1;
                session.put(key(id), value(id, stamp));
            }
        }
        left -= left.min(draws.len());
        if left == 0 {
            break;
        }
    }
    wrong
}
