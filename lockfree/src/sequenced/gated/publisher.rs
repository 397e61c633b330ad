//! The publisher's side.

use core::mem;

use crossbeam_utils::CachePadded;

use super::{Claim, Consumer, Joiner, Shared};
use crate::sequenced::{ClaimError, Full, JoinError};
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};

/// The only publisher of a ring.
///
/// With `WAIT` it and its consumers can wait: see [`channel`](super::channel).
pub struct Publisher<T, const WAIT: bool = false> {
    pub(super) shared: Arc<Shared<T, WAIT>>,
    pub(super) local: CachePadded<Local>,
}

pub(super) struct Local {
    pub(super) tail: u64,
    /// All before this can be written without another look at the consumers.
    limit: u64,
}

impl<T, const WAIT: bool> Publisher<T, WAIT> {
    pub(super) fn new(shared: Arc<Shared<T, WAIT>>, first: u64) -> Self {
        let local = CachePadded::new(Local {
            tail: first,
            // Whoever joins before the first item must be seen: look first.
            limit: first,
        });
        Self { shared, local }
    }

    /// How many items the ring holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// The number of the next item.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.local.tail
    }

    /// A consumer of everything from the next item on.
    ///
    /// # Errors
    /// If as many as allowed have joined.
    pub fn join(&self) -> Result<Consumer<T, WAIT>, JoinError> {
        Consumer::join(Arc::clone(&self.shared))
    }

    /// A handle with which other threads can join.
    #[must_use]
    pub fn joiner(&self) -> Joiner<T, WAIT> {
        Joiner::new(Arc::clone(&self.shared))
    }

    /// How many items can be published now.
    #[must_use]
    pub fn room(&mut self) -> usize {
        let tail = self.local.tail;
        self.shared.rare.announced.store(tail, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        // Who is just joining may be further behind than the ring is long, until it moves up.
        let room = (self.shared.capacity as u64).saturating_sub(self.shared.seats.lag_max(tail));
        self.local.limit = tail.wrapping_add(room);
        room as usize
    }

    #[inline(always)]
    fn room_known(&self) -> usize {
        self.local.limit.wrapping_sub(self.local.tail) as usize
    }

    /// Publishes `item` if all consumers have read what it overwrites, and says its number. What it
    /// overwrites is dropped.
    ///
    /// # Errors
    /// Gives the item back if a consumer has not, or is just joining.
    #[inline]
    pub fn try_publish(&mut self, item: T) -> Result<u64, Full<T>> {
        if self.room_known() == 0 && self.room() == 0 {
            return Err(Full(item));
        }
        let sequence = self.local.tail;
        let (slot, _) = self.shared.slots.writable(sequence as usize, 1);
        // SAFETY: the slots from the tail up to the limit are the publisher's, and hold a value.
        let slot = unsafe { &mut (&mut *slot)[0] };
        let before = mem::replace(slot, item);
        self.publish(1);
        // Last, because it may panic.
        drop(before);
        Ok(sequence)
    }

    /// Claims the next `len` slots, to be changed in place and then published.
    ///
    /// # Errors
    /// If a consumer has not read what they hold, or is just joining.
    #[inline]
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_, T, WAIT>, ClaimError> {
        if self.room_known() < len {
            self.make_room(len)?;
        }
        Ok(Claim::new(self, len))
    }

    fn make_room(&mut self, asked: usize) -> Result<(), ClaimError> {
        let capacity = self.shared.capacity;
        if asked > capacity {
            return Err(ClaimError::TooLong { asked, capacity });
        }
        let room = self.room();
        if room < asked {
            return Err(ClaimError::Full { asked, room });
        }
        Ok(())
    }

    /// Lets the consumers see the `count` slots at the tail.
    #[inline(always)]
    pub(super) fn publish(&mut self, count: usize) {
        self.local.tail = self.local.tail.wrapping_add(count as u64);
        self.shared.tail.store(self.local.tail, Ordering::Release);
        if WAIT {
            self.shared.seats.notify();
        }
    }
}

impl<T, const WAIT: bool> Drop for Publisher<T, WAIT> {
    fn drop(&mut self) {
        // Release: who sees the flag sees the last items too.
        self.shared.rare.closed.store(true, Ordering::Release);
        if WAIT {
            self.shared.seats.notify();
        }
    }
}
