//! The pool of buckets that hang off full ones.
//!
//! A link is a bucket's number plus one, so that zero ends a chain. A bit map per
//! chunk says which buckets are in use; the lowest free one is always taken, which
//! keeps the pool dense, so that its last chunks can go when chains shrink.

use super::buckets::Buckets;
use crate::memory::{Memory, Span};
use crate::view::{Array, View, fill};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;

/// Words of an overflow bucket: seven slots and a link.
pub(crate) const OVERFLOW_WORDS: usize = 8;
const CHUNK_BUCKETS: usize = Buckets::<OVERFLOW_WORDS>::PER_CHUNK;
const _: () = assert!(CHUNK_BUCKETS == u64::BITS as usize);

/// A reference to an overflow bucket; zero is none.
pub(crate) type Link = u32;

/// Overflow buckets of one index.
pub(crate) struct Overflow {
    buckets: Buckets<OVERFLOW_WORDS>,
    in_use: Vec<u64>,
    /// No chunk before this one has a free bucket.
    first_free: usize,
    used: usize,
}

impl Overflow {
    pub(crate) const fn new() -> Self {
        Self {
            buckets: Buckets::new(Array::Overflow),
            in_use: Vec::new(),
            first_free: 0,
            used: 0,
        }
    }

    #[inline]
    pub(crate) fn get(&self, link: Link) -> &[u64; OVERFLOW_WORDS] {
        self.buckets.get(link as usize - 1)
    }

    #[inline]
    pub(crate) fn cells(&mut self, link: Link) -> &[AtomicU64; OVERFLOW_WORDS] {
        self.buckets.cells(link as usize - 1)
    }

    /// Makes sure that `count` buckets are free, if the budget allows.
    pub(crate) fn reserve(
        &mut self,
        count: usize,
        memory: &Arc<Memory>,
        view: &View,
    ) -> Option<()> {
        while self.buckets.len() - self.used < count {
            if !self.buckets.grow(memory, view) {
                return None;
            }
            self.in_use.push(0);
        }
        Some(())
    }

    /// See [`Index::pop_span`](super::Index::pop_span).
    pub(crate) fn pop_span(&mut self) -> Option<Span> {
        self.buckets.pop_span()
    }

    /// An empty bucket; the caller knows that one is free.
    pub(crate) fn take(&mut self) -> Link {
        while self.in_use[self.first_free] == u64::MAX {
            self.first_free += 1;
        }
        let map = &mut self.in_use[self.first_free];
        let bit = map.trailing_ones();
        *map |= 1 << bit;
        self.used += 1;
        (self.first_free * CHUNK_BUCKETS) as Link + bit + 1
    }

    /// Empties a bucket and puts it back into the pool. All that readers still want of it
    /// must have another place.
    pub(crate) fn give_back(&mut self, link: Link) {
        self.cells(link).iter().for_each(|word| fill(word, 0));
        let number = link as usize - 1;
        let chunk = number / CHUNK_BUCKETS;
        self.in_use[chunk] &= !(1 << (number % CHUNK_BUCKETS));
        self.first_free = self.first_free.min(chunk);
        self.used -= 1;
    }

    /// Drops empty chunks at the end, but for one: a chain at the border would allocate
    /// each time. Separate from `give_back`, so that what a redistribution frees is
    /// there when it takes again.
    pub(crate) fn trim(&mut self, view: &View) {
        let used = self.in_use.iter().rposition(|&map| map != 0);
        let kept = used.map_or(1, |last| last + 2);
        if kept < self.in_use.len() {
            self.in_use.truncate(kept);
            // Readers may still be on their way through a chain that was here.
            view.sequence().advance();
            self.buckets.shrink_to(kept * CHUNK_BUCKETS);
        }
    }

    #[cfg(test)]
    pub(crate) fn cost(&self) -> usize {
        self.buckets.cost()
    }

    /// Number of buckets in chains.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_recycled_and_trailing_chunks_dropped() {
        let memory = Memory::new(1 << 20);
        let view = View::new(1 << 14, &memory);
        let mut pool = Overflow::new();
        let links: Vec<Link> = (0..300)
            .map(|_| {
                pool.reserve(1, &memory, &view).unwrap();
                pool.take()
            })
            .collect();
        assert_eq!(pool.used(), 300);
        let full = memory.used();
        for &link in &links {
            fill(&pool.cells(link)[0], 9);
            pool.give_back(link);
        }
        assert_eq!(memory.used(), full);
        pool.trim(&view);
        assert_eq!(pool.used(), 0);
        assert!(memory.used_by(crate::memory::Kind::Index) * 4 < full);
        let link = pool.take();
        assert_eq!(link, 1);
        assert_eq!(pool.get(link), &[0; OVERFLOW_WORDS]);
    }

    #[test]
    fn without_memory_there_is_no_bucket() {
        let memory = Memory::new(1000);
        let view = View::new(1 << 14, &memory);
        assert_eq!(Overflow::new().reserve(1, &memory, &view), None);
    }
}
