//! The receiving handle.

use alloc::vec::Vec;
use core::future::poll_fn;
use core::task::{Context, Poll, ready};

use super::TryRecvError;
use super::channel::Channel;
use super::consumer::{Consumer, Nothing};
use super::slot::{ASLEEP, STEP};
use crate::sync::atomic::Ordering::{Relaxed, Release};
use crate::sync::{Arc, spin_loop};
use crate::wait::poll_budget;

/// The only receiver of a channel. `WAIT` says whether it wakes senders that wait for room.
pub struct Receiver<T, const WAIT: bool = false> {
    channel: Arc<Channel<T>>,
    consumer: Consumer<T>,
    /// What the channel's `received` is.
    received: usize,
}

impl<T, const WAIT: bool> Receiver<T, WAIT> {
    pub(super) fn new(channel: Arc<Channel<T>>, consumer: Consumer<T>) -> Self {
        let received = channel.received.load(Relaxed);
        Self {
            channel,
            consumer,
            received,
        }
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if none is sent, [`TryRecvError::Disconnected`] if none ever will be:
    /// all senders are gone, or the channel was [closed](Self::close).
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.consumer.take(&self.channel.segments) {
            Ok(value) => {
                self.count(1);
                Ok(value)
            }
            Err(Nothing::Yet) => Err(TryRecvError::Empty),
            Err(Nothing::Ever) => Err(TryRecvError::Disconnected),
        }
    }

    /// Receives up to `limit` values that are there, to the end of `buffer`. Gives their number.
    ///
    /// # Errors
    ///
    /// As [`Receiver::try_recv`], if there are none.
    pub fn try_recv_many(
        &mut self,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Result<usize, TryRecvError> {
        let mut count = 0;
        while count < limit {
            match self.consumer.take(&self.channel.segments) {
                Ok(value) => buffer.push(value),
                Err(_) if count > 0 => break,
                Err(Nothing::Yet) => return Err(TryRecvError::Empty),
                Err(Nothing::Ever) => return Err(TryRecvError::Disconnected),
            }
            count += 1;
        }
        self.count(count);
        Ok(count)
    }

    /// Receives a value, or has the task woken when there may be one. `None` if all senders are
    /// gone, or the channel was closed, and all values are received.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll(cx, Self::try_recv).map(Result::ok)
    }

    /// Receives up to `limit` values to the end of `buffer`, or has the task woken when there may
    /// be one. Gives their number: zero if there will be none, as in
    /// [`poll_recv`](Self::poll_recv), or if `limit` is zero.
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.poll(cx, |receiver| receiver.try_recv_many(buffer, limit))
            .map(|count| count.unwrap_or(0))
    }

    /// Receives a value; `None` if all senders are gone, or the channel was closed, and all values
    /// are received.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no value is lost.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Receives up to `limit` values to the end of `buffer`, at least one. Gives their number: zero
    /// if there will be none, as in [`recv`](Self::recv), or if `limit` is zero.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, it has received nothing.
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.poll_recv_many(cx, buffer, limit)).await
    }

    /// Ends the sending: from now on sends give their value back, also those that wait for room.
    /// What was sent before is still received, and what was being sent as well; after the last such
    /// value there is nothing, as if all senders were gone.
    pub fn close(&mut self) {
        self.consumer.close(&self.channel.segments);
        if WAIT {
            self.channel.room.wake(usize::MAX);
        }
    }

    /// How many values wait to be received, with those being sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channel.len()
    }

    /// True if no values wait to be received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ready with what `receive` gives, unless that is nothing yet.
    fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut receive: impl FnMut(&mut Self) -> Result<R, TryRecvError>,
    ) -> Poll<Result<R, TryRecvError>> {
        ready!(poll_budget(cx));
        let mut ready = receive(self);
        if let Err(TryRecvError::Empty) = ready {
            self.channel.waker.register(cx.waker());
            let tail = self.announce();
            ready = receive(self);
            if let Err(TryRecvError::Empty) = ready {
                if self.consumer.expects(tail) {
                    // Its sender got the ticket before it could know that we sleep.
                    cx.waker().wake_by_ref();
                    spin_loop();
                }
                return Poll::Pending;
            }
        }
        Poll::Ready(ready)
    }

    /// Tells senders to wake the receiver, all that get a ticket after the tail that this gives.
    fn announce(&self) -> usize {
        let tail = &self.channel.segments.tail;
        tail.fetch_or(ASLEEP, Release)
    }

    #[inline]
    fn count(&mut self, received: usize) {
        self.received = self.received.wrapping_add(received * STEP);
        self.channel.received.store(self.received, Relaxed);
        if WAIT {
            self.channel.room.wake(received);
        }
    }

    /// Drops all values that are sent. Waits for those on the way.
    fn drop_rest(&mut self) {
        loop {
            match self.try_recv() {
                Ok(value) => drop(value),
                Err(TryRecvError::Empty) => spin_loop(),
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }
}

/// Waits for sends that are going on, so that their values are dropped as well, and not kept for as
/// long as some sender lives.
impl<T, const WAIT: bool> Drop for Receiver<T, WAIT> {
    fn drop(&mut self) {
        /// Drops the values that are left, also after a panic in the drop of one.
        struct Rest<'a, T, const WAIT: bool>(&'a mut Receiver<T, WAIT>);

        impl<T, const WAIT: bool> Drop for Rest<'_, T, WAIT> {
            fn drop(&mut self) {
                self.0.drop_rest();
            }
        }

        self.close();
        let rest = Rest(self);
        rest.0.drop_rest();
    }
}
