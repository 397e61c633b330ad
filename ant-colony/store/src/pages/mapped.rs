//! Pages straight from Linux: what is freed goes back to the system, whatever order it
//! is freed in.
//!
//! A general allocator would keep the holes that objects of all sizes leave. Here holes
//! cost nothing but addresses: their pages are given back, except for a bounded amount
//! that is kept for reuse, because fresh pages cost a fault each.
//!
//! Invariants:
//! - a range is in `dirty`, or in `clean`, or in exactly one block;
//! - all ranges lie in `regions`, which stay mapped, readable and writable until the
//!   source is dropped; blocks never outlive it (their charge keeps it alive).

use super::extents::Extents;
use super::{Block, PAGE_BYTES, Purpose};
use crate::lock::Mutex;
use alloc::vec::Vec;
use core::ptr::{self, NonNull};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// The part of the memory that the freed pages of an arena may take before they go back
/// to the system.
const DIRTY_SHARE: usize = 32;
const REGION_BYTES_MIN: usize = 4 << 20;
const REGION_BYTES_MAX: usize = 64 << 20;

/// Memory maps, one arena for each purpose, so that large objects leave no holes
/// between segments.
pub(crate) struct Pages {
    dense: Mutex<Arena>,
    large: Mutex<Arena>,
}

struct Arena {
    regions: Vec<Region>,
    /// Free ranges with old contents in them.
    dirty: Extents,
    /// Free ranges that have no pages yet, or not any more.
    clean: Extents,
    dirty_bytes_max: usize,
    region_bytes: usize,
}

struct Region {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the region is plain memory of this source, and only unmapped when that is dropped.
unsafe impl Send for Region {}

impl Pages {
    /// A source for about `memory` bytes.
    pub(crate) fn new(memory: usize) -> Self {
        Self {
            dense: Mutex::new(Arena::new(memory)),
            large: Mutex::new(Arena::new(memory)),
        }
    }

    /// Initialised memory from freed pages, if `bytes` of them lie together.
    pub(crate) fn reuse(&self, bytes: usize, purpose: Purpose) -> Option<Block> {
        let address = self.arena(purpose).lock().dirty.take(bytes)?;
        block(address, bytes)
    }

    /// `bytes` of zeros; a multiple of the page size, not zero.
    pub(crate) fn fresh(&self, bytes: usize, purpose: Purpose) -> Option<Block> {
        debug_assert!(bytes > 0 && bytes.is_multiple_of(PAGE_BYTES));
        let address = self.arena(purpose).lock().take_clean(bytes)?;
        // SAFETY: the range is ours and free. Faulting it in at once costs a fraction of a
        // fault for each page; where that is refused, the faults come one by one.
        let _ = unsafe { madvise(address as *mut _, bytes, Advice::LinuxPopulateWrite) };
        block(address, bytes)
    }

    /// Keeps the pages of a block for reuse; answers how many bytes went back to the
    /// system because too many were kept.
    pub(crate) fn give_back(&self, block: &Block, purpose: Purpose) -> usize {
        let mut arena = self.arena(purpose).lock();
        arena
            .dirty
            .insert(block.start.as_ptr() as usize, block.bytes);
        let surplus = arena.dirty.bytes().saturating_sub(arena.dirty_bytes_max);
        arena.purge(surplus)
    }

    /// Gives at least `bytes` of freed pages back to the system, if so many are kept;
    /// answers how many.
    pub(crate) fn purge(&self, bytes: usize) -> usize {
        let purged = self.large.lock().purge(bytes);
        purged + self.dense.lock().purge(bytes.saturating_sub(purged))
    }

    fn arena(&self, purpose: Purpose) -> &Mutex<Arena> {
        match purpose {
            Purpose::Dense => &self.dense,
            Purpose::Large => &self.large,
        }
    }
}

impl Arena {
    fn new(memory: usize) -> Self {
        Self {
            regions: Vec::new(),
            dirty: Extents::default(),
            clean: Extents::default(),
            dirty_bytes_max: memory / DIRTY_SHARE,
            region_bytes: (memory / 8)
                .clamp(REGION_BYTES_MIN, REGION_BYTES_MAX)
                .next_multiple_of(PAGE_BYTES),
        }
    }

    fn take_clean(&mut self, bytes: usize) -> Option<usize> {
        if let Some(start) = self.clean.take(bytes) {
            return Some(start);
        }
        let region = Region::map(bytes.max(self.region_bytes)).or_else(|| Region::map(bytes))?;
        self.clean
            .insert(region.start.as_ptr() as usize, region.bytes);
        self.regions.push(region);
        self.clean.take(bytes)
    }

    fn purge(&mut self, bytes: usize) -> usize {
        let mut purged = 0;
        while purged < bytes
            && let Some((start, len)) = self.dirty.take_longest()
        {
            // SAFETY: the range is free, so nobody refers to it, and it lies in our regions;
            // anonymous pages read as zero afterwards.
            let advised = unsafe { madvise(start as *mut _, len, Advice::LinuxDontNeed) };
            // A refusal would only mean that the pages stay.
            debug_assert!(advised.is_ok());
            self.clean.insert(start, len);
            purged += len;
        }
        purged
    }
}

fn block(address: usize, bytes: usize) -> Option<Block> {
    let start = NonNull::new(address as *mut u64)?;
    Some(Block { start, bytes })
}

impl Region {
    fn map(bytes: usize) -> Option<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new anonymous map at an address of the system's choice; it replaces nothing.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, flags) };
        let start = NonNull::new(start.ok()?.cast::<u8>())?;
        // SAFETY: the range is the map that was just made. Huge pages would bring back pages
        // that were given back, uncharged. Where they do not exist, nothing is to be done.
        let _ = unsafe { madvise(start.as_ptr().cast(), bytes, Advice::LinuxNoHugepage) };
        Some(Self { start, bytes })
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the source is dropped, so no block refers to the region any more.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn blocks_do_not_overlap_and_are_reused() {
        let pages = Pages::new(32 << 20);
        let blocks: Vec<Block> = (1..40)
            .map(|i| pages.fresh(i * PAGE_BYTES, Purpose::Large).unwrap())
            .collect();
        let mut ranges: Vec<_> = blocks
            .iter()
            .map(|block| (block.start.as_ptr() as usize, block.bytes))
            .collect();
        ranges.sort_unstable();
        assert!(
            ranges
                .windows(2)
                .all(|pair| pair[0].0 + pair[0].1 <= pair[1].0)
        );
        let purged: usize = blocks
            .iter()
            .map(|block| pages.give_back(block, Purpose::Large))
            .sum();
        assert!(purged > 0, "more is kept than allowed");
        let reused = pages.reuse(2 * PAGE_BYTES, Purpose::Large).unwrap();
        assert!(pages.reuse(PAGE_BYTES, Purpose::Dense).is_none());
        pages.give_back(&reused, Purpose::Large);
        assert!(pages.purge(usize::MAX) > 0);
        let arena = pages.large.lock();
        assert_eq!(arena.regions.len(), 1);
        assert_eq!(arena.dirty.bytes(), 0);
        assert_eq!(arena.clean.bytes(), arena.regions[0].bytes);
    }
}
