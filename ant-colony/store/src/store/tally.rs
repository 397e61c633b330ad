//! Hits and misses of readers without a lock, counted where other threads seldom count.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

const STRIPES: usize = if cfg!(miri) { 2 } else { 16 };

/// Counters on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct Tally {
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Default)]
pub(super) struct Tallies([Tally; STRIPES]);

/// A stripe that other threads probably do not use.
///
/// Without an operating system there are no thread-local variables, but every thread has a
/// stack: the address of a local variable tells threads apart well enough.
#[inline]
fn stripe() -> usize {
    let marker = 0_u8;
    // Stacks are hardly closer to each other than 16 KiB.
    let stack = (&raw const marker).addr() >> 14;
    let mixed = (stack as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The high bits are mixed best.
    (((mixed >> 32) * STRIPES as u64) >> 32) as usize
}

impl Tallies {
    #[inline]
    pub(super) fn add(&self, hits: u64, misses: u64) {
        let tally = &self.0[stripe()];
        if hits > 0 {
            tally.hits.fetch_add(hits, Relaxed);
        }
        if misses > 0 {
            tally.misses.fetch_add(misses, Relaxed);
        }
    }

    /// All hits and misses so far.
    pub(super) fn sum(&self) -> (u64, u64) {
        self.0.iter().fold((0, 0), |(hits, misses), tally| {
            (
                hits + tally.hits.load(Relaxed),
                misses + tally.misses.load(Relaxed),
            )
        })
    }

    pub(super) fn reset(&self) {
        for tally in &self.0 {
            tally.hits.store(0, Relaxed);
            tally.misses.store(0, Relaxed);
        }
    }
}
