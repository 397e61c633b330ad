//! Who has nothing to run: the set of parked workers, and how many search; and the protocol by which a
//! ready task finds a worker.
//!
//! # Protocol
//!
//! A task that any worker may run must never wait while one sleeps.
//! 1. Whoever queues a task does so first, then looks whether nobody searches and somebody is parked
//!    ([`Idle::can_send`]). If so it [sends](Idle::send) one: counts one more as searching, claims a
//!    parked worker by clearing its bit, and wakes it. If that one has just left by itself, it counts
//!    back and begins anew: others may have relied on the count meanwhile.
//! 2. A worker that found nothing stops counting as searching, sets its bit, and only then looks once
//!    more at all queues.
//! 3. A worker that wakes clears its bit. If somebody else has, it counts as searching already, and
//!    searches before it runs anything: nobody is sent meanwhile.
//! 4. The last searching worker that has something to run passes the duty on, if more tasks are
//!    visible.
//!
//! On each side there is a sequentially consistent fence between the write and the look that follows:
//! either who queues sees the searching or parked worker, or the worker sees the task. In step 1 the
//! fence after counting back makes the next look see whoever had parked when others relied on the
//! count.

use alloc::boxed::Box;

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{AtomicU64, AtomicUsize, fence};
use crate::sync::atomic::{Ordering::AcqRel, Ordering::Relaxed, Ordering::SeqCst};

/// The workers with nothing to run. Parked ones are bits of words; what words mean is the caller's.
#[derive(Debug)]
pub struct Idle {
    parked: Box<[AtomicU64]>,
    searching: CachePadded<AtomicUsize>,
}

impl Idle {
    /// Nobody is idle. Has so many words for the parked.
    #[must_use]
    pub fn new(words: usize) -> Self {
        Self {
            parked: (0..words).map(|_| AtomicU64::new(0)).collect(),
            searching: CachePadded::new(AtomicUsize::new(0)),
        }
    }

    /// For whoever has queued something: whether a worker can be [sent](Self::send), and nobody
    /// searches anyway.
    #[inline]
    pub fn can_send(&self) -> bool {
        fence(SeqCst);
        self.searching.load(Relaxed) == 0 && self.parked.iter().any(|word| word.load(Relaxed) != 0)
    }

    /// Claims the worker, which then counts as searching and must be woken; false if it is not parked.
    /// Then the caller must choose again as long as [`can_send`](Self::can_send) allows.
    #[must_use = "a worker that is sent must be woken"]
    pub fn send(&self, word: usize, bit: u64) -> bool {
        // Counted before it is claimed: it must count when it sees that.
        self.begin_search();
        self.leave(word, bit) || {
            self.end_search();
            false
        }
    }

    /// One more worker searches.
    pub fn begin_search(&self) {
        self.searching.fetch_add(1, Relaxed);
    }

    /// A worker searches no more; true if it was the last. Then it must look once more at all queues:
    /// what has been queued meanwhile was left to it.
    pub fn end_search(&self) -> bool {
        let last = self.searching.fetch_sub(1, Relaxed) == 1;
        fence(SeqCst);
        last
    }

    /// A worker parks. It must look at all queues after this, before it waits.
    pub fn enter(&self, word: usize, bit: u64) {
        self.parked[word].fetch_or(bit, Relaxed);
        fence(SeqCst);
    }

    /// A worker parks no more: true if its bit was set. If it was not, the worker has been sent.
    #[must_use = "a worker that was sent must search"]
    pub fn leave(&self, word: usize, bit: u64) -> bool {
        // Who has been sent finds itself counted.
        self.parked[word].fetch_and(!bit, AcqRel) & bit != 0
    }

    /// A word of the parked workers.
    pub fn parked(&self, word: usize) -> u64 {
        self.parked[word].load(Relaxed)
    }

    /// How many search or are parked, roughly.
    pub fn count(&self) -> usize {
        let parked = |word: &AtomicU64| word.load(Relaxed).count_ones() as usize;
        self.searching.load(Relaxed) + self.parked.iter().map(parked).sum::<usize>()
    }
}
