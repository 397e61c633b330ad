//! Counting hits without making readers meet: each thread mostly has counters of its own.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

/// What a cache has done since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Reads that found a value; 0 unless [counted](crate::Builder::count_reads).
    pub hits: u64,
    /// Reads that found none; 0 unless [counted](crate::Builder::count_reads).
    pub misses: u64,
    /// Values that entered, those that replaced others included.
    pub insertions: u64,
    /// Values that weighed more than a shard's bound and did not enter.
    pub too_heavy: u64,
    /// Entries that left because room was needed.
    pub evicted: u64,
    /// Entries that left because their time had passed.
    pub expired: u64,
    /// Entries that were removed or invalidated.
    pub removed: u64,
    /// Values that another one replaced.
    pub replaced: u64,
    /// Calls of the loader of a [`Loading`](crate::Loading) cache that were due to a miss: each for one
    /// key that was asked for, and for what rode along.
    pub loads: u64,
    /// What became of prefetches.
    pub prefetches: Prefetches,
}

/// What became of what was prefetched. What was issued and is none of useful, late and wasted is on its
/// way, or is there and was not asked for yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prefetches {
    /// Keys that were prefetched, or were to be.
    pub issued: u64,
    /// Those that were asked for while they were there: as many misses were saved.
    pub useful: u64,
    /// Those that were asked for while they were on their way.
    pub late: u64,
    /// Those that nobody asked for in time, or whose loader failed, or that were written or removed
    /// before.
    pub wasted: u64,
    /// Misses of what had made room for a wasted one.
    pub harmful: u64,
}

impl Statistics {
    /// Hits as a part of all reads; none before the first.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let reads = self.hits + self.misses;
        (reads > 0).then(|| self.hits as f64 / reads as f64)
    }
}

pub(crate) const STRIPES: usize = 16;

#[derive(Debug, Default)]
struct Stripe {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Counters of reads.
#[derive(Debug, Default)]
pub(crate) struct Reads([CachePadded<Stripe>; STRIPES]);

impl Reads {
    pub(crate) fn count(&self, hit: bool) {
        let stripe = &self.0[stripe()];
        let counter = if hit { &stripe.hits } else { &stripe.misses };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_to(&self, sum: &mut Statistics) {
        for stripe in &self.0 {
            sum.hits += stripe.hits.load(Relaxed);
            sum.misses += stripe.misses.load(Relaxed);
        }
    }
}

/// A number below [`STRIPES`] that few threads share.
pub(crate) fn stripe() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: Cell<usize> = Cell::new(THREADS.fetch_add(1, Relaxed) % STRIPES);
    }
    STRIPE.try_with(Cell::get).unwrap_or(0)
}
