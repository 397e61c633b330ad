//! Time slicing: synchronous code that computes for long and yet leaves the worker to others.
//!
//! An asynchronous task gives way only where it awaits. A task of [`spawn_preemptible`] is an
//! ordinary function instead, on a stack of its own, and gives way at every [`checkpoint`] that it
//! passes after its slice has ended, however deep in its calls. What has used its slice goes behind
//! what has not (`beehive_policy::slice`), so short tasks need not fear long ones.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! fn collatz_steps(mut n: u64) -> u64 {
//!     let mut steps = 0;
//!     while n != 1 {
//!         beehive::checkpoint();
//!         n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
//!         steps += 1;
//!     }
//!     steps
//! }
//!
//! let runtime = beehive::Runtime::builder().workers(1).build()?;
//! let steps = runtime.block_on(async { beehive::spawn_preemptible(|| collatz_steps(27)).await });
//! assert_eq!(steps.ok(), Some(111));
//! # Ok(())
//! # }
//! ```
//!
//! # What to know
//!
//! - **Threads.** Until it begins, a task may be stolen. Then it stays on its worker: it goes on
//!   there after each suspension, and like a local task it is cancelled when that worker stops
//!   (worker 0 does when `Runtime::block_on` returns).
//! - **Thread-local values** are therefore the same before and after a checkpoint, but they are the
//!   worker's: other tasks run on that thread in between and may change them. A borrow of a
//!   thread-local `RefCell` that is held over a checkpoint makes another task's borrow panic.
//! - **Locks.** A lock that is held over a checkpoint stays locked while the task waits for its next
//!   slice. If another task of the same worker blocks on it, the worker waits for itself: a
//!   deadlock. Take locks inside [`no_preempt`], or release them before the next checkpoint.
//! - **Cancelling** the task, by its handle or by the end of its worker, unwinds it from the
//!   checkpoint where it is suspended: destructors run, catch handlers see a panic that the panic
//!   hook does not. A destructor is never suspended while it runs because of a panic.
//! - **Panics** go to the handle, as for every task.
//! - **Blocking.** The function runs on a worker: what blocks the thread blocks all its tasks.
//!   `Runtime::block_on` panics there, as in every task, and so does building one runtime inside
//!   another's task in order to block on it. To wait for other tasks, split the work: await in an
//!   asynchronous task and spawn the computing parts.
//! - **Stacks** have 256 KiB, unless [`Preemptible::stack_bytes`] says otherwise, and a guard page:
//!   overflow ends the process.
//! - **Tools.** Miri and the sanitizers cannot follow a switch of stacks.

pub(crate) mod current;
mod queue;

pub use current::{checkpoint, no_preempt};
pub(crate) use queue::Slices;

use std::panic::Location;
use std::sync::Arc;

use crate::fiber::{self, stacks};
use crate::options::{JoinHandle, TaskOptions};
use crate::shared::Shared;
use crate::worker;

/// Runs a function as a preemptible task; see the [module](self).
///
/// # Panics
///
/// If the calling thread is not a worker; use [`Handle::spawn_preemptible`] there.
///
/// [`Handle::spawn_preemptible`]: crate::Handle::spawn_preemptible
#[track_caller]
pub fn spawn_preemptible<F, T>(body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Preemptible::new().spawn(body)
}

/// How a preemptible task is to run.
#[derive(Debug, Clone)]
pub struct Preemptible {
    options: TaskOptions,
    stack_bytes: usize,
}

impl Preemptible {
    /// As [`spawn_preemptible`] does it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            options: TaskOptions::new(),
            stack_bytes: stacks::USUAL_BYTES,
        }
    }

    /// Name, class and what else all tasks may have. A weight has no effect: slices have lengths.
    #[must_use]
    pub fn options(mut self, options: TaskOptions) -> Self {
        self.options = options;
        self
    }

    /// Size of its stack; by default 256 KiB. Stacks of other sizes are not reused, so each costs
    /// two system calls.
    ///
    /// # Panics
    ///
    /// If it is less than 16 KiB.
    #[must_use]
    pub const fn stack_bytes(mut self, bytes: usize) -> Self {
        assert!(
            bytes >= stacks::BYTES_MIN,
            "a preemptible task needs a stack of at least 16 KiB"
        );
        self.stack_bytes = bytes;
        self
    }

    /// Runs a function as a preemptible task on the runtime of the calling worker.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker; use [`spawn_on`](Self::spawn_on) there. And as
    /// [`spawn_with`](crate::spawn_with), because of the options.
    #[track_caller]
    pub fn spawn<F, T>(self, body: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let shared = worker::with_current(|worker| worker.shared.clone());
        self.spawn_shared(&shared, body)
    }

    /// Runs a function as a preemptible task on this runtime, from any thread.
    ///
    /// # Panics
    ///
    /// As [`spawn_with`](crate::spawn_with), because of the options.
    #[track_caller]
    pub fn spawn_on<F, T>(self, runtime: &crate::Handle, body: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_shared(runtime.shared(), body)
    }

    #[track_caller]
    fn spawn_shared<F, T>(self, shared: &Arc<Shared>, body: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let location = Location::caller();
        fiber::spawn(shared, self.options, self.stack_bytes, location, body)
    }
}

impl Default for Preemptible {
    fn default() -> Self {
        Self::new()
    }
}
