//! The worker that a thread is, and the task that it polls.

use std::cell::Cell;
use std::ptr::null;

use beehive_policy::WorkerId;

use super::Worker;

thread_local! {
    /// The worker that runs on this thread; null if none does. See [`try_with_current`].
    pub(super) static CURRENT: Cell<*const Worker> = const { Cell::new(null()) };
    /// See [`polled`].
    pub(super) static POLLED: Cell<*const ()> = const { Cell::new(null()) };
}

/// The task that this thread polls, by [`id`](beehive_task::Runnable::id); null if it polls none.
///
/// It is set only by `Worker::run_tasks`, around the one call of `run`.
#[inline(always)]
pub(crate) fn polled() -> *const () {
    POLLED.get()
}

/// Calls `f` with this thread's worker, if it is one.
#[inline(always)]
pub(crate) fn try_with_current<T>(f: impl FnOnce(Option<&Worker>) -> T) -> T {
    // SAFETY: `Worker::run` sets the pointer to a worker that it keeps until `Running` has cleared it,
    // and what is called here returns before that: both happen on this thread, and that is below.
    f(unsafe { CURRENT.get().as_ref() })
}

/// Calls `f` with this thread's worker.
///
/// # Panics
///
/// If this thread is not a worker.
#[inline(always)]
pub(crate) fn with_current<T>(f: impl FnOnce(&Worker) -> T) -> T {
    try_with_current(|worker| {
        f(worker.expect(
            "no Beehive worker on this thread: call this from a task or inside `Runtime::block_on`; \
             other threads spawn by a `Handle`, which `Runtime::handle` gives",
        ))
    })
}

/// The worker that runs the calling task; `None` outside the runtime.
#[must_use]
pub fn worker_id() -> Option<WorkerId> {
    try_with_current(|worker| worker.map(|worker| worker.id))
}
