//! Successor trails: which object tends to be fetched after which, in order to fetch it beforehand.
//!
//! A trail leads from an object to one that was fetched after it, and is as strong as that was
//! repeated ([`table`]). Only fetches are followed: demand misses, and first uses of what was
//! prefetched, which would have been misses. So hits cost nothing, and what is always resident does
//! not stand between two objects of a sequence.
//!
//! Each time an object is fetched, its trail predicts another. A prediction is open for a while
//! ([`open`]), whether it is fetched or not: if the object is asked for meanwhile, the trail is
//! confirmed, else weakened. The same tells whether prefetching pays ([`record`]): predictions of
//! one kind are issued as long as most of the last ones were right, in that workload. Where sequences
//! do not repeat nothing is issued, and switching on again takes no trial.
//!
//! The mechanism
//!
//! 1. calls [`Trails::on_fetch`] on a demand miss and on the first use of a prefetched object, and
//!    fetches what it answers;
//! 2. keeps objects that were prefetched and not yet used apart, few of them, and gives those up
//!    first: a sixteenth of the room is enough, because most are used within a few misses;
//! 3. tells what became of each by [`Trails::on_use`], [`Trails::on_late_use`] and
//!    [`Trails::on_waste`], for the [`Account`].
//!
//! One remembered successor is the simplest Markov prefetcher (Joseph and Grunwald, *Prefetching
//! using Markov predictors*, ISCA 1997; for files Griffioen and Appleton, USENIX 1994). Tried and
//! left out: two steps ahead, which gained nothing where a fetch takes no time (where one fetch can
//! bring several objects they save fetches: [`ahead`]); the two last objects as context, which gains
//! less than a larger table does.

mod account;
mod ahead;
mod open;
mod record;
mod table;

use alloc::boxed::Box;

pub use account::Account;
use account::Regrets;
pub use ahead::{Known, Presence};
use open::{Open, Prediction};
use record::{Odds, Records};
use table::{Table, Trail};

/// What was learned of sequences, for one cache.
///
/// `K` is a key, or anything small by which the mechanism finds one. The same events give the same
/// decisions.
#[derive(Debug)]
pub struct Trails<K> {
    table: Table<K>,
    workloads: Box<[Workload<K>]>,
    account: Account,
    regrets: Regrets,
}

/// What must not be mixed: a sequence, and how well it is predicted.
#[derive(Clone, Debug)]
struct Workload<K> {
    last: Option<Fetched<K>>,
    open: Open<K>,
    records: Records,
}

#[derive(Clone, Copy, Debug)]
struct Fetched<K> {
    hash: u64,
    key: K,
    /// Whether a trail led on from there.
    has_trail: bool,
}

/// What is predicted to be fetched next.
struct Step<K> {
    successor: K,
    presence: Presence,
    odds: Odds,
}

impl<K: Copy + Eq + Default> Trails<K> {
    /// Remembers at most so many trails, rounded up to eight, of `workloads` kinds of requests: those
    /// that come from different loops or users, or whose keys have nothing to do with each other. At
    /// least 1. Each has a sequence of its own and is switched off by itself; they share the memory.
    #[must_use]
    pub fn new(trails: usize, workloads: usize) -> Self {
        let workload = Workload {
            last: None,
            open: Open::new(),
            records: Records::default(),
        };
        Self {
            table: Table::new(trails),
            workloads: alloc::vec![workload; workloads.max(1)].into_boxed_slice(),
            account: Account::default(),
            regrets: Regrets::default(),
        }
    }

    /// Memory for so many trails: two bytes and a `K` for each. Beside it about a kilobyte for each
    /// workload.
    #[must_use]
    pub const fn bytes(trails: usize) -> usize {
        Table::<K>::bytes(trails)
    }

    /// An object is fetched on demand, or was prefetched and is asked for the first time. What is to
    /// be prefetched now, if anything; `holds` says whether the cache has an object already, or is
    /// fetching it, or does not want it.
    ///
    /// A workload beyond those of [`Trails::new`] is taken for one of them.
    pub fn on_fetch(
        &mut self,
        workload: usize,
        hash: u64,
        key: K,
        holds: impl FnOnce(K) -> bool,
    ) -> Option<K> {
        let presence = |successor| match holds(successor) {
            true => Presence::Held,
            false => Presence::Absent,
        };
        let step = self.follow(workload, hash, key, presence)?;
        if step.presence != Presence::Absent || !step.odds.pay() {
            return None;
        }
        self.account.issued += 1;
        Some(step.successor)
    }

    /// Learns from a fetch, and predicts the next one.
    fn follow(
        &mut self,
        workload: usize,
        hash: u64,
        key: K,
        presence: impl FnOnce(K) -> Presence,
    ) -> Option<Step<K>> {
        if self.regrets.take(hash) {
            self.account.harmful += 1;
        }
        let index = workload % self.workloads.len();
        let workload = &mut self.workloads[index];
        if workload.last.is_some_and(|last| last.key == key) {
            return None;
        }
        workload.learn(&mut self.table, key);
        let trail = self.table.find(hash);
        workload.last = Some(Fetched {
            hash,
            key,
            has_trail: trail.is_some(),
        });
        let Trail {
            successor,
            confidence,
        } = trail?;
        let presence = match successor == key {
            true => Presence::Held,
            false => presence(successor),
        };
        let kind = workload.records.kind(0, confidence);
        let odds = workload.records.odds(kind);
        let is_open = presence != Presence::Held;
        if is_open {
            workload.records.made(kind);
        }
        let prediction = Prediction::new(hash, successor, is_open.then_some(kind));
        if let Some(wrong) = workload.open.push(prediction) {
            self.table.refute(wrong.from, wrong.successor, wrong.next);
        }
        Some(Step {
            successor,
            presence,
            odds,
        })
    }

    /// A prefetched object was asked for, and was there.
    pub fn on_use(&mut self) {
        self.account.useful += 1;
    }

    /// A prefetched object was asked for before it had arrived.
    pub fn on_late_use(&mut self) {
        self.account.late += 1;
    }

    /// A prefetched object was given up unused; `displaced` is the hash of what had to make room for
    /// it, if anything had. Should that be missed soon, the prefetch has done harm.
    pub fn on_waste(&mut self, displaced: Option<u64>) {
        if let Some(hash) = displaced {
            self.regrets.watch(hash);
        }
    }

    /// What became of all prefetches so far.
    #[must_use]
    pub fn account(&self) -> Account {
        self.account
    }
}

impl<K: Copy + Eq + Default> Workload<K> {
    /// This was fetched now: it is what followed the last one, and what some may have predicted.
    fn learn(&mut self, table: &mut Table<K>, key: K) {
        if let Some(last) = self.last
            && !last.has_trail
        {
            table.begin(last.hash, key);
        }
        let mut is_foreseen = false;
        for right in self.open.take(key) {
            is_foreseen = true;
            table.confirm(right.from, key);
            if let Some(kind) = right.kind {
                self.records.came_true(kind);
            }
        }
        self.records.continue_run(is_foreseen);
    }
}
