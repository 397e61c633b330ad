//! A signal that coalesces: any number of notifications become one wake-up.
//!
//! # Protocol
//!
//! One atomic word of two bits, `NOTIFIED` and `WAITING`.
//!
//! 1. *Notify.* The word is swapped for `NOTIFIED` alone. If `WAITING` was set, this notification is the
//!    one that wakes; those that follow find the bit clear until the listener waits again.
//! 2. *Listen.* The listener swaps the word for nothing. If it was `NOTIFIED`, all notifications so far
//!    are answered by this one change.
//! 3. *Wait.* The listener registers its waker, then sets `WAITING`. If that shows `NOTIFIED` it does
//!    not wait: the notification came before the bit and has woken nobody.
//!
//! A notification releases what was changed before it, also if another one was there already (hence a
//! swap, and not a look first); the listener acquires it. Setting `WAITING` releases the waker, and the
//! notification acquires it.
//!
//! # Limits
//!
//! Notifying is wait-free, and so is listening. Waiting is lossless, but if a notifier is stopped while
//! it wakes, polls of the listener return at once, woken by themselves, until it goes on; see
//! [`WakerCell`].
//!
//! # When not to use it
//!
//! To count (it forgets how often), or to wake several (each listener needs its own). The listener of
//! a signal without notifiers waits for ever.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, ready};

use crate::sync::Arc;
use crate::sync::atomic::{
    AtomicU8, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::wait::{WakerCell, poll_budget};

/// Something has changed since the listener looked.
const NOTIFIED: u8 = 1;
/// The listener's waker is registered.
const WAITING: u8 = 1 << 1;

struct Shared {
    word: AtomicU8,
    waker: WakerCell,
}

/// A signal that has not been notified.
#[must_use]
pub fn signal() -> (Notifier, Listener) {
    let shared = Arc::new(Shared {
        word: AtomicU8::new(0),
        waker: WakerCell::new(),
    });
    (Notifier(shared.clone()), Listener(shared))
}

/// The end that notifies; clones notify the same listener.
#[derive(Clone)]
pub struct Notifier(Arc<Shared>);

impl Notifier {
    /// Says that something has changed. Never waits.
    #[inline]
    pub fn notify(&self) {
        if self.0.word.swap(NOTIFIED, AcqRel) & WAITING != 0 {
            self.0.waker.wake();
        }
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

/// The end that listens; there is one.
pub struct Listener(Arc<Shared>);

impl Listener {
    /// True if there was a notification since the last time that this, or waiting, said so.
    #[inline]
    pub fn try_changed(&mut self) -> bool {
        self.0.word.load(Relaxed) & NOTIFIED != 0 && self.0.word.swap(0, Acquire) & NOTIFIED != 0
    }

    /// Ready if there was a notification since the last time that this, or waiting, said so;
    /// otherwise the waker of `cx` is woken by the next one. A wake may come late: for a notification
    /// that this, or [`Listener::try_changed`], has answered already.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(poll_budget(cx));
        if self.try_changed() {
            return Poll::Ready(());
        }
        self.0.waker.register(cx.waker());
        if self.0.word.fetch_or(WAITING, Release) & NOTIFIED == 0 {
            return Poll::Pending;
        }
        self.0.word.swap(0, Acquire);
        Poll::Ready(())
    }

    /// Waits for a notification since the last time that this said so.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a notification is only used up by a future that is ready.
    /// Its waker is kept until it is woken or replaced, or the listener is dropped.
    pub async fn changed(&mut self) {
        poll_fn(|cx| self.poll_changed(cx)).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The notifiers may never wake again.
        drop(self.0.waker.take());
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
