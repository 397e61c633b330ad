//! The latch: tells the owner of a job that was stolen that it is done.

use crate::sync::atomic::{AtomicU32, Ordering, fence};

const OPEN: u32 = 0;
/// The owner sleeps, or is about to, and has to be woken by whoever changes this.
const SLEEPING: u32 = 1;
const SET: u32 = 2;

/// No thief is known.
const NOBODY: u32 = u32::MAX;

/// Set once, by whoever finishes the work that it stands for; awaited by one worker.
pub struct Latch {
    state: AtomicU32,
    /// Who has the work, so that the waiting worker can help.
    thief: AtomicU32,
}

impl Latch {
    /// A latch that is not set.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: AtomicU32::new(OPEN),
            thief: AtomicU32::new(NOBODY),
        }
    }

    /// Whether the work is done; what it wrote is visible then.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.state.load(Ordering::Acquire) == SET
    }

    /// Whether the awaiting worker should go on sleeping.
    #[must_use]
    pub fn is_sleeping(&self) -> bool {
        self.state.load(Ordering::Acquire) == SLEEPING
    }

    /// Sets the latch; true if the awaiting worker sleeps and has to be woken.
    ///
    /// # Safety
    ///
    /// `this` is valid up to here. It may be gone when the call returns, so it is no reference.
    pub unsafe fn set(this: *const Self) -> bool {
        // SAFETY: the caller promises that the latch exists; the owner lets it go only when it has
        // seen what this call writes.
        let state = unsafe { &raw const (*this).state };
        // SAFETY: as above.
        unsafe { (*state).swap(SET, Ordering::AcqRel) == SLEEPING }
    }

    /// Announces that the awaiting worker will sleep; false if the latch is set. Then what the work
    /// wrote is visible.
    ///
    /// Afterwards the worker has to look once more whether it can help, and sleep only if not.
    #[must_use]
    pub fn begin_sleep(&self) -> bool {
        let begun = self.change(OPEN, SLEEPING);
        fence(Ordering::SeqCst);
        begun
    }

    /// The awaiting worker is awake again, for whatever reason.
    pub fn end_sleep(&self) {
        self.change(SLEEPING, OPEN);
    }

    /// A job was exposed that may be part of the awaited work; true if the awaiting worker sleeps and
    /// has to be woken.
    #[must_use]
    pub fn rouse(&self) -> bool {
        fence(Ordering::SeqCst);
        self.state.load(Ordering::Relaxed) == SLEEPING && self.change(SLEEPING, OPEN)
    }

    fn change(&self, from: u32, to: u32) -> bool {
        // Acquire where it fails: who cannot sleep because the latch is set sees what the work wrote.
        let exchanged = self
            .state
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::Acquire);
        exchanged.is_ok()
    }

    /// Says who has the work, or part of it.
    pub fn note_thief(&self, thief: u32) {
        self.thief.store(thief, Ordering::Relaxed);
    }

    /// Who has the work, as far as is known.
    #[must_use]
    pub fn thief(&self) -> Option<u32> {
        let thief = self.thief.load(Ordering::Relaxed);
        (thief != NOBODY).then_some(thief)
    }
}

impl Default for Latch {
    fn default() -> Self {
        Self::new()
    }
}
