//! Pages from the global allocator, for systems without memory maps.

use super::{Block, PAGE_BYTES, Purpose};
use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;

/// The global allocator as a source of pages.
#[derive(Debug)]
pub(crate) struct Pages;

impl Pages {
    pub(crate) fn new(_memory: usize) -> Self {
        Self
    }

    /// The allocator reuses by itself.
    pub(crate) fn reuse(&self, _bytes: usize, _purpose: Purpose) -> Option<Block> {
        None
    }

    /// `bytes` of initialised memory; a multiple of the page size, not zero.
    pub(crate) fn fresh(&self, bytes: usize, _purpose: Purpose) -> Option<Block> {
        // SAFETY: the layout's size is not zero, as `layout` asserts.
        let memory = unsafe { alloc_zeroed(layout(bytes)) };
        let start = NonNull::new(memory)?.cast();
        Some(Block { start, bytes })
    }

    /// All of them are there.
    pub(crate) fn bring(_block: &Block, _part: Range<usize>) {}

    /// Frees a block; answers the bytes freed, which are all.
    pub(crate) fn give_back(&self, block: &Block, _purpose: Purpose) -> usize {
        // SAFETY: the block came from `fresh`, which used the same layout, and its owner
        // drops it now.
        unsafe { dealloc(block.start.as_ptr().cast(), layout(block.bytes)) };
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

    /// Nothing is kept.
    pub(crate) fn purge_surplus(&self, _bytes: usize) -> usize {
        0
    }

    /// Nothing is kept.
    pub(crate) fn purge(&self, _bytes: usize) -> usize {
        0
    }
}

fn layout(bytes: usize) -> Layout {
    assert!(bytes > 0 && bytes.is_multiple_of(PAGE_BYTES));
    Layout::from_size_align(bytes, PAGE_BYTES).expect("a block is smaller than the address space")
}
