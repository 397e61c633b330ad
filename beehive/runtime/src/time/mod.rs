//! Time: sleeping, timeouts, intervals. Nothing fires early.
//!
//! The shorter a sleep, the finer its resolution: one that is to last up to half a millisecond is
//! prolonged by two microseconds at most, one of a quarter of a second or more by a millisecond. The
//! rest of the delay is what the system takes to wake a thread, and what the worker is just doing.

mod interval;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
pub use std::time::{Duration, Instant};

use beehive_task::wheel::TimerKey;
use hallows_lockfree::wait::poll_budget;

pub use interval::{Interval, MissedTicks, interval, interval_at};

use crate::remote::{Message, Remote};
use crate::worker;

/// The current time.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits for a duration.
pub fn sleep(duration: Duration) -> Sleep {
    let now = Instant::now();
    // A duration beyond what the clock can express is as good as thirty years.
    let far = || now + Duration::from_secs(30 * 365 * 86_400);
    sleep_until(now.checked_add(duration).unwrap_or_else(far))
}

/// Waits until a point in time.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        deadline,
        timer: None,
        asked: false,
    }
}

/// A future that completes at its deadline.
#[must_use = "a sleep does nothing until it is awaited"]
pub struct Sleep {
    deadline: Instant,
    /// The wheel that holds its timer: the one of the worker that polled it last.
    timer: Option<(Arc<Remote>, TimerKey)>,
    /// It has asked for a part of its task's budget.
    asked: bool,
}

impl Sleep {
    /// When it completes.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Moves the deadline; the next poll sees it.
    pub fn reset(&mut self, deadline: Instant) {
        self.cancel();
        self.deadline = deadline;
        self.asked = false;
    }

    fn cancel(&mut self) {
        let Some((owner, key)) = self.timer.take() else {
            return;
        };
        let waker = worker::try_with_current(|worker| match worker {
            Some(worker) if Arc::ptr_eq(&worker.remote, &owner) => worker.cancel_timer(key),
            _ => {
                // A worker that has stopped has no timers.
                let _ = owner.send(Message::CancelTimer(key));
                None
            }
        });
        drop(waker);
    }

    fn register(&mut self, cx: &Context<'_>) {
        let updated = worker::with_current(|worker| match &self.timer {
            Some((owner, key)) if Arc::ptr_eq(&worker.remote, owner) => {
                worker.update_timer(*key, cx.waker())
            }
            _ => false,
        });
        if updated {
            return;
        }
        self.cancel();
        self.timer = Some(worker::with_current(|worker| {
            let after = self.deadline.saturating_duration_since(worker.shared.start);
            (
                worker.remote.clone(),
                worker.insert_timer(after, cx.waker().clone()),
            )
        }));
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.deadline {
            // One that has waited is not put off: next to something that is always ready it would
            // never be seen.
            if self.timer.is_none() && !std::mem::replace(&mut self.asked, true) {
                ready!(poll_budget(cx));
            }
            self.cancel();
            return Poll::Ready(());
        }
        self.register(cx);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// A time limit that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit has passed")
    }
}

impl std::error::Error for Elapsed {}

/// Runs a future for at most this long; it is dropped when the time is over.
///
/// # Errors
///
/// [`Elapsed`] if the future did not complete in time.
///
/// # Cancel safety
///
/// That of the future.
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    within(sleep(limit), future).await
}

/// Runs a future until a point in time at most; it is dropped then.
///
/// # Errors
///
/// [`Elapsed`] if the future did not complete in time.
///
/// # Cancel safety
///
/// That of the future.
pub async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
    within(sleep_until(deadline), future).await
}

async fn within<F: Future>(limit: Sleep, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut limit = pin!(limit);
    poll_fn(|cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        limit.as_mut().poll(cx).map(|()| Err(Elapsed))
    })
    .await
}
