//! The producer's side.

use crossbeam_utils::CachePadded;

use super::{ChunkError, PushError, Shared, WriteChunk};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// The only producer of a ring.
///
/// With `WAIT` the consumer can wait, and so can this: see [`channel`](super::channel).
pub struct Producer<T, const WAIT: bool = false> {
    pub(super) shared: Arc<Shared<T, WAIT>>,
    /// Padded, because both handles may lie side by side in what created them.
    pub(super) local: CachePadded<Local>,
}

pub(super) struct Local {
    pub(super) tail: usize,
    /// An old `head`, plus the capacity: while the tail is before it, there is room.
    limit: usize,
}

impl<T, const WAIT: bool> Producer<T, WAIT> {
    pub(super) fn new(shared: Arc<Shared<T, WAIT>>, start: usize) -> Self {
        let limit = start.wrapping_add(shared.capacity);
        Self {
            shared,
            local: CachePadded::new(Local { tail: start, limit }),
        }
    }

    /// How many items the ring holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Whether the consumer is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.rare.consumer_gone.load(Ordering::Relaxed)
    }

    /// How many items can be pushed now.
    #[must_use]
    pub fn room(&mut self) -> usize {
        let head = self.shared.head.load(Ordering::Acquire);
        self.local.limit = head.wrapping_add(self.shared.capacity);
        self.room_known()
    }

    #[inline(always)]
    fn room_known(&self) -> usize {
        self.local.limit.wrapping_sub(self.local.tail)
    }

    /// Pushes `item` if there is room.
    ///
    /// That the consumer is gone is noticed after at most a ring full of pushes: what was pushed
    /// meanwhile is dropped with the ring. [`is_closed`](Self::is_closed) knows at once.
    ///
    /// # Errors
    /// Gives the item back if there is no room or the consumer is gone.
    #[inline]
    pub fn try_push(&mut self, item: T) -> Result<(), PushError<T>> {
        if self.room_known() == 0 {
            if self.is_closed() {
                return Err(PushError::Closed(item));
            }
            if !self.finds_room() {
                return Err(PushError::Full(item));
            }
        }
        // SAFETY: there is room, so the slot at the tail is the producer's.
        unsafe { self.shared.slots.write(self.local.tail, item) };
        self.publish(1);
        Ok(())
    }

    /// Like `room() > 0`, but a futile look writes nothing: see `Consumer::find_item`.
    #[inline(always)]
    fn finds_room(&mut self) -> bool {
        let head = self.shared.head.load(Ordering::Acquire);
        let limit = head.wrapping_add(self.shared.capacity);
        if limit == self.local.tail {
            return false;
        }
        self.local.limit = limit;
        true
    }

    /// Reserves the next `len` slots, to be written in place.
    ///
    /// # Errors
    /// If there is no room for as many, or the consumer is gone.
    #[inline]
    pub fn reserve(&mut self, len: usize) -> Result<WriteChunk<'_, T, WAIT>, ChunkError> {
        if self.room_known() < len {
            self.make_room(len)?;
        }
        Ok(WriteChunk::new(self, len))
    }

    fn make_room(&mut self, asked: usize) -> Result<(), ChunkError> {
        let there = self.room();
        let capacity = self.shared.capacity;
        if asked > capacity {
            Err(ChunkError::TooLong { asked, capacity })
        } else if self.is_closed() {
            Err(ChunkError::Closed { there })
        } else if there < asked {
            Err(ChunkError::TooFew { asked, there })
        } else {
            Ok(())
        }
    }

    /// Gives the `count` slots at the tail, which hold items now, to the consumer.
    #[inline(always)]
    pub(super) fn publish(&mut self, count: usize) {
        self.local.tail = self.local.tail.wrapping_add(count);
        self.shared.tail.store(self.local.tail, Ordering::Release);
        if WAIT {
            self.shared.items.notify();
        }
    }
}

impl<T, const WAIT: bool> Drop for Producer<T, WAIT> {
    fn drop(&mut self) {
        // Release: who sees the flag sees the last items too.
        let rare = &self.shared.rare;
        rare.producer_gone.store(true, Ordering::Release);
        if WAIT {
            self.shared.items.notify();
        }
    }
}
