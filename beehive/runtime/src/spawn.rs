//! Tasks: from a future to a cell in a queue.
//!
//! Two kinds. A *shared* task is `Send` and may move between workers. A *local* task need not be and
//! stays on one worker, which alone polls and drops it.
//!
//! A task that waits is a member of a live set from its first `Pending` until its future is
//! dropped, so that shutdown can find it (see `beehive_task::live`). A task that was never polled,
//! or is ready, is in some queue, where shutdown finds it too.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use beehive_policy::WorkerId;
use beehive_task::cell;
use beehive_task::live::{LiveKey, LiveSet};

use crate::options::{JoinHandle, Task, TaskMeta, TaskOptions};
use crate::remote::{Message, Remote};
use crate::shared::Shared;
use crate::worker;

/// Runs a future that may move between workers.
///
/// # Panics
///
/// If the calling thread is not a worker; use [`Handle::spawn`](crate::Handle::spawn) there.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let shared = worker::with_current(|worker| worker.shared.clone());
    spawn_shared(&shared, TaskMeta::default(), future)
}

/// Runs a future that may move between workers, with options.
///
/// # Panics
///
/// If the calling thread is not a worker (use [`Handle::spawn_with`](crate::Handle::spawn_with)
/// there), if there is no worker as the options name, or if they hold a deadline and a class other
/// than latency.
pub fn spawn_with<F>(options: TaskOptions, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let shared = worker::with_current(|worker| worker.shared.clone());
    let meta = shared.meta(options);
    spawn_shared(&shared, meta, future)
}

/// Runs a future on this worker, where it stays.
///
/// # Panics
///
/// If the calling thread is not a worker.
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_here(TaskMeta::default(), future)
}

/// Runs a future on this worker, where it stays, with options.
///
/// # Panics
///
/// If the calling thread is not a worker, if the options name another worker, or if they hold a
/// deadline and a class other than latency.
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
    spawn_here(meta, future)
}

fn spawn_here<F>(meta: TaskMeta, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let remote = worker::with_current(|worker| worker.remote.clone());
    let future = Guarded {
        future,
        membership: LocalMember(None),
    };
    // SAFETY: the future is not `Send`, and this thread is its owner: `to_owner` hands every
    // runnable to the worker of `remote`, which is the worker of this thread. It runs and drops
    // them on this thread, and stops only when no task of its own is left (`Worker::stop`). The
    // first runnable is queued here without leaving the thread.
    let (runnable, handle) = unsafe { cell::pinned(meta, future, to_owner(remote)) };
    worker::with_current(|worker| worker.push_local(runnable));
    handle
}

/// Runs a future that may move between workers, from any thread.
pub(crate) fn spawn_shared<F>(
    shared: &Arc<Shared>,
    meta: TaskMeta,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let membership = SharedMember {
        shared: shared.clone(),
        key: None,
    };
    let future = Guarded { future, membership };
    let (runnable, handle) = cell::shared(meta, future, to_any(shared.clone()));
    runnable.schedule();
    handle
}

/// Makes a future on the worker of `remote` and runs it there, from any thread.
pub(crate) fn spawn_on<M, F>(remote: &Arc<Remote>, make: M) -> JoinHandle<F::Output>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let future = Guarded {
        future: async move { make().await },
        membership: LocalMember(None),
    };
    // SAFETY: the owner is the thread that runs the worker of `remote`. `to_owner` and the send
    // below hand every runnable to it, and it runs them there. Before its first poll the future
    // holds only `make`, which is `Send`, and no membership, so a runnable that is refused because
    // the worker has stopped may be dropped here. Once polled, it is a member of the owner's live
    // set or finished, and the owner stops only when no member is left (`Worker::stop`).
    let (runnable, handle) =
        unsafe { cell::pinned(TaskMeta::default(), future, to_owner(remote.clone())) };
    drop(remote.send(Message::Run(runnable)));
    handle
}

/// Queues a local task at its worker.
fn to_owner(owner: Arc<Remote>) -> impl Fn(Task) + Send + Sync + 'static {
    move |runnable| {
        let refused = worker::try_with_current(|worker| match worker {
            Some(worker) if Arc::ptr_eq(&worker.remote, &owner) => {
                worker.push_local(runnable);
                Ok(())
            }
            _ => owner.send(Message::Run(runnable)),
        });
        // A worker stops only when none of its tasks can be woken any more.
        debug_assert!(refused.is_ok(), "a task outlived its worker");
        if let Err(Message::Run(runnable)) = refused {
            std::mem::forget(runnable);
        }
    }
}

/// Queues a shared task where it was woken (at this worker, or at the runtime's entrance), or at the
/// worker that was chosen for it.
fn to_any(shared: Arc<Shared>) -> impl Fn(Task) + Send + Sync + 'static {
    move |runnable| match runnable.metadata().affinity() {
        Some(chosen) => to_chosen(&shared, chosen, runnable),
        None => queue_shared(&shared, runnable),
    }
}

/// Queues a task that any worker may take.
pub(crate) fn queue_shared(shared: &Arc<Shared>, runnable: Task) {
    worker::try_with_current(|worker| match worker {
        Some(worker) if Arc::ptr_eq(&worker.shared, shared) => worker.push_stealable(runnable),
        _ => shared.inject(runnable),
    });
}

/// Queues a shared task at the only worker that may run it.
fn to_chosen(shared: &Shared, chosen: WorkerId, runnable: Task) {
    let remote = &shared.remotes[chosen.index()];
    let refused = worker::try_with_current(|worker| match worker {
        Some(worker) if Arc::ptr_eq(&worker.remote, remote) => {
            worker.push_local(runnable);
            Ok(())
        }
        _ => remote.send(Message::Run(runnable)),
    });
    if let Err(Message::Run(runnable)) = refused {
        // The worker has stopped for good, and nobody else may run it.
        shared.discard(runnable);
    }
}

/// Where a waiting task is registered; leaves when dropped.
pub(crate) trait Membership {
    fn enter(&mut self, cx: &Context<'_>);
}

pub(crate) struct LocalMember(pub(crate) Option<(Rc<RefCell<LiveSet>>, LiveKey)>);

impl Membership for LocalMember {
    fn enter(&mut self, cx: &Context<'_>) {
        if self.0.is_none() {
            let set = worker::with_current(|worker| worker.live.clone());
            let key = set.borrow_mut().insert(cx.waker().clone());
            self.0 = Some((set, key));
        }
    }
}

impl Drop for LocalMember {
    fn drop(&mut self) {
        if let Some((set, key)) = self.0.take() {
            let waker = set.borrow_mut().remove(key);
            drop(waker);
        }
    }
}

struct SharedMember {
    shared: Arc<Shared>,
    /// Which of the sets, and the place in it.
    key: Option<(usize, LiveKey)>,
}

impl Membership for SharedMember {
    fn enter(&mut self, cx: &Context<'_>) {
        if self.key.is_none() {
            let set = worker::with_current(|worker| worker.id.index());
            let key = self.shared.live[set].lock().insert(cx.waker().clone());
            self.key = Some((set, key));
        }
    }
}

impl Drop for SharedMember {
    fn drop(&mut self) {
        if let Some((set, key)) = self.key.take() {
            let waker = self.shared.live[set].lock().remove(key);
            drop(waker);
        }
    }
}

pin_project_lite::pin_project! {
    /// A future whose panics become results, and which is a member of a live set while it waits.
    pub(crate) struct Guarded<F, M> {
        // Dropped first: the task is live until its values are gone.
        #[pin]
        pub(crate) future: F,
        pub(crate) membership: M,
    }
}

impl<F: Future, M: Membership> Future for Guarded<F, M> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // A future that panicked is never polled again: the task ends with the payload.
        match catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => {
                this.membership.enter(cx);
                Poll::Pending
            }
            Err(payload) => Poll::Ready(Err(payload)),
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
