//! Where readers show what they read, and when what was retired can be looked for there.
//!
//! The heavy half of the asymmetric fence costs microseconds when other threads run, so writers of all
//! maps that share the hazard slots share it, too:
//! 1. Who has retired some slots has a sequentially consistent fence, then *notes* how many heavy halves
//!    have begun.
//! 2. Each heavy half is counted before it and after it. Once one is over that began after the note,
//!    whoever it was made by, the hazard slots say what is read of that.
//!
//! Why: the fence (1) precedes the heavy half, which had not been counted then. As in the map, either
//! what a reader showed before its light half is seen after the heavy half, and so by who acquires that
//! it is over; or what precedes the heavy half is seen by the reader after its light half: the removals
//! before the fence (1), among others.
//!
//! No model checker shows that the heavy half must be a later one: it has a full fence in the place of the
//! light half, and then the fence (1) is enough by itself.

use core::fmt;

use alloc::vec::Vec;

use crate::map::barrier;
use crate::map::reclaim::{Domain, Node, Shown};
use crate::sync::Arc;
use crate::sync::atomic::{
    AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst, fence,
};

/// Where readers show what they read. Maps may share one.
#[derive(Clone)]
pub struct Hazards(Arc<Common>);

struct Common {
    domain: Domain<()>,
    /// Heavy halves that have begun.
    begun: AtomicU64,
    /// The last of these that is over.
    over: AtomicU64,
}

/// How many heavy halves had begun when it was noted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Note(u64);

impl Hazards {
    /// Slots that nobody uses yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Common {
            domain: Domain::new(),
            begun: AtomicU64::new(0),
            over: AtomicU64::new(0),
        }))
    }

    /// Shows that what has this address is being read, if it still is in the map.
    #[inline(always)]
    pub(super) fn protect(&self, entry: *mut Node<()>) -> Shown<'_, ()> {
        self.0.domain.protect(entry)
    }

    /// Step 1.
    pub(super) fn note(&self) -> Note {
        fence(SeqCst);
        Note(self.0.begun.load(Relaxed))
    }

    /// Step 2: what is being read of all that was taken out before the note, in order; none if the
    /// kernel refuses the heavy half.
    pub(super) fn shown(&self, note: Note) -> Option<Vec<*mut Node<()>>> {
        let common = &*self.0;
        if common.over.load(Acquire) <= note.0 {
            // Relaxed: the heavy half is a fence.
            let number = common.begun.fetch_add(1, Relaxed) + 1;
            if !barrier::heavy() {
                return None;
            }
            common.over.fetch_max(number, Release);
        }
        Some(common.domain.shown())
    }
}

impl Default for Hazards {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hazards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hazards").finish_non_exhaustive()
    }
}
