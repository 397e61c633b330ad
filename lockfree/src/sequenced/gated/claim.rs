//! A run of slots that the publisher changes in place.

use super::Publisher;

/// Claimed slots. Each holds a value: the first ones made, or what was published a ring's length
/// ago. Dropped without [`publish`](Self::publish), nothing is published; what was changed stays
/// changed and is claimed again next.
pub struct Claim<'a, T, const WAIT: bool = false> {
    publisher: &'a mut Publisher<T, WAIT>,
    len: usize,
}

impl<'a, T, const WAIT: bool> Claim<'a, T, WAIT> {
    /// `publisher` must have room for `len`.
    #[inline(always)]
    pub(super) fn new(publisher: &'a mut Publisher<T, WAIT>, len: usize) -> Self {
        Self { publisher, len }
    }

    /// How many slots were claimed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no slot was claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slots: up to the end of the ring's memory, and the rest from its start.
    #[inline]
    #[must_use]
    pub fn as_mut_slices(&mut self) -> (&mut [T], &mut [T]) {
        let tail = self.publisher.local.tail as usize;
        let (first, second) = self.publisher.shared.slots.writable(tail, self.len);
        // SAFETY: the claimed slots are the publisher's, which this borrows exclusively, and hold
        // values.
        let first = unsafe { &mut *first };
        // SAFETY: as above; the spans are disjoint.
        let second = unsafe { &mut *second };
        (first, second)
    }

    /// Replaces values until the slots or `items` end, publishes them and says how many. If the
    /// iterator or the drop of a value panics, nothing is published.
    #[inline]
    pub fn fill(mut self, items: impl IntoIterator<Item = T>) -> usize {
        let (first, second) = self.as_mut_slices();
        let mut items = items.into_iter().fuse();
        let mut count = 0;
        // A loop for each slice: a chained iterator would ask at each item which one it is in.
        for slots in [first, second] {
            for (slot, item) in slots.iter_mut().zip(&mut items) {
                *slot = item;
                count += 1;
            }
        }
        self.publish(count);
        count
    }

    /// Publishes the first `count` slots.
    ///
    /// # Panics
    /// If as many were not claimed.
    #[inline]
    pub fn publish(self, count: usize) {
        let len = self.len;
        assert!(
            count <= len,
            "{count} slots were to be published, {len} were claimed"
        );
        self.publisher.publish(count);
    }
}
