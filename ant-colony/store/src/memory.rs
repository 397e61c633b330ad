//! The memory budget: everything the store allocates is charged here before it exists
//! and released when it is given back to the system.
//!
//! Invariants:
//! - `used` is the sum over all charges and spans, and the freed pages that the page
//!   source keeps for reuse;
//! - `used` grows only while it stays within `limit`, so that it exceeds `limit` only
//!   after the limit was lowered;
//! - dense memory (segments, buckets of the index) stays readable until the budget is
//!   dropped, whoever uses it for whatever dense purpose, and is written by atomic stores
//!   only. So a reader without a lock that is late reads something else, and never a fault
//!   or a race. Memory for large objects is never dense, and belongs to the lock's holder.

use crate::pages::{Block, PAGE_BYTES, Pages, Purpose};
use alloc::sync::Arc;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// How often pages of which too many are kept go back for the sake of one span: others may take what
/// that frees, and a limit that was lowered is not one caller's business.
const PURGES_MAX: usize = 4;

/// What a charge pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Segment,
    Index,
    Large,
    Ghosts,
    /// Shard states and the store itself.
    Fixed,
    /// Freed pages that are kept for reuse.
    Kept,
}

impl Kind {
    const COUNT: usize = 6;

    /// Bytes of bookkeeping beside the pages of one span: its record and its places in
    /// tables and in the page source, table growth included.
    const fn bookkeeping(self) -> usize {
        match self {
            Self::Segment => 384,
            Self::Large => 256,
            Self::Index => 128,
            Self::Ghosts | Self::Fixed | Self::Kept => 0,
        }
    }

    fn purpose(self) -> Purpose {
        match self {
            Self::Large => Purpose::Large,
            _ => Purpose::Dense,
        }
    }
}

/// The budget of one store and the pages it is spent on.
pub(crate) struct Memory {
    limit: AtomicUsize,
    used: AtomicUsize,
    by_kind: [AtomicUsize; Kind::COUNT],
    pages: Pages,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicUsize::new(limit),
            used: AtomicUsize::new(0),
            by_kind: Default::default(),
            pages: Pages::new(limit),
        })
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    pub(crate) fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Relaxed);
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    pub(crate) fn used_by(&self, kind: Kind) -> usize {
        self.by_kind[kind as usize].load(Relaxed)
    }

    pub(crate) fn is_over_limit(&self) -> bool {
        self.used() > self.limit()
    }

    /// Whether the limit is near, so that shards should hold something back.
    pub(crate) fn is_tight(&self) -> bool {
        let limit = self.limit();
        self.used() > limit - limit / 8
    }

    /// Adds to `used` if the limit allows.
    fn reserve(&self, bytes: usize) -> bool {
        let limit = self.limit();
        let grown = |used: usize| used.checked_add(bytes).filter(|&sum| sum <= limit);
        self.used.try_update(Relaxed, Relaxed, grown).is_ok()
    }

    fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Relaxed);
    }

    /// Charges `bytes` if the limit allows.
    pub(crate) fn charge(self: &Arc<Self>, kind: Kind, bytes: usize) -> Option<Charge> {
        if !self.reserve(bytes) {
            return None;
        }
        self.by_kind[kind as usize].fetch_add(bytes, Relaxed);
        Some(Charge {
            memory: Arc::clone(self),
            kind,
            bytes,
        })
    }

    /// What a span takes from the budget.
    pub(crate) const fn span_cost(kind: Kind, bytes: usize) -> usize {
        bytes.next_multiple_of(PAGE_BYTES) + kind.bookkeeping()
    }

    /// Charged pages with room for `bytes` (at least one), if limit and system allow.
    ///
    /// Freed pages that are kept are reused if they fit. If they do not, they are given
    /// back to the system, but, unless they are more than should be kept anyway, only while
    /// they amount to `keep` times what is needed: it may be better to free some more until they
    /// fit.
    pub(crate) fn span(self: &Arc<Self>, kind: Kind, bytes: usize, keep: usize) -> Option<Span> {
        let pages = bytes.next_multiple_of(PAGE_BYTES);
        let block = self
            .reuse(kind, pages)
            .or_else(|| self.fresh(kind, pages, keep))?;
        self.by_kind[kind as usize].fetch_add(pages + kind.bookkeeping(), Relaxed);
        Some(Span {
            block,
            memory: Arc::clone(self),
            kind,
        })
    }

    fn reuse(&self, kind: Kind, pages: usize) -> Option<Block> {
        if !self.reserve(kind.bookkeeping()) {
            return None;
        }
        let Some(block) = self.pages.reuse(pages, kind.purpose()) else {
            self.release(kind.bookkeeping());
            return None;
        };
        self.by_kind[Kind::Kept as usize].fetch_sub(pages, Relaxed);
        Some(block)
    }

    fn fresh(&self, kind: Kind, pages: usize, keep: usize) -> Option<Block> {
        let cost = pages + kind.bookkeeping();
        let mut purges = 0..PURGES_MAX;
        while !self.reserve(cost) {
            if purges.next().is_some() && self.purge_surplus(cost) > 0 {
                continue;
            }
            if self.used_by(Kind::Kept) < cost.saturating_mul(keep) || self.purge(cost) == 0 {
                return None;
            }
        }
        let block = self.pages.fresh(pages, kind.purpose());
        if block.is_none() {
            self.release(cost);
        }
        block
    }

    /// See [`Store::collapse_pages`](crate::Store::collapse_pages).
    pub(crate) fn collapse_pages(&self, chunks_max: usize) -> usize {
        self.pages.collapse(chunks_max)
    }

    /// Bytes that lie in huge pages.
    pub(crate) fn huge_bytes(&self) -> usize {
        self.pages.huge_bytes()
    }

    /// Gives about `bytes` of the kept pages back to the system; answers how many.
    pub(crate) fn purge(&self, bytes: usize) -> usize {
        self.purged(self.pages.purge(bytes))
    }

    /// Gives about `bytes` of those kept pages back that are more than should be kept; answers how
    /// many.
    pub(crate) fn purge_surplus(&self, bytes: usize) -> usize {
        self.purged(self.pages.purge_surplus(bytes))
    }

    /// Takes account of pages that have gone back.
    fn purged(&self, bytes: usize) -> usize {
        self.by_kind[Kind::Kept as usize].fetch_sub(bytes, Relaxed);
        self.release(bytes);
        bytes
    }
}

/// Bytes of the budget that are in use until this is dropped.
pub(crate) struct Charge {
    memory: Arc<Memory>,
    kind: Kind,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.memory.by_kind[self.kind as usize].fetch_sub(self.bytes, Relaxed);
        self.memory.release(self.bytes);
    }
}

/// Charged, page-aligned, initialised memory.
pub(crate) struct Span {
    block: Block,
    memory: Arc<Memory>,
    kind: Kind,
}

impl Span {
    /// What the span takes from the budget.
    pub(crate) fn cost(&self) -> usize {
        self.block.bytes + self.kind.bookkeeping()
    }

    /// Makes sure that a part of the span, which is going to be written, has pages.
    pub(crate) fn bring(&self, part: Range<usize>) {
        Pages::bring(&self.block, part);
    }

    /// The words, for whoever holds the lock of the shard that the span belongs to.
    #[inline]
    pub(crate) fn words(&self) -> &[u64] {
        let words = self.block.bytes / size_of::<u64>();
        // SAFETY: the block is initialised, aligned to pages, `bytes` long and owned by
        // `self`, which stays borrowed; it is written by way of `&mut self` only, and
        // readers without the lock only read it.
        unsafe { slice::from_raw_parts(self.block.start.as_ptr(), words) }
    }

    /// The words, to be written while readers without the lock may look at them.
    #[inline]
    pub(crate) fn cells(&mut self) -> &[AtomicU64] {
        let words = self.block.bytes / size_of::<u64>();
        // SAFETY: as in `words`; an atomic has the layout of its integer; `self` is
        // borrowed mutably, so there is no view but those of readers, which are atomic.
        unsafe { slice::from_raw_parts(self.block.start.as_ptr().cast(), words) }
    }

    /// Where the words start, for readers without the lock.
    pub(crate) fn start(&self) -> NonNull<AtomicU64> {
        debug_assert!(self.kind.purpose() == Purpose::Dense);
        self.block.start.cast()
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: as in `words`; any byte of an initialised word is an initialised byte.
        unsafe { slice::from_raw_parts(self.block.start.as_ptr().cast(), self.block.bytes) }
    }

    /// The bytes of a large object. Dense memory is not written by bytes: readers without
    /// the lock may look at it at any time, even after it was given back.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        assert!(self.kind.purpose() == Purpose::Large);
        // SAFETY: as in `bytes`; `self` is borrowed mutably, so this is the only view:
        // memory for large objects is never dense, and readers without the lock look at
        // dense memory only. Any bytes make a valid word.
        unsafe { slice::from_raw_parts_mut(self.block.start.as_ptr().cast(), self.block.bytes) }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let memory = &self.memory;
        memory.by_kind[self.kind as usize].fetch_sub(self.cost(), Relaxed);
        // Before others can reuse the pages, and take them off again.
        memory.by_kind[Kind::Kept as usize].fetch_add(self.block.bytes, Relaxed);
        let purged = memory.pages.give_back(&self.block, self.kind.purpose());
        memory.by_kind[Kind::Kept as usize].fetch_sub(purged, Relaxed);
        memory.release(purged + self.kind.bookkeeping());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_beyond_the_limit_is_refused_and_leaves_no_trace() {
        let memory = Memory::new(1000);
        let first = memory.charge(Kind::Ghosts, 900).unwrap();
        assert!(memory.charge(Kind::Large, 101).is_none());
        assert_eq!(memory.used(), 900);
        drop(first);
        assert_eq!(memory.used(), 0);
        assert_eq!(memory.used_by(Kind::Ghosts), 0);
    }

    #[test]
    fn a_span_is_aligned_writable_and_released() {
        let memory = Memory::new(1 << 20);
        let mut span = memory.span(Kind::Large, 5000, 1).unwrap();
        assert_eq!(span.bytes().len(), 8192);
        assert_eq!(span.words().len(), 1024);
        assert_eq!(span.bytes().as_ptr().addr() % PAGE_BYTES, 0);
        span.bytes_mut()[8] = 1;
        assert_eq!(u64::from_le(span.words()[1]), 1);
        span.cells()[1023].store(u64::MAX, Relaxed);
        assert_eq!(span.bytes()[8191], 0xff);
        assert_eq!(memory.used(), span.cost());
        assert_eq!(span.cost(), Memory::span_cost(Kind::Large, 5000));
        drop(span);
        memory.purge(usize::MAX);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn kept_pages_are_reused_or_purged_before_memory_is_called_short() {
        let memory = Memory::new(1 << 20);
        let cost = |bytes| Memory::span_cost(Kind::Large, bytes);
        drop(memory.span(Kind::Large, 8192, 1).unwrap());
        let kept = memory.used_by(Kind::Kept);
        assert_eq!(memory.used(), kept);
        let again = memory.span(Kind::Large, 8192, 1).unwrap();
        assert_eq!(memory.used(), cost(8192));
        drop(again);
        let most = (1 << 20) - 8192;
        assert!(memory.span(Kind::Large, most, 1000).is_none() || kept == 0);
        let span = memory.span(Kind::Large, most, 0).unwrap();
        assert_eq!(memory.used(), cost(most));
        drop(span);
    }
}
