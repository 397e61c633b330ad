//! Locks that spin (without feature `std`).
//!
//! Invariant: `locked` is true exactly while one guard exists. Taking it is an acquire
//! and giving it back a release, so what one holder wrote the next one sees.

use core::hint;
use core::sync::atomic::{AtomicBool, Ordering};
use lock_api::GuardSend;

/// A test-and-test-and-set lock.
pub(crate) struct Raw {
    locked: AtomicBool,
}

// SAFETY: only one caller at a time can change `locked` from false to true, and only
// the holder sets it back, so the lock is exclusive.
unsafe impl lock_api::RawMutex for Raw {
    const INIT: Self = Self {
        locked: AtomicBool::new(false),
    };
    type Guard = GuardSend;

    #[inline]
    fn lock(&self) -> GuardSend {
        loop {
            if let Some(guard) = self.try_lock() {
                return guard;
            }
            while self.is_locked() {
                hint::spin_loop();
            }
        }
    }

    #[inline]
    fn try_lock(&self) -> Option<GuardSend> {
        let was_locked = self.locked.swap(true, Ordering::Acquire);
        (!was_locked).then(GuardSend::new)
    }

    #[inline]
    unsafe fn unlock(&self, _guard: GuardSend) {
        // A read-modify-write, not a store, which might be seen only after what the thread reads
        // next without a lock.
        self.locked.swap(false, Ordering::Release);
    }

    fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }
}
