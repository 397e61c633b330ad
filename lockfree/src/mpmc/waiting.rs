//! The queue with waiting at both ends.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::waiters::{Place, Waiters};
use super::{Full, Queue};

/// A [`Queue`] whose users may wait for room and for values.
///
/// Every operation that succeeds pays a fence to see whether the other end has waiters. Who is
/// woken competes with who comes by: the order among waiters is that of arrival, but someone who
/// does not wait may be faster.
pub struct WaitQueue<T> {
    queue: Queue<T>,
    /// Wait for room.
    pushers: Waiters,
    /// Wait for values.
    poppers: Waiters,
}

impl<T> WaitQueue<T> {
    /// An empty queue with room for `capacity` values, or as many more as make a power of two.
    ///
    /// # Panics
    ///
    /// As [`Queue::new`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            queue: Queue::new(capacity),
            pushers: Waiters::new(),
            poppers: Waiters::new(),
        }
    }

    /// As [`Queue::try_push`].
    ///
    /// # Errors
    ///
    /// As [`Queue::try_push`].
    #[inline]
    pub fn try_push(&self, value: T) -> Result<(), Full<T>> {
        self.queue.try_push(value)?;
        self.poppers.wake(1);
        Ok(())
    }

    /// As [`Queue::try_pop`].
    #[inline]
    pub fn try_pop(&self) -> Option<T> {
        let value = self.queue.try_pop()?;
        self.pushers.wake(1);
        Some(value)
    }

    /// Pushes `value`, when there is room.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing was pushed. The value is dropped with
    /// it, unless [`Push::into_value`] takes it back.
    pub fn push(&self, value: T) -> Push<'_, T> {
        Push {
            queue: self,
            value: Some(value),
            place: self.pushers.place(),
        }
    }

    /// Pops the oldest value, when there is one.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing was popped; if it was woken, the next
    /// waiter is woken in its place.
    pub fn pop(&self) -> Pop<'_, T> {
        Pop {
            queue: self,
            place: self.poppers.place(),
        }
    }

    /// As [`Queue::capacity`].
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    /// As [`Queue::len`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// As [`Queue::is_empty`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    fn has_room(&self) -> bool {
        self.len() < self.capacity()
    }

    fn has_value(&self) -> bool {
        !self.is_empty()
    }
}

/// Pushes when there is room. Made by [`WaitQueue::push`].
#[must_use = "futures do nothing unless polled"]
pub struct Push<'a, T> {
    queue: &'a WaitQueue<T>,
    /// `None` when it is pushed.
    value: Option<T>,
    place: Place<'a>,
}

impl<T> Push<'_, T> {
    /// Pushes, or has the task woken when there may be room. Ready when the value is pushed; also
    /// later.
    pub fn poll_push(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self {
            queue,
            value,
            place,
        } = self;
        let attempt = || {
            let Some(unsent) = value.take() else {
                return Some(());
            };
            match queue.try_push(unsent) {
                Ok(()) => Some(()),
                Err(Full(unsent)) => {
                    *value = Some(unsent);
                    None
                }
            }
        };
        place.poll(cx, || queue.has_room(), attempt)
    }

    /// Gives up, and gives the value back if it was not pushed.
    #[must_use = "the value is dropped otherwise"]
    pub fn into_value(mut self) -> Option<T> {
        self.value.take()
    }
}

// The value is never pinned.
impl<T> Unpin for Push<'_, T> {}

impl<T> Future for Push<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_push(cx)
    }
}

impl<T> Drop for Push<'_, T> {
    fn drop(&mut self) {
        self.place.leave(|| self.queue.has_room());
    }
}

/// Pops when there is a value. Made by [`WaitQueue::pop`].
#[must_use = "futures do nothing unless polled"]
pub struct Pop<'a, T> {
    queue: &'a WaitQueue<T>,
    place: Place<'a>,
}

impl<T> Pop<'_, T> {
    /// Pops, or has the task woken when there may be a value. Can be called again after it was
    /// ready, to pop the next value.
    pub fn poll_pop(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        let Self { queue, place } = self;
        place.poll(cx, || queue.has_value(), || queue.try_pop())
    }
}

impl<T> Future for Pop<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.get_mut().poll_pop(cx)
    }
}

impl<T> Drop for Pop<'_, T> {
    fn drop(&mut self) {
        self.place.leave(|| self.queue.has_value());
    }
}
