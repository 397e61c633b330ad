//! The spin lock around the queue.

use crate::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use crate::sync::{UnsafeCell, spin_loop};

/// A value that one thread at a time may access. What is done with it must be short, must not
/// panic and must not call code of others.
pub(super) struct Lock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: only one thread at a time accesses the value.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            held: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Does `f` while nobody else accesses the value.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // The look leaves the cache line with the holder.
        while self.held.load(Relaxed)
            || self
                .held
                .compare_exchange_weak(false, true, Acquire, Relaxed)
                .is_err()
        {
            spin_loop();
        }
        // SAFETY: `held` was false and is now true, so nobody else is here.
        let result = self.value.with_mut(|value| f(unsafe { &mut *value }));
        self.held.store(false, Release);
        result
    }
}
