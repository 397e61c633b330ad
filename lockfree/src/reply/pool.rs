//! The pool: who owns it lends its slots.

use alloc::boxed::Box;
use core::array;
use core::cell::Cell;
use core::fmt;

use crossbeam_utils::CachePadded;

use super::error::Exhausted;
use super::receiver::Receiver;
use super::returned::{END, Returned};
use super::sender::Sender;
use super::slot::{Slot, next_use};
use crate::sync::MODELLED;

/// How many slots are returned by a store alone, and looked at one by one.
const NEAR_MAX: usize = if MODELLED { 1 } else { 16 };

/// How many near slots are looked at first: the one that was lent last, which is free again if the
/// uses follow each other, and the one after it, which was lent longest ago if they form a pipeline.
const LOOKS: usize = 2;

/// A fixed number of reply slots, lent by one worker at a time.
///
/// The pool can move to another thread while nothing is lent, but cannot be shared: each worker has
/// its own. The ends that it lends may go anywhere as long as the pool lives.
pub struct Pool<T> {
    slots: Box<[CachePadded<Slot<T>>]>,
    returned: CachePadded<Returned>,
    /// The words with which the near slots were lent last.
    lent: [Cell<u32>; NEAR_MAX],
    /// The near slot to look at first.
    cursor: Cell<usize>,
    /// The first of the far slots that the owner has taken from `returned`.
    spare: Cell<u32>,
}

impl<T> Pool<T> {
    /// The largest capacity.
    pub const CAPACITY_MAX: usize = END as usize;

    /// A pool of `capacity` slots; this is its only allocation.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero or more than [`Pool::CAPACITY_MAX`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::starting_at(capacity, 0)
    }

    /// A pool whose slots start with the generation after that of `word`.
    fn starting_at(capacity: usize, word: u32) -> Self {
        assert!(
            (1..=Self::CAPACITY_MAX).contains(&capacity),
            "a pool of {capacity} reply slots was asked for, 1 to {} are allowed",
            Self::CAPACITY_MAX
        );
        let end = u32::try_from(capacity).expect("checked above");
        let slots: Box<[_]> = (0..end)
            .map(|index| CachePadded::new(Slot::new(index, word)))
            .collect();
        for (index, slot) in (0..end).zip(&slots).skip(NEAR_MAX) {
            let next = if index + 1 == end { END } else { index + 1 };
            // SAFETY: nobody else has the slot yet.
            unsafe { slot.set_next(next) };
        }
        Self {
            spare: Cell::new(if slots.len() > NEAR_MAX {
                NEAR_MAX as u32
            } else {
                END
            }),
            slots,
            returned: CachePadded::new(Returned::new()),
            lent: array::from_fn(|_| Cell::new(word)),
            cursor: Cell::new(0),
        }
    }

    /// How many slots there are.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Lends a slot: an end for who answers and one for who asked.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] if all are lent. A slot is lent until both of its ends have let go: the
    /// sender by sending or being dropped, the receiver by receiving or being dropped.
    #[inline]
    pub fn slot(&self) -> Result<(Sender<'_, T>, Receiver<'_, T>), Exhausted> {
        let slot = match self.near(LOOKS) {
            Some(slot) => slot,
            None => self.any()?,
        };
        Ok((Sender::new(slot), Receiver::new(slot)))
    }

    /// Lends a near slot if one of the next `looks` is free.
    #[inline]
    fn near(&self, looks: usize) -> Option<&Slot<T>> {
        let near = self.slots.len().min(NEAR_MAX);
        let mut index = self.cursor.get();
        for _ in 0..looks.min(near) {
            let word = self.slots[index].look();
            if word == next_use(self.lent[index].get()) {
                self.lent[index].set(word);
                self.cursor.set(index);
                return Some(&self.slots[index]);
            }
            index = if index + 1 == near { 0 } else { index + 1 };
        }
        self.cursor.set(index);
        None
    }

    /// Lends any slot: far ones at hand before a search among the near ones.
    #[cold]
    fn any(&self) -> Result<&Slot<T>, Exhausted> {
        self.spare()
            .or_else(|| self.near(NEAR_MAX))
            .or_else(|| {
                self.spare.set(self.returned.take());
                self.spare()
            })
            .ok_or_else(|| Exhausted {
                capacity: self.capacity(),
            })
    }

    /// Lends the first of the spare far slots.
    fn spare(&self) -> Option<&Slot<T>> {
        let slot = &**self.slots.get(self.spare.get() as usize)?;
        // SAFETY: both ends of a slot in this list have let go, and nobody else has the list.
        self.spare.set(unsafe { slot.next() });
        // SAFETY: as above; the ends borrow the pool, so the list stays where it is.
        unsafe { slot.set_home(&*self.returned) };
        Some(slot)
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use super::Pool;

    #[test]
    fn slots_are_lent_on_when_their_generation_wraps() {
        let pool = Pool::<u32>::starting_at(20, u32::MAX - 64);
        for round in 0..8 {
            let lent: std::vec::Vec<_> = (0..20).map(|_| pool.slot().unwrap()).collect();
            assert!(pool.slot().is_err());
            for (sender, mut receiver) in lent {
                sender.send(round).unwrap();
                assert_eq!(receiver.try_recv(), Ok(round));
            }
        }
    }
}
