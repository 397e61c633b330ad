//! Ending a runtime in good order.
//!
//! 1. [`Handle::shutdown`](crate::Handle::shutdown), or the beginning of
//!    [`Runtime::shutdown_timeout`](crate::Runtime::shutdown_timeout), makes the *request*: the
//!    runtime's shutdown token is cancelled. Tasks that wait for [`requested`], or for
//!    [`Handle::shutdown_token`](crate::Handle::shutdown_token), see it. Nothing is ended by it.
//! 2. The *drain*: all tasks go on as before, and may spawn others, until there is none any more or
//!    the time is over.
//! 3. The *end*: workers stop, and the tasks that are left are dropped at the point where they wait.
//!    The [`Report`] says how many there were.
//!
//! Dropping a runtime is the end alone.

mod census;

pub(crate) use census::drain;

use std::fmt;

use crate::worker;

/// Waits until the shutdown of the runtime that runs this task is requested.
///
/// # Panics
///
/// If the calling thread is not a worker.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub async fn requested() {
    let token = worker::with_current(|worker| worker.shared.shutdown.clone());
    token.cancelled_owned().await;
}

/// What a shutdown found when the drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Whether it is certain that every task had ended.
    pub drained: bool,
    /// Tasks that waited or were queued, and blocking work, as far as the workers that answer know. A
    /// task that was ready may be missing, or count twice if it had waited before.
    pub alive: usize,
    /// Workers that did not answer: a task there keeps them in one long poll.
    pub unresponsive: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            drained,
            alive,
            unresponsive,
        } = self;
        match unresponsive {
            _ if *drained => f.write_str("every task had ended"),
            0 => write!(f, "{alive} tasks were alive"),
            _ => write!(
                f,
                "{alive} tasks were alive, and {unresponsive} workers did not answer"
            ),
        }
    }
}
