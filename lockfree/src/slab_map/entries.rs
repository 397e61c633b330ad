//! Memory for entries: slots with numbers, which never move.
//!
//! They lie in segments, each twice as long as the one before, as the buckets of the
//! [hash map](crate::map) do. A slot's memory stays until all of it is dropped; whether there is an
//! entry in it, its user has to know.

use alloc::boxed::Box;
use core::mem::MaybeUninit;
use core::ptr;

use crate::sync::MODELLED;
use crate::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// The first segment has two to this power of slots.
const FIRST_BITS: u32 = if MODELLED { 1 } else { 6 };
const SEGMENTS: usize = (u32::BITS - FIRST_BITS) as usize + 1;

pub(super) struct Entries<T> {
    /// Each moved back by the number of slots that come before it.
    segments: [AtomicPtr<T>; SEGMENTS],
}

/// The number of the segment that a slot is in.
#[inline(always)]
const fn segment_of(slot: u32) -> usize {
    ((slot | ((1 << FIRST_BITS) - 1)).ilog2() + 1 - FIRST_BITS) as usize
}

/// How many slots come before a segment, and how many are in it.
const fn extent(segment: usize) -> (usize, usize) {
    match segment {
        0 => (0, 1 << FIRST_BITS),
        _ => {
            let len = 1 << (FIRST_BITS as usize + segment - 1);
            (len, len)
        }
    }
}

impl<T> Entries<T> {
    pub(super) fn new() -> Self {
        Self {
            segments: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// Where slot `slot` is, if it has been [added](Self::add) before, which this thread knows.
    #[inline(always)]
    pub(super) fn at(&self, slot: u32) -> *mut T {
        // Relaxed: the number was published after the segment, and acquired.
        // SAFETY: the segment of the highest number is the last one.
        let segment = unsafe { self.segments.get_unchecked(segment_of(slot)) }.load(Relaxed);
        segment.wrapping_add(slot as usize)
    }

    /// Gives memory to a slot. To be called for 1, 2, 3 and so on, each once, by one thread at a time.
    pub(super) fn add(&self, slot: u32) {
        let segment = &self.segments[segment_of(slot)];
        let (before, len) = extent(segment_of(slot));
        // Not if it is null: that may also be where it was moved back to.
        if slot as usize == before.max(1) {
            let made: *mut T = Box::into_raw(Box::<[T]>::new_uninit_slice(len)).cast();
            // Relaxed: as above.
            segment.store(made.wrapping_sub(before), Relaxed);
        }
    }
}

impl<T> Drop for Entries<T> {
    fn drop(&mut self) {
        for (number, segment) in self.segments.iter().enumerate() {
            let moved = segment.load(Relaxed);
            // If it is there and moved back to null, it is leaked.
            if !moved.is_null() {
                let (before, len) = extent(number);
                let first = moved.wrapping_add(before).cast::<MaybeUninit<T>>();
                // SAFETY: made by `add` with this length and moved back by what is added; nobody
                // uses it any more, and what it held is no concern of its own.
                drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(first, len)) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SEGMENTS, extent, segment_of};

    #[test]
    fn segments_follow_each_other_without_gaps() {
        let mut next = 0;
        for segment in 0..SEGMENTS {
            let (before, len) = extent(segment);
            assert_eq!(before, next);
            assert_eq!(segment_of(before as u32), segment);
            assert_eq!(segment_of((before + len - 1) as u32), segment);
            next += len;
        }
        assert_eq!(next as u64, 1 << u32::BITS);
    }
}
