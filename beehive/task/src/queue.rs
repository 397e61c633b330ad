//! The run queue of one worker for tasks that stay on it: first in, first out, no atomics.
//!
//! It is shared within its thread (the worker pops while a running task pushes), hence the interior
//! mutability; no method calls foreign code while the queue is borrowed.

use alloc::collections::VecDeque;
use core::cell::{Cell, RefCell};

/// A first-in-first-out queue that one thread fills and drains.
#[derive(Debug)]
pub struct LocalQueue<T> {
    items: RefCell<VecDeque<T>>,
    taken: Cell<u32>,
}

impl<T> LocalQueue<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            items: RefCell::new(VecDeque::with_capacity(64)),
            taken: Cell::new(0),
        }
    }

    /// Appends an item.
    pub fn push(&self, item: T) {
        self.items.borrow_mut().push_back(item);
    }

    /// Takes the oldest item.
    pub fn pop(&self) -> Option<T> {
        let item = self.items.borrow_mut().pop_front()?;
        self.taken.set(self.taken.get().wrapping_add(1));
        Some(item)
    }

    /// How many items have been taken so far; wraps around.
    pub fn taken(&self) -> u32 {
        self.taken.get()
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.items.borrow().len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.items.borrow().is_empty()
    }
}

impl<T> Default for LocalQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_leave_in_the_order_they_came() {
        let queue = LocalQueue::new();
        (0..5).for_each(|i| queue.push(i));
        assert_eq!(queue.len(), 5);
        assert!((0..5).all(|i| queue.pop() == Some(i)));
        assert!(queue.is_empty() && queue.pop().is_none());
        assert_eq!(queue.taken(), 5);
    }
}
