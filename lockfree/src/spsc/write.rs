//! A run of slots that the producer writes in place.

use core::mem::MaybeUninit;

use super::Producer;

/// Reserved slots: fill them with [`push`](Self::push) and [`commit`](Self::commit), with
/// [`fill`](Self::fill), or through the slices. Dropped without a commit, nothing is published, and
/// what was pushed is dropped.
pub struct WriteChunk<'a, T, const WAIT: bool = false> {
    producer: &'a mut Producer<T, WAIT>,
    len: usize,
    /// How many of the slots, from the first on, `push` has written.
    filled: usize,
}

impl<'a, T, const WAIT: bool> WriteChunk<'a, T, WAIT> {
    /// `producer` must have room for `len`.
    #[inline(always)]
    pub(super) fn new(producer: &'a mut Producer<T, WAIT>, len: usize) -> Self {
        Self {
            producer,
            len,
            filled: 0,
        }
    }

    /// How many slots were reserved.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no slot was reserved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes the next slot.
    ///
    /// # Errors
    /// Gives the item back if all slots are written.
    #[inline]
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.filled == self.len {
            return Err(item);
        }
        let position = self.producer.local.tail.wrapping_add(self.filled);
        // SAFETY: the reserved slots are the producer's until they are published.
        unsafe { self.producer.shared.slots.write(position, item) };
        self.filled += 1;
        Ok(())
    }

    /// Publishes what was pushed.
    #[inline]
    pub fn commit(mut self) {
        self.publish(self.filled);
    }

    /// Pushes items until the slots or the iterator end, publishes them and says how many. If the
    /// iterator panics, nothing is published.
    #[inline]
    pub fn fill(mut self, items: impl IntoIterator<Item = T>) -> usize {
        let (first, second) = self.spans();
        let mut items = items.into_iter();
        'all: for span in [first, second] {
            // SAFETY: the reserved slots are the producer's until they are published, and nothing
            // else refers to them, since the chunk was moved into this call.
            let span = unsafe { &mut *span };
            for slot in span {
                let Some(item) = items.next() else { break 'all };
                slot.write(item);
                self.filled += 1;
            }
        }
        let filled = self.filled;
        self.publish(filled);
        filled
    }

    /// The slots that `push` has not written: up to the end of the ring's memory, and the rest from
    /// its start. Publish what was written here with [`commit_init`](Self::commit_init).
    #[must_use]
    pub fn as_mut_slices(&mut self) -> (&mut [MaybeUninit<T>], &mut [MaybeUninit<T>]) {
        let (first, second) = self.spans();
        // SAFETY: the reserved slots are the producer's until they are published; the borrow of
        // the chunk keeps it from giving them out twice.
        let first = unsafe { &mut *first };
        // SAFETY: as above; the spans are disjoint.
        let second = unsafe { &mut *second };
        (first, second)
    }

    #[inline(always)]
    fn spans(&self) -> (*mut [MaybeUninit<T>], *mut [MaybeUninit<T>]) {
        let position = self.producer.local.tail.wrapping_add(self.filled);
        let slots = &self.producer.shared.slots;
        let (first, second) = slots.writable(position, self.len - self.filled);
        (
            first as *mut [MaybeUninit<T>],
            second as *mut [MaybeUninit<T>],
        )
    }

    /// Publishes what was pushed, and the `count` slots that follow.
    ///
    /// # Panics
    /// If as many were not reserved.
    ///
    /// # Safety
    /// The first `count` slots of [`as_mut_slices`](Self::as_mut_slices) hold items.
    pub unsafe fn commit_init(mut self, count: usize) {
        let left = self.len - self.filled;
        assert!(
            count <= left,
            "{count} slots were to be published, {left} are reserved"
        );
        self.publish(self.filled + count);
    }

    #[inline(always)]
    fn publish(&mut self, count: usize) {
        self.filled = 0;
        self.producer.publish(count);
    }
}

impl<T, const WAIT: bool> Drop for WriteChunk<'_, T, WAIT> {
    #[inline]
    fn drop(&mut self) {
        let tail = self.producer.local.tail;
        // SAFETY: `push` has written these slots, and they are not published (a commit sets
        // `filled` to zero), so nobody else knows of them.
        unsafe { self.producer.shared.slots.drop_items(tail, self.filled) };
    }
}
