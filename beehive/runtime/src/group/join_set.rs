//! Several tasks with one owner.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use beehive_task::JoinError;
use hallows_lockfree::wait::poll_budget;
use slab::Slab;

use crate::cancel::{AbortHandle, Aborted, abortable};
use crate::group::ready::Ready;
use crate::handle::Handle;
use crate::{JoinHandle, spawn, spawn_local};

/// Tasks that belong together. Their results come in the order in which the tasks end, and dropping
/// the set cancels those that are left.
///
/// The tasks run on all workers like any others; they must be `'static`. For children that borrow,
/// see [`scope`](mod@crate::scope).
///
/// ```
/// # beehive::block_on(async {
/// let mut set = beehive::JoinSet::new();
/// for number in 1..=10 {
///     set.spawn(async move { number });
/// }
/// let mut sum = 0;
/// while let Some(result) = set.join_next().await {
///     sum += result.unwrap();
/// }
/// assert_eq!(sum, 55);
/// # });
/// ```
pub struct JoinSet<T> {
    members: Slab<Member<T>>,
    ready: Arc<Ready>,
}

/// One task. The inner result says whether it was aborted by its own handle.
struct Member<T> {
    task: JoinHandle<Result<T, Aborted>>,
    abort: AbortHandle,
    waker: Waker,
    /// Of a task that had ended when it came into the set.
    ended: Option<Result<T, JoinError>>,
}

impl<T> JoinSet<T> {
    /// A set without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self {
            members: Slab::new(),
            ready: Arc::default(),
        }
    }

    /// Runs a future that may move between workers.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker; use [`spawn_with`](Self::spawn_with) there.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (future, abort) = abortable(future);
        self.insert(spawn(future), abort)
    }

    /// Runs a future on the runtime of `handle`, from any thread.
    #[track_caller]
    pub fn spawn_with<F>(&mut self, handle: &Handle, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (future, abort) = abortable(future);
        self.insert(handle.spawn(future), abort)
    }

    /// Runs a future on this worker, where it stays.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let (future, abort) = abortable(future);
        self.insert(spawn_local(future), abort)
    }

    /// Asks the task once, so that it knows whom to wake.
    fn insert(&mut self, task: JoinHandle<Result<T, Aborted>>, abort: AbortHandle) -> AbortHandle {
        let entry = self.members.vacant_entry();
        let waker = self.ready.waker(entry.key());
        let member = entry.insert(Member {
            task,
            abort: abort.clone(),
            waker,
            ended: None,
        });
        if let Poll::Ready(result) = member.poll() {
            member.ended = Some(result);
            member.waker.wake_by_ref();
        }
        abort
    }

    /// Waits until some task has ended and gives its result; nothing if there are no tasks.
    ///
    /// # Errors
    ///
    /// The inner result is [`JoinError`] if the task panicked or was cancelled.
    ///
    /// # Cancel safety
    ///
    /// No result is lost when the future is dropped.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// As [`join_next`](Self::join_next), for hooks.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        ready!(poll_budget(cx));
        while !self.is_empty() {
            let number = ready!(self.ready.poll_next(cx));
            // A number may be that of a task that is gone, or of one that another has followed.
            let Some(member) = self.members.get_mut(number) else {
                continue;
            };
            if let Poll::Ready(result) = member.poll() {
                drop(self.members.remove(number));
                return Poll::Ready(Some(result));
            }
        }
        Poll::Ready(None)
    }

    /// Asks all tasks to end. Their results are still to be taken: mostly
    /// [`JoinError::Cancelled`], but a task may have finished before.
    pub fn abort_all(&mut self) {
        for (_, member) in &self.members {
            member.abort.abort();
        }
    }

    /// Ends all tasks and waits until what they hold has been dropped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the tasks end all the same; those whose end was not seen are still
    /// in the set.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Lets all tasks run on without an owner. The set is empty then.
    pub fn detach_all(&mut self) {
        for member in self.members.drain() {
            member.task.detach();
        }
    }

    /// Number of tasks whose result has not been taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no tasks whose result has not been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl<T> Member<T> {
    fn poll(&mut self) -> Poll<Result<T, JoinError>> {
        if let Some(result) = self.ended.take() {
            return Poll::Ready(result);
        }
        let polled = Pin::new(&mut self.task).poll(&mut Context::from_waker(&self.waker));
        polled.map(|result| match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Aborted)) => Err(JoinError::Cancelled),
            Err(error) => Err(error),
        })
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        for member in self.members.drain() {
            drop(member.task.cancel());
        }
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}
