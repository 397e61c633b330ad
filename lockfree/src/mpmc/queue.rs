//! The ring and its operations that never wait. The protocol is told in the
//! [module's introduction](super).

use alloc::boxed::Box;
use core::error::Error;
use core::fmt;
use core::mem::MaybeUninit;

use crossbeam_utils::CachePadded;

use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::{MODELLED, UnsafeCell, spin_loop};

/// The greatest capacity of a queue.
pub const CAPACITY_MAX: usize = 1 << (usize::BITS - 3);

/// Pauses after the first lost race for a position; twice as many after each that follows. They are
/// long against an operation, so that the winner does many before the loser comes back: two that
/// take turns at every operation move the line of the count at every operation.
const PAUSES_MIN: u32 = if PAUSES_ARE_VAIN { 1 } else { 8 };
/// The most pauses after a lost race.
const PAUSES_MAX: u32 = if PAUSES_ARE_VAIN { 1 } else { 128 };
/// Pauses would only be work: under model checkers, and under Miri, where most races are lost to
/// nobody.
const PAUSES_ARE_VAIN: bool = MODELLED || cfg!(miri);

/// There is no room, or none yet. Holds what was to be pushed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full(..)")
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is full")
    }
}

impl<T> Error for Full<T> {}

/// The stamp of the slot of `position` that waits for its value.
const fn vacant(position: usize) -> usize {
    position.wrapping_mul(2)
}

/// The stamp of the slot of `position` that holds its value.
const fn occupied(position: usize) -> usize {
    position.wrapping_mul(2).wrapping_add(1)
}

struct Slot<T> {
    stamp: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// A bounded queue for many producers and consumers, first in, first out.
pub struct Queue<T> {
    /// The position of the next push.
    tail: CachePadded<AtomicUsize>,
    /// The position of the next pop.
    head: CachePadded<AtomicUsize>,
    slots: CachePadded<Box<[Slot<T>]>>,
}

// SAFETY: a value is accessed by the thread that pushes it, then by the one that pops it.
unsafe impl<T: Send> Send for Queue<T> {}
// SAFETY: as above; the queue gives no shared access to values.
unsafe impl<T: Send> Sync for Queue<T> {}

impl<T> Queue<T> {
    /// An empty queue with room for `capacity` values, or as many more as make a power of two.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero or more than [`CAPACITY_MAX`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::starting_at(0, capacity)
    }

    /// The first push is to `position`.
    fn starting_at(position: usize, capacity: usize) -> Self {
        assert!(
            (1..=CAPACITY_MAX).contains(&capacity),
            "a queue for {capacity} values was asked for; 1 to {CAPACITY_MAX} are allowed",
        );
        let capacity = capacity.next_power_of_two();
        let slots = (0..capacity).map(|index| {
            // The first position from `position` on that belongs to the slot.
            let ahead = index.wrapping_sub(position) & (capacity - 1);
            Slot {
                stamp: AtomicUsize::new(vacant(position.wrapping_add(ahead))),
                value: UnsafeCell::new(MaybeUninit::uninit()),
            }
        });
        Self {
            tail: CachePadded::new(AtomicUsize::new(position)),
            head: CachePadded::new(AtomicUsize::new(position)),
            slots: CachePadded::new(slots.collect()),
        }
    }

    /// Pushes `value` if there is room. Never waits for another thread.
    ///
    /// # Errors
    ///
    /// Gives the value back if [`capacity`](Self::capacity) values are in the queue, or if a pop
    /// that is going on has not cleared the slot yet.
    #[inline]
    pub fn try_push(&self, value: T) -> Result<(), Full<T>> {
        let Some((slot, position)) = self.claim(&self.tail, vacant) else {
            return Err(Full(value));
        };
        // SAFETY: the slot was vacant, and its position is claimed by us alone.
        slot.value
            .with_mut(|cell| unsafe { cell.write(MaybeUninit::new(value)) });
        slot.stamp.store(occupied(position), Release);
        Ok(())
    }

    /// Pops the oldest value if there is one. Never waits for another thread: `None` also if the
    /// push of the oldest value is still going on.
    #[inline]
    pub fn try_pop(&self) -> Option<T> {
        let (slot, position) = self.claim(&self.head, occupied)?;
        let value = slot.value.with(|cell| {
            // SAFETY: the slot was occupied, and its position is claimed by us alone.
            let value = unsafe { cell.read() };
            // SAFETY: it was stored before the stamp said so.
            unsafe { value.assume_init() }
        });
        let next = position.wrapping_add(self.capacity());
        slot.stamp.store(vacant(next), Release);
        Some(value)
    }

    /// Claims the position at `end` if the stamp of its slot is what `ready` says.
    #[inline]
    fn claim(
        &self,
        end: &AtomicUsize,
        ready: impl Fn(usize) -> usize,
    ) -> Option<(&Slot<T>, usize)> {
        let mut pauses = PAUSES_MIN;
        let mut position = end.load(Relaxed);
        loop {
            let slot = &self.slots[position & (self.capacity() - 1)];
            let stamp = slot.stamp.load(Acquire);
            let ahead = stamp.wrapping_sub(ready(position)).cast_signed();
            if ahead == 0 {
                let next = position.wrapping_add(1);
                let claimed = end.compare_exchange_weak(position, next, Relaxed, Relaxed);
                if claimed.is_ok() {
                    return Some((slot, position));
                }
                (0..pauses).for_each(|_| spin_loop());
                pauses = PAUSES_MAX.min(pauses * 2);
                position = end.load(Relaxed);
            } else if ahead < 0 {
                // Not ready; but if others have claimed positions meanwhile, a later slot may be.
                let now = end.load(Relaxed);
                if now == position {
                    return None;
                }
                position = now;
            } else {
                // Others have claimed this position and more.
                position = end.load(Relaxed);
            }
        }
    }

    /// How many values fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many values are in the queue, with those being pushed and without those being popped.
    #[must_use]
    pub fn len(&self) -> usize {
        let head = self.head.load(Relaxed);
        let tail = self.tail.load(Relaxed);
        // Others may have moved both meanwhile.
        let len = tail.wrapping_sub(head).cast_signed();
        usize::try_from(len).unwrap_or(0).min(self.capacity())
    }

    /// True if no values are in the queue.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        /// Drops what is left, also after a panic in the drop of one.
        struct Rest<'a, T>(&'a Queue<T>);

        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while self.0.try_pop().is_some() {}
            }
        }

        let rest = Rest(self);
        while rest.0.try_pop().is_some() {}
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use super::{Full, MaybeUninit, Queue, Relaxed, occupied, vacant};

    #[test]
    fn positions_wrap_around() {
        for start in [usize::MAX - 5, usize::MAX / 2 - 5] {
            let queue = Queue::starting_at(start, 4);
            for value in 0..20 {
                assert_eq!(queue.len(), 0);
                for offset in 0..4 {
                    assert_eq!(queue.try_push(value + offset), Ok(()));
                }
                assert!(queue.try_push(0).is_err());
                for offset in 0..4 {
                    assert_eq!(queue.try_pop(), Some(value + offset));
                }
                assert_eq!(queue.try_pop(), None);
            }
        }
    }

    #[test]
    fn a_producer_stopped_with_its_position_stops_pops_there_and_pushes_a_round_later() {
        let queue = Queue::new(4);
        assert_eq!(queue.try_push(0), Ok(()));
        assert!(queue.claim(&queue.tail, vacant).is_some());
        for value in [2, 3] {
            assert_eq!(queue.try_push(value), Ok(()));
        }
        assert_eq!(queue.try_pop(), Some(0));
        assert_eq!(queue.try_pop(), None);
        assert_eq!(queue.try_push(4), Ok(()));
        assert_eq!(queue.try_push(5), Err(Full(5)));
        // It goes on.
        let slot = &queue.slots[1];
        slot.value
            // SAFETY: position one was claimed above.
            .with_mut(|cell| unsafe { cell.write(MaybeUninit::new(1)) });
        slot.stamp.store(occupied(1), Relaxed);
        for value in 1..5 {
            assert_eq!(queue.try_pop(), Some(value));
        }
    }

    #[test]
    fn a_consumer_stopped_with_its_position_stops_pushes_there_and_pops_a_round_later() {
        let queue = Queue::new(2);
        for value in 0..2 {
            assert_eq!(queue.try_push(value), Ok(()));
        }
        assert!(queue.claim(&queue.head, occupied).is_some());
        assert_eq!(queue.try_push(2), Err(Full(2)));
        assert_eq!(queue.try_pop(), Some(1));
        assert_eq!(queue.try_pop(), None);
        // It goes on.
        queue.slots[0].stamp.store(vacant(2), Relaxed);
        assert_eq!(queue.try_push(2), Ok(()));
        assert_eq!(queue.try_pop(), Some(2));
    }
}
