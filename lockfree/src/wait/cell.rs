//! One waiter: a cell that holds the waker of whoever waits.
//!
//! Protocol (as in futures' `AtomicWaker`). `state` is two bits:
//! 1. [`WakerCell::register`] sets REGISTERING from idle, stores the waker, and clears the bit. If
//!    WAKING appeared meanwhile, the clearing fails: it takes the waker back, clears both bits and
//!    wakes it, because the wake that came between found nothing to take.
//! 2. [`WakerCell::wake`] sets WAKING. Only if no bit was set it takes the waker and clears WAKING;
//!    otherwise whoever holds the bits does what is to be done.
//!
//! The waiter registers *before* it looks at the condition for the last time, the waker changes the
//! condition *before* it wakes: one of them sees the other. Waking is a read-modify-write of `state`
//! with acquire and release, and registering begins with one that acquires and ends with one that
//! releases, so what comes before the earlier of the two is visible after the later one. Where
//! registering meets a wake, nothing needs to be acquired: the task is woken, and sees at its next
//! registration.
//!
//! Invariant: `waker` is accessed only by who has set REGISTERING, or set WAKING on an idle cell.
//!
//! # What a stalled thread can delay
//!
//! No call waits for another. But while a thread is stopped in the middle of waking, each
//! registration wakes its own waker at once, so that the waiter polls again and again instead of
//! sleeping, and others who wake find nothing. While it is stopped in the middle of registering,
//! wakes are left to it: the waiter is woken when it goes on.
//!
//! Code of others (cloning, dropping and waking a waker) runs where a panic does no harm: only the
//! cloning runs while a bit is set, and a guard clears it.

use core::fmt;
use core::task::Waker;

use crate::sync::atomic::{
    AtomicU8, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::sync::{UnsafeCell, spin_loop};

const IDLE: u8 = 0;
const REGISTERING: u8 = 1;
const WAKING: u8 = 2;

/// A place for the waker of the only waiter.
pub struct WakerCell {
    state: AtomicU8,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: by the protocol only one thread at a time accesses `waker`, which is `Send`.
unsafe impl Send for WakerCell {}
// SAFETY: as above.
unsafe impl Sync for WakerCell {}

impl Default for WakerCell {
    fn default() -> Self {
        Self::new()
    }
}

impl WakerCell {
    /// Nobody waits.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: AtomicU8::new(IDLE),
            waker: UnsafeCell::new(None),
        }
    }

    /// Remembers whom to wake, in place of who waited before. Look at the condition again after
    /// this, before waiting.
    ///
    /// Only one thread at a time may register; if another does meanwhile, or a wake is going on,
    /// `waker` is woken at once instead.
    pub fn register(&self, waker: &Waker) {
        if self
            .state
            .compare_exchange(IDLE, REGISTERING, Acquire, Relaxed)
            .is_err()
        {
            // Whoever polls again at once gives the one who is at it a chance first.
            spin_loop();
            waker.wake_by_ref();
            return;
        }
        let registering = Registering(self);
        let previous = self.waker.with_mut(|cell| {
            // SAFETY: REGISTERING was set on an idle cell, so the waker is ours until it is cleared.
            let cell = unsafe { &mut *cell };
            match cell {
                Some(known) if known.will_wake(waker) => None,
                cell => cell.replace(waker.clone()),
            }
        });
        drop(registering);
        drop(previous);
    }

    /// Wakes who waits, if anybody does.
    #[inline]
    pub fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }

    /// Takes the waker out, to be woken later.
    #[must_use = "whoever waits must be woken"]
    pub fn take(&self) -> Option<Waker> {
        if self.state.fetch_or(WAKING, AcqRel) != IDLE {
            return None;
        }
        // SAFETY: WAKING was set on an idle cell, so the waker is ours until it is cleared.
        let waker = self.waker.with_mut(|cell| unsafe { (*cell).take() });
        self.state.fetch_and(!WAKING, Release);
        waker
    }
}

impl fmt::Debug for WakerCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakerCell").finish_non_exhaustive()
    }
}

/// A registration that is going on: REGISTERING was set on an idle cell, and is cleared when this is
/// dropped, also by a panic.
struct Registering<'c>(&'c WakerCell);

impl Drop for Registering<'_> {
    #[inline]
    fn drop(&mut self) {
        let Self(cell) = self;
        if cell
            .state
            .compare_exchange(REGISTERING, IDLE, Release, Relaxed)
            .is_err()
        {
            // SAFETY: REGISTERING is still set; a wake has left its duty to us.
            let waker = cell.waker.with_mut(|cell| unsafe { (*cell).take() });
            cell.state.swap(IDLE, Release);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
