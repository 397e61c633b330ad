//! Pages from the global allocator, for systems without memory maps.
//!
//! Readers without a lock may look at dense blocks at any time. So these are never given
//! back to the allocator before the source is dropped: what was used once is kept for
//! blocks of the same size, or cut for smaller ones. It is not charged meanwhile; a system
//! without maps could not do anything else with single pages.
//!
//! Invariants: `allocated` holds every dense block that was ever allocated, `free` the
//! parts of them that nobody owns.

use super::{Block, PAGE_BYTES, Purpose};
use crate::lock::Mutex;
use alloc::alloc::{alloc_zeroed, dealloc};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;

/// The global allocator as a source of pages.
pub(crate) struct Pages {
    dense: Mutex<Dense>,
}

#[derive(Default)]
struct Dense {
    allocated: Vec<Block>,
    /// By size.
    free: BTreeMap<usize, Vec<Block>>,
}

impl Pages {
    pub(crate) fn new(_memory: usize) -> Self {
        Self {
            dense: Mutex::new(Dense::default()),
        }
    }

    /// What was freed is not charged, so there is nothing to reuse without a charge.
    pub(crate) fn reuse(&self, _bytes: usize, _purpose: Purpose) -> Option<Block> {
        None
    }

    /// `bytes` of initialised memory; a multiple of the page size, not zero.
    pub(crate) fn fresh(&self, bytes: usize, purpose: Purpose) -> Option<Block> {
        match purpose {
            Purpose::Large => allocate(bytes),
            Purpose::Dense => self.dense.lock().take(bytes),
        }
    }

    /// All of them are there.
    pub(crate) fn bring(_block: &Block, _part: Range<usize>) {}

    /// Frees a block, or puts it aside; answers the bytes that need not be charged any
    /// more, which are all.
    pub(crate) fn give_back(&self, block: &Block, purpose: Purpose) -> usize {
        match purpose {
            // SAFETY: the block came from `allocate`, and its owner drops it now.
            Purpose::Large => unsafe { free(block) },
            Purpose::Dense => self.dense.lock().put(block.start, block.bytes),
        }
        block.bytes
    }

    /// The allocator's pages are its own affair.
    pub(crate) fn collapse(&self, _chunks_max: usize) -> usize {
        0
    }

    /// Nothing is known of huge pages.
    pub(crate) fn huge_bytes(&self) -> usize {
        0
    }

    /// Nothing that is kept is charged.
    pub(crate) fn purge_surplus(&self, _bytes: usize) -> usize {
        0
    }

    /// Nothing that is kept is charged.
    pub(crate) fn purge(&self, _bytes: usize) -> usize {
        0
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        for block in &self.dense.lock().allocated {
            // SAFETY: the block came from `allocate`; whoever had a part of it kept the
            // source alive, so nobody has one.
            unsafe { free(block) };
        }
    }
}

impl Dense {
    fn take(&mut self, bytes: usize) -> Option<Block> {
        if let Some(block) = self.free.get_mut(&bytes).and_then(Vec::pop) {
            return Some(block);
        }
        let mut larger = self.free.range_mut(bytes + 1..);
        if let Some(block) = larger.find_map(|(_, blocks)| blocks.pop()) {
            // SAFETY: the block is longer than `bytes`.
            let rest = unsafe { block.start.byte_add(bytes) };
            self.put(rest, block.bytes - bytes);
            let start = block.start;
            return Some(Block { start, bytes });
        }
        let block = allocate(bytes)?;
        let start = block.start;
        self.allocated.push(block);
        Some(Block { start, bytes })
    }

    fn put(&mut self, start: NonNull<u64>, bytes: usize) {
        self.free
            .entry(bytes)
            .or_default()
            .push(Block { start, bytes });
    }
}

fn allocate(bytes: usize) -> Option<Block> {
    // SAFETY: the layout's size is not zero, as `layout` asserts.
    let memory = unsafe { alloc_zeroed(layout(bytes)) };
    let start = NonNull::new(memory)?.cast();
    Some(Block { start, bytes })
}

/// # Safety
/// The block came from [`allocate`], and nobody uses it any more.
unsafe fn free(block: &Block) {
    // SAFETY: as the caller warrants; `allocate` used the same layout.
    unsafe { dealloc(block.start.as_ptr().cast(), layout(block.bytes)) };
}

fn layout(bytes: usize) -> Layout {
    assert!(bytes > 0 && bytes.is_multiple_of(PAGE_BYTES));
    Layout::from_size_align(bytes, PAGE_BYTES).expect("a block is smaller than the address space")
}
