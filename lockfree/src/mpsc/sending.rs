//! A send that waits for room.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{BoundedSender, SendError, TrySendError};
use crate::mpmc::waiters::Place;

/// Sends when there is room. Made by [`BoundedSender::send`].
///
/// A send that is woken competes with those that come by: the order among waiters is that of arrival,
/// but someone who does not wait may be faster. Then it waits anew, as the last.
#[must_use = "futures do nothing unless polled"]
pub struct Sending<'a, T> {
    sender: &'a BoundedSender<T, true>,
    /// `None` when it is sent or given back.
    value: Option<T>,
    place: Place<'a>,
}

impl<'a, T> Sending<'a, T> {
    pub(super) fn new(sender: &'a BoundedSender<T, true>, value: T) -> Self {
        Self {
            sender,
            value: Some(value),
            place: sender.sender.channel.room.place(),
        }
    }

    /// Sends, or has the task woken when there may be room.
    ///
    /// # Errors
    ///
    /// Gives the value back if the receiver is gone or has closed the channel.
    ///
    /// # Panics
    ///
    /// If it was ready before.
    pub fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let Self {
            sender,
            value,
            place,
        } = self;
        let attempt = || {
            let unsent = value.take().expect("polled again after it was ready");
            match sender.try_send(unsent) {
                Ok(()) => Some(Ok(())),
                Err(TrySendError::Disconnected(unsent)) => Some(Err(SendError(unsent))),
                Err(TrySendError::Full(unsent)) => {
                    *value = Some(unsent);
                    None
                }
            }
        };
        place.poll(cx, || sender.has_room(), attempt)
    }

    /// Gives up, and gives the value back if it was not sent.
    #[must_use = "the value is dropped otherwise"]
    pub fn into_value(mut self) -> Option<T> {
        self.value.take()
    }
}

// The value is never pinned.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_send(cx)
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        self.place.leave(|| self.sender.has_room());
    }
}
