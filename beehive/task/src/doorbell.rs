//! How a worker that waits learns that there is something for it.
//!
//! # Protocol
//!
//! Without it, something could come between the worker's last look and its wait.
//! 1. Who has something for the worker puts it where the worker looks, then rings: sets `rung`
//!    (release), and swaps `state` to awake. If that was waiting, the worker must be woken, by whatever
//!    the world offers; a wake-up that comes before the wait must end it.
//! 2. The worker answers before it looks: it swaps `rung` to silent (acquire). What comes after its
//!    look rings again.
//! 3. Before it waits it swaps `state` to waiting, then looks at `rung`; only if that is silent it
//!    waits. Afterwards it swaps `state` to awake.
//!
//! `state` is only ever swapped, with acquire and release: of a ring and a wait, the later one knows
//! the earlier. Either who rings sees that the worker waits, or the worker sees that it was rung.

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Acquire};
use crate::sync::atomic::{Ordering::Relaxed, Ordering::Release};

const SILENT: u32 = 0;
const RUNG: u32 = 1;

const AWAKE: u32 = 0;
const WAITING: u32 = 1;

/// The bell of one worker: rung by anybody, answered by the worker.
#[derive(Debug)]
pub struct Doorbell {
    rung: CachePadded<AtomicU32>,
    state: AtomicU32,
}

impl Default for Doorbell {
    fn default() -> Self {
        Self::new()
    }
}

impl Doorbell {
    /// A silent bell, whose worker is awake.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rung: CachePadded::new(AtomicU32::new(SILENT)),
            state: AtomicU32::new(AWAKE),
        }
    }

    /// Makes the worker look around. True if it waits: then the caller must wake it, and nobody else
    /// will.
    #[inline]
    #[must_use = "a worker that waits must be woken"]
    pub fn ring(&self) -> bool {
        // A swap, as a store would cost the same where stores are ordered, and no model checker has to
        // guess whether it comes before or after an answer.
        self.rung.swap(RUNG, Release);
        self.state.swap(AWAKE, AcqRel) == WAITING
    }

    /// Whether it was rung and not answered since: cheap enough to be asked after each poll.
    #[inline]
    pub fn is_rung(&self) -> bool {
        self.rung.load(Relaxed) == RUNG
    }

    /// For the worker, before it looks around: true if it was rung since the last answer.
    #[inline]
    pub fn answer(&self) -> bool {
        self.is_rung() && self.rung.swap(SILENT, Acquire) == RUNG
    }

    /// For the worker that has not looked at all there is: it will find itself rung.
    pub fn remind(&self) {
        // A swap, as a store would hide what a ring before it has released.
        self.rung.swap(RUNG, Relaxed);
    }

    /// For the worker that is about to wait: false if it must look around instead. In both cases it
    /// [ends](Self::end_wait) the wait.
    #[must_use = "a worker that was rung must not wait"]
    pub fn begin_wait(&self) -> bool {
        self.state.swap(WAITING, AcqRel);
        !self.is_rung()
    }

    /// The worker does not wait any more.
    pub fn end_wait(&self) {
        self.state.swap(AWAKE, AcqRel);
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_was_rung_does_not_wait() {
        let bell = Doorbell::new();
        assert!(bell.begin_wait());
        bell.end_wait();
        assert!(!bell.ring());
        assert!(!bell.begin_wait());
        bell.end_wait();
        assert!(bell.answer() && !bell.answer());
        assert!(bell.begin_wait());
    }

    #[test]
    fn of_several_who_ring_one_wakes_the_worker() {
        let bell = Doorbell::new();
        assert!(bell.begin_wait());
        assert_eq!([bell.ring(), bell.ring()], [true, false]);
    }

    #[test]
    fn a_reminder_is_answered_like_a_ring() {
        let bell = Doorbell::new();
        bell.remind();
        assert!(bell.is_rung() && bell.answer());
    }
}
