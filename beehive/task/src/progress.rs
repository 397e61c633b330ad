//! What a worker shows of its polls to a monitor that looks for those that last too long, and how the
//! monitor sleeps while no worker does anything.
//!
//! # Protocol
//!
//! What is said of a step must not be true of another one only.
//! 1. A worker first counts a step, then shows what it does in it (release).
//! 2. The monitor, which has seen the worker in a step several times and long apart, reads what is
//!    shown (acquire), then looks at the count again. If it is the same, what it has read was shown in
//!    that step, or before it by a worker that has been held up ever since between its two writes.
//!
//! Nothing must last while the monitor sleeps.
//! 3. A monitor about to sleep sets `asleep`, then looks at all workers once more, and sleeps only if
//!    none is active. Whoever wakes it makes it look again.
//! 4. A worker that ends its wait becomes active, then looks at `asleep`; if it is set, it wakes the
//!    monitor.
//!
//! In steps 3 and 4 there is a sequentially consistent fence between the write and the look: either the
//! monitor sees the worker, or the worker sees that it is asleep. It is set with release and looked at
//! with acquire: by it the worker knows the monitor's thread.

use core::fmt;
use core::ptr::from_ref;

use crate::sync::atomic::Ordering::SeqCst;
use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, fence};
use crate::sync::atomic::{Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Whether the monitor sleeps.
#[derive(Debug)]
pub struct Alarm {
    asleep: AtomicBool,
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

impl Alarm {
    /// Of a monitor that is awake.
    #[must_use]
    pub fn new() -> Self {
        Self {
            asleep: AtomicBool::new(false),
        }
    }

    /// The monitor is about to sleep: it must look at all workers after this, each time before it does.
    pub fn begin_sleep(&self) {
        self.asleep.store(true, Release);
        fence(SeqCst);
    }

    /// The monitor need not be woken any more.
    pub fn end_sleep(&self) {
        self.asleep.store(false, Relaxed);
    }
}

/// What one worker does: written by the worker, read by the monitor.
pub struct Progress<T: Sync + 'static> {
    /// Counts polls, and turns of the worker's loop.
    steps: AtomicU64,
    /// Points to a constant.
    shown: AtomicPtr<T>,
    /// Whether the worker does anything but wait.
    active: AtomicBool,
}

impl<T: Sync> Progress<T> {
    /// Of a worker that waits.
    #[must_use]
    pub fn new(shown: &'static T) -> Self {
        Self {
            steps: AtomicU64::new(0),
            shown: AtomicPtr::new(from_ref(shown).cast_mut()),
            active: AtomicBool::new(false),
        }
    }

    /// The worker begins a step. To be called by the worker only.
    #[inline]
    pub fn begin_step(&self, shown: &'static T) {
        self.end_step();
        self.shown.store(from_ref(shown).cast_mut(), Release);
    }

    /// The worker's step is over, and what else is said of it is about to change. To be called by the
    /// worker only.
    #[inline]
    pub fn end_step(&self) {
        let step = self.steps.load(Relaxed).wrapping_add(1);
        self.steps.store(step, Relaxed);
    }

    /// The worker begins to wait.
    pub fn pause(&self) {
        self.active.store(false, Relaxed);
    }

    /// The worker goes on. True if the monitor sleeps: then the caller must wake it.
    #[must_use = "a monitor that sleeps must be woken"]
    pub fn resume(&self, alarm: &Alarm) -> bool {
        self.active.store(true, Relaxed);
        fence(SeqCst);
        alarm.asleep.load(Acquire)
    }

    /// The step that the worker is in; `None` while it waits.
    #[must_use]
    pub fn current_step(&self) -> Option<u64> {
        self.active.load(Relaxed).then(|| self.steps.load(Relaxed))
    }

    /// What the worker does. It belongs to a step seen before only if that is still the
    /// [current](Self::current_step) one.
    #[must_use]
    pub fn shown(&self) -> &'static T {
        // SAFETY: `new` and `begin_step`, which alone write it, take references that live for ever.
        unsafe { &*self.shown.load(Acquire) }
    }
}

impl<T: Sync> fmt::Debug for Progress<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("step", &self.current_step())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_in_a_step_unless_it_waits() {
        let (progress, alarm) = (Progress::new(&'a'), Alarm::new());
        assert_eq!((progress.current_step(), *progress.shown()), (None, 'a'));
        assert!(!progress.resume(&alarm));
        let first = progress.current_step();
        progress.begin_step(&'b');
        assert!(first.is_some() && progress.current_step() != first);
        assert_eq!(*progress.shown(), 'b');
        progress.pause();
        assert_eq!(progress.current_step(), None);
    }

    #[test]
    fn who_goes_on_while_the_monitor_sleeps_wakes_it() {
        let (progress, alarm) = (Progress::new(&()), Alarm::new());
        alarm.begin_sleep();
        assert!(progress.resume(&alarm));
        alarm.end_sleep();
        progress.pause();
        assert!(!progress.resume(&alarm));
    }
}
