//! The consumer's side.

use crossbeam_utils::CachePadded;

use super::pace::Pace;
use super::{ChunkError, PopError, ReadChunk, Shared};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// The only consumer of a ring.
///
/// With `WAIT` the producer can wait, and so can this: see [`channel`](super::channel).
pub struct Consumer<T, const WAIT: bool = false> {
    pub(super) shared: Arc<Shared<T, WAIT>>,
    /// Padded, because both handles may lie side by side in what created them.
    pub(super) local: CachePadded<Local>,
}

pub(super) struct Local {
    /// May be ahead of the shared `head` if an iterator was leaked.
    pub(super) head: usize,
    /// An old `tail`.
    tail: usize,
    pace: Pace,
}

impl<T, const WAIT: bool> Consumer<T, WAIT> {
    pub(super) fn new(shared: Arc<Shared<T, WAIT>>, start: usize) -> Self {
        Self {
            shared,
            local: CachePadded::new(Local {
                head: start,
                tail: start,
                pace: Pace::new(),
            }),
        }
    }

    /// How many items the ring holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Whether the producer is gone. Items may be left.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.rare.producer_gone.load(Ordering::Acquire)
    }

    /// How many items can be popped now.
    #[must_use]
    pub fn items(&mut self) -> usize {
        self.local.tail = self.shared.tail.load(Ordering::Acquire);
        self.items_known()
    }

    #[inline(always)]
    fn items_known(&self) -> usize {
        self.local.tail.wrapping_sub(self.local.head)
    }

    /// Pops the oldest item.
    ///
    /// # Errors
    /// If there is none; `Closed` if there will be none.
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        if self.items_known() == 0 {
            self.find_item()?;
        }
        // SAFETY: there is an item, so the slot at the head is the consumer's, and is not looked
        // at again, because the head moves on.
        let item = unsafe { self.shared.slots.take(self.local.head) };
        self.local.head = self.local.head.wrapping_add(1);
        self.publish();
        Ok(item)
    }

    #[inline(always)]
    fn find_item(&mut self) -> Result<(), PopError> {
        self.local.pace.before_look();
        // A futile look writes nothing: the next one would first read what this one wrote, and so
        // wait for the cache line before it may start. That makes a round trip a third longer.
        let tail = self.shared.tail.load(Ordering::Acquire);
        if tail != self.local.head {
            self.local.tail = tail;
            let items = self.items_known();
            self.local.pace.found(items);
            return Ok(());
        }
        self.local.pace.found(0);
        if !self.is_closed() {
            return Err(PopError::Empty);
        }
        // The second look is for what was pushed before the producer went.
        if self.items() == 0 {
            return Err(PopError::Closed);
        }
        Ok(())
    }

    /// The oldest `len` items, to be read in place.
    ///
    /// # Errors
    /// If there are fewer. If the producer is gone as well, the error says how many there are; they
    /// can be read by asking for as many.
    #[inline]
    pub fn read(&mut self, len: usize) -> Result<ReadChunk<'_, T, WAIT>, ChunkError> {
        if self.items_known() < len {
            self.make_ready(len)?;
        }
        Ok(ReadChunk::new(self, len))
    }

    fn make_ready(&mut self, asked: usize) -> Result<(), ChunkError> {
        // The flag first: what was pushed before the producer went is counted after it.
        let closed = self.is_closed();
        let there = self.items();
        let capacity = self.shared.capacity;
        if asked > capacity {
            Err(ChunkError::TooLong { asked, capacity })
        } else if there >= asked {
            Ok(())
        } else if closed {
            Err(ChunkError::Closed { there })
        } else {
            Err(ChunkError::TooFew { asked, there })
        }
    }

    /// Gives the slots before the head, which hold nothing now, to the producer.
    #[inline(always)]
    pub(super) fn publish(&mut self) {
        self.shared.head.store(self.local.head, Ordering::Release);
        if WAIT {
            self.shared.room.notify();
        }
    }
}

impl<T, const WAIT: bool> Drop for Consumer<T, WAIT> {
    fn drop(&mut self) {
        // What a leaked iterator has moved out must not be dropped with the ring. Release: the
        // producer may see this store and overwrite what was read.
        self.shared.head.store(self.local.head, Ordering::Release);
        let rare = &self.shared.rare;
        rare.consumer_gone.store(true, Ordering::Relaxed);
        if WAIT {
            self.shared.room.notify();
        }
    }
}
