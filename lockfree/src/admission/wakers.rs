//! Wakers that are taken out under the lock and woken after it.

use core::task::Waker;

use crate::sync::MODELLED;

/// Whom to wake after the lock has been released; all of them, also if a waker panics.
pub(super) struct Wakers {
    wakers: [Option<Waker>; Self::MAX],
    length: usize,
    woken: usize,
}

impl Wakers {
    /// How many waiters are settled without releasing the lock.
    const MAX: usize = if MODELLED { 1 } else { 32 };

    pub(super) fn new() -> Self {
        Self {
            wakers: [const { None }; Self::MAX],
            length: 0,
            woken: 0,
        }
    }

    /// Adds a waiter, with its waker if it has one.
    pub(super) fn add(&mut self, waker: Option<Waker>) {
        self.wakers[self.length] = waker;
        self.length += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.length == Self::MAX
    }

    /// Wakes all and says how many there were.
    pub(super) fn wake(mut self) -> usize {
        self.wake_rest();
        self.length
    }

    fn wake_rest(&mut self) {
        while self.woken < self.length {
            let waker = self.wakers[self.woken].take();
            self.woken += 1;
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Drop for Wakers {
    /// A waker has panicked, or there are none left.
    fn drop(&mut self) {
        self.wake_rest();
    }
}
