//! A condition that one side changes and the other waits for, cheap to change while nobody waits.
//!
//! Protocol:
//! 1. The waiting side registers its waker, sets `waiting`, fences, and looks at the condition.
//! 2. The other side changes the condition, fences, and looks at `waiting`; only if it is set does
//!    it clear it and wake.
//!
//! The two fences are sequentially consistent, so they have an order: if the waiter's is the
//! earlier, the other side sees `waiting` and the registered waker; if it is the later, the waiter
//! sees the condition. Without either fence both may miss each other.
//!
//! Clearing is a swap with acquire, setting a store with release: whoever clears a `waiting` that
//! was set again in the meantime also sees the waker that was registered before it. With relaxed
//! ones that second registration could be cleared and its waker missed.

use core::task::Waker;

use crate::sync::atomic::{AtomicBool, Ordering, fence};
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
        self.waiting.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Wakes who waits; to be called after the condition has changed.
    #[inline]
    pub(crate) fn notify(&self) {
        fence(Ordering::SeqCst);
        self.notify_fenced();
    }

    /// As [`notify`](Self::notify), for a caller that has fenced since the change.
    #[inline]
    pub(crate) fn notify_fenced(&self) {
        if self.waiting.load(Ordering::Relaxed) && self.waiting.swap(false, Ordering::Acquire) {
            self.waker.wake();
        }
    }
}
