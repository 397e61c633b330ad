//! An array of buckets that grows and never moves.
//!
//! Buckets lie in segments, each twice as long as the one before. A segment is allocated when its
//! first bucket is needed, but nothing in it is touched before a bucket's own turn comes, so that no
//! growth is a long one. (Where memory is not given lazily, up to half of the array is reserve.)

use alloc::boxed::Box;
use core::mem::MaybeUninit;
use core::ptr;

use super::bucket::Bucket;
use crate::sync::MODELLED;
use crate::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// The first segment has two to this power of buckets.
const FIRST_BITS: u32 = if MODELLED { 1 } else { 3 };
/// Indices below two to this power are allowed.
const INDEX_BITS: u32 = if MODELLED {
    4
} else if usize::BITS == 64 {
    40
} else {
    24
};
const SEGMENTS: usize = (INDEX_BITS - FIRST_BITS) as usize + 1;

/// Buckets 0, 1, 2 and so on, as far as [`Array::add`] has been called.
pub(super) struct Array {
    /// Each moved back by the number of buckets that come before it, so that an index leads to its
    /// bucket from there.
    segments: [AtomicPtr<Bucket>; SEGMENTS],
}

/// The number of the segment that a bucket is in. The segment after the first has the indices with
/// one bit more than those of the first, and so on.
#[inline(always)]
const fn segment_of(index: usize) -> usize {
    (index | ((1 << FIRST_BITS) - 1)).ilog2() as usize - (FIRST_BITS as usize - 1)
}

/// How many buckets come before a segment, and how many are in it.
const fn extent(segment: usize) -> (usize, usize) {
    match segment {
        0 => (0, 1 << FIRST_BITS),
        _ => {
            let len = 1 << (FIRST_BITS as usize + segment - 1);
            (len, len)
        }
    }
}

impl Array {
    pub(super) fn new() -> Self {
        Self {
            segments: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// How many buckets are allowed.
    pub(super) const LEN_MAX: usize = 1 << INDEX_BITS;

    /// The bucket `index`.
    ///
    /// # Safety
    /// A call of [`add`](Self::add) for this index happened before this one.
    #[inline(always)]
    pub(super) unsafe fn get(&self, index: usize) -> &Bucket {
        debug_assert!(segment_of(index) < SEGMENTS);
        // SAFETY: `add` panics on an index beyond the last segment.
        let segment = unsafe { self.segments.get_unchecked(segment_of(index)) };
        // Relaxed: the index was published after the segment, and acquired.
        let bucket = segment.load(Relaxed).wrapping_add(index);
        // SAFETY: `add` has put a segment here that covers the index, and initialised the bucket.
        // Segments are freed only in drop, and buckets are changed only through atomics.
        let bucket = unsafe { &*bucket };
        bucket.note_used();
        bucket
    }

    /// The segments, as starts and lengths in bytes.
    pub(super) fn memory(&self) -> impl Iterator<Item = (*const u8, usize)> {
        self.segments
            .iter()
            .enumerate()
            .filter_map(|(number, segment)| {
                // Relaxed: nothing is read there.
                let moved = segment.load(Relaxed);
                let (before, len) = extent(number);
                let start = moved.wrapping_add(before).cast_const().cast();
                (!moved.is_null()).then_some((start, len * size_of::<Bucket>()))
            })
    }

    /// Makes the bucket `index`, which is empty.
    ///
    /// # Safety
    /// Nobody else uses this bucket, or is in this function for the same index.
    ///
    /// # Panics
    /// If the index is beyond what is allowed.
    pub(super) unsafe fn add(&self, index: usize) -> &Bucket {
        let number = segment_of(index);
        let Some(segment) = self.segments.get(number) else {
            too_many(index + 1);
        };
        let bucket = ensure(segment, number).wrapping_add(index);
        // SAFETY: within the segment, and nobody else's.
        unsafe { bucket.write(Bucket::new()) };
        // SAFETY: just written; from now on changed only through atomics.
        let bucket = unsafe { &*bucket };
        bucket.note_made();
        bucket
    }
}

#[cold]
pub(super) fn too_many(buckets: usize) -> ! {
    panic!(
        "hash map: {buckets} buckets asked for, at most {} are allowed",
        Array::LEN_MAX
    );
}

/// The segment, allocated if it is not there.
fn ensure(segment: &AtomicPtr<Bucket>, number: usize) -> *mut Bucket {
    let seen = segment.load(Acquire);
    if !seen.is_null() {
        return seen;
    }
    let (before, len) = extent(number);
    let made: *mut Bucket = Box::into_raw(Box::<[Bucket]>::new_uninit_slice(len)).cast();
    let moved = made.wrapping_sub(before);
    match segment.compare_exchange(ptr::null_mut(), moved, Release, Acquire) {
        Ok(_) => moved,
        Err(faster) => {
            // SAFETY: just made with this length, and not published.
            unsafe { free(made, len) };
            faster
        }
    }
}

/// # Safety
/// `first` came from a box of `len` buckets, and nobody uses it.
unsafe fn free(first: *mut Bucket, len: usize) {
    // Buckets are atomics, which need no drop.
    let slice = ptr::slice_from_raw_parts_mut(first.cast::<MaybeUninit<Bucket>>(), len);
    // SAFETY: by contract this was a box of that length.
    drop(unsafe { Box::from_raw(slice) });
}

impl Drop for Array {
    fn drop(&mut self) {
        for (number, segment) in self.segments.iter().enumerate() {
            let moved = segment.load(Relaxed);
            if !moved.is_null() {
                let (before, len) = extent(number);
                // SAFETY: made by `ensure` with this length and moved back by what is added.
                unsafe { free(moved.wrapping_add(before), len) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{INDEX_BITS, SEGMENTS, extent, segment_of};

    #[test]
    fn segments_follow_each_other_without_gaps() {
        let mut next = 0;
        for segment in 0..SEGMENTS {
            let (before, len) = extent(segment);
            assert_eq!(before, next);
            assert_eq!(segment_of(before), segment);
            assert_eq!(segment_of(before + len - 1), segment);
            next += len;
        }
        assert_eq!(next, 1 << INDEX_BITS);
    }
}
