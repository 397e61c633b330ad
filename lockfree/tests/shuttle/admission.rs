//! The admission gate under random schedules: permits are those of a counter, and nobody is stuck.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;

use hallows_lockfree::admission::{Gate, Permit};
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Arc;
use shuttle::thread;

use crate::linearize::{Model, Recorder};

/// How many permits are free.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Free(u32);

#[derive(Clone, Debug)]
enum Op {
    /// Its outcome is part of the operation: a refusal depends on the queue, which is not in the
    /// model, and is always possible.
    Acquire(StdArc<AtomicBool>),
    Release,
}

impl Model for Free {
    type Op = Op;
    /// Whether it succeeded.
    type Ret = bool;

    fn apply(&mut self, op: &Op) -> bool {
        let after = match op {
            Op::Acquire(admitted) if !admitted.load(SeqCst) => None,
            Op::Acquire(_) => self.0.checked_sub(1),
            Op::Release => self.0.checked_add(1),
        };
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }
}

/// Gets a permit in one of the ways that there are; none if it left or was refused.
fn enter(gate: &Gate) -> Option<Permit<'_>> {
    let deadline = thread_rng().gen_range(0..20);
    match thread_rng().gen_range(0..4) {
        0 => gate.try_acquire().ok(),
        1 => block_on(gate.acquire(deadline)).ok(),
        2 => block_on(gate.acquire(u64::MAX)).ok(),
        _ => {
            let mut acquire = pin!(gate.acquire(deadline));
            let polled = block_on(poll_fn(|cx| Poll::Ready(acquire.as_mut().poll(cx))));
            match polled {
                Poll::Ready(admitted) => admitted.ok(),
                Poll::Pending => None,
            }
        }
    }
}

fn visit(gate: &Gate, history: &Recorder<Free>, time: u64) {
    let admitted = StdArc::new(AtomicBool::new(false));
    let mut permit = None;
    history.call(Op::Acquire(admitted.clone()), || {
        permit = enter(gate);
        admitted.store(permit.is_some(), SeqCst);
        permit.is_some()
    });
    if let Some(permit) = permit {
        thread::yield_now();
        history.call(Op::Release, || {
            drop(permit);
            true
        });
    }
    gate.shed(time, 1);
}

fn visits(threads: u32, rounds: u64) {
    let gate = Arc::new(Gate::new(2, 3));
    let history = Recorder::new();
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let (gate, history) = (gate.clone(), history.clone());
            thread::spawn(move || {
                for time in 0..rounds {
                    visit(&gate, &history, time);
                }
                gate.shed(20, 0);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!((gate.available(), gate.waiting()), (2, 0));
    history.check(Free(2));
}

#[test]
fn permits_are_a_counter_and_nobody_is_stuck() {
    shuttle::check_random(|| visits(4, 6), 1000);
}
