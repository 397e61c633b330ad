//! Ending one task from elsewhere: a flag beside its future, and handles that set it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::task::{Context, Poll};

use beehive_task::JoinError;
use hallows_lockfree::wait::WakerCell;

use crate::JoinHandle;

/// A future that an [`AbortHandle`] can end, and that handle.
///
/// Each poll registers the task's waker *before* it looks at the flag, an abort sets the flag *before*
/// it wakes, so one sees the other (see [`WakerCell`]).
pub fn abortable<F: Future>(future: F) -> (Abortable<F>, AbortHandle) {
    let handle = AbortHandle(Arc::default());
    let abortable = Abortable {
        future: Some(future),
        abort: handle.0.clone(),
    };
    (abortable, handle)
}

#[derive(Default)]
struct Abort {
    wanted: AtomicBool,
    waker: WakerCell,
}

/// Ends an [`abortable`] future, or a task of a [`JoinSet`](crate::JoinSet), at its next suspension
/// point. Clones end the same one; dropping a handle ends nothing.
#[derive(Clone)]
pub struct AbortHandle(Arc<Abort>);

impl AbortHandle {
    /// Asks the future to end. It has no effect on one that has ended already.
    pub fn abort(&self) {
        self.0.wanted.store(true, Release);
        self.0.waker.wake();
    }

    /// Whether the future was asked to end.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.0.wanted.load(Acquire)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("is_aborted", &self.is_aborted())
            .finish()
    }
}

/// The future was ended by its [`AbortHandle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the future was aborted before it finished")
    }
}

impl std::error::Error for Aborted {}

pin_project_lite::pin_project! {
    /// A future that can be ended from elsewhere. Made by [`abortable`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Abortable<F> {
        // Nothing once it has ended, so that what it holds is dropped at once.
        #[pin]
        future: Option<F>,
        abort: Arc<Abort>,
    }
}

impl<F: Future> Future for Abortable<F> {
    type Output = Result<F::Output, Aborted>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        this.abort.waker.register(cx.waker());
        if this.abort.wanted.load(Acquire) {
            this.future.set(None);
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(Aborted));
        };
        let polled = future.poll(cx).map(Ok);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}

impl<F> fmt::Debug for Abortable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Abortable").finish_non_exhaustive()
    }
}

/// Waits for a task's result, and cancels the task when dropped.
///
/// ```
/// use beehive::cancel::AbortOnDrop;
///
/// # beehive::block_on(async {
/// let task = AbortOnDrop::new(beehive::spawn(async { 7 }));
/// assert_eq!(task.await.ok(), Some(7));
/// # });
/// ```
#[derive(Debug)]
#[must_use = "dropping the handle cancels the task"]
pub struct AbortOnDrop<T> {
    /// `None` only when detached.
    handle: Option<JoinHandle<T>>,
}

impl<T> AbortOnDrop<T> {
    /// Ties the task to the new handle.
    pub fn new(handle: JoinHandle<T>) -> Self {
        Self {
            handle: Some(handle),
        }
    }

    /// Gives back the handle that does not cancel.
    pub fn detach(mut self) -> JoinHandle<T> {
        self.handle.take().expect("taken only here and in `drop`")
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.handle {
            Some(handle) => Pin::new(handle).poll(cx),
            None => Poll::Ready(Err(JoinError::Cancelled)),
        }
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            drop(handle.cancel());
        }
    }
}
