//! The task cell: a future on the heap with its state, its wakers and its result.
//!
//! The state machine is that of `async-task`; this module narrows it to the two kinds of task
//! Beehive has. A *shared* task may run on any thread. A *pinned* task may hold values that are not
//! `Send`; it runs and is dropped on one thread, wherever it was created.
//!
//! A task's output is a `Result`, because a world that can catch panics turns them into
//! [`JoinError::Panicked`]; a world that cannot never produces that error.
//!
//! Invariant for the unsafe block: see [`pinned`].

use alloc::boxed::Box;
use core::any::Any;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// A task that is ready to be polled once. Dropping it cancels the task.
///
/// `M` is what a world knows about each of its tasks: it is stored in the cell, and
/// `metadata()` reads it without running the task.
pub type Runnable<M = ()> = async_task::Runnable<M>;

/// What a task returns inside its cell: the value, or what it panicked with.
pub type Outcome<T> = Result<T, Box<dyn Any + Send>>;

/// Puts a future that may run on any thread into a cell.
///
/// `schedule` receives the runnable whenever the task becomes ready and must queue it.
pub fn shared<T, F, S, M>(metadata: M, future: F, schedule: S) -> (Runnable<M>, JoinHandle<T, M>)
where
    F: Future<Output = Outcome<T>> + Send + 'static,
    T: Send + 'static,
    S: Fn(Runnable<M>) + Send + Sync + 'static,
    M: Send + Sync + 'static,
{
    let cell = async_task::Builder::new().metadata(metadata);
    let (runnable, task) = cell.spawn(move |_| future, schedule);
    (runnable, JoinHandle::new(task))
}

/// Puts a future that must stay on one thread into a cell.
///
/// # Safety
///
/// There is one thread, the owner, such that
/// 1. every runnable of this task is run only on the owner, and
/// 2. once the future has been polled, or if it is not `Send` when it is passed in, every runnable
///    of this task is also dropped only on the owner (or leaked).
///
/// So `schedule` must hand each runnable to the owner, whichever thread calls it.
pub unsafe fn pinned<T, F, S, M>(
    metadata: M,
    future: F,
    schedule: S,
) -> (Runnable<M>, JoinHandle<T, M>)
where
    F: Future<Output = Outcome<T>> + 'static,
    T: 'static,
    S: Fn(Runnable<M>) + Send + Sync + 'static,
    M: Send + Sync + 'static,
{
    let cell = async_task::Builder::new().metadata(metadata);
    // SAFETY: (1) The future may be not `Send`; the caller promises that it is polled on the owner
    // only, and dropped elsewhere only while it has never been polled and is still `Send`.
    // (2) The future, `schedule` and the metadata are 'static. (3) `schedule` and the metadata are
    // Send and Sync, so wakers may go to any thread. The output is handed out by the join handle, which is Send only if it is.
    let (runnable, task) = unsafe { cell.spawn_unchecked(move |_| future, schedule) };
    (runnable, JoinHandle::new(task))
}

/// Waits for a task's result.
///
/// Dropping the handle detaches the task: it goes on. [`cancel`](Self::cancel) ends it.
#[must_use = "dropping the handle lets the task run on unobserved; call `detach` to say so"]
pub struct JoinHandle<T, M = ()> {
    /// `None` only after `detach` or `cancel` took the task out.
    task: Option<async_task::FallibleTask<Outcome<T>, M>>,
}

impl<T, M> JoinHandle<T, M> {
    fn new(task: async_task::Task<Outcome<T>, M>) -> Self {
        Self {
            task: Some(task.fallible()),
        }
    }

    /// Lets the task run on without anybody waiting for it.
    pub fn detach(self) {
        drop(self);
    }

    /// Whether the task has ended, by itself or by cancellation.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task
            .as_ref()
            .is_none_or(async_task::FallibleTask::is_finished)
    }

    /// Cancels the task at its next suspension point.
    ///
    /// The task is cancelled when the returned future is first polled, or dropped; awaiting it waits
    /// until the task's values have been dropped, and gives the result if it had already finished.
    pub fn cancel(mut self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        let task = self.task.take();
        async move {
            let outcome = task?.cancel().await?;
            Some(outcome.map_err(JoinError::Panicked))
        }
    }
}

impl<T, M> Future for JoinHandle<T, M> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = self.task.as_mut() else {
            return Poll::Ready(Err(JoinError::Cancelled));
        };
        Pin::new(task).poll(cx).map(|outcome| match outcome {
            Some(Ok(value)) => Ok(value),
            Some(Err(payload)) => Err(JoinError::Panicked(payload)),
            None => Err(JoinError::Cancelled),
        })
    }
}

impl<T, M> Drop for JoinHandle<T, M> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.detach();
        }
    }
}

impl<T, M> fmt::Debug for JoinHandle<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// Why a task has no result.
pub enum JoinError {
    /// The task panicked; the payload is what it panicked with.
    Panicked(Box<dyn Any + Send>),
    /// The task was cancelled, or its runtime stopped.
    Cancelled,
}

impl JoinError {
    /// The panic's message, if it panicked with text.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        let Self::Panicked(payload) = self else {
            return None;
        };
        payload.downcast_ref::<&'static str>().copied().or_else(|| {
            payload
                .downcast_ref::<alloc::string::String>()
                .map(alloc::string::String::as_str)
        })
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.message()) {
            (Self::Cancelled, _) => f.write_str("the task was cancelled before it finished"),
            (Self::Panicked(_), Some(text)) => write!(f, "the task panicked: {text}"),
            (Self::Panicked(_), None) => f.write_str("the task panicked"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for JoinError {}

#[cfg(test)]
mod tests;
