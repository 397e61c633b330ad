//! Whether a recorded concurrent history is linearizable: whether every operation can be given one
//! instant between its call and its return, such that a sequential model, taking the operations in
//! that order, returns what was returned.
//!
//! The search is Wing and Gong's with Lowe's memory of configurations ("Testing for
//! linearizability", 2017): an operation may come next if no other open one returned before it was
//! called; a configuration (operations done, state of the model) is never tried twice.
//!
//! An operation that never returned is not in the history: let every operation end, and what is
//! cancelled be an operation that returns "cancelled".

use std::collections::HashSet;
use std::fmt::{Debug, Write};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// What the structure is said to be, as a sequential program.
pub(crate) trait Model: Clone + Eq + Hash {
    /// A call with its arguments.
    type Op: Clone + Debug;
    /// What a call returns.
    type Ret: Clone + PartialEq + Debug;

    /// Does `op`, alone.
    fn apply(&mut self, op: &Self::Op) -> Self::Ret;

    /// Lets happen what the structure may do by itself, as far as `op` shows it by returning `ret`.
    fn settle(&mut self, _op: &Self::Op, _ret: &Self::Ret) {}
}

/// Records the calls of all threads that hold a clone.
///
/// Its clock and its lock are std's, which the model checkers do not see: recording adds no
/// schedules.
pub(crate) struct Recorder<M: Model> {
    clock: Arc<AtomicU64>,
    calls: Arc<Mutex<Vec<Call<M>>>>,
}

/// When a call began.
#[derive(Clone, Copy)]
pub(crate) struct Called(u64);

struct Call<M: Model> {
    called: u64,
    returned: u64,
    op: M::Op,
    ret: M::Ret,
}

impl<M: Model> Clone for Recorder<M> {
    fn clone(&self) -> Self {
        Self {
            clock: self.clock.clone(),
            calls: self.calls.clone(),
        }
    }
}

impl<M: Model> Recorder<M> {
    /// Nothing has been called.
    pub(crate) fn new() -> Self {
        Self {
            clock: Arc::default(),
            calls: Arc::default(),
        }
    }

    /// Does `run`, which is the structure's version of `op`, and records what it returned.
    pub(crate) fn call(&self, op: M::Op, run: impl FnOnce() -> M::Ret) -> M::Ret {
        let called = self.begin();
        let ret = run();
        self.end(called, op, ret.clone());
        ret
    }

    /// A call begins.
    pub(crate) fn begin(&self) -> Called {
        Called(self.clock.fetch_add(1, SeqCst))
    }

    /// That call was `op`, and has returned `ret`.
    pub(crate) fn end(&self, Called(called): Called, op: M::Op, ret: M::Ret) {
        let returned = self.clock.fetch_add(1, SeqCst);
        let call = Call {
            called,
            returned,
            op,
            ret,
        };
        self.calls.lock().expect("no call panicked").push(call);
    }

    /// Panics with the history unless it is linearizable from `initial`. To be called when all
    /// threads have ended.
    pub(crate) fn check(&self, initial: M) {
        let mut calls = self.calls.lock().expect("no call panicked");
        calls.sort_by_key(|call| call.called);
        if let Err(furthest) = search(&calls, initial) {
            panic!(
                "not linearizable; `+` are done in the furthest order found:\n{}",
                listing(&calls, &furthest)
            );
        }
    }
}

/// Which calls of a history, sorted by when they were called, have been given their instant.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Done {
    /// All calls before this one.
    before: usize,
    /// And these after it, ascending.
    ahead: Vec<usize>,
}

impl Done {
    fn contains(&self, index: usize) -> bool {
        index < self.before || self.ahead.binary_search(&index).is_ok()
    }

    fn len(&self) -> usize {
        self.before + self.ahead.len()
    }

    fn with(&self, index: usize) -> Self {
        let mut ahead = self.ahead.clone();
        if index > self.before {
            let at = ahead.partition_point(|&other| other < index);
            ahead.insert(at, index);
            return Self { ahead, ..*self };
        }
        let mut before = self.before + 1;
        let closed = ahead
            .iter()
            .take_while(|&&other| {
                let adjacent = other == before;
                before += usize::from(adjacent);
                adjacent
            })
            .count();
        ahead.drain(..closed);
        Self { before, ahead }
    }
}

/// `Err` with the furthest that any order came.
fn search<M: Model>(calls: &[Call<M>], initial: M) -> Result<(), Done> {
    let nothing = Done {
        before: 0,
        ahead: Vec::new(),
    };
    let mut furthest = nothing.clone();
    let mut tried = HashSet::from([(nothing.clone(), initial.clone())]);
    let mut open = vec![(nothing, initial)];
    while let Some((done, model)) = open.pop() {
        if done.len() == calls.len() {
            return Ok(());
        }
        for index in next(calls, &done) {
            let mut model = model.clone();
            let Call { op, ret, .. } = &calls[index];
            model.settle(op, ret);
            if model.apply(op) != *ret {
                continue;
            }
            let configuration = (done.with(index), model);
            if configuration.0.len() > furthest.len() {
                furthest.clone_from(&configuration.0);
            }
            if tried.insert(configuration.clone()) {
                open.push(configuration);
            }
        }
    }
    Err(furthest)
}

/// The calls that may come next; last the one that returned first, which is tried first.
fn next<M: Model>(calls: &[Call<M>], done: &Done) -> Vec<usize> {
    let mut first_return = u64::MAX;
    let mut candidates = Vec::new();
    for (index, call) in calls.iter().enumerate().skip(done.before) {
        if call.called > first_return {
            break;
        }
        if !done.contains(index) {
            first_return = first_return.min(call.returned);
            candidates.push(index);
        }
    }
    candidates.sort_by_key(|&index| std::cmp::Reverse(calls[index].returned));
    candidates
}

fn listing<M: Model>(calls: &[Call<M>], done: &Done) -> String {
    let mut text = String::new();
    for (index, call) in calls.iter().enumerate() {
        let mark = if done.contains(index) { '+' } else { ' ' };
        let (called, returned) = (call.called, call.returned);
        let (op, ret) = (&call.op, &call.ret);
        writeln!(
            text,
            "{mark} {called:>4} to {returned:>4}: {op:?} -> {ret:?}"
        )
        .expect("a String takes everything");
    }
    text
}
