//! The end that asked.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::error::{RecvError, TryRecvError};
use super::slot::{ANSWERED, SENT, Slot};
use crate::wait::poll_budget;

/// Receives one answer: by [`Receiver::try_recv`], by [`Receiver::poll_recv`], or as a future.
///
/// # Cancel safety
///
/// Dropping the receiver cancels the request: the sender can see it, and the value is dropped if it
/// had been sent. Dropping a future that only borrows it (`(&mut receiver).await`) loses nothing.
pub struct Receiver<'p, T> {
    /// None once the answer has been received.
    slot: Option<&'p Slot<T>>,
}

impl<'p, T> Receiver<'p, T> {
    pub(super) fn new(slot: &'p Slot<T>) -> Self {
        Self { slot: Some(slot) }
    }

    /// Receives the answer if it is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if it may still come, [`TryRecvError::Closed`] if the sender was
    /// dropped, or the answer has been received before.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(slot) = self.slot else {
            return Err(TryRecvError::Closed);
        };
        let word = slot.look();
        if word & ANSWERED == 0 {
            return Err(TryRecvError::Empty);
        }
        self.slot = None;
        // SAFETY: the answer was seen, and with `slot` cleared nobody takes it again.
        unsafe { finish(slot, word) }.map_err(|RecvError| TryRecvError::Closed)
    }

    /// Receives the answer, or leaves the waker of `cx` to be woken when it is there, in place of
    /// the waker of an earlier call.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the sender was dropped without an answer, or the answer has been received
    /// before.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let Some(slot) = self.slot else {
            return Poll::Ready(Err(RecvError));
        };
        ready!(poll_budget(cx));
        // SAFETY: this is the only receiver.
        let (word, known) = unsafe { slot.stop_waiting() };
        let answered = if word & ANSWERED == 0 {
            let waker = match known {
                Some(known) if known.will_wake(cx.waker()) => known,
                _ => cx.waker().clone(),
            };
            // SAFETY: this is the only receiver, and it has stopped waiting with `word`.
            unsafe { slot.wait(word, waker) }
        } else {
            Some(word)
        };
        let Some(word) = answered else {
            return Poll::Pending;
        };
        self.slot = None;
        // SAFETY: the answer was seen, and with `slot` cleared nobody takes it again.
        Poll::Ready(unsafe { finish(slot, word) })
    }
}

/// Takes the answer and lets go of the slot.
///
/// # Safety
///
/// The caller is the receiver, saw the answer in `word`, and touches the slot no more.
#[inline]
unsafe fn finish<T>(slot: &Slot<T>, word: u32) -> Result<T, RecvError> {
    let answer = if word & SENT == 0 {
        Err(RecvError)
    } else {
        // SAFETY: the value was sent, and from then on belongs to the receiver.
        Ok(unsafe { slot.take() })
    };
    // SAFETY: as the caller promises.
    unsafe { slot.leave(word) };
    answer
}

impl<T> Future for Receiver<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_recv(cx)
    }
}

impl<T> Drop for Receiver<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            cancel(slot);
        }
    }
}

/// Lets go of a slot whose answer has not been received.
#[cold]
fn cancel<T>(slot: &Slot<T>) {
    // SAFETY: the caller is the only receiver.
    let (word, waker) = unsafe { slot.stop_waiting() };
    let answered = if word & ANSWERED == 0 {
        // SAFETY: the receiver has stopped waiting with `word`.
        unsafe { slot.cancel(word) }
    } else {
        Some(word)
    };
    if let Some(word) = answered {
        // SAFETY: the answer was seen, and the receiver is being dropped. The slot is returned
        // before the value is dropped, so a panic there does not keep it.
        drop(unsafe { finish(slot, word) });
    }
    drop(waker);
}

impl<T> fmt::Debug for Receiver<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("is_finished", &self.slot.is_none())
            .finish_non_exhaustive()
    }
}
