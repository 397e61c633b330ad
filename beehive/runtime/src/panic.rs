//! What happens when a task panics.
//!
//! The panic is caught where the task is polled, so it never unwinds through a worker. Then the hook
//! of the runtime's builder is told, and then comes what its policy says. Under all policies the
//! process's own panic hook has printed the message before.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use beehive_task::JoinError;

use crate::worker;

/// What a runtime does when one of its tasks panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PanicPolicy {
    /// Nothing else suffers: whoever awaits the task's handle gets [`JoinError::Panicked`].
    #[default]
    Catch,
    /// The runtime stops: its shutdown is [requested](crate::Handle::shutdown), workers end as soon
    /// as they can, and [`Runtime::block_on`](crate::Runtime::block_on) panics, now and later.
    Shutdown,
    /// The process aborts.
    Abort,
}

type Hook = dyn Fn(&JoinError) + Send + Sync;

/// Policy and hook of one runtime.
#[derive(Clone, Default)]
pub(crate) struct Panics {
    pub(crate) policy: PanicPolicy,
    pub(crate) hook: Option<Arc<Hook>>,
}

impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panics")
            .field("policy", &self.policy)
            .field("hook", &self.hook.is_some())
            .finish()
    }
}

impl Panics {
    fn tell(&self, payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
        let Some(hook) = &self.hook else {
            return payload;
        };
        let error = JoinError::Panicked(payload);
        // A hook that panics has been reported as any panic is, and must not take the worker down.
        contained(|| hook(&error));
        match error {
            JoinError::Panicked(payload) => payload,
            JoinError::Cancelled => unreachable!("made above"),
        }
    }
}

/// Calls `what`; false if it panicked, which has been reported. What it panicked with may panic itself when
/// it is dropped: that ends here too, and what comes of it is leaked.
pub(crate) fn contained(what: impl FnOnce()) -> bool {
    let Err(payload) = catch_unwind(AssertUnwindSafe(what)) else {
        return true;
    };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(payload);
    }
    false
}

/// Calls `what` for each item. A panic has been reported, and ends the call for one item only: wakers are
/// called and tasks dropped, which wakes who waits for them, on behalf of others than the caller.
pub(crate) fn each<T>(mut items: impl Iterator<Item = T>, mut what: impl FnMut(T)) {
    // Each panic has used up an item.
    while !contained(|| items.by_ref().for_each(&mut what)) {}
}

/// A task of this thread's worker has panicked: tells the hook and follows the policy. Gives the
/// payload back, for the task's handle.
#[cold]
pub(crate) fn caught(payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    let Some(shared) = worker::try_with_current(|it| it.map(|it| it.shared.clone())) else {
        return payload;
    };
    let payload = shared.panics.tell(payload);
    match shared.panics.policy {
        PanicPolicy::Catch => {}
        PanicPolicy::Shutdown => shared.fail(),
        PanicPolicy::Abort => {
            eprintln!("a task panicked, and the runtime's panic policy is to abort");
            std::process::abort();
        }
    }
    payload
}
