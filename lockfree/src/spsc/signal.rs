//! A condition that one side changes and the other waits for, cheap to change while nobody waits.
//!
//! Protocol:
//! 1. The waiting side registers its waker, sets `waiting` by a swap, and looks at the condition.
//! 2. The other side changes the condition and clears `waiting` by a swap; if it was set, it wakes.
//!
//! Swaps of one word have an order, and acquire and release. If the waiter's is the earlier, the
//! other side finds `waiting` set and sees the registered waker; if it is the later, the waiter sees
//! the condition. Plain loads and stores would let both miss each other. A swap is cheap
//! here, for the word is on no cache line that anybody else touches while nobody waits.
//!
//! Where several threads change the condition, or one for many waiters, swaps would be contended or
//! many. Those fence and then look at `waiting` ([`notify_fenced`](Signal::notify_fenced)); for
//! them, the waiting side fences as well, between [`listen`](Signal::listen) and its look. The two
//! fences are sequentially consistent, so they have an order, and the same follows.

use core::task::Waker;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::wait::WakerCell;

/// Where one side waits.
pub(crate) struct Signal {
    waiting: AtomicBool,
    waker: WakerCell,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self {
            waiting: AtomicBool::new(false),
            waker: WakerCell::new(),
        }
    }

    /// Announces that `waker` waits. Look at the condition after this, before waiting.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
        self.waiting.swap(true, Ordering::AcqRel);
    }

    /// Wakes who waits; to be called after the condition has changed.
    #[inline]
    pub(crate) fn notify(&self) {
        if self.waiting.swap(false, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// As [`notify`](Self::notify), for a caller that has fenced since the change, where the
    /// waiting side fences too.
    #[inline]
    pub(crate) fn notify_fenced(&self) {
        // Acquire: who clears a `waiting` that was set again sees the waker registered before it.
        if self.waiting.load(Ordering::Relaxed) && self.waiting.swap(false, Ordering::Acquire) {
            self.waker.wake();
        }
    }
}
