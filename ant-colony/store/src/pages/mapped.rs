//! Pages straight from Linux: what is freed goes back to the system, whatever order it
//! is freed in.
//!
//! A general allocator would keep the holes that objects of all sizes leave. Here holes
//! cost nothing but addresses: their pages are given back, except for a bounded amount
//! that is kept for reuse, because fresh pages cost a fault each. To give much back takes
//! the system long, therefore what is more than that goes in steps.
//!
//! Memory comes in small pages, so that none is taken before it is asked for. Those of
//! the dense arena are made huge pages afterwards, by [`Pages::collapse`]:
//!
//! 1. A chunk of which no byte is clean waits in `chunks`. It is taken from there, and the
//!    arena is unlocked, because the rest may take milliseconds.
//! 2. The system makes one page of it. It must be allowed to for that moment only: else it
//!    would do so by itself whenever it likes, and bring back pages that were given back,
//!    uncharged.
//! 3. The arena is locked again. If ranges of the chunk were given back meanwhile, that may
//!    have been before step 2, which then brought them back: those that are clean now are
//!    given back again.
//!
//! A part of a huge page that is given back would stay with the system's page until that
//! runs short of memory; therefore the page is split first.
//!
//! Invariants:
//! - a range is in `dirty`, or in `clean`, or in exactly one block;
//! - all ranges lie in `regions`, which stay mapped, readable and writable until the
//!   source is dropped; blocks never outlive it (their charge keeps it alive).

use super::chunks::{CHUNK_BYTES, Chunks};
use super::extents::Extents;
use super::region::{Region, collapse, discard, populate, split};
use super::{AHEAD_BYTES, Block, PAGE_BYTES, Purpose};
use crate::lock::Mutex;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::NonNull;

/// The part of the memory that the freed pages of an arena may take before they go back
/// to the system.
const DIRTY_SHARE: usize = 32;
/// Most bytes that go back to the system because a block was: some 100 µs.
const PURGE_STEP_BYTES: usize = 1 << 20;
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
    /// What may become huge pages, or is; nothing in the arena for large objects, which
    /// come and go whole.
    chunks: Option<Chunks>,
    dirty_bytes_max: usize,
    region_bytes: usize,
}

impl Pages {
    /// A source for about `memory` bytes.
    pub(crate) fn new(memory: usize) -> Self {
        Self {
            dense: Mutex::new(Arena::new(memory, Some(Chunks::default()))),
            large: Mutex::new(Arena::new(memory, None)),
        }
    }

    /// Initialised memory from freed pages, if `bytes` of them lie together.
    pub(crate) fn reuse(&self, bytes: usize, purpose: Purpose) -> Option<Block> {
        let address = self.arena(purpose).lock().dirty.take(bytes)?;
        block(address, bytes)
    }

    /// `bytes` of zeros; a multiple of the page size, not zero. Pages come for the first [`AHEAD_BYTES`]
    /// of a dense block, and for all of a large one: that will be written as a whole.
    pub(crate) fn fresh(&self, bytes: usize, purpose: Purpose) -> Option<Block> {
        debug_assert!(bytes > 0 && bytes.is_multiple_of(PAGE_BYTES));
        let address = self.arena(purpose).lock().take_clean(bytes)?;
        let first = match purpose {
            Purpose::Dense => bytes.min(AHEAD_BYTES),
            Purpose::Large => bytes,
        };
        populate(address, first);
        block(address, bytes)
    }

    /// Brings the pages of a part of a block that is going to be written, at a fraction of the cost of
    /// a fault for each.
    pub(crate) fn bring(block: &Block, part: Range<usize>) {
        debug_assert!(part.start <= part.end && part.end <= block.bytes);
        populate(block.start.as_ptr().addr() + part.start, part.len());
    }

    /// Keeps the pages of a block for reuse; answers how many bytes went back to the
    /// system because too many were kept. More may have to: see [`Pages::purge_surplus`].
    pub(crate) fn give_back(&self, block: &Block, purpose: Purpose) -> usize {
        let mut arena = self.arena(purpose).lock();
        arena
            .dirty
            .insert(block.start.as_ptr() as usize, block.bytes);
        arena.purge_surplus(PURGE_STEP_BYTES)
    }

    /// Gives at most about `bytes` of those freed pages back to the system that are more than should
    /// be kept; answers how many.
    pub(crate) fn purge_surplus(&self, bytes: usize) -> usize {
        let purged = self.large.lock().purge_surplus(bytes);
        purged
            + self
                .dense
                .lock()
                .purge_surplus(bytes.saturating_sub(purged))
    }

    /// Gives at least `bytes` of freed pages back to the system, if so many are kept;
    /// answers how many.
    pub(crate) fn purge(&self, bytes: usize) -> usize {
        let purged = self.large.lock().purge(bytes);
        purged + self.dense.lock().purge(bytes.saturating_sub(purged))
    }

    /// Makes at most `chunks_max` huge pages of chunks that are in use as a whole; answers
    /// how many it made.
    pub(crate) fn collapse(&self, chunks_max: usize) -> usize {
        let attempt = || {
            let chunk = self.dense.lock().chunks.as_mut()?.start()?;
            let collapsed = collapse(chunk);
            Some(self.dense.lock().settle(chunk, collapsed))
        };
        (0..chunks_max)
            .map_while(|_| attempt())
            .filter(|&made| made)
            .count()
    }

    /// Bytes that lie in huge pages.
    pub(crate) fn huge_bytes(&self) -> usize {
        let arena = self.dense.lock();
        arena.chunks.as_ref().map_or(0, Chunks::huge_bytes)
    }

    fn arena(&self, purpose: Purpose) -> &Mutex<Arena> {
        match purpose {
            Purpose::Dense => &self.dense,
            Purpose::Large => &self.large,
        }
    }
}

impl Arena {
    fn new(memory: usize, chunks: Option<Chunks>) -> Self {
        Self {
            regions: Vec::new(),
            dirty: Extents::default(),
            clean: Extents::default(),
            chunks,
            dirty_bytes_max: memory / DIRTY_SHARE,
            region_bytes: (memory / 8)
                .clamp(REGION_BYTES_MIN, REGION_BYTES_MAX)
                .next_multiple_of(CHUNK_BYTES),
        }
    }

    fn take_clean(&mut self, bytes: usize) -> Option<usize> {
        let start = self.clean.take(bytes).or_else(|| {
            self.grow(bytes)?;
            self.clean.take(bytes)
        })?;
        if let Some(chunks) = &mut self.chunks {
            chunks.fill(start, bytes);
        }
        Some(start)
    }

    fn grow(&mut self, bytes: usize) -> Option<()> {
        let usual = bytes.max(self.region_bytes);
        let region = Region::map_aligned(usual).or_else(|| Region::map(bytes))?;
        self.clean
            .insert(region.start.as_ptr() as usize, region.bytes);
        self.regions.push(region);
        Some(())
    }

    fn purge_surplus(&mut self, bytes: usize) -> usize {
        let surplus = self.dirty.bytes().saturating_sub(self.dirty_bytes_max);
        self.purge(surplus.min(bytes))
    }

    fn purge(&mut self, bytes: usize) -> usize {
        let mut purged = 0;
        while purged < bytes
            && let Some((start, longest)) = self.dirty.take_longest()
        {
            let len = longest.min(bytes - purged).next_multiple_of(PAGE_BYTES);
            if len < longest {
                self.dirty.insert(start + len, longest - len);
            }
            if let Some(chunks) = &mut self.chunks {
                chunks.vacate(start, len, split);
            }
            // SAFETY: the range is free, so nobody refers to it, and it lies in our regions.
            unsafe { discard(start, len) };
            self.clean.insert(start, len);
            purged += len;
        }
        purged
    }

    /// Ends the attempt to make one page of a chunk; answers whether it is one.
    fn settle(&mut self, chunk: usize, collapsed: bool) -> bool {
        let huge = self
            .chunks
            .as_mut()
            .is_some_and(|chunks| chunks.finish(chunk, collapsed));
        if !huge {
            for (start, len) in self.clean.within(chunk, CHUNK_BYTES) {
                split(start, len);
                // SAFETY: as in `purge`.
                unsafe { discard(start, len) };
            }
        }
        huge
    }
}

fn block(address: usize, bytes: usize) -> Option<Block> {
    let start = NonNull::new(address as *mut u64)?;
    Some(Block { start, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;
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

    /// Pages of the range that are in memory, or just being moved there.
    fn resident(start: usize, bytes: usize) -> usize {
        let map = std::fs::File::open("/proc/self/pagemap").unwrap();
        let mut entries = std::vec![0; bytes / PAGE_BYTES * 8];
        map.read_exact_at(&mut entries, (start / PAGE_BYTES * 8) as u64)
            .unwrap();
        let present = |entry: &&[u8]| entry[7] & 0xc0 != 0;
        entries.chunks_exact(8).filter(present).count() * PAGE_BYTES
    }

    /// Whether the attempt succeeds at last: short of whole free chunks, or while a page is in use
    /// elsewhere, the system refuses to make one page of a chunk.
    fn succeeds(mut attempt: impl FnMut() -> bool) -> bool {
        let success = (0..200).any(|_| {
            attempt() || {
                std::thread::sleep(std::time::Duration::from_millis(5));
                false
            }
        });
        if !success {
            std::eprintln!("skipped: the system makes no huge pages");
        }
        success
    }

    /// A source with one chunk handed out, in two halves, one page made of it; none where
    /// the system refuses that.
    fn collapsed() -> Option<(Pages, [Block; 2])> {
        let pages = Pages::new(32 << 20);
        let half = || {
            let half = pages.fresh(CHUNK_BYTES / 2, Purpose::Dense).unwrap();
            // SAFETY: the block is ours.
            unsafe { half.start.write_bytes(0xab, half.bytes / 8) };
            half
        };
        let halves = [half(), half()];
        assert_eq!(halves[0].start.as_ptr() as usize % CHUNK_BYTES, 0);
        succeeds(|| pages.collapse(1) == 1).then_some((pages, halves))
    }

    fn last_word(block: &Block) -> u64 {
        // SAFETY: the word lies in the block.
        let last = unsafe { block.start.add(block.bytes / 8 - 1) };
        // SAFETY: the block is initialised, and the caller's.
        unsafe { last.read() }
    }

    #[test]
    fn a_chunk_becomes_one_page_with_its_contents_once() {
        let Some((pages, halves)) = collapsed() else {
            return;
        };
        assert_eq!(pages.huge_bytes(), CHUNK_BYTES);
        assert_eq!(pages.collapse(9), 0);
        assert!(
            halves
                .iter()
                .all(|half| last_word(half) == u64::from_ne_bytes([0xab; 8]))
        );
    }

    #[test]
    fn what_is_given_back_of_a_huge_page_stays_away_until_it_is_asked_for() {
        let Some((pages, [first, second])) = collapsed() else {
            return;
        };
        let start = first.start.as_ptr() as usize;
        pages.give_back(&first, Purpose::Dense);
        assert_eq!(
            pages.huge_bytes(),
            CHUNK_BYTES,
            "kept pages stay as they are"
        );
        assert_eq!(pages.purge(usize::MAX), first.bytes);
        assert_eq!(pages.huge_bytes(), 0);
        assert_eq!(pages.collapse(1), 0);
        assert_eq!(resident(start, CHUNK_BYTES), second.bytes);
        let again = pages.fresh(first.bytes, Purpose::Dense).unwrap();
        assert_eq!((again.start, last_word(&again)), (first.start, 0));
        assert_ne!(last_word(&second), 0);
        if succeeds(|| pages.collapse(9) == 1) {
            assert_eq!(pages.huge_bytes(), CHUNK_BYTES);
        }
    }

    #[test]
    fn what_is_given_back_while_its_chunk_is_collapsed_does_not_stay() {
        let Some((pages, [first, second])) = collapsed() else {
            return;
        };
        let start = first.start.as_ptr() as usize;
        pages.give_back(&first, Purpose::Dense);
        pages.purge(usize::MAX);
        let first = pages.fresh(first.bytes, Purpose::Dense).unwrap();
        let chunk = pages.dense.lock().chunks.as_mut().unwrap().start();
        assert_eq!(chunk, Some(start));
        pages.give_back(&first, Purpose::Dense);
        pages.purge(usize::MAX);
        if !succeeds(|| collapse(start)) {
            return;
        }
        assert_eq!(resident(start, CHUNK_BYTES), CHUNK_BYTES);
        assert!(!pages.dense.lock().settle(start, true));
        assert_eq!(resident(start, CHUNK_BYTES), second.bytes);
        assert_ne!(last_word(&second), 0);
    }
}
