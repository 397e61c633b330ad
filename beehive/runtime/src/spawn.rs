//! Tasks: from a future to a cell in a queue.
//!
//! Two kinds. A *shared* task is `Send` and may move between workers. A *local* task need not be and
//! stays on one worker, which alone polls and drops it.
//!
//! What connects a task to its runtime is in `home`.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use beehive_policy::WorkerId;
use beehive_task::cell;

use crate::home::{Anywhere, AtHome};
use crate::options::{JoinHandle, TaskMeta, TaskOptions};
use crate::panic;
use crate::remote::Message;
use crate::shared::Shared;
use crate::trace;
use crate::worker;

/// Runs a future that may move between workers.
///
/// # Panics
///
/// If the calling thread is not a worker; use [`Handle::spawn`](crate::Handle::spawn) there.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    worker::with_current(|worker| {
        spawn_shared(&worker.shared, TaskMeta::default(), location, future)
    })
}

/// Runs a future that may move between workers, with options.
///
/// # Panics
///
/// If the calling thread is not a worker (use [`Handle::spawn_with`](crate::Handle::spawn_with)
/// there), if there is no worker as the options name, or if they hold a deadline and a class other
/// than latency.
#[track_caller]
pub fn spawn_with<F>(options: TaskOptions, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    worker::with_current(|worker| {
        let meta = worker.shared.meta(options);
        spawn_shared(&worker.shared, meta, location, future)
    })
}

/// Runs a future on this worker, where it stays.
///
/// # Panics
///
/// If the calling thread is not a worker.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_here(TaskMeta::default(), Location::caller(), future)
}

/// Runs a future on this worker, where it stays, with options.
///
/// # Panics
///
/// If the calling thread is not a worker, if the options name another worker, or if they hold a
/// deadline and a class other than latency.
#[track_caller]
pub fn spawn_local_with<F>(options: TaskOptions, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let meta = worker::with_current(|worker| {
        let chosen = options.chosen_worker();
        assert!(
            chosen.is_none_or(|chosen| chosen == worker.id),
            "a local task stays on the worker that spawns it; use `Handle::spawn_on` for another"
        );
        worker.shared.meta(options.anywhere())
    });
    spawn_here(meta, Location::caller(), future)
}

fn spawn_here<F>(
    mut meta: TaskMeta,
    location: &'static Location<'static>,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    worker::with_current(|worker| {
        worker.shared.describe::<F>(&mut meta, location);
        let future = Guarded::new(trace::in_span(&meta, location, future));
        let home = AtHome::new(&worker.shared, worker.id);
        // SAFETY: the future is not `Send`, and this thread is its owner: `AtHome` hands every
        // runnable to this worker. It runs and drops them on this thread, and stops only when no task
        // of its own is left (`Worker::drop_local_tasks`). The first runnable is queued here without
        // leaving the thread.
        let (runnable, handle) = unsafe { cell::pinned(meta, future, home) };
        worker.shared.list(&runnable);
        worker.push_local(runnable);
        handle
    })
}

/// Runs a future that may move between workers, from any thread.
pub(crate) fn spawn_shared<F>(
    shared: &Arc<Shared>,
    mut meta: TaskMeta,
    location: &'static Location<'static>,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    shared.describe::<F>(&mut meta, location);
    let future = Guarded::new(trace::in_span(&meta, location, future));
    let (runnable, handle) = cell::shared(meta, future, Anywhere::new(shared));
    shared.list(&runnable);
    runnable.schedule();
    handle
}

/// Makes a future on a worker and runs it there, from any thread.
pub(crate) fn spawn_on<M, F>(
    shared: &Arc<Shared>,
    worker: WorkerId,
    location: &'static Location<'static>,
    make: M,
) -> JoinHandle<F::Output>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let mut meta = TaskMeta::default();
    shared.describe::<F>(&mut meta, location);
    let future = async move { make().await };
    let future = Guarded::new(trace::in_span(&meta, location, future));
    let home = AtHome::new(shared, worker);
    // SAFETY: the owner is the thread that runs the worker. `AtHome` and the send below hand every
    // runnable to it, and it runs them there. Before its first poll the future holds only `make`,
    // which is `Send`, so a runnable that is refused because the worker has stopped may be dropped
    // here. Once polled, it is a member of the owner's live set, or queued there, or finished, and the
    // owner stops only when none is left (`Worker::drop_local_tasks`).
    let (runnable, handle) = unsafe { cell::pinned(meta, future, home) };
    shared.list(&runnable);
    drop(shared.remotes[worker.index()].send(Message::Run(runnable)));
    handle
}

pin_project_lite::pin_project! {
    /// A future whose panics become results, also that of its drop.
    pub(crate) struct Guarded<F> {
        // `None` once it has completed.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Guarded<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut future = this.project().future;
            // There is nobody to tell: the task was cancelled. The panic has been reported.
            drop(catch_unwind(AssertUnwindSafe(|| future.set(None))));
        }
    }
}

impl<F> Guarded<F> {
    pub(crate) fn new(future: F) -> Self {
        Self {
            future: Some(future),
        }
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        worker::with_current(|worker| worker.remote.watch.begin_poll::<F>());
        let mut future = self.project().future;
        let poll = || {
            let running = future.as_mut().as_pin_mut();
            let poll = running
                .expect("a task that has ended is not polled")
                .poll(cx);
            if poll.is_ready() {
                future.set(None);
            }
            poll
        };
        // A future that panicked is never polled again: the task ends with the payload.
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(panic::caught(payload))),
        }
    }
}

/// Lets other tasks of this worker run first.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
