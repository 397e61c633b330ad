//! The end that answers.

use core::fmt;
use core::mem::ManuallyDrop;

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
