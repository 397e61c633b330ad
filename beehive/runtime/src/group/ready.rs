//! Which of several waiting things were woken, in the order in which that happened.
//!
//! Each thing has a number and a waker. Waking it puts the number into a queue and wakes whoever
//! waits for the queue.
//!
//! Protocol. No wake-up is lost:
//! 1. A waker puts its number into the queue, unless it is there already, and takes out the waker of
//!    whoever waits, both under the lock; it wakes after that.
//! 2. Who waits looks at the queue and leaves its waker under the same lock.
//! 3. A number counts as not queued from the moment at which it is taken out, which is before its
//!    thing is polled: a wake that comes during the poll queues it again.
//!
//! Numbers may be used again. A waker of the previous user then causes a poll without reason, which
//! is harmless.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// The queue of what was woken.
#[derive(Default)]
pub(crate) struct Ready {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    woken: VecDeque<Arc<Entry>>,
    waiting: Option<Waker>,
}

/// One thing that can be woken.
pub(crate) struct Entry {
    number: usize,
    queued: AtomicBool,
    /// Weak, as the queue holds entries.
    ready: Weak<Ready>,
}

impl Ready {
    /// A waker for the thing with this number.
    pub(crate) fn waker(self: &Arc<Self>, number: usize) -> Waker {
        Waker::from(Arc::new(Entry {
            number,
            queued: AtomicBool::new(false),
            ready: Arc::downgrade(self),
        }))
    }

    /// The number of what was woken first, or leaves the task's waker.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<usize> {
        let mut queue = self.queue.lock();
        if let Some(number) = queue.pop() {
            return Poll::Ready(number);
        }
        let previous = match &mut queue.waiting {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            slot => slot.replace(cx.waker().clone()),
        };
        drop(queue);
        drop(previous);
        Poll::Pending
    }
}

impl Queue {
    fn pop(&mut self) -> Option<usize> {
        let entry = self.woken.pop_front()?;
        entry.queued.store(false, SeqCst);
        Some(entry.number)
    }
}

impl Wake for Entry {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, SeqCst) {
            return;
        }
        let Some(ready) = self.ready.upgrade() else {
            return;
        };
        let waiting = {
            let mut queue = ready.queue.lock();
            queue.woken.push_back(self);
            queue.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(ready: &Ready) -> Option<usize> {
        ready.queue.lock().pop()
    }

    #[test]
    fn numbers_come_in_the_order_of_their_first_wake_and_once_per_poll() {
        let ready = Arc::new(Ready::default());
        let wakers: Vec<_> = (0..3).map(|number| ready.waker(number)).collect();
        for number in [2, 0, 2, 1, 0] {
            wakers[number].wake_by_ref();
        }
        let numbers = [(); 4].map(|()| next(&ready));
        assert_eq!(numbers, [Some(2), Some(0), Some(1), None]);
        wakers[2].wake_by_ref();
        assert_eq!(next(&ready), Some(2));
    }

    #[test]
    fn whoever_waits_is_woken_by_the_first_wake_only() {
        let ready = Arc::new(Ready::default());
        let outer = Arc::new(Ready::default());
        let waiting = outer.waker(7);
        assert!(ready.poll_next(&Context::from_waker(&waiting)).is_pending());
        ready.waker(1).wake();
        assert_eq!(next(&outer), Some(7));
        ready.waker(2).wake();
        assert_eq!(next(&outer), None);
    }
}
