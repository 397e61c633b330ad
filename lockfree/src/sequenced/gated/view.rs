//! A run of items that a consumer reads in place.

use super::Consumer;

/// Items in place. They count as read when they are released; dropping the view changes nothing.
pub struct View<'a, T, const WAIT: bool = false> {
    consumer: &'a mut Consumer<T, WAIT>,
    len: usize,
}

impl<'a, T, const WAIT: bool> View<'a, T, WAIT> {
    /// `consumer` must have `len` items.
    #[inline(always)]
    pub(super) fn new(consumer: &'a mut Consumer<T, WAIT>, len: usize) -> Self {
        Self { consumer, len }
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

    /// The number of the first item.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.consumer.local.next
    }

    /// The items: up to the end of the ring's memory, and the rest from its start.
    #[inline]
    #[must_use]
    pub fn as_slices(&self) -> (&[T], &[T]) {
        let next = self.consumer.local.next as usize;
        let (first, second) = self.consumer.shared.slots.readable(next, self.len);
        // SAFETY: the slots from the cursor up to the tail are only read, as long as the cursor
        // stays, and the consumer, which moves it, is borrowed.
        let first = unsafe { &*first };
        // SAFETY: as above.
        let second = unsafe { &*second };
        (first, second)
    }

    /// Counts the first `count` items as read.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline]
    pub fn release(self, count: usize) {
        let len = self.len;
        assert!(
            count <= len,
            "{count} items were to be released, the view has {len}"
        );
        self.consumer.release(count);
    }

    #[inline]
    pub(super) fn visit(self, mut visit: impl FnMut(u64, &T)) -> usize {
        /// Releases what was visited, also if the visitor panics.
        struct Visited<'c, 'v, T, const WAIT: bool>(&'c mut View<'v, T, WAIT>, usize);
        impl<T, const WAIT: bool> Drop for Visited<'_, '_, T, WAIT> {
            #[inline]
            fn drop(&mut self) {
                self.0.consumer.release(self.1);
            }
        }

        let mut view = self;
        let mut visited = Visited(&mut view, 0);
        let first = visited.0.sequence();
        for run in <[_; 2]>::from(visited.0.as_slices()) {
            for item in run {
                let sequence = first.wrapping_add(visited.1 as u64);
                visited.1 += 1;
                visit(sequence, item);
            }
        }
        visited.1
    }
}
