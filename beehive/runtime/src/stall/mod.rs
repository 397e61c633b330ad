//! Polls that take too long: who notices them, what is reported, and what becomes of the tasks behind
//! them.
//!
//! A worker can do nothing about the task that it polls; so a thread of the runtime's own, the
//! `monitor`, looks at all workers now and then. Each worker counts its polls (`watch`). A count
//! that stays the same while the worker is not waiting for events is a poll that lasts (`detect`).
//! When it has lasted for the threshold (10 ms by default), the monitor
//!
//! 1. wakes a parked worker if stealable tasks are queued anywhere, so that what the task has spawned
//!    and woken runs elsewhere, and does so again as long as the poll lasts;
//! 2. reports the stall, once: to the hook of [`Builder::on_stall`](crate::Builder::on_stall), or as
//!    a warning by `tracing` if there is none.
//!
//! A report names the task (the name that it was given, and the type of its future, which for an
//! asynchronous block contains the path of the function around it) and says what the thread does:
//! whether it computes, or in which system call it is blocked. It does not hold a backtrace. Unwinding
//! the stack of a thread that was interrupted anywhere, perhaps in the allocator or the loader, is
//! not sound in general; the thread's name and number are those that a debugger or `perf` shows.
//!
//! Not helped are tasks that are bound to the worker: local tasks, those with a chosen worker,
//! preemptible tasks that have begun, and its sockets and timers.
//!
//! The price: per poll two stores to a line that nobody else writes, per worker and 5 ms two loads.
//! When all workers have waited for a second, the monitor sleeps until one wakes.

mod detect;
pub(crate) mod monitor;
mod thread;
pub(crate) mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use beehive_policy::WorkerId;

pub use thread::Doing;

use crate::options::Name;
use crate::panic;

/// A poll that lasts longer than the threshold.
#[derive(Debug, Clone)]
pub struct Stall {
    /// The worker that polls.
    pub worker: WorkerId,
    /// The task's name, if it was given one.
    pub name: Option<Name>,
    /// The type of the task's future.
    pub future: &'static str,
    /// How long the poll has lasted at least. Times in which the whole process stood still do not
    /// count.
    pub elapsed: Duration,
    /// What the worker's thread does.
    pub doing: Doing,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} has polled ", self.worker.index())?;
        if let Some(name) = &self.name {
            write!(f, "the task \"{name}\" ")?;
        }
        let (future, elapsed) = (self.future, self.elapsed);
        write!(f, "({future}) for {elapsed:?} and {}", self.doing)
    }
}

/// What to do about a stall.
const ADVICE: &str = "await more often, compute in `spawn_preemptible`, block in `spawn_blocking`";

/// Who is told of stalls.
#[derive(Clone)]
pub(crate) struct Hook(Arc<dyn Fn(&Stall) + Send + Sync>);

impl Hook {
    pub(crate) fn new(hook: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// A panic of the hook ends here: it has been reported, and the caller is still needed.
    fn call(&self, stall: &Stall) {
        panic::contained(|| (self.0)(stall));
    }
}

impl Default for Hook {
    fn default() -> Self {
        Self::new(|stall| {
            tracing::warn!("{stall}; {ADVICE}");
        })
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}
