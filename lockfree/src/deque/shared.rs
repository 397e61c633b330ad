//! What owner and thieves share: the slots, and who may access which.
//!
//! Invariants, for `head` as it is in `front`:
//! 1. Slots of `head..tail` hold values, written before `tail` was raised over them.
//! 2. The value of a position that `head` was moved over belongs to who moved it, until it is counted
//!    in `released` (thief) or `taken_front` (owner). Whoever succeeded at lowering `tail` owns the
//!    value above it.
//! 3. All other slots are the owner's to write.

use alloc::boxed::Box;
use core::mem::MaybeUninit;

use crossbeam_utils::CachePadded;

use super::Steal;
use crate::sync::UnsafeCell;
use crate::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// One pop at the back, in the upper half of `front`. `head` is the lower half; that it carries into
/// the count when it wraps around does no harm, the count only has to differ.
const POP_BACK: u64 = 1 << 32;

pub(super) struct Shared<T> {
    front: CachePadded<AtomicU64>,
    tail: CachePadded<AtomicU32>,
    /// How many values thieves have claimed and copied out.
    released: CachePadded<AtomicU32>,
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

// SAFETY: each value is moved in by one thread and out by one (invariant 2), so `T: Send` suffices.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above; no thread ever gets a reference to a value that another can reach.
unsafe impl<T: Send> Sync for Shared<T> {}

/// Values that a thief has moved `head` over.
pub(super) struct Claim {
    pub(super) from: u32,
    pub(super) count: u32,
}

fn head(front: u64) -> u32 {
    front as u32
}

impl<T> Shared<T> {
    /// Empty, as if `front` had come to this value by use.
    pub(super) fn new(capacity: usize, front: u64) -> Self {
        Self {
            front: CachePadded::new(AtomicU64::new(front)),
            tail: CachePadded::new(AtomicU32::new(head(front))),
            released: CachePadded::new(AtomicU32::new(head(front))),
            slots: (0..capacity)
                .map(|_| UnsafeCell::new(MaybeUninit::uninit()))
                .collect(),
        }
    }

    pub(super) fn capacity(&self) -> u32 {
        self.slots.len() as u32
    }

    fn slot(&self, position: u32) -> &UnsafeCell<MaybeUninit<T>> {
        let index = position as usize & (self.slots.len() - 1);
        // SAFETY: there is at least one slot, so the index is at most that of the last.
        unsafe { self.slots.get_unchecked(index) }
    }

    /// Moves a value into the slot of `position`.
    ///
    /// # Safety
    ///
    /// The slot must be the caller's to write (invariant 3).
    #[inline]
    pub(super) unsafe fn write(&self, position: u32, value: T) {
        self.slot(position).with_mut(|slot| {
            // SAFETY: nobody else accesses the slot, by this function's condition.
            unsafe { slot.write(MaybeUninit::new(value)) }
        });
    }

    /// Moves the value of `position` out.
    ///
    /// # Safety
    ///
    /// The value must be the caller's (invariant 2), it must have been written before (a tail beyond
    /// `position` was acquired, or the caller is the owner), and be moved out once.
    #[inline]
    pub(super) unsafe fn read(&self, position: u32) -> T {
        self.slot(position).with(|slot| {
            // SAFETY: it was written before, and nobody else writes to it now, by this function's
            // condition.
            let value = unsafe { slot.read() };
            // SAFETY: the position has been pushed, so its slot holds a value (invariant 1).
            unsafe { value.assume_init() }
        })
    }

    /// How many values there were; the two reads may lie apart, so the result is kept in its bounds.
    pub(super) fn len(&self) -> usize {
        // Acquire: a pop seen here brings the pushes that the owner did before it.
        let head = head(self.front.load(Acquire));
        let len = self.tail.load(Relaxed).wrapping_sub(head) as i32;
        usize::try_from(len).unwrap_or(0).min(self.slots.len())
    }

    /// The position of the oldest value.
    pub(super) fn oldest(&self) -> Option<u32> {
        let head = head(self.front.load(Acquire));
        let len = self.tail.load(Relaxed).wrapping_sub(head) as i32;
        (len > 0).then_some(head)
    }

    /// Where the owner's next value goes.
    #[inline]
    pub(super) fn tail(&self) -> u32 {
        self.tail.load(Relaxed)
    }

    /// Makes the values below `tail` visible to thieves. For the owner.
    #[inline]
    pub(super) fn publish(&self, tail: u32) {
        self.tail.store(tail, Release);
    }

    /// Moves `head` over the oldest value and says which it was, unless `head` is at `tail`. For the
    /// owner.
    #[inline]
    pub(super) fn take_front(&self, tail: u32) -> Option<u32> {
        let position = head(self.front.fetch_add(1, Release));
        if position == tail {
            self.front.fetch_sub(1, Relaxed);
            return None;
        }
        Some(position)
    }

    /// Lowers `tail` under the newest value, unless `head` is at `tail`; says where `head` is. For the
    /// owner.
    #[inline]
    pub(super) fn take_back(&self, tail: u32) -> u32 {
        self.tail.store(tail.wrapping_sub(1), Release);
        let head = head(self.front.fetch_add(POP_BACK, Release));
        if head == tail {
            self.tail.store(tail, Relaxed);
        }
        head
    }

    /// Claims the oldest values, as many as `count` makes of how many there are, and has acquired a
    /// tail beyond them. For thieves.
    pub(super) fn claim(&self, count: impl FnOnce(u32) -> u32) -> Steal<Claim> {
        let front = self.front.load(Acquire);
        let from = head(front);
        let len = self.tail.load(Acquire).wrapping_sub(from) as i32;
        if len <= 0 {
            return Steal::Empty;
        }
        let count = count(len as u32);
        if count == 0 {
            return Steal::Empty;
        }
        let claimed = front.wrapping_add(u64::from(count));
        let result = self
            .front
            .compare_exchange(front, claimed, Relaxed, Relaxed);
        match result {
            Ok(_) => Steal::Success(Claim { from, count }),
            Err(_) => Steal::Retry,
        }
    }

    /// Gives the slots of claimed values, which have been moved out, back to the owner.
    pub(super) fn release(&self, claim: &Claim) {
        self.released.fetch_add(claim.count, Release);
    }

    /// The position below which every slot is free, if all that was claimed has been released; for
    /// the owner, who has taken `taken_front` values at the front.
    pub(super) fn free_until(&self, taken_front: u32) -> Option<u32> {
        let released = self.released.load(Acquire);
        let head = head(self.front.load(Relaxed));
        (released.wrapping_add(taken_front) == head).then_some(head)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        /// Goes on where a panicking value stopped it.
        struct Rest<'a, T>(&'a Shared<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while let Some(position) = self.0.take_front(self.0.tail()) {
                    let rest = Rest(self.0);
                    // SAFETY: the position was just taken, and nobody else is left.
                    drop(unsafe { self.0.read(position) });
                    core::mem::forget(rest);
                }
            }
        }
        drop(Rest(self));
    }
}
