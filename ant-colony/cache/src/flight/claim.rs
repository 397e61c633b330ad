//! The flight that begins without the lock: of a shard that has no other, and whose keys nobody writes.
//!
//! A word tells of it: 0, or bits of the hash of the one key that is being loaded. From 0 it is *claimed*
//! by a compare-and-swap; all other changes are made under the shard's lock.
//!
//! 1. Who has claimed looks once more for the key, and then loads.
//! 2. Who writes a key, or joins or begins another flight, *closes* the word first; if it is 0, by a
//!    read-modify-write. So it finds any flight that was claimed before, and can detach it.
//! 3. It *opens* the word when it has written, if there is no other flight. Likewise, who has loaded
//!    writes the value first, and then *ends* the flight.
//!
//! So a claim either comes before a write has closed the word, and is detached by it; or it reads what
//! was stored when the word was opened after the write, which it acquires: then (1) finds what has been
//! written.
//!
//! The word does not have the key itself: who waits for this flight brings the key along, and its leader
//! compares that in the end.
//!
//! `tests/loom` includes this folder and checks it: each order of memory in here is needed.

use std::sync::atomic::{Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use crate::sync::AtomicUsize;

/// There is a flight; the bits that are no flags are of its hash.
const LED: usize = 1;
/// Its value must not be kept.
const DETACHED: usize = 2;
/// No flight begins without the lock.
const CLOSED: usize = 4;
const FLAGS: usize = LED | DETACHED | CLOSED;

#[derive(Debug, Default)]
pub(crate) struct Claim(AtomicUsize);

/// What was found when the word was closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen(usize);

impl Seen {
    /// Whether the value of a key with this hash is being loaded, most likely, and is to be kept.
    pub(super) fn is_loading(self, hash: usize) -> bool {
        self.is_of(hash) && self.0 & DETACHED == 0
    }

    fn is_of(self, hash: usize) -> bool {
        self.0 & LED != 0 && (self.0 ^ hash) & !FLAGS == 0
    }
}

impl Claim {
    /// Begins a flight, if it may. To be called without the lock; what follows, with it.
    #[inline]
    pub(super) fn begin(&self, hash: usize) -> bool {
        let led = hash & !FLAGS | LED;
        (self.0).compare_exchange(0, led, Acquire, Relaxed).is_ok()
    }

    pub(super) fn close(&self) -> Seen {
        let seen = self.0.load(Relaxed);
        if seen == 0 {
            // It may have been claimed since.
            return Seen(self.0.fetch_or(CLOSED, Relaxed));
        }
        self.0.store(seen | CLOSED, Relaxed);
        Seen(seen)
    }

    /// Keys with this hash are written, or any.
    pub(super) fn detach(&self, hash: Option<usize>) {
        let seen = self.close();
        if hash.is_none_or(|hash| seen.is_of(hash)) && seen.0 & LED != 0 {
            self.0.store(seen.0 | CLOSED | DETACHED, Relaxed);
        }
    }

    /// Without effect if the word is not closed: then it may be claimed at any time, and stays so.
    pub(super) fn open(&self) {
        let seen = self.0.load(Relaxed);
        if seen & CLOSED != 0 {
            self.0.store(seen & !CLOSED, Release);
        }
    }

    /// True if nobody waits for the flight, and nobody has detached it.
    #[inline]
    pub(super) fn is_alone(&self) -> bool {
        self.0.load(Relaxed) & (DETACHED | CLOSED) == 0
    }

    pub(super) fn is_attached(&self) -> bool {
        self.0.load(Relaxed) & DETACHED == 0
    }

    /// The flight is over, and there is no other.
    #[inline]
    pub(super) fn clear(&self) {
        self.0.store(0, Release);
    }

    /// The flight is over, but there are others.
    pub(super) fn end(&self) {
        self.0.store(CLOSED, Relaxed);
    }

    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.0.load(Relaxed) == 0
    }
}
