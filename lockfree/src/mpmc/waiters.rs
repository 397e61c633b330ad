//! Who waits for the same thing, in order of arrival.
//!
//! The list is behind a spin lock, which only those who wait, or wake somebody, take. How a waiter
//! and who changes its condition see each other is told in the [module's introduction](super),
//! steps 5 and 6.

use alloc::alloc::handle_alloc_error;
use alloc::collections::{TryReserveError, VecDeque};
use core::alloc::Layout;
use core::task::{Context, Poll, Waker, ready};

use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::sync::atomic::{AtomicBool, AtomicUsize, fence};
use crate::sync::{UnsafeCell, spin_loop};
use crate::wait::poll_budget;

/// Those that wait, longest first.
pub(crate) struct Waiters {
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
    pub(crate) fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            locked: AtomicBool::new(false),
            list: UnsafeCell::new(List::default()),
        }
    }

    /// For somebody who may have to wait.
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            waiters: self,
            key: None,
        }
    }

    /// Wakes so many of those who have waited longest, or all that there are. To be called when what
    /// they wait for has happened so often.
    #[inline]
    pub(crate) fn wake(&self, limit: usize) {
        // Either this sees the waiter, or the waiter sees the condition: both put a fence between.
        fence(SeqCst);
        if self.count.load(Relaxed) != 0 {
            self.wake_longest(limit);
        }
    }

    #[cold]
    fn wake_longest(&self, limit: usize) {
        for _ in 0..limit {
            let longest = self.with(|list| list.waiting.pop_front());
            let Some((_, waker)) = longest else { return };
            // Wakers are foreign code: not under the lock.
            waker.wake();
        }
    }

    /// Adds `waker`, or puts it in the place of the one known by `key` if that still waits. Gives
    /// the key. What the caller looks at next is newer than what [`Waiters::wake`] answers for.
    fn enter(&self, key: Option<u64>, waker: &Waker) -> u64 {
        let waker = waker.clone();
        let entered = self.with(|list| {
            let mut known = list.waiting.iter_mut();
            if let Some(entry) = known.find(|entry| Some(entry.0) == key) {
                return Ok((entry.0, Some(core::mem::replace(&mut entry.1, waker))));
            }
            // A failure may unwind, so not under the lock, either.
            list.waiting.try_reserve(1)?;
            let key = list.next_key;
            list.next_key += 1;
            list.waiting.push_back((key, waker));
            Ok::<_, TryReserveError>((key, None))
        });
        let Ok((key, replaced)) = entered else {
            handle_alloc_error(Layout::new::<(u64, Waker)>())
        };
        drop(replaced);
        fence(SeqCst);
        key
    }

    /// Removes the waiter of `key`; false if it was woken.
    fn leave(&self, key: u64) -> bool {
        let removed = self.with(|list| {
            let index = list.waiting.iter().position(|entry| entry.0 == key)?;
            list.waiting.remove(index)
        });
        removed.is_some()
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

/// The place of somebody who waits, or may have to.
pub(crate) struct Place<'a> {
    waiters: &'a Waiters,
    /// Known while it is in the list, and until it looks after a wake.
    key: Option<u64>,
}

impl Place<'_> {
    /// Ready when `attempt` succeeds. `is_possible` says whether an attempt of another waiter might.
    pub(crate) fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        is_possible: impl Fn() -> bool,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        ready!(poll_budget(cx));
        let mut result = attempt();
        if result.is_none() {
            self.key = Some(self.waiters.enter(self.key, cx.waker()));
            result = attempt();
        }
        match result {
            Some(result) => {
                self.leave(is_possible);
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }

    /// Stops waiting. A wake that came is passed on: it may be for a value or a slot other than the
    /// one that was got.
    pub(crate) fn leave(&mut self, is_possible: impl Fn() -> bool) {
        if let Some(key) = self.key.take()
            && !self.waiters.leave(key)
            && is_possible()
        {
            self.waiters.wake(1);
        }
    }
}
