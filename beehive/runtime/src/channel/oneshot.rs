//! One value, once: a ring of one slot. It allocates once; for many requests see
//! [`reply`](super::reply), which does not.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use hallows_lockfree::spsc;

/// A channel for one value.
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = spsc::channel(1);
    (Sender { ring: sender }, Receiver { ring: receiver })
}

/// Sends the value. Dropping it tells the receiver that none will come.
pub struct Sender<T> {
    ring: spsc::Sender<T>,
}

impl<T> Sender<T> {
    /// Sends the value. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the value back if the receiver is gone. A receiver that goes later drops the value.
    pub fn send(mut self, value: T) -> Result<(), T> {
        if self.is_closed() {
            return Err(value);
        }
        self.ring
            .try_push(value)
            .map_err(spsc::PushError::into_inner)
    }

    /// Whether the receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// Receives the value: as a future, or by [`try_recv`](Self::try_recv).
///
/// # Cancel safety
///
/// Awaiting `&mut receiver` loses nothing when that is dropped. Dropping the receiver itself gives the
/// value back to a sender that comes later, and drops one that was sent.
pub struct Receiver<T> {
    ring: spsc::Receiver<T>,
}

impl<T> Receiver<T> {
    /// Takes the value if it is there; `Ok(None)` if it may still come.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the sender is gone without a value, or the value was taken before.
    pub fn try_recv(&mut self) -> Result<Option<T>, Closed> {
        match self.ring.try_pop() {
            Ok(value) => Ok(Some(value)),
            Err(spsc::PopError::Empty) => Ok(None),
            Err(spsc::PopError::Closed) => Err(Closed),
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.ring.poll_pop(cx).map(|value| value.ok_or(Closed))
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// No value will come: the sender is gone, or the value was taken before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value will come: the sender is gone, or the value was taken before")
    }
}

impl std::error::Error for Closed {}
