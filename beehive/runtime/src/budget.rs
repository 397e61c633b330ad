//! Budgets: a task for which everything is always ready gives way to others all the same.
//!
//! A worker polls its tasks one after the other, and a poll ends where the task has to wait. A task
//! that receives from a channel which others keep full would never wait. So sockets, files, channels,
//! timers and [`JoinSet`](crate::JoinSet) ask before each operation whether the poll may go on. If it
//! has lasted for 50 µs (25 µs in the classes latency and background), they are not ready this time:
//! the task goes behind the others of its queue and goes on when it is polled again. Nothing is lost,
//! and nothing was begun. The policy is in `beehive_policy::budget`, the count in
//! [`hallows_lockfree::wait::budget`].
//!
//! What to know:
//!
//! - A loop that awaits nothing of the above is not cut. Let it await [`yield_if_due`]; code that
//!   cannot await belongs into [`spawn_preemptible`](crate::spawn_preemptible).
//! - All futures that one task polls share its budget. If the first of several takes it all, each time,
//!   the others stand still: use a task for each. Timers are not put off twice, so a
//!   [`timeout`](crate::time::timeout) ends whatever is inside.
//! - A future that is polled once by hand, to see whether it is ready, may be put off too.
//! - [`unconstrained`] does without. A [`JoinHandle`](crate::JoinHandle) takes no part: it is ready
//!   once.
//!
//! The price: an operation counts down a variable of the thread; from the fifth one in a poll on, one
//! in 32, if they are short, reads the time stamp counter.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use beehive_policy::budget::{Budget, FREE};
use beehive_policy::{Class, Nanos};
use hallows_lockfree::wait::budget;

use crate::worker;

/// The budget of the poll that a worker is in.
#[derive(Default)]
pub(crate) struct PollBudget {
    /// The class of the task whose poll has begun and is not measured yet.
    unmeasured: Cell<Option<Class>>,
    measured: RefCell<Budget>,
}

impl PollBudget {
    /// A poll is about to begin.
    #[inline]
    pub(crate) fn begin(&self, class: Class) {
        self.unmeasured.set(Some(class));
        budget::refill(FREE);
    }

    fn look(&self, now: Nanos) -> u32 {
        let mut measured = self.measured.borrow_mut();
        match self.unmeasured.take() {
            Some(class) => measured.begin(now, class),
            None => measured.look(now),
        }
    }
}

/// Lets what is polled on this thread ask its worker; to be called when it has become one.
pub(crate) fn enter() {
    budget::ask_when_spent(Some(|| {
        worker::with_current(|worker| worker.budget.look(worker.shared.clock.now()))
    }));
}

/// This thread is about to be a worker no more.
pub(crate) fn leave() {
    budget::ask_when_spent(None);
}

/// Gives way to other tasks if this one has been polled for as long as it may be; else goes on at once,
/// for about the price of a function call. For loops that find everything ready.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let runtime = beehive::Runtime::builder().workers(1).build()?;
/// # runtime.block_on(async {
/// let mut sum = 0_u64;
/// for number in 0..100_000 {
///     beehive::yield_if_due().await;
///     sum += number;
/// }
/// assert_eq!(sum, 4_999_950_000);
/// # });
/// # Ok(())
/// # }
/// ```
///
/// It differs from [`yield_now`](crate::yield_now), which always gives way. Outside of a runtime it does
/// nothing.
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
pub async fn yield_if_due() {
    poll_fn(|cx| budget::poll_budget(cx)).await;
}

/// Lets a future go on for as long as everything that it awaits is ready. The rest of its worker waits
/// meanwhile: for short sequences that should not be interrupted.
///
/// # Cancel safety
///
/// That of the future.
pub fn unconstrained<F: Future>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project_lite::pin_project! {
    /// A future without a budget; see [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _outer = Outer(budget::refill(u32::MAX));
        self.project().future.poll(cx)
    }
}

/// Restores the budget around, also after a panic.
struct Outer(u32);

impl Drop for Outer {
    fn drop(&mut self) {
        budget::refill(self.0);
    }
}
