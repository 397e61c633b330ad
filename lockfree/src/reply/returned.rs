//! The list of far slots that have been let go of: many push, the owner of the pool takes all.

use super::slot::Slot;
use crate::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// No slot: the end of a list.
pub(super) const END: u32 = u32::MAX;

/// The index of the slot that was returned last; each links to the one before.
pub(super) struct Returned(AtomicU32);

impl Returned {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(END))
    }

    /// Adds a slot.
    ///
    /// # Safety
    ///
    /// Both ends of `slot` have let go, it is not in a list, and the caller may touch it alone.
    pub(super) unsafe fn push<T>(&self, slot: &Slot<T>) {
        let mut first = self.0.load(Relaxed);
        loop {
            // SAFETY: the slot is the caller's until it is in the list.
            unsafe { slot.set_next(first) };
            match self
                .0
                .compare_exchange_weak(first, slot.index(), Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    /// Takes the whole list: the index of its first slot.
    pub(super) fn take(&self) -> u32 {
        // A look costs less than taking nothing, and the owner comes here only when it has no other
        // slot.
        if self.0.load(Relaxed) == END {
            return END;
        }
        self.0.swap(END, Acquire)
    }
}
