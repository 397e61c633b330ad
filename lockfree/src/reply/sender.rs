//! The end that answers.

use core::fmt;
use core::future::poll_fn;
use core::mem::ManuallyDrop;
use core::task::{Context, Poll};

use super::error::SendError;
use super::slot::{CLOSED, Receiving, SENT, Slot};

/// Answers one request. Dropping it tells the receiver that no answer will come.
pub struct Sender<'p, T> {
    slot: &'p Slot<T>,
}

impl<'p, T> Sender<'p, T> {
    pub(super) fn new(slot: &'p Slot<T>) -> Self {
        Self { slot }
    }

    /// Sends the answer. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the value back if the receiver has been dropped. A receiver that is dropped later
    /// drops the value.
    #[inline]
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        let slot = ManuallyDrop::new(self).slot;
        // SAFETY: this is the only sender, and it has not answered.
        unsafe { slot.put(value) };
        match slot.answer(SENT) {
            Receiving::Present => Ok(()),
            Receiving::Gone => {
                // SAFETY: the value was written above, and the receiver has left.
                let value = unsafe { slot.take() };
                // SAFETY: the receiver has left, and this is the last that the sender does.
                unsafe { slot.give_back(slot.look()) };
                Err(SendError(value))
            }
        }
    }

    /// True if the receiver has been dropped, so that an answer would not be received.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.slot.is_left()
    }

    /// Ready when the receiver has been dropped; otherwise the waker of `cx` is woken when it is, in
    /// place of the waker of an earlier call. It may also be woken without reason.
    ///
    /// For who works long on the answer. The waker is kept until it is woken or both ends have let
    /// go.
    pub fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: this is the only sender, and it has not answered.
        if unsafe { self.slot.watch(cx.waker()) } {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Waits until the receiver has been dropped: for ever, if that receives.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn cancelled(&mut self) {
        poll_fn(|cx| self.poll_cancelled(cx)).await;
    }
}

impl<T> Drop for Sender<'_, T> {
    fn drop(&mut self) {
        if self.slot.answer(CLOSED) == Receiving::Gone {
            // SAFETY: the receiver has left, and this is the last that the sender does.
            unsafe { self.slot.give_back(self.slot.look()) };
        }
    }
}

impl<T> fmt::Debug for Sender<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
