//! Sending to a bounded channel.

use super::TrySendError;
use super::channel::{Channel, Sender};
use super::sending::Sending;
use super::slot::{CLOSED, STEP};
use crate::sync::atomic::Ordering::{Acquire, Relaxed};

/// Why there is no ticket.
enum Refused {
    Full,
    Closed,
}

impl<T> Channel<T> {
    /// Takes a ticket, and gives `tail` as it was before, if that leaves no more than `capacity` values.
    fn reserve(&self, capacity: usize) -> Result<usize, Refused> {
        let mut tail = self.segments.tail.load(Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            if !self.has_room(tail, capacity) {
                return Err(Refused::Full);
            }
            match self.segments.tail.compare_exchange_weak(
                tail,
                tail.wrapping_add(STEP),
                Acquire,
                Relaxed,
            ) {
                Ok(tail) => return Ok(tail),
                Err(now) => tail = now,
            }
        }
    }

    #[inline]
    fn has_room(&self, tail: usize, capacity: usize) -> bool {
        // As signed numbers: `tail` may be out of date, and then less than `received`.
        let limit = (capacity * STEP).cast_signed();
        let room = |received: usize| tail.wrapping_sub(received).cast_signed() < limit;
        if room(self.received_seen.load(Relaxed)) {
            return true;
        }
        let received = self.received.load(Relaxed);
        self.received_seen.store(received, Relaxed);
        room(received)
    }
}

/// Sends to a bounded channel. `WAIT` says whether it can wait for room: made by
/// [`bounded`](super::bounded) it cannot, made by [`waiting`](super::waiting) it can.
pub struct BoundedSender<T, const WAIT: bool = false> {
    pub(super) sender: Sender<T>,
    capacity: usize,
}

impl<T, const WAIT: bool> BoundedSender<T, WAIT> {
    pub(super) fn new(sender: Sender<T>, capacity: usize) -> Self {
        Self { sender, capacity }
    }

    /// Sends `value` if there is room. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the value back if [`capacity`](Self::capacity) values wait to be received or are being
    /// sent, or if the receiver is gone or has closed the channel.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let channel = &self.sender.channel;
        let tail = match channel.reserve(self.capacity) {
            Ok(tail) => tail,
            Err(Refused::Full) => return Err(TrySendError::Full(value)),
            Err(Refused::Closed) => return Err(TrySendError::Disconnected(value)),
        };
        // SAFETY: the ticket was just issued to us.
        unsafe { channel.put(tail, value) };
        Ok(())
    }

    /// How many values may wait.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many values wait to be received, with those being sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sender.len()
    }

    /// True if no values wait to be received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if a send may succeed.
    pub(super) fn has_room(&self) -> bool {
        let channel = &self.sender.channel;
        channel.has_room(channel.segments.tail.load(Relaxed), self.capacity)
    }
}

impl<T> BoundedSender<T, true> {
    /// Sends `value`, when there is room.
    ///
    /// # Errors
    ///
    /// The future gives the value back if the receiver is gone or has closed the channel.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing was sent; if it was woken, the next
    /// waiter is woken in its place. The value is dropped with it, unless [`Sending::into_value`]
    /// takes it back.
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending::new(self, value)
    }
}

impl<T, const WAIT: bool> Clone for BoundedSender<T, WAIT> {
    fn clone(&self) -> Self {
        Self::new(self.sender.clone(), self.capacity)
    }
}
