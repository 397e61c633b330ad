//! How many entries there are: a sum of counters that different threads write.

use crossbeam_utils::CachePadded;

use super::owner::{OWNERS, number};
use super::stripe::{STRIPES, stripe};
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A counter for each thread that has a number, and one for each stripe of the others. One of them
/// alone may be "negative", that is, wrapped; only the sum means something, and is exact while nobody
/// counts.
pub(super) struct Count {
    owned: [Own; OWNERS],
    shared: [CachePadded<AtomicUsize>; STRIPES],
}

/// Written by its owner only.
#[repr(align(64))]
struct Own {
    len: AtomicUsize,
    /// Only upwards, so that who adds and removes in turn does not meet the same number every time.
    ups: AtomicUsize,
}

/// Adds to a counter that no other thread writes.
fn add_alone(counter: &AtomicUsize, change: usize) -> usize {
    let after = counter.load(Relaxed).wrapping_add(change);
    counter.store(after, Relaxed);
    after
}

impl Count {
    pub(super) fn new() -> Self {
        Self {
            owned: core::array::from_fn(|_| Own {
                len: AtomicUsize::new(0),
                ups: AtomicUsize::new(0),
            }),
            shared: core::array::from_fn(|_| CachePadded::new(AtomicUsize::new(0))),
        }
    }

    /// Counts one more; returns a number that grows by one from call to call, mostly.
    #[inline]
    pub(super) fn up(&self) -> usize {
        match self.owned.get(number()) {
            Some(own) => {
                add_alone(&own.len, 1);
                add_alone(&own.ups, 1)
            }
            None => (self.shared[stripe()].fetch_add(1, Relaxed)).wrapping_add(1),
        }
    }

    /// Counts one less.
    #[inline]
    pub(super) fn down(&self) {
        match self.owned.get(number()) {
            Some(own) => {
                add_alone(&own.len, 1_usize.wrapping_neg());
            }
            None => {
                self.shared[stripe()].fetch_sub(1, Relaxed);
            }
        }
    }

    pub(super) fn sum(&self) -> usize {
        let owned = self.owned.iter().map(|own| own.len.load(Relaxed));
        let shared = self.shared.iter().map(|counter| counter.load(Relaxed));
        let sum = owned.chain(shared).fold(0, usize::wrapping_add);
        // While others count, a removal may be seen before its insertion.
        if (sum as isize) < 0 { 0 } else { sum }
    }
}
