//! A value that shows to loom what becomes of it, for the models of maps.
//!
//! Invariant: its cell is written once, when it is dropped.

use loom::alloc::Track;
use loom::cell::UnsafeCell;

/// A value that lets loom see if it is leaked, or dropped while it is read.
pub(crate) struct Guarded {
    value: UnsafeCell<u64>,
    _leak: Track<()>,
}

impl Guarded {
    pub(crate) fn new(value: u64) -> Self {
        Self {
            value: UnsafeCell::new(value),
            _leak: Track::new(()),
        }
    }

    pub(crate) fn get(&self) -> u64 {
        // SAFETY: loom reports it if somebody writes at the same time.
        self.value.with(|value| unsafe { *value })
    }
}

// SAFETY: the cell is written only by drop; that this is not at the same time is what loom checks.
unsafe impl Sync for Guarded {}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: as above.
        self.value.with_mut(|value| unsafe { *value = u64::MAX });
    }
}
