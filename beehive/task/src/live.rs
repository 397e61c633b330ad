//! The set of tasks that have started and not ended, kept so that shutdown can end them.
//!
//! A task that waits is referenced only by whoever will wake it, perhaps nobody, perhaps itself.
//! So a task that first returns `Pending` enters its waker here and leaves when its future is
//! dropped. Shutdown wakes every member, drops the runnables that this brings into the run queues,
//! and repeats until the set is empty: then every future has been dropped, by the thread that
//! drained the queues.

use alloc::vec::Vec;
use core::task::Waker;
use slab::Slab;

/// Place of a task in a [`LiveSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveKey(usize);

/// Wakers of the tasks that wait.
#[derive(Debug, Default)]
pub struct LiveSet {
    wakers: Slab<Waker>,
}

impl LiveSet {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            wakers: Slab::new(),
        }
    }

    /// Enters a task by its own waker.
    pub fn insert(&mut self, waker: Waker) -> LiveKey {
        LiveKey(self.wakers.insert(waker))
    }

    /// Removes a task; the waker is returned so that it can be dropped outside a lock.
    ///
    /// # Panics
    ///
    /// If the key is not in the set.
    pub fn remove(&mut self, key: LiveKey) -> Waker {
        self.wakers.remove(key.0)
    }

    /// Copies of all wakers, to be woken outside a lock.
    #[must_use]
    pub fn wakers(&self) -> Vec<Waker> {
        self.wakers.iter().map(|(_, waker)| waker.clone()).collect()
    }

    /// Number of tasks in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wakers.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_tasks_leave_the_set() {
        let mut set = LiveSet::new();
        let first = set.insert(Waker::noop().clone());
        let second = set.insert(Waker::noop().clone());
        set.remove(first);
        assert_eq!((set.len(), set.wakers().len()), (1, 1));
        set.remove(second);
        assert!(set.is_empty());
    }
}
