//! Who waits at one end of a queue, in order of arrival.

use alloc::collections::VecDeque;
use core::task::Waker;

use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::sync::atomic::{AtomicBool, AtomicUsize, fence};
use crate::sync::{UnsafeCell, spin_loop};

/// Those that wait, longest first.
pub(super) struct Waiters {
    /// How many are in `list`: looked at by those who need not wait.
    count: AtomicUsize,
    locked: AtomicBool,
    list: UnsafeCell<List>,
}

#[derive(Default)]
struct List {
    waiting: VecDeque<(u64, Waker)>,
    next_key: u64,
}

// SAFETY: the list is accessed under the lock, and wakers are `Send`.
unsafe impl Send for Waiters {}
// SAFETY: as above.
unsafe impl Sync for Waiters {}

impl Waiters {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            locked: AtomicBool::new(false),
            list: UnsafeCell::new(List::default()),
        }
    }

    /// Adds `waker`, or puts it in the place of the one known by `key` if that still waits. Gives
    /// the key. What the caller looks at next is newer than what [`Waiters::wake_one`] answers for.
    pub(super) fn enter(&self, key: Option<u64>, waker: &Waker) -> u64 {
        let waker = waker.clone();
        let (key, replaced) = self.with(|list| {
            let mut known = list.waiting.iter_mut();
            if let Some(entry) = known.find(|entry| Some(entry.0) == key) {
                return (entry.0, Some(core::mem::replace(&mut entry.1, waker)));
            }
            let key = list.next_key;
            list.next_key += 1;
            list.waiting.push_back((key, waker));
            (key, None)
        });
        // Wakers are foreign code: not under the lock.
        drop(replaced);
        fence(SeqCst);
        key
    }

    /// Removes the waiter of `key`; false if it was woken.
    pub(super) fn leave(&self, key: u64) -> bool {
        let removed = self.with(|list| {
            let index = list.waiting.iter().position(|entry| entry.0 == key)?;
            list.waiting.remove(index)
        });
        removed.is_some()
    }

    /// Wakes who has waited longest, if anybody waits. To be called when that waiter's condition
    /// has changed.
    #[inline]
    pub(super) fn wake_one(&self) {
        // Either this sees the waiter, or the waiter sees the condition: both put a fence between.
        fence(SeqCst);
        if self.count.load(Relaxed) != 0 {
            self.wake_longest();
        }
    }

    #[cold]
    fn wake_longest(&self) {
        let longest = self.with(|list| list.waiting.pop_front());
        if let Some((_, waker)) = longest {
            waker.wake();
        }
    }

    fn with<R>(&self, change: impl FnOnce(&mut List) -> R) -> R {
        while self
            .locked
            .compare_exchange_weak(false, true, Acquire, Relaxed)
            .is_err()
        {
            spin_loop();
        }
        let result = self.list.with_mut(|list| {
            // SAFETY: we hold the lock.
            let list = unsafe { &mut *list };
            let result = change(list);
            self.count.store(list.waiting.len(), Relaxed);
            result
        });
        self.locked.store(false, Release);
        result
    }
}
