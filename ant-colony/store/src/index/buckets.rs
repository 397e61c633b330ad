//! An array of buckets that grows and shrinks by chunks of one page, so
//! that no growth copies a bucket.

use crate::memory::{Kind, Memory, Span};
use crate::pages::PAGE_BYTES;
use crate::view::{Array, View, fill, renew};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;

/// Words of a page.
const PAGE_WORDS: usize = PAGE_BYTES / size_of::<u64>();

/// Charged chunks of buckets of `W` words, addressed by number.
pub(crate) struct Buckets<const W: usize> {
    /// Which array readers find it as.
    array: Array,
    chunks: Vec<Span>,
}

impl<const W: usize> Buckets<W> {
    /// Buckets of one chunk.
    pub(crate) const PER_CHUNK: usize = PAGE_WORDS / W;

    pub(crate) const fn new(array: Array) -> Self {
        let chunks = Vec::new();
        Self { array, chunks }
    }

    /// Number of buckets that exist.
    pub(crate) fn len(&self) -> usize {
        self.chunks.len() * Self::PER_CHUNK
    }

    #[cfg(test)]
    pub(crate) fn cost(&self) -> usize {
        self.chunks.iter().map(Span::cost).sum()
    }

    #[inline]
    pub(crate) fn get(&self, number: usize) -> &[u64; W] {
        let start = number % Self::PER_CHUNK * W;
        self.chunks[number / Self::PER_CHUNK].words()[start..start + W]
            .try_into()
            .expect("the slice has the length of a bucket")
    }

    /// A bucket to be changed; readers may look at it.
    #[inline]
    pub(crate) fn cells(&mut self, number: usize) -> &[AtomicU64; W] {
        let start = number % Self::PER_CHUNK * W;
        self.chunks[number / Self::PER_CHUNK].cells()[start..start + W]
            .try_into()
            .expect("the slice has the length of a bucket")
    }

    /// Adds a chunk of empty buckets, if the budget allows.
    pub(crate) fn grow(&mut self, memory: &Arc<Memory>, view: &View) -> bool {
        let number = self.chunks.len();
        if !view.reserve_chunk(self.array, number) {
            return false;
        }
        let Some(mut span) = memory.span(Kind::Index, PAGE_BYTES, 1) else {
            return false;
        };
        renew();
        span.cells().iter().for_each(|word| fill(word, 0));
        view.set_chunk(self.array, number, &span);
        self.chunks.push(span);
        true
    }

    /// Takes the last chunk.
    pub(crate) fn pop_span(&mut self) -> Option<Span> {
        self.chunks.pop()
    }

    /// Drops chunks so that at least `len` buckets remain. No reader may find the others.
    pub(crate) fn shrink_to(&mut self, len: usize) {
        self.chunks.truncate(len.div_ceil(Self::PER_CHUNK));
        if self.chunks.len() < self.chunks.capacity() / 4 {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
    }
}
