//! The owner's end.

use core::cell::Cell;
use core::fmt;

use super::shared::Shared;
use super::stealer::Stealer;
use crate::sync::Arc;

/// Owner of a deque. There is one, which may move between threads but not be used by two.
pub struct Worker<T> {
    pub(super) shared: Arc<Shared<T>>,
    /// Slots of positions below this are free. Renewed when room is needed.
    free_until: Cell<u32>,
    /// Where `head` was when the owner last moved it or saw it: at `tail`, there is nothing.
    head_min: Cell<u32>,
    /// How many values the owner has taken at the front.
    taken_front: Cell<u32>,
}

/// A deque without room for the value, which it holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full(..)")
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deque is full")
    }
}

impl<T> core::error::Error for Full<T> {}

impl<T> Worker<T> {
    /// A deque with room for `capacity` values.
    ///
    /// # Panics
    ///
    /// Unless `capacity` is a power of two of at most 2³⁰.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::starting_at(capacity, 0)
    }

    /// As if the word that thieves compare had come to this value by use.
    pub(super) fn starting_at(capacity: usize, front: u64) -> Self {
        assert!(
            capacity.is_power_of_two() && capacity <= 1 << 30,
            "a deque's capacity must be a power of two of at most {}, not {capacity}",
            1 << 30
        );
        Self {
            shared: Arc::new(Shared::new(capacity, front)),
            free_until: Cell::new(front as u32),
            head_min: Cell::new(front as u32),
            taken_front: Cell::new(0),
        }
    }

    /// A handle for others to steal from this deque.
    #[must_use]
    pub fn stealer(&self) -> Stealer<T> {
        Stealer::new(self.shared.clone())
    }

    /// Adds a value at the back.
    ///
    /// # Errors
    ///
    /// Gives the value back if there is no room. While a thief is copying, room counts from the last
    /// time that the deque looked for some and nobody was copying: there may be less than
    /// [`len`](Self::len) leaves.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), Full<T>> {
        if self.room_for(1) == 0 {
            return Err(Full(value));
        }
        let tail = self.shared.tail();
        // SAFETY: there is room, so the slot is ours until `publish`.
        unsafe { self.shared.write(tail, value) };
        self.shared.publish(tail.wrapping_add(1));
        Ok(())
    }

    /// Takes the oldest value.
    #[inline]
    pub fn pop_front(&self) -> Option<T> {
        let tail = self.shared.tail();
        if tail == self.head_min.get() {
            return None;
        }
        let Some(position) = self.shared.take_front(tail) else {
            self.head_min.set(tail);
            return None;
        };
        self.head_min.set(position.wrapping_add(1));
        self.taken_front.set(self.taken_front.get().wrapping_add(1));
        // SAFETY: the position was just taken.
        Some(unsafe { self.shared.read(position) })
    }

    /// Takes the newest value.
    #[inline]
    pub fn pop_back(&self) -> Option<T> {
        let tail = self.shared.tail();
        if tail == self.head_min.get() {
            return None;
        }
        let head = self.shared.take_back(tail);
        self.head_min.set(head);
        if head == tail {
            return None;
        }
        // SAFETY: the position was just taken.
        Some(unsafe { self.shared.read(tail.wrapping_sub(1)) })
    }

    /// How many values there are, if no thief takes some meanwhile.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For how many values there is room.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity() as usize
    }

    /// How many of `count` values can be added.
    #[inline]
    fn room_for(&self, count: u32) -> u32 {
        let room = || {
            let used = self.shared.tail().wrapping_sub(self.free_until.get());
            self.shared.capacity() - used
        };
        if room() < count {
            self.look_for_room();
        }
        room().min(count)
    }

    #[cold]
    fn look_for_room(&self) {
        if let Some(position) = self.shared.free_until(self.taken_front.get()) {
            self.free_until.set(position);
            self.head_min.set(position);
        }
    }

    /// Moves the oldest half of `from`'s values to the back of this deque.
    pub(super) fn take_half(&self, from: &Shared<T>) -> super::Steal<usize> {
        from.claim(|len| self.room_for(len - len / 2)).map(|claim| {
            let tail = self.shared.tail();
            for index in 0..claim.count {
                // SAFETY: `claim` gave us the position alone, and acquired a tail beyond it: what was
                // written there comes before this.
                let value = unsafe { from.read(claim.from.wrapping_add(index)) };
                // SAFETY: there is room for as many as were claimed, until `publish`.
                unsafe { self.shared.write(tail.wrapping_add(index), value) };
            }
            from.release(&claim);
            self.shared.publish(tail.wrapping_add(claim.count));
            claim.count as usize
        })
    }
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}
