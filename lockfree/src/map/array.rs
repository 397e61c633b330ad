//! An array of buckets that grows and never moves.
//!
//! Buckets lie in segments. The first has room for as many as are asked for from the start, the second
//! has the same length, and each further one is twice as long as the one before. A segment is
//! allocated when its first bucket is needed, but nothing in it is touched before a bucket's own turn
//! comes, so that no growth is a long one. (Where memory is not given lazily, up to half of the array is
//! reserve.)

use core::ptr;

use super::bucket::Bucket;
use super::pages::{Touched, allocate, free};
use crate::sync::MODELLED;
use crate::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// The first segment has at least two to this power of buckets.
const FIRST_BITS: u32 = if MODELLED { 1 } else { 3 };
/// Indices below two to this power are allowed.
const INDEX_BITS: u32 = if MODELLED {
    4
} else if usize::BITS == 64 {
    40
} else {
    23
};
// All buckets may be in the first segment, and an allocation has less than half of the addresses.
const _: () = assert!(INDEX_BITS + size_of::<Bucket>().ilog2() < usize::BITS - 1);

/// Buckets 0, 1, 2 and so on, as far as [`Array::add`] has been called.
pub(super) struct Array {
    /// By [number](Array::segment_of). Each is moved back by the number of buckets that come before
    /// it, so that an index leads to its bucket from there.
    segments: [AtomicPtr<Bucket>; INDEX_BITS as usize],
    /// All indices in the first segment: one less than a power of two.
    first_mask: usize,
}

impl Array {
    /// An array whose first segment has room for this many buckets.
    pub(super) fn with_room(buckets: usize) -> Self {
        debug_assert!(buckets <= Self::LEN_MAX);
        Self {
            segments: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            first_mask: buckets.next_power_of_two().max(1 << FIRST_BITS) - 1,
        }
    }

    /// The number of the segment that a bucket is in: the highest bit of the indices there.
    #[inline(always)]
    const fn segment_of(&self, index: usize) -> usize {
        (index | self.first_mask).ilog2() as usize
    }

    /// How many buckets come before a segment, and how many are in it.
    const fn extent(&self, segment: usize) -> (usize, usize) {
        let len = 1 << segment;
        if len <= self.first_mask {
            (0, 2 * len)
        } else {
            (len, len)
        }
    }

    /// The first segment: where it begins, if it is there, and the highest index in it.
    pub(super) fn first(&self) -> (*const Bucket, usize) {
        // Relaxed: for who knows by other means that it is there.
        let start = self.segments[self.segment_of(0)].load(Relaxed);
        (start, self.first_mask)
    }

    /// How many buckets are allowed.
    pub(super) const LEN_MAX: usize = 1 << INDEX_BITS;

    /// The bucket `index`.
    ///
    /// # Safety
    /// A call of [`add`](Self::add) for this index happened before this one.
    #[inline(always)]
    pub(super) unsafe fn get(&self, index: usize) -> &Bucket {
        debug_assert!(self.segment_of(index) < self.segments.len());
        // SAFETY: `add` panics on an index beyond the last segment.
        let segment = unsafe { self.segments.get_unchecked(self.segment_of(index)) };
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
                let (before, len) = self.extent(number);
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
        let number = self.segment_of(index);
        if number >= self.segments.len() {
            too_many(index + 1);
        }
        let bucket = self.ensure(number).wrapping_add(index);
        // SAFETY: within the segment, and nobody else's.
        unsafe { bucket.write(Bucket::new()) };
        // SAFETY: just written; from now on changed only through atomics.
        let bucket = unsafe { &*bucket };
        bucket.note_made();
        bucket
    }

    /// The segment, allocated if it is not there.
    fn ensure(&self, number: usize) -> *mut Bucket {
        let segment = &self.segments[number];
        let seen = segment.load(Acquire);
        if !seen.is_null() {
            return seen;
        }
        let (before, len) = self.extent(number);
        // Room that was asked for from the start is filled from the start.
        let touched = match before {
            0 => Touched::AtOnce,
            _ => Touched::BitByBit,
        };
        let (made, moved) = loop {
            let made = allocate(len, touched);
            let moved = made.wrapping_sub(before);
            if !moved.is_null() {
                break (made, moved);
            }
            // Taken for none, it would be made again: it is leaked, and the next one is elsewhere.
        };
        match segment.compare_exchange(ptr::null_mut(), moved, Release, Acquire) {
            Ok(_) => moved,
            Err(faster) => {
                // SAFETY: just made with this length, and not published.
                unsafe { free(made, len) };
                faster
            }
        }
    }
}

#[cold]
pub(super) fn too_many(buckets: usize) -> ! {
    panic!(
        "hash map: {buckets} buckets asked for, at most {} are allowed",
        Array::LEN_MAX
    );
}

impl Drop for Array {
    fn drop(&mut self) {
        for (number, segment) in self.segments.iter().enumerate() {
            let moved = segment.load(Relaxed);
            if !moved.is_null() {
                let (before, len) = self.extent(number);
                // SAFETY: made by `ensure` with this length and moved back by what is added.
                unsafe { free(moved.wrapping_add(before), len) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Array, INDEX_BITS};

    #[test]
    fn segments_follow_each_other_without_gaps() {
        for room in [0, 1, 2, 3, 8, 9] {
            let array = Array::with_room(room);
            let (mut next, first) = (0, array.segment_of(0));
            for segment in first..INDEX_BITS as usize {
                let (before, len) = array.extent(segment);
                assert_eq!(before, next);
                assert_eq!(array.segment_of(before), segment);
                assert_eq!(array.segment_of(before + len - 1), segment);
                next += len;
            }
            assert_eq!(next, Array::LEN_MAX);
            assert_eq!(array.extent(first), (0, array.first_mask + 1));
            assert!(array.first_mask + 1 >= room);
        }
    }
}
