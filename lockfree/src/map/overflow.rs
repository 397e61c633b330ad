//! Overflow buckets: taken when a bucket is full, given back when one is empty, never freed before
//! the map is.
//!
//! A search may still stand in a bucket that has been given back and taken again for another
//! chain: what it reads there is atomic words, and the home bucket's version tells it that its chain
//! has changed. Free buckets form a stack through their links. Its top carries a tag that counts,
//! so that a top that went and came back is not taken for one that stayed.

use crossbeam_utils::CachePadded;

use super::array::Array;
use super::bucket::{Bucket, Version};
use super::tags::Tags;
use crate::sync::atomic::{
    AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// All overflow buckets of a map; index 0 stands for none.
pub(super) struct Overflow {
    buckets: Array,
    /// The highest index ever taken, and the top of the free stack: an index and, above, a tag.
    pools: CachePadded<(AtomicUsize, AtomicU64)>,
}

/// The bits of the stack's top that are an index. The 36 others are the tag: who takes a bucket
/// would have to sleep through exactly 2^36 changes of the stack, or a multiple, to be misled.
const INDEX: u64 = Version::LINK_MAX as u64;

const fn top_of(tagged: u64, index: usize) -> u64 {
    (tagged & !INDEX).wrapping_add(INDEX + 1) | index as u64
}

impl Overflow {
    /// None, with room for so many; further ones are farther away.
    pub(super) fn with_room(room: usize) -> Self {
        Self {
            buckets: Array::with_room(room),
            pools: CachePadded::new((AtomicUsize::new(0), AtomicU64::new(0))),
        }
    }

    /// The bucket that a link leads to.
    ///
    /// # Safety
    /// `index` is not 0. It was [taken](Self::take), or loaded from a bucket's link: with acquire,
    /// or by who has the bucket's chain locked or for itself.
    #[inline]
    pub(super) unsafe fn get(&self, index: usize) -> &Bucket {
        // SAFETY: `take` has called `add` before anybody could link to the bucket. The link is
        // released and acquired, or comes from who had the lock before, which acquired it.
        unsafe { self.buckets.get(index) }
    }

    /// An empty bucket that belongs to nobody else, and its index.
    pub(super) fn take(&self) -> (usize, &Bucket) {
        let (index, bucket) = self.take_free().unwrap_or_else(|| {
            let index = self.pools.0.fetch_add(1, Relaxed) + 1;
            assert!(
                index <= Version::LINK_MAX,
                "hash map: {index} overflow buckets asked for, at most {} are allowed",
                Version::LINK_MAX
            );
            // SAFETY: this number has never been given to anybody else.
            (index, unsafe { self.buckets.add(index) })
        });
        // Who still reads this bucket as part of its former chain must find the chain changed.
        bucket.set_tags(Tags::empty(0));
        bucket.set_link(0);
        (index, bucket)
    }

    fn take_free(&self) -> Option<(usize, &Bucket)> {
        let top = &self.pools.1;
        let mut seen = top.load(Acquire);
        loop {
            let index = (seen & INDEX) as usize;
            if index == 0 {
                return None;
            }
            // SAFETY: on the stack, so taken once before; the acquire above sees that.
            let bucket = unsafe { self.get(index) };
            // If somebody else has taken it this is not the next one, but then the tag has changed.
            let next = bucket.own_link();
            match top.compare_exchange_weak(seen, top_of(seen, next), Relaxed, Acquire) {
                Ok(_) => return Some((index, bucket)),
                Err(now) => seen = now,
            }
        }
    }

    /// Gives a bucket back.
    ///
    /// # Safety
    /// `index` was taken, no link leads to it, and the version of the chain it was in, if it was in
    /// one that others could see, has changed.
    pub(super) unsafe fn give(&self, index: usize) {
        // SAFETY: taken by contract.
        let bucket = unsafe { self.get(index) };
        let top = &self.pools.1;
        let mut seen = top.load(Relaxed);
        loop {
            // A search that follows this link must find its chain changed.
            bucket.set_link((seen & INDEX) as usize);
            match top.compare_exchange_weak(seen, top_of(seen, index), Release, Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// Gives back a whole chain that begins with `index`.
    ///
    /// # Safety
    /// As for [`give`](Self::give), for every bucket of it.
    pub(super) unsafe fn give_chain(&self, mut index: usize) {
        while index != 0 {
            // SAFETY: taken by contract, and still for us alone.
            let next = unsafe { self.get(index) }.own_link();
            // SAFETY: by contract.
            unsafe { self.give(index) };
            index = next;
        }
    }
}
