//! What the running thread knows about its slice, and the checkpoint that ends it.
//!
//! A slice is ended by the fiber itself: no signal interrupts it. So a checkpoint must cost next to
//! nothing: it loads the slice's end through a thread-local pointer and compares it with the time
//! stamp counter. Another thread can cut a slice short by storing an earlier end
//! ([`SliceEnd::cut`]); a cut that comes just before a new slice begins is lost, which costs the
//! length of a slice and nothing else.
//!
//! Invariants of the unsafe blocks, for each thread:
//! 1. `end` points to a static, or, while [`run_until`] is on the stack, to what it borrowed.
//! 2. `yielder` is null, or points to the yielder of the fiber that runs now, which lives on that
//!    fiber's stack until the fiber has ended. It is set when the fiber is entered ([`enter`], or the
//!    end of [`suspend`]) and cleared when it is left.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use corosensei::Yielder;
use crossbeam_utils::CachePadded;

use crate::fork;
use crate::ticks;

/// When the slice that runs on a worker ends, in ticks. Others may set it too, hence the atomic.
#[derive(Debug)]
pub(crate) struct SliceEnd(CachePadded<AtomicU64>);

/// No slice runs.
const NEVER: u64 = u64::MAX;

impl SliceEnd {
    pub(crate) const fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(NEVER)))
    }

    /// Lets the slice that runs there, if one does, end at its next checkpoint. From any thread.
    pub(crate) fn cut(&self) {
        // Most of the time no slice runs: then the line is only read.
        if self.0.load(Relaxed) != NEVER {
            self.0.store(0, Relaxed);
        }
    }
}

/// Where a thread looks that runs no slice.
static NO_SLICE: AtomicU64 = AtomicU64::new(NEVER);
/// Where a thread looks that unwinds a fiber: every checkpoint is due.
static PASSED: AtomicU64 = AtomicU64::new(0);

struct Current {
    end: Cell<*const AtomicU64>,
    yielder: Cell<*const Yielder<(), ()>>,
    /// How many calls of [`no_preempt`] are on the stack.
    forbidden: Cell<u32>,
}

thread_local! {
    static CURRENT: Current = const {
        Current {
            end: Cell::new(&raw const NO_SLICE),
            yielder: Cell::new(ptr::null()),
            forbidden: Cell::new(0),
        }
    };
}

/// Suspends this preemptible task if its slice has ended; elsewhere, does nothing.
///
/// It costs about as much as reading the time stamp counter, so call it every microsecond or so: in
/// the body of a loop, at the head of a recursive function. The task goes on when its turn has come
/// again, on the same thread.
///
/// # Panics
///
/// If the task has been cancelled, it unwinds from here so that destructors run. This is not
/// reported as a panic. Code that catches panics should pass this one on, or it is raised again at
/// the next checkpoint.
#[inline]
pub fn checkpoint() {
    let end = CURRENT.with(|current| current.end.get());
    // SAFETY: by invariant 1 the pointer is valid now.
    let end = unsafe { &*end };
    if ticks::now() >= end.load(Relaxed) {
        suspend();
    }
}

/// Leaves the fiber if that is allowed here, and returns when it is entered again.
#[cold]
#[inline(never)]
fn suspend() {
    CURRENT.with(|current| {
        // Other tasks must not run in the middle of a panic: the thread counts as panicking.
        let forbidden = current.forbidden.get() > 0 || std::thread::panicking();
        let yielder = current.yielder.get();
        if forbidden || yielder.is_null() {
            return;
        }
        let _entered = Entered(yielder);
        // SAFETY: by invariant 2 this is the yielder of the fiber that calls.
        let yielder = unsafe { &*yielder };
        fork::on_other_stack(|| yielder.suspend(()));
    });
}

/// Sets the yielder again when a fiber is entered, be it to go on or to unwind.
struct Entered(*const Yielder<(), ()>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| current.yielder.set(self.0));
    }
}

/// To be called first on a fiber's own stack.
pub(crate) fn enter(yielder: &Yielder<(), ()>) {
    CURRENT.with(|current| current.yielder.set(yielder));
}

/// Enters a fiber by `enter` for a slice until `end_ticks`, which others can cut short.
pub(crate) fn run_until<T>(end: &SliceEnd, end_ticks: u64, enter: impl FnOnce() -> T) -> T {
    end.0.store(end_ticks, Relaxed);
    let _ended = Ended(end);
    with_end(&end.0, enter)
}

/// Enters a fiber by `enter` to unwind it: each checkpoint is due.
pub(crate) fn unwind<T>(enter: impl FnOnce() -> T) -> T {
    with_end(&PASSED, enter)
}

fn with_end<T>(end: &AtomicU64, enter: impl FnOnce() -> T) -> T {
    let left = CURRENT.with(|current| Left {
        end: current.end.replace(end),
        yielder: current.yielder.replace(ptr::null()),
    });
    let value = fork::on_other_stack(enter);
    drop(left);
    value
}

/// Restores, also after a panic, what was current before a fiber was entered.
struct Left {
    end: *const AtomicU64,
    yielder: *const Yielder<(), ()>,
}

impl Drop for Left {
    fn drop(&mut self) {
        CURRENT.with(|current| {
            current.end.set(self.end);
            current.yielder.set(self.yielder);
        });
    }
}

/// Says that no slice runs, also after a panic.
struct Ended<'a>(&'a SliceEnd);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.0.store(NEVER, Relaxed);
    }
}

/// Runs `section` without being suspended: checkpoints in it do nothing.
///
/// For sections that hold a lock which other tasks of this worker take, a borrow of a thread-local
/// value, or whatever else must not be seen half done. The task is suspended at the next checkpoint
/// behind the section instead, so a section should be short. Calls may be nested.
///
/// Outside a preemptible task it only calls `section`.
pub fn no_preempt<T>(section: impl FnOnce() -> T) -> T {
    CURRENT.with(|current| current.forbidden.set(current.forbidden.get() + 1));
    let _allowed = Allowed;
    section()
}

struct Allowed;

impl Drop for Allowed {
    fn drop(&mut self) {
        CURRENT.with(|current| current.forbidden.set(current.forbidden.get() - 1));
    }
}
