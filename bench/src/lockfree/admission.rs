//! An admission gate. While it has room, two threads on two cores come in and go out: through the
//! call that would wait, and through the one that would not. While it is full, one thread measures
//! what it costs to give a permit to the next in line, and to queue again.

use std::collections::VecDeque;
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use anyhow::Result;
use hallows_lockfree::admission::Gate;
use tokio::sync::Semaphore;

use crate::harness::{Better, Measured, Metric};

use super::measure::{CPU, Figures, RATE, compare, ours, peer};
use super::{Bench, Workload};
use crate::team::{Core, Team, Took};

const THREADS: usize = 2;
/// More than ever want in at once: nobody waits.
const PERMITS: usize = 64;
/// Waiters in line for a single permit.
const LINE: usize = 64;
/// Nobody is late.
const DEADLINE: u64 = u64::MAX;

/// As many of each.
struct Passed {
    acquire: Took,
    try_acquire: Took,
    queued: Took,
}

const FIGURES: Figures<Passed> = Figures {
    metrics: &[
        RATE,
        CPU,
        Metric {
            name: "try_cpu_ns",
            unit: "ns",
            better: Better::Lower,
        },
        Metric {
            name: "queued_cpu_ns",
            unit: "ns",
            better: Better::Lower,
        },
    ],
    values: |passed| {
        vec![
            passed.acquire.million_per_s(),
            passed.acquire.cpu_ns(),
            passed.try_acquire.cpu_ns(),
            passed.queued.cpu_ns(),
        ]
    },
    wall: |passed| passed.acquire.wall + passed.try_acquire.wall + passed.queued.wall,
};

pub(super) fn run(bench: &Bench, workload: Workload) -> Result<Measured> {
    let subjects = vec![
        ours("hallows", |entries| {
            let (gate, narrow) = (Gate::new(PERMITS, LINE), Gate::new(1, LINE));
            Ok(Passed {
                acquire: pass(bench, entries, || {
                    drop(black_box(ready(gate.acquire(DEADLINE))).expect("it is open"));
                })?,
                try_acquire: pass(bench, entries, || {
                    drop(black_box(gate.try_acquire()).expect("it has room"));
                })?,
                queued: stand_in_line(bench, entries, || narrow.acquire(DEADLINE))?,
            })
        }),
        peer("tokio", |entries| {
            let (gate, narrow) = (Semaphore::new(PERMITS), Semaphore::new(1));
            Ok(Passed {
                acquire: pass(bench, entries, || {
                    drop(black_box(ready(gate.acquire())).expect("it is open"));
                })?,
                try_acquire: pass(bench, entries, || {
                    drop(black_box(gate.try_acquire()).expect("it has room"));
                })?,
                queued: stand_in_line(bench, entries, || narrow.acquire())?,
            })
        }),
    ];
    compare(bench, workload, &FIGURES, subjects)
}

/// `through` takes a permit and gives it back.
fn pass(bench: &Bench, entries: u64, through: impl Fn() + Sync) -> Result<Took> {
    let mut team = Team::new(&bench.cores);
    let through = &through;
    for index in 0..THREADS {
        team.add(Core::in_turn(index), move || {
            for _ in 0..entries / THREADS as u64 {
                through();
            }
        });
    }
    let (took, _) = team.run(entries)?;
    Ok(took)
}

/// The permit is given back, the first in line must have it, and its place is taken at the end.
fn stand_in_line<F, P, E>(
    bench: &Bench,
    entries: u64,
    acquire: impl Fn() -> F + Sync,
) -> Result<Took>
where
    F: Future<Output = Result<P, E>>,
    E: std::fmt::Debug,
{
    let mut team = Team::new(&bench.cores);
    let acquire = &acquire;
    team.add(Core::First, move || {
        let mut held = ready(acquire()).expect("it is open");
        let mut line: VecDeque<Pin<Box<F>>> = (0..LINE).map(|_| Box::pin(acquire())).collect();
        for waiter in &mut line {
            assert!(poll(waiter.as_mut()).is_pending(), "the permit is taken");
        }
        for _ in 0..entries {
            drop(held);
            let mut first = line.pop_front().expect("the line is never empty");
            let Poll::Ready(permit) = poll(first.as_mut()) else {
                panic!("the permit did not go to the first in line");
            };
            held = permit.expect("it is open");
            first.set(acquire());
            assert!(poll(first.as_mut()).is_pending(), "the permit is taken");
            line.push_back(first);
        }
    });
    let (took, _) = team.run(entries)?;
    Ok(took)
}

#[inline(always)]
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What the future gives at the first poll.
#[inline(always)]
fn ready<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("there is room for all"),
    }
}
