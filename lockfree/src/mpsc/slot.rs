//! Positions, and the slots at them. The protocol is told in the [module's introduction](super).

use core::mem::MaybeUninit;

use crate::sync::UnsafeCell;
use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::{Acquire, Release};

/// A position is a ticket times this: the bits below are free for marks.
pub(super) const STEP: usize = 4;

/// In `tail`: nothing more will be sent, or received.
pub(super) const CLOSED: usize = 1;

/// In `tail`: whoever gets a ticket now is to wake the receiver.
pub(super) const ASLEEP: usize = 2;

/// The position in a value of `tail`.
pub(super) const fn position(tail: usize) -> usize {
    tail & !(STEP - 1)
}

/// True if position `a` was issued no earlier than `b`. Positions wrap around.
pub(super) fn reached(a: usize, b: usize) -> bool {
    a.wrapping_sub(b).cast_signed() >= 0
}

/// Room for one value.
pub(super) struct Slot<T> {
    stamp: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// The stamp of the slot at a position when the value is there. Any other stamp means that it is
/// not: fresh memory has zero, and a segment that was used before has those of other positions.
const fn full(position: usize) -> usize {
    position | 1
}

impl<T> Slot<T> {
    /// A slot without a value.
    pub(super) fn new() -> Self {
        Self {
            stamp: AtomicUsize::new(0),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Stores the value. Takes a pointer, for a reference to `slot` would outlive it: once the stamp
    /// is stored, the segment may be given back.
    ///
    /// # Safety
    ///
    /// The caller owns the ticket of `position`, `slot` is its slot, and it stores nothing more.
    #[inline]
    pub(super) unsafe fn fill(slot: *const Self, position: usize, value: T) {
        // SAFETY: until the stamp below, the segment is not given back.
        let cell = unsafe { &(*slot).value };
        // SAFETY: until the stamp below, only the owner of the ticket accesses the value.
        cell.with_mut(|cell| unsafe { cell.write(MaybeUninit::new(value)) });
        // SAFETY: as for the cell.
        let stamp = unsafe { &(*slot).stamp };
        stamp.store(full(position), Release);
    }

    /// True if the value is there, or was.
    #[inline]
    pub(super) fn is_full(&self, position: usize) -> bool {
        self.stamp.load(Acquire) == full(position)
    }

    /// The value, if it is there.
    ///
    /// # Safety
    ///
    /// The caller is the receiver, and it takes the value of each position at most once.
    #[inline]
    pub(super) unsafe fn take(&self, position: usize) -> Option<T> {
        if !self.is_full(position) {
            return None;
        }
        Some(self.value.with(|cell| {
            // SAFETY: the sender is done with it, says the stamp.
            let value = unsafe { cell.read() };
            // SAFETY: as above.
            unsafe { value.assume_init() }
        }))
    }
}
