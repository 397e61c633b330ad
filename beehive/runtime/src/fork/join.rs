//! `join`: two closures, perhaps at the same time.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use beehive_task::job::{StackJob, Work};

use super::local::{self, Local};

/// Calls both closures and returns what they return. `b` may be executed by another worker that is
/// idle, at the same time; else it is executed here after `a`.
///
/// Both may borrow from the caller. They can call `join` again, to any depth, and everything else of
/// this module. It costs about as much as two calls as long as nobody is idle, so there is no need to
/// stop splitting at some size.
///
/// This is an ordinary function, not a future: while another worker executes `b`, this one helps it
/// or sleeps. Called in a task, it keeps the worker from its other tasks, as any computation does;
/// those that may move can be stolen meanwhile, those of `spawn_local`, timers and IO of this worker
/// wait.
///
/// # Panics
///
/// If a closure panics, the panic is passed on when neither is running any more. If `a` panics
/// before anybody has begun `b`, `b` is dropped and not called.
///
/// Panics too if the calling thread is not a worker; use [`Runtime::install`](crate::Runtime::install)
/// there.
#[inline]
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA,
    B: FnOnce() -> RB + Send,
    RB: Send,
{
    local::with(|local| {
        if local.owner.is_calm() {
            return (a(), b());
        }
        let job = StackJob::new(Caught(b));
        // SAFETY: `job` stays here and is dropped after `forked`, which is not leaked: `join` and
        // `drop` both end with the work taken back, or with the latch set.
        let forked = unsafe { Forked::new(local, &job) };
        let first = a();
        let second = forked.join();
        (first, second)
    })
}

/// A closure whose panic, on another worker, is an outcome.
struct Caught<F>(F);

impl<R: Send, F: FnOnce() -> R + Send> Work for Caught<F> {
    type Outcome = thread::Result<R>;

    fn execute(self) -> thread::Result<R> {
        // Whoever joins passes the panic on, so nobody sees what it left behind.
        catch_unwind(AssertUnwindSafe(self.0))
    }
}

/// A job that is on offer until it is joined.
struct Forked<'a, F: FnOnce() -> R + Send, R: Send> {
    local: &'a Local,
    job: &'a StackJob<Caught<F>>,
}

impl<'a, F: FnOnce() -> R + Send, R: Send> Forked<'a, F, R> {
    /// # Safety
    ///
    /// The job is new, and stays where it is until this has been joined or dropped, one of which
    /// happens.
    #[inline]
    unsafe fn new(local: &'a Local, job: &'a StackJob<Caught<F>>) -> Self {
        // SAFETY: as the caller promises.
        unsafe { job.push(&local.owner) };
        local.expose_if_lacking();
        Self { local, job }
    }

    #[inline]
    fn join(self) -> R {
        let Self { local, job } = self;
        mem::forget(self);
        // SAFETY: the job was pushed in `new`, and nothing else takes it back.
        let Some(Caught(function)) = (unsafe { job.take_back(&local.owner) }) else {
            return outcome(local, job);
        };
        local.expose_if_lacking();
        function()
    }
}

/// Waits for a job that somebody else executes.
#[cold]
fn outcome<F: FnOnce() -> R + Send, R: Send>(local: &Local, job: &StackJob<Caught<F>>) -> R {
    local.wait(job.latch());
    // SAFETY: the latch is set, and nothing else takes the outcome.
    let outcome = unsafe { job.take_outcome() };
    outcome.unwrap_or_else(|payload| resume_unwind(payload))
}

impl<F: FnOnce() -> R + Send, R: Send> Drop for Forked<'_, F, R> {
    /// The other closure has panicked.
    #[cold]
    fn drop(&mut self) {
        let Self { local, job } = self;
        // SAFETY: the job was pushed in `new`, and nothing else takes it back.
        if unsafe { job.take_back(&local.owner) }.is_some() {
            return;
        }
        // Nothing else is executed here meanwhile: it would see a thread that panics.
        local.wait_idly(job.latch());
        // SAFETY: the latch is set, and nothing else takes the outcome.
        drop(unsafe { job.take_outcome() });
    }
}
