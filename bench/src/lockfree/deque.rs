//! The work-stealing deque: its owner alone, and its owner beside one thief.

use anyhow::Result;
use hallows_lockfree::deque;

use crate::harness::Measured;

use super::measure::{THROUGHPUT, compare, ours, peer};
use super::transfer::{Received, check};
use super::wait::until;
use super::{Bench, Workload};
use crate::team::{Core, Team, Took};

/// Room in bounded deques, and the most that the owner leaves in others.
const CAPACITY: usize = 256;
/// What the owner pushes before it pops as much, or looks at what thieves have left.
const BURST: u64 = 64;

/// The owner's end.
trait Owner: Send {
    /// False if there is no room.
    fn push(&mut self, value: u64) -> bool;
    /// The value pushed last.
    fn pop(&mut self) -> Option<u64>;
    /// Whether more values are wanted in it: a deque without a bound must not grow while it waits
    /// for its thief.
    fn has_room(&self) -> bool {
        true
    }
}

/// A thief with a deque of its own.
trait Thief: Send {
    /// Steals once and empties its own deque. `None` if there was nothing to steal.
    fn steal(&mut self) -> Option<Received>;
}

pub(super) fn owner(bench: &Bench, workload: Workload) -> Result<Measured> {
    let subjects = vec![
        ours("hallows", |operations| {
            owner_alone(bench, deque::Worker::new(CAPACITY), operations)
        }),
        peer("crossbeam-deque", |operations| {
            owner_alone(bench, CrossbeamOwner::new(), operations)
        }),
        peer("st3", |operations| {
            owner_alone(bench, St3Owner::new(), operations)
        }),
    ];
    compare(bench, workload, &THROUGHPUT, subjects)
}

pub(super) fn steal(bench: &Bench, workload: Workload) -> Result<Measured> {
    let subjects = vec![
        ours("hallows", |messages| {
            let owner = deque::Worker::new(CAPACITY);
            let thief = HallowsThief {
                victim: owner.stealer(),
                own: deque::Worker::new(CAPACITY),
            };
            owner_and_thief(bench, owner, thief, messages)
        }),
        peer("st3", |messages| {
            let owner = St3Owner::new();
            let thief = St3Thief {
                victim: owner.0.stealer(),
                own: st3::lifo::Worker::new(CAPACITY),
            };
            owner_and_thief(bench, owner, thief, messages)
        }),
        peer("crossbeam-deque", |messages| {
            let owner = CrossbeamOwner::new();
            let thief = CrossbeamBatchThief {
                victim: owner.0.stealer(),
                own: crossbeam_deque::Worker::new_lifo(),
            };
            owner_and_thief(bench, owner, thief, messages)
        }),
        peer("crossbeam-deque-one", |messages| {
            let owner = CrossbeamOwner::new();
            let thief = CrossbeamThief(owner.0.stealer());
            owner_and_thief(bench, owner, thief, messages)
        }),
    ];
    compare(bench, workload, &THROUGHPUT, subjects)
}

/// A push and a pop are an operation each.
fn owner_alone(bench: &Bench, mut owner: impl Owner, operations: u64) -> Result<Took> {
    let values = operations / 2;
    let mut team = Team::new(&bench.cores);
    team.add(Core::First, move || {
        let mut sum = 0_u64;
        for first in (0..values).step_by(BURST as usize) {
            for value in first..first + BURST {
                assert!(owner.push(value), "a burst fits");
            }
            for _ in 0..BURST {
                sum += owner.pop().expect("nobody steals");
            }
        }
        sum
    });
    let (took, sums) = team.run(operations)?;
    check(sums[0], values)?;
    Ok(took)
}

/// The owner only pushes; all that it pushes is stolen.
fn owner_and_thief(
    bench: &Bench,
    mut owner: impl Owner,
    mut thief: impl Thief,
    messages: u64,
) -> Result<Took> {
    let mut team = Team::new(&bench.cores);
    team.add(Core::First, move || {
        for first in (0..messages).step_by(BURST as usize) {
            until(|| owner.has_room().then_some(()));
            for value in first..first + BURST {
                until(|| owner.push(value).then_some(()));
            }
        }
        // The deque must not go before the thief is done.
        (0, Some(owner))
    });
    team.add(Core::Second, move || {
        let mut all = Received::default();
        while all.count < messages {
            let some = until(|| thief.steal());
            all.count += some.count;
            all.sum += some.sum;
        }
        (all.sum, None)
    });
    let (took, results) = team.run(messages)?;
    check(results.iter().map(|(sum, _)| sum).sum(), messages)?;
    Ok(took)
}

impl Owner for deque::Worker<u64> {
    #[inline(always)]
    fn push(&mut self, value: u64) -> bool {
        (*self).push(value).is_ok()
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<u64> {
        self.pop_back()
    }
}

struct HallowsThief {
    victim: deque::Stealer<u64>,
    own: deque::Worker<u64>,
}

impl Thief for HallowsThief {
    #[inline(always)]
    fn steal(&mut self) -> Option<Received> {
        self.victim.steal_half(&self.own).success()?;
        Some(drained(|| self.own.pop_back()))
    }
}

struct CrossbeamOwner(crossbeam_deque::Worker<u64>);

impl CrossbeamOwner {
    fn new() -> Self {
        Self(crossbeam_deque::Worker::new_lifo())
    }
}

impl Owner for CrossbeamOwner {
    #[inline(always)]
    fn push(&mut self, value: u64) -> bool {
        self.0.push(value);
        true
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<u64> {
        self.0.pop()
    }

    #[inline(always)]
    fn has_room(&self) -> bool {
        self.0.len() <= CAPACITY - BURST as usize
    }
}

struct CrossbeamThief(crossbeam_deque::Stealer<u64>);

impl Thief for CrossbeamThief {
    #[inline(always)]
    fn steal(&mut self) -> Option<Received> {
        Some(Received::default().and(self.0.steal().success()?))
    }
}

struct CrossbeamBatchThief {
    victim: crossbeam_deque::Stealer<u64>,
    own: crossbeam_deque::Worker<u64>,
}

impl Thief for CrossbeamBatchThief {
    #[inline(always)]
    fn steal(&mut self) -> Option<Received> {
        let first = self.victim.steal_batch_and_pop(&self.own).success()?;
        let rest = drained(|| self.own.pop());
        Some(rest.and(first))
    }
}

struct St3Owner(st3::lifo::Worker<u64>);

impl St3Owner {
    fn new() -> Self {
        Self(st3::lifo::Worker::new(CAPACITY))
    }
}

impl Owner for St3Owner {
    #[inline(always)]
    fn push(&mut self, value: u64) -> bool {
        self.0.push(value).is_ok()
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<u64> {
        self.0.pop()
    }
}

struct St3Thief {
    victim: st3::lifo::Stealer<u64>,
    own: st3::lifo::Worker<u64>,
}

impl Thief for St3Thief {
    #[inline(always)]
    fn steal(&mut self) -> Option<Received> {
        let half = |count: usize| count.div_ceil(2);
        let (first, _) = self.victim.steal_and_pop(&self.own, half).ok()?;
        let rest = drained(|| self.own.pop());
        Some(rest.and(first))
    }
}

/// What was stolen into the thief's own deque.
#[inline(always)]
fn drained(mut pop: impl FnMut() -> Option<u64>) -> Received {
    let mut all = Received::default();
    while let Some(value) = pop() {
        all = all.and(value);
    }
    all
}
