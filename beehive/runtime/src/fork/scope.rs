//! `scope`: any number of closures that borrow, executed in any order and on any worker.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Relaxed};
use std::thread;

use beehive_task::job::{Latch, Owner};
use parking_lot::Mutex;

use super::local::{self, Local};
use crate::shared::Shared;

/// Calls `body` with a scope in which it can [`spawn`](Scope::spawn) closures, and returns when all
/// of them are done.
///
/// This is an ordinary function and waits as [`join`](super::join()) does. For two closures `join` is
/// cheaper: it needs no memory on the heap.
///
/// # Panics
///
/// If `body` or a closure panics, the panic (that of `body`, or else the first of the closures') is
/// passed on when all of them are done.
///
/// Panics too if the calling thread is not a worker; use [`Runtime::install`](crate::Runtime::install)
/// there.
pub fn scope<'env, F, R>(body: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    local::with(|local| {
        let scope = Scope::new(local);
        let result = local.frame(|| catch_unwind(AssertUnwindSafe(|| body(&scope))));
        let _awake = scope.done();
        local.wait(&scope.latch);
        let panic = scope.panic.lock().take();
        match (result, panic) {
            (Ok(value), None) => value,
            (Err(payload), _) | (Ok(_), Some(payload)) => resume_unwind(payload),
        }
    })
}

/// Where closures can be spawned that borrow what outlives `'scope`.
pub struct Scope<'scope, 'env: 'scope> {
    shared: Arc<Shared>,
    owner: u32,
    /// Closures that are not done, and one for the body.
    left: AtomicUsize,
    /// Set when none is left.
    latch: Latch,
    /// What the first closure that panicked did so with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Invariant: a scope must not be taken for one that lives shorter.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope, 'env> Scope<'scope, 'env> {
    fn new(local: &Local) -> Self {
        Self {
            shared: local.shared.clone(),
            owner: local.owner.id(),
            left: AtomicUsize::new(1),
            latch: Latch::new(),
            panic: Mutex::new(None),
            scope: PhantomData,
            env: PhantomData,
        }
    }

    /// Lets a closure be called before the scope ends, by this worker or another one. The closure can
    /// spawn more of them.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker.
    pub fn spawn<F>(&'scope self, function: F)
    where
        F: FnOnce() + Send + 'scope,
    {
        local::with(|local| {
            // More are left than this one: it is called within the scope.
            self.left.fetch_add(1, Relaxed);
            if !Arc::ptr_eq(&local.shared, &self.shared) {
                // A worker of another runtime, whose jobs do not mix with ours.
                let shared = self.shared.clone();
                let sleeper = self.finish(catch_unwind(AssertUnwindSafe(function)));
                sleeper.into_iter().for_each(|it| shared.jobs.wake(it));
                return;
            }
            let job = move |runner: &Owner| self.call(runner, function);
            // SAFETY: the function borrows what lives as long as 'scope, which does not end before
            // `end` has seen the latch set, and that is when all functions have been called.
            unsafe { local.owner.spawn(job) };
            local.expose_if_lacking();
        });
    }

    /// Calls a spawned closure. Returns the worker to wake, if the scope's sleeps until this is done.
    fn call(&self, runner: &Owner, function: impl FnOnce()) -> Option<u32> {
        if runner.id() != self.owner {
            self.latch.note_thief(runner.id());
        }
        let call = || catch_unwind(AssertUnwindSafe(function));
        // SAFETY: the latch exists until this function has counted itself as done.
        let result = unsafe { runner.serve(&raw const self.latch, self.owner, call) };
        self.finish(result)
    }

    fn finish(&self, result: thread::Result<()>) -> Option<u32> {
        if let Err(payload) = result {
            self.panic.lock().get_or_insert(payload);
        }
        self.done()
    }

    /// Counts one as done. If it is not the last, the scope may be gone afterwards.
    fn done(&self) -> Option<u32> {
        let owner = self.owner;
        if self.left.fetch_sub(1, AcqRel) > 1 {
            return None;
        }
        // SAFETY: the owner waits for the latch, so it exists; it is not touched afterwards.
        let sleeps = unsafe { Latch::set(&raw const self.latch) };
        sleeps.then_some(owner)
    }
}
