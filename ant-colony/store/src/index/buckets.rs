//! An array of buckets that grows and shrinks by chunks of one page, so
//! that no growth copies a bucket.

use crate::memory::{Kind, Memory, Span};
use crate::pages::PAGE_BYTES;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Words of a page.
const PAGE_WORDS: usize = PAGE_BYTES / size_of::<u64>();

/// Charged chunks of buckets of `W` words, addressed by number.
pub(crate) struct Buckets<const W: usize> {
    chunks: Vec<Span>,
}

impl<const W: usize> Buckets<W> {
    /// Buckets of one chunk.
    pub(crate) const PER_CHUNK: usize = PAGE_WORDS / W;

    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new() }
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

    #[inline]
    pub(crate) fn get_mut(&mut self, number: usize) -> &mut [u64; W] {
        let start = number % Self::PER_CHUNK * W;
        (&mut self.chunks[number / Self::PER_CHUNK].words_mut()[start..start + W])
            .try_into()
            .expect("the slice has the length of a bucket")
    }

    /// Adds a chunk of empty buckets, if the budget allows.
    pub(crate) fn grow(&mut self, memory: &Arc<Memory>) -> bool {
        let Some(mut span) = memory.span(Kind::Index, PAGE_BYTES, 1) else {
            return false;
        };
        span.words_mut().fill(0);
        self.chunks.push(span);
        true
    }

    /// Takes the last chunk.
    pub(crate) fn pop_span(&mut self) -> Option<Span> {
        self.chunks.pop()
    }

    /// Drops chunks so that at least `len` buckets remain.
    pub(crate) fn shrink_to(&mut self, len: usize) {
        self.chunks.truncate(len.div_ceil(Self::PER_CHUNK));
        if self.chunks.len() < self.chunks.capacity() / 4 {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
    }
}
