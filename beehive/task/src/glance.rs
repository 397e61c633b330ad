//! What can be seen of a queue by who does not hold its lock: how long it is, and when its first item is
//! due.
//!
//! # Protocol
//!
//! 1. Who changes the queue notes this before it frees the lock; so the last note is of the last change.
//! 2. Who looks may see an old note, but not after it has learnt of a newer one: who queues a task and
//!    offers it, or searches no more, writes the note before a fence, and who is about to wait looks
//!    after one (see [`idle`](crate::idle)).
//! 3. What a thief has taken from one queue and not yet put into another, since it holds one lock at a
//!    time, is seen by nobody. So a thief counts as searching until it has, or offers what it has taken
//!    afterwards.

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Stands for a due time where there is no item.
const NOTHING: u64 = u64::MAX;

/// Notes on a queue.
#[derive(Debug)]
pub struct Glance {
    first_due: AtomicU64,
    len: AtomicU32,
}

impl Default for Glance {
    fn default() -> Self {
        Self::new()
    }
}

impl Glance {
    /// Of an empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            first_due: AtomicU64::new(NOTHING),
            len: AtomicU32::new(0),
        }
    }

    /// The queue has changed. To be called under its lock.
    #[inline]
    pub fn note(&self, first_due: Option<u64>, len: usize) {
        self.first_due.store(first_due.unwrap_or(NOTHING), Relaxed);
        // A queue that is longer is too long to be counted.
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.len.store(len, Relaxed);
    }

    /// When the first item is due; approximate while others change the queue.
    #[inline]
    #[must_use]
    pub fn first_due(&self) -> Option<u64> {
        let due = self.first_due.load(Relaxed);
        (due != NOTHING).then_some(due)
    }

    /// How many items there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len.load(Relaxed)
    }

    /// Whether there is no item.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
