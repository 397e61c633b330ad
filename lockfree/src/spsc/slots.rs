//! The slots of a ring: memory for items, addressed by position.
//!
//! The cells are core's, not the façade's, because items must lie side by side to be handed out as
//! slices. What the model checker must see of an access goes to `trace`, a cell of size zero beside
//! each slot: it is touched when slots are read or written, and costs nothing outside of loom.

use alloc::boxed::Box;
use core::cell::UnsafeCell as PlainUnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;

use crate::sync::UnsafeCell;

/// A power of two of slots. Which of them hold items is known to the owner only.
pub(crate) struct Slots<T> {
    slots: Box<[PlainUnsafeCell<MaybeUninit<T>>]>,
    trace: Box<[UnsafeCell<()>]>,
}

// SAFETY: slots are reached by unsafe functions and raw pointers only, whose users vouch for
// exclusive access, or for shared access by types that are `Sync` only if `T` is.
unsafe impl<T: Send> Send for Slots<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Slots<T> {}

impl<T> Slots<T> {
    /// At least `capacity` slots without items.
    pub(crate) fn new(capacity: usize) -> Self {
        let count = capacity.next_power_of_two();
        Self {
            slots: (0..count)
                .map(|_| PlainUnsafeCell::new(MaybeUninit::uninit()))
                .collect(),
            trace: (0..count).map(|_| UnsafeCell::new(())).collect(),
        }
    }

    #[inline(always)]
    fn index(&self, position: usize) -> usize {
        position & (self.slots.len() - 1)
    }

    #[inline(always)]
    fn address(&self, index: usize) -> *mut T {
        // Not `self.slots[index]`: the address must be good for the slots that follow.
        let first = self.slots.as_ptr();
        PlainUnsafeCell::raw_get(first.wrapping_add(index)).cast::<T>()
    }

    #[inline(always)]
    fn trace_write(&self, index: usize) {
        if crate::sync::MODELLED {
            self.trace[index].with_mut(|_| ());
        }
    }

    /// Puts `item` into the slot at `position`.
    ///
    /// # Safety
    /// Nobody else accesses the slot.
    #[inline(always)]
    pub(crate) unsafe fn write(&self, position: usize, item: T) {
        let index = self.index(position);
        self.trace_write(index);
        // SAFETY: the index is masked, so the address is in the allocation; ours by the contract.
        unsafe { self.address(index).write(item) };
    }

    /// Moves the item out of the slot at `position`.
    ///
    /// # Safety
    /// Nobody else accesses the slot. It holds an item, which is not used again.
    #[inline(always)]
    pub(crate) unsafe fn take(&self, position: usize) -> T {
        let index = self.index(position);
        self.trace_write(index);
        // SAFETY: the index is masked, so the address is in the allocation; ours by the contract.
        unsafe { self.address(index).read() }
    }

    /// The `len` slots from `position` on, for reading: up to the end of the memory, and the rest
    /// from its start. `len` is at most the number of slots.
    #[inline]
    pub(crate) fn readable(&self, position: usize, len: usize) -> (*const [T], *const [T]) {
        let (first, second) = self.spans(position, len, |cell| cell.with(|_| ()));
        (first, second)
    }

    /// The same for writing.
    #[inline]
    pub(crate) fn writable(&self, position: usize, len: usize) -> (*mut [T], *mut [T]) {
        self.spans(position, len, |cell| cell.with_mut(|_| ()))
    }

    #[inline(always)]
    fn spans(
        &self,
        position: usize,
        len: usize,
        trace: impl Fn(&UnsafeCell<()>),
    ) -> (*mut [T], *mut [T]) {
        let start = self.index(position);
        let first = len.min(self.slots.len() - start);
        let second = len - first;
        if crate::sync::MODELLED {
            self.trace[start..start + first].iter().for_each(&trace);
            self.trace[..second].iter().for_each(&trace);
        }
        (
            ptr::slice_from_raw_parts_mut(self.address(start), first),
            ptr::slice_from_raw_parts_mut(self.address(0), second),
        )
    }

    /// Drops the `len` items from `position` on; all of them also if one panics.
    ///
    /// # Safety
    /// Nobody else accesses the slots. They hold items, which are not used again.
    pub(crate) unsafe fn drop_items(&self, position: usize, len: usize) {
        struct Rest<T>(*mut [T]);
        impl<T> Drop for Rest<T> {
            fn drop(&mut self) {
                // SAFETY: by the contract of `drop_items`.
                unsafe { self.0.drop_in_place() };
            }
        }
        let (first, second) = self.writable(position, len);
        let _rest = Rest(second);
        // SAFETY: by the contract. Slices drop what follows an item that panics.
        unsafe { first.drop_in_place() };
    }
}
