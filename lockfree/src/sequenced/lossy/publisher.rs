//! The publisher's side.

use super::{Consumer, Joiner, Shared, partial, whole};
use crate::sequenced::JoinError;
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};

/// The only publisher of a ring.
///
/// With `WAIT` its consumers can wait: see [`channel`](super::channel).
pub struct Publisher<const WORDS: usize, const WAIT: bool = false> {
    shared: Arc<Shared<WORDS>>,
    tail: u64,
}

impl<const WORDS: usize, const WAIT: bool> Publisher<WORDS, WAIT> {
    pub(super) fn new(shared: Arc<Shared<WORDS>>, first: u64) -> Self {
        Self {
            shared,
            tail: first,
        }
    }

    /// How many items the ring holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.slots.len()
    }

    /// The number of the next item.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.tail
    }

    /// A consumer of everything from the next item on.
    ///
    /// # Errors
    /// If as many as allowed have joined.
    pub fn join(&self) -> Result<Consumer<WORDS, WAIT>, JoinError> {
        Consumer::join(Arc::clone(&self.shared))
    }

    /// A handle with which other threads can join.
    #[must_use]
    pub fn joiner(&self) -> Joiner<WORDS, WAIT> {
        Joiner::new(Arc::clone(&self.shared))
    }

    /// Publishes `item` over the oldest one and says its number.
    #[inline]
    pub fn publish(&mut self, item: [u64; WORDS]) -> u64 {
        let sequence = self.tail;
        let slot = self.shared.slot(sequence);
        slot.mark.store(partial(sequence), Ordering::Relaxed);
        fence(Ordering::Release);
        for (to, word) in slot.words.iter().zip(item) {
            to.store(word, Ordering::Relaxed);
        }
        slot.mark.store(whole(sequence), Ordering::Release);
        self.tail = sequence.wrapping_add(1);
        // Relaxed: nothing is read on the strength of it.
        self.shared.tail.store(self.tail, Ordering::Relaxed);
        if WAIT {
            self.shared.seats.notify();
        }
        sequence
    }
}

impl<const WORDS: usize, const WAIT: bool> Drop for Publisher<WORDS, WAIT> {
    fn drop(&mut self) {
        // Release: who sees the flag sees the last items too.
        self.shared.closed.store(true, Ordering::Release);
        if WAIT {
            self.shared.seats.notify();
        }
    }
}
