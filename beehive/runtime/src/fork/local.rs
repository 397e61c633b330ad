//! A worker's own part in fork-join, and how it waits.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use beehive_policy::WorkerId;
use beehive_task::job::{Aside, Latch, Owner, Stolen};

use super::board::Board;
use crate::shared::Shared;
use crate::slice::no_preempt;
use crate::worker::{self, Worker};

/// Looks for something to do before a worker that waits for a latch sleeps: some 20 µs.
const LOOKS_BEFORE_SLEEP: u32 = 400;
/// How long an idle worker goes on looking after the last sign of fork-join work. Waking it costs
/// those that work some microseconds, and the work at hand more.
const LINGER: Duration = Duration::from_micros(50);

/// What belongs to one worker.
pub(crate) struct Local {
    pub(super) owner: Owner,
    pub(super) shared: Arc<Shared>,
    /// The activity when this worker last looked, and until when it goes on looking.
    seen: Cell<u32>,
    linger_until: Cell<Option<Instant>>,
}

thread_local! {
    /// This thread's worker's; null if it is none. A plain pointer, because each join reads it.
    static CURRENT: Cell<*const Local> = const { Cell::new(ptr::null()) };
}

/// Calls `f` with this thread's worker's part.
///
/// # Panics
///
/// If this thread is not a worker.
#[inline]
pub(super) fn with<R>(f: impl FnOnce(&Local) -> R) -> R {
    let current = CURRENT.get();
    // SAFETY: the pointer is null, or it was set by `enter`, whose caller keeps the worker until it has
    // been reset; and that is below us on this thread's stack.
    match unsafe { current.as_ref() } {
        Some(local) => f(local),
        None => no_worker(),
    }
}

/// Calls `run`, which runs another stack on this thread for a while: that of a preemptible task, or of
/// the worker when such a task is left. The jobs of the calling stack wait meanwhile.
pub(crate) fn on_other_stack<T>(run: impl FnOnce() -> T) -> T {
    // SAFETY: as in `with`.
    let owner = unsafe { CURRENT.get().as_ref() }.map(|local| &local.owner);
    let _back = owner.map(|owner| PutBack {
        owner,
        aside: Some(owner.set_aside()),
    });
    run()
}

/// Puts back the jobs of a stack when it goes on, also to unwind.
struct PutBack<'a> {
    owner: &'a Owner,
    aside: Option<Aside>,
}

impl Drop for PutBack<'_> {
    fn drop(&mut self) {
        if let Some(aside) = self.aside.take() {
            // SAFETY: it was set aside by this owner in `on_other_stack`, and whose jobs they are has
            // not run since: its stack is what goes on now.
            unsafe { self.owner.put_back(aside) };
        }
    }
}

#[cold]
fn no_worker() -> ! {
    panic!(
        "no Beehive worker on this thread: call this from a task, inside `Runtime::block_on`, or \
         through `Runtime::install`"
    )
}

impl Local {
    pub(crate) fn new(id: WorkerId, shared: Arc<Shared>) -> Self {
        let id = id.index() as u32;
        let exposed = shared.jobs.exposed(id).clone();
        Self {
            owner: Owner::new(id, exposed, shared.jobs.floor()),
            seen: Cell::new(shared.jobs.activity()),
            shared,
            linger_until: Cell::new(None),
        }
    }

    /// Makes this the part of the calling thread.
    ///
    /// # Safety
    ///
    /// It stays where it is until `leave` has been called on this thread.
    pub(crate) unsafe fn enter(&self) {
        CURRENT.set(self);
    }

    /// The calling thread is no worker any more.
    pub(crate) fn leave() {
        CURRENT.set(ptr::null());
    }

    fn board(&self) -> &Board {
        &self.shared.jobs
    }

    /// Takes a job of another worker.
    pub(crate) fn steal(&self) -> Option<Stolen> {
        self.board().steal(self.owner.id())
    }

    /// Executes a job; panics are caught and belong to whoever waits for it.
    ///
    /// In a preemptible task, it is not suspended: its owner could be waiting for it on this worker.
    pub(crate) fn execute(&self, stolen: Stolen) {
        no_preempt(|| self.owner.execute(stolen, |sleeper| self.wake(sleeper)));
    }

    pub(super) fn wake(&self, sleeper: u32) {
        self.board().wake(sleeper);
    }

    /// Whether this idle worker should look for jobs once more before it parks: only for a moment
    /// after jobs have been exposed somewhere.
    pub(crate) fn lingers(&self) -> bool {
        let activity = self.board().activity();
        if activity != self.seen.replace(activity) {
            self.linger_until.set(Some(Instant::now() + LINGER));
        }
        let lingers = self
            .linger_until
            .get()
            .is_some_and(|end| Instant::now() < end);
        if !lingers {
            self.linger_until.set(None);
        }
        lingers
    }

    /// Calls `body`, then executes the jobs of scopes that it has left to this worker.
    pub(crate) fn frame<R>(&self, body: impl FnOnce() -> R) -> R {
        self.owner.frame(|sleeper| self.wake(sleeper), body)
    }

    #[inline]
    pub(super) fn expose_if_lacking(&self) {
        if self.owner.is_lacking() {
            self.expose();
        }
    }

    /// Exposes jobs, and wakes whoever can take them.
    #[cold]
    #[inline(never)]
    fn expose(&self) {
        let idle = self.shared.idle.count();
        if !self.owner.expose(idle as u32) {
            return;
        }
        worker::with_current(Worker::offer_jobs);
        if idle == 0
            && let Some(sleeper) = self.owner.rouse_awaiting()
        {
            self.wake(sleeper);
        }
    }

    /// Waits for a latch, and does what its thief leaves to be done meanwhile.
    pub(super) fn wait(&self, latch: &Latch) {
        while !self.watch(latch) && latch.begin_sleep() {
            if !self.can_help(latch) {
                self.board().sleep(self.owner.id(), latch);
            }
            latch.end_sleep();
        }
    }

    /// Waits for a latch and does nothing else.
    pub(super) fn wait_idly(&self, latch: &Latch) {
        while latch.begin_sleep() {
            self.board().sleep(self.owner.id(), latch);
            latch.end_sleep();
        }
    }

    /// Helps as long as there is something to help with, and a moment longer; true if the latch is
    /// set.
    fn watch(&self, latch: &Latch) -> bool {
        let mut looks = 0;
        while looks < LOOKS_BEFORE_SLEEP {
            if latch.is_set() {
                return true;
            }
            if self.help(latch) {
                looks = 0;
            } else {
                looks += 1;
                std::hint::spin_loop();
            }
        }
        false
    }

    fn can_help(&self, latch: &Latch) -> bool {
        let exposed = latch.thief().map(|thief| self.board().exposed(thief));
        exposed.is_some_and(|exposed| !exposed.is_empty())
    }

    fn help(&self, latch: &Latch) -> bool {
        let stolen = latch
            .thief()
            .and_then(|thief| self.board().exposed(thief).steal(thief));
        stolen.map(|stolen| self.execute(stolen)).is_some()
    }
}
