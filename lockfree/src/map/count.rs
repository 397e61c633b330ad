//! How many entries there are: a sum of counters that different threads write.

use crossbeam_utils::CachePadded;

use super::stripe::{STRIPES, stripe};
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A counter in stripes. One of them alone may be "negative", that is, wrapped; only the sum means
/// something, and is exact while nobody counts.
pub(super) struct Count {
    stripes: [CachePadded<AtomicUsize>; STRIPES],
}

impl Count {
    pub(super) fn new() -> Self {
        Self {
            stripes: core::array::from_fn(|_| CachePadded::new(AtomicUsize::new(0))),
        }
    }

    /// Counts one more; returns what this thread's stripe says now.
    #[inline]
    pub(super) fn up(&self) -> usize {
        self.stripes[stripe()].fetch_add(1, Relaxed).wrapping_add(1)
    }

    /// Counts one less.
    #[inline]
    pub(super) fn down(&self) {
        self.stripes[stripe()].fetch_sub(1, Relaxed);
    }

    pub(super) fn sum(&self) -> usize {
        let sum = self.stripes.iter().fold(0_usize, |sum, stripe| {
            sum.wrapping_add(stripe.load(Relaxed))
        });
        // While others count, a removal may be seen before its insertion.
        if (sum as isize) < 0 { 0 } else { sum }
    }
}
