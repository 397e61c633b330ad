//! A budget for tasks that never have to wait: by it, whoever polls a task gets it back also when
//! everything that it awaits is ready.
//!
//! A future that finds a value at each receive would otherwise never return, and keep its thread from
//! all others. So every `poll_…` and every future of this crate that can be ready again and again asks
//! [`poll_budget`] before it does anything. If the answer is no, nothing has been done or taken, and the waker has been woken: the
//! task returns, and goes on when it is polled again.
//!
//! 1. Each thread has a number of operations that are still allowed; an operation takes one.
//! 2. When none is left, the thread's function is asked ([`ask_when_spent`]), which may read a clock:
//!    it allows more, or none. If none, it is asked again at the next operation.
//! 3. Whoever polls tasks sets the number before each poll ([`refill`]).
//!
//! A thread on which nobody has set a function allows everything. So does a crate without the feature
//! `std`: there is no place that belongs to a thread.

use core::cell::Cell;
use core::task::{Context, Poll};

struct Budget {
    /// Operations that are allowed without asking.
    left: Cell<u32>,
    ask: Cell<fn() -> u32>,
}

fn unlimited() -> u32 {
    u32::MAX
}

std::thread_local! {
    static BUDGET: Budget = const {
        Budget {
            left: Cell::new(u32::MAX),
            ask: Cell::new(unlimited),
        }
    };
}

/// Ready if the task may go on, which counts as an operation. Otherwise its waker has been woken, and
/// the task should return.
#[inline]
pub fn poll_budget(cx: &Context<'_>) -> Poll<()> {
    BUDGET.with(|budget| match budget.left.get().checked_sub(1) {
        Some(left) => {
            budget.left.set(left);
            Poll::Ready(())
        }
        None => ask(budget, cx),
    })
}

#[cold]
fn ask(budget: &Budget, cx: &Context<'_>) -> Poll<()> {
    let ask = budget.ask.get();
    match ask().checked_sub(1) {
        Some(left) => {
            budget.left.set(left);
            Poll::Ready(())
        }
        None => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

/// Allows the calling thread so many operations from now on, and tells how many it had left.
#[inline]
pub fn refill(operations: u32) -> u32 {
    BUDGET.with(|budget| budget.left.replace(operations))
}

/// Sets the function that is asked when the calling thread has no operation left: how many it may do
/// now, or zero if the task that is polled should return. `None` allows everything.
pub fn ask_when_spent(ask: Option<fn() -> u32>) {
    BUDGET.with(|budget| {
        budget.ask.set(ask.unwrap_or(unlimited));
        budget.left.set(if ask.is_some() { 0 } else { u32::MAX });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpsc;
    use alloc::sync::Arc;
    use alloc::task::Wake;
    use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use core::task::Waker;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn a_spent_budget_stops_a_receiver_that_always_has_values_and_loses_none() {
        let woken = Arc::new(Count::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        let (sender, mut receiver) = mpsc::unbounded();
        (0..10).for_each(|number| sender.send(number).unwrap());
        ask_when_spent(Some(|| 0));
        let mut received = alloc::vec::Vec::new();
        for polls in 1.. {
            refill(3);
            while let Poll::Ready(value) = receiver.poll_recv(&mut cx) {
                received.extend(value);
            }
            if received.len() == 10 {
                break;
            }
            assert_eq!(received.len(), 3 * polls);
            assert_eq!(woken.0.load(SeqCst), polls, "it would not be polled again");
        }
        assert!(received.into_iter().eq(0..10));
        ask_when_spent(None);
        assert!(poll_budget(&cx).is_ready());
    }

    #[test]
    fn what_is_asked_may_allow_more() {
        let cx = Context::from_waker(Waker::noop());
        ask_when_spent(Some(|| 2));
        assert!((0..5).all(|_| poll_budget(&cx).is_ready()));
        assert_eq!(refill(7), 1);
        assert_eq!(refill(0), 7);
        ask_when_spent(None);
    }
}
