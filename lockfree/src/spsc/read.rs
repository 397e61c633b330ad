//! A run of items that the consumer reads in place.

use core::iter::FusedIterator;
use core::marker::PhantomData;

use super::Consumer;

/// The oldest items, in place. They stay in the ring until they are released or moved out by
/// iteration; dropping the chunk changes nothing.
///
/// It is `Sync` only if the items are, because it gives out references to them:
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// let (_producer, mut consumer) = hallows_lockfree::spsc::ring::<std::cell::Cell<u64>>(1);
/// share(consumer.read(0).unwrap());
/// ```
pub struct ReadChunk<'a, T, const WAIT: bool = false> {
    consumer: &'a mut Consumer<T, WAIT>,
    len: usize,
    /// `Send` and `Sync` as what it stands for; the ring alone would be `Sync` for any items.
    items: PhantomData<&'a mut [T]>,
}

impl<'a, T, const WAIT: bool> ReadChunk<'a, T, WAIT> {
    /// `consumer` must have `len` items.
    #[inline(always)]
    pub(super) fn new(consumer: &'a mut Consumer<T, WAIT>, len: usize) -> Self {
        Self {
            consumer,
            len,
            items: PhantomData,
        }
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The items: up to the end of the ring's memory, and the rest from its start.
    #[inline]
    #[must_use]
    pub fn as_slices(&self) -> (&[T], &[T]) {
        let local = &self.consumer.local;
        let (first, second) = self.consumer.shared.slots.readable(local.head, self.len);
        // SAFETY: these slots hold items and are the consumer's, which this borrows. Other holders of
        // `&self` may read them too: if on other threads, `T` is `Sync`.
        let first = unsafe { &*first };
        // SAFETY: as above.
        let second = unsafe { &*second };
        (first, second)
    }

    /// The same, to be changed in place.
    #[inline]
    #[must_use]
    pub fn as_mut_slices(&mut self) -> (&mut [T], &mut [T]) {
        let local = &self.consumer.local;
        let (first, second) = self.consumer.shared.slots.writable(local.head, self.len);
        // SAFETY: these slots hold items and are the consumer's, which this borrows exclusively.
        let first = unsafe { &mut *first };
        // SAFETY: as above; the spans are disjoint.
        let second = unsafe { &mut *second };
        (first, second)
    }

    /// Drops the first `count` items and gives their slots back. If a drop panics, the others are
    /// dropped and the slots given back all the same.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline]
    pub fn release(self, count: usize) {
        /// Gives the slots back, whatever the drops do.
        struct Publish<'c, T, const WAIT: bool>(&'c mut Consumer<T, WAIT>);
        impl<T, const WAIT: bool> Drop for Publish<'_, T, WAIT> {
            #[inline]
            fn drop(&mut self) {
                self.0.publish();
            }
        }

        let len = self.len;
        assert!(
            count <= len,
            "{count} items were to be released, the chunk has {len}"
        );
        let publish = Publish(self.consumer);
        let head = publish.0.local.head;
        publish.0.local.head = head.wrapping_add(count);
        // SAFETY: these slots hold items and are the consumer's; the head is past them already.
        unsafe { publish.0.shared.slots.drop_items(head, count) };
    }
}

impl<'a, T, const WAIT: bool> IntoIterator for ReadChunk<'a, T, WAIT> {
    type Item = T;
    type IntoIter = Drain<'a, T, WAIT>;

    #[inline]
    fn into_iter(self) -> Drain<'a, T, WAIT> {
        let end = self.consumer.local.head.wrapping_add(self.len);
        Drain {
            consumer: self.consumer,
            end,
        }
    }
}

/// Moves items out of the ring. When it is dropped, the slots of those that it gave go back to the
/// producer; the others stay.
pub struct Drain<'a, T, const WAIT: bool = false> {
    consumer: &'a mut Consumer<T, WAIT>,
    end: usize,
}

impl<T, const WAIT: bool> Iterator for Drain<'_, T, WAIT> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        let position = self.consumer.local.head;
        if position == self.end {
            return None;
        }
        // The head moves first: a leaked iterator must not let an item be taken twice.
        self.consumer.local.head = position.wrapping_add(1);
        // SAFETY: the slot holds an item, is the consumer's, and lies before its head now.
        Some(unsafe { self.consumer.shared.slots.take(position) })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.wrapping_sub(self.consumer.local.head);
        (left, Some(left))
    }
}

impl<T, const WAIT: bool> ExactSizeIterator for Drain<'_, T, WAIT> {}
impl<T, const WAIT: bool> FusedIterator for Drain<'_, T, WAIT> {}

impl<T, const WAIT: bool> Drop for Drain<'_, T, WAIT> {
    #[inline]
    fn drop(&mut self) {
        self.consumer.publish();
    }
}
