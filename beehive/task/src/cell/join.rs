//! The join handle: waits for a task's result, or ends the task.

use alloc::boxed::Box;
use core::any::Any;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll};

use super::Outcome;
use super::raw::{Header, header, release, take_joiner};
use super::state::Detached;

/// Waits for a task's result.
///
/// Dropping the handle detaches the task: it goes on. [`cancel`](Self::cancel) ends it.
#[must_use = "dropping the handle lets the task run on unobserved; call `detach` to say so"]
pub struct JoinHandle<T, M = ()> {
    /// `None` once the result has been taken.
    task: Option<NonNull<Header>>,
    output: PhantomData<T>,
    metadata: PhantomData<fn(M)>,
}

// SAFETY: of the cell it touches the state, which is for all threads, its own slot with a waker, which
// is `Send`, and the output.
unsafe impl<T: Send, M> Send for JoinHandle<T, M> {}
// SAFETY: through a shared reference only the state can be reached.
unsafe impl<T: Send, M> Sync for JoinHandle<T, M> {}

impl<T, M> Unpin for JoinHandle<T, M> {}

impl<T, M> JoinHandle<T, M> {
    /// # Safety
    ///
    /// The caller has the join handle's reference to a cell with this output, and gives it away.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Self {
            task: Some(task),
            output: PhantomData,
            metadata: PhantomData,
        }
    }

    /// Lets the task run on without anybody waiting for it.
    pub fn detach(self) {
        drop(self);
    }

    /// Whether the task has ended, by itself or by cancellation.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        // SAFETY: the handle has a reference.
        self.task
            .is_none_or(|task| unsafe { header(task) }.state.ended().is_some())
    }

    /// Cancels the task at its next suspension point.
    ///
    /// Awaiting the returned future waits until the task's values have been dropped, and gives the
    /// result if it had already finished.
    pub fn cancel(self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        if let Some(task) = self.task {
            // SAFETY: the handle has a reference.
            let header = unsafe { header(task) };
            if header.state.cancel() {
                // SAFETY: we have become the owner.
                unsafe { (header.vtable.schedule)(task) };
            }
        }
        async move {
            match self.await {
                Err(JoinError::Cancelled) => None,
                ended => Some(ended),
            }
        }
    }

    /// Moves the output out of the cell, if there is one, and gives the reference back.
    ///
    /// # Safety
    ///
    /// `task` was taken out of the handle, the task has ended, and `output` says whether there is one.
    unsafe fn take(task: NonNull<Header>, output: bool) -> Option<Outcome<T>> {
        let outcome = output.then(|| {
            // SAFETY: the handle has a reference.
            let header = unsafe { header(task) };
            // SAFETY: as above.
            let place = unsafe { (header.vtable.output)(task) };
            // SAFETY: the output is there, the handle's, and not used again.
            unsafe { place.cast::<Outcome<T>>().read() }
        });
        // SAFETY: the reference is the handle's, which uses it no more.
        unsafe { release(task) };
        outcome
    }

    /// Leaves a waker for when the task ends; false if it has ended.
    fn register(header: &Header, cx: &Context<'_>) -> bool {
        let slot_taken = !header.state.has_joiner() || header.state.withdraw_joiner();
        if !slot_taken {
            return false;
        }
        // SAFETY: the slot is the handle's until it is offered.
        let waker = unsafe { take_joiner(header) };
        let waker = match waker {
            Some(waker) if waker.will_wake(cx.waker()) => waker,
            _ => cx.waker().clone(),
        };
        // SAFETY: as above; it is empty.
        header
            .joiner
            .with_mut(|slot| unsafe { *slot = Some(waker) });
        let offered = header.state.offer_joiner();
        if !offered {
            // The cell may last as long as a waker of the task does: it must not keep this one.
            // SAFETY: the task has ended without it, so the slot is still the handle's.
            drop(unsafe { take_joiner(header) });
        }
        offered
    }
}

impl<T, M> Future for JoinHandle<T, M> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = self.task else {
            return Poll::Ready(Err(JoinError::Cancelled));
        };
        // SAFETY: the handle has a reference.
        let header = unsafe { header(task) };
        let mut ended = header.state.ended();
        if ended.is_none() {
            if Self::register(header, cx) {
                return Poll::Pending;
            }
            ended = header.state.ended();
        }
        self.task = None;
        // SAFETY: the task was taken out, and has ended as `ended` says.
        let outcome = unsafe { Self::take(task, ended == Some(true)) };
        Poll::Ready(match outcome {
            Some(Ok(value)) => Ok(value),
            Some(Err(payload)) => Err(JoinError::Panicked(payload)),
            None => Err(JoinError::Cancelled),
        })
    }
}

impl<T, M> Drop for JoinHandle<T, M> {
    #[inline]
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        // SAFETY: the handle has a reference until `detach` gives it back.
        let header = unsafe { header(task) };
        match header.state.detach() {
            Detached::Done => {}
            Detached::Waker => {
                // SAFETY: the slot is the handle's again.
                let waker = unsafe { take_joiner(header) };
                // SAFETY: the reference is the handle's.
                unsafe { release(task) };
                drop(waker);
            }
            Detached::Complete { output } => {
                // SAFETY: the task was taken out, and has ended.
                drop(unsafe { Self::take(task, output) });
            }
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
