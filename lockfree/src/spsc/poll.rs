//! Waiting, for the handles of a [`channel`](super::channel).

use core::future::poll_fn;
use core::task::{Context, Poll, ready};

use super::{Closed, PopError, PushError, Receiver, Sender};
use crate::wait::poll_budget;

impl<T> Sender<T> {
    /// Ready when `len` items can be pushed.
    ///
    /// # Errors
    /// If the consumer is gone.
    ///
    /// # Panics
    /// If `len` is more than the capacity: that would wait for ever.
    pub fn poll_room(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<Result<(), Closed>> {
        check_len(len, self.capacity());
        ready!(poll_budget(cx));
        if let Some(result) = self.has_room(len) {
            return Poll::Ready(result);
        }
        self.shared.room.listen(cx.waker());
        self.has_room(len).map_or(Poll::Pending, Poll::Ready)
    }

    fn has_room(&mut self, len: usize) -> Option<Result<(), Closed>> {
        if self.is_closed() {
            Some(Err(Closed))
        } else {
            (self.room() >= len).then_some(Ok(()))
        }
    }

    /// Waits until `len` items can be pushed.
    ///
    /// # Errors
    /// If the consumer is gone.
    ///
    /// # Panics
    /// If `len` is more than the capacity.
    ///
    /// # Cancel safety
    /// Nothing is reserved: dropping the future changes nothing.
    pub async fn room_for(&mut self, len: usize) -> Result<(), Closed> {
        poll_fn(|cx| self.poll_room(cx, len)).await
    }

    /// Pushes `item` when there is room.
    ///
    /// # Errors
    /// Gives the item back if the consumer is gone.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the item was not pushed and is dropped with it.
    /// To keep it, wait with [`room_for`](Self::room_for) and use
    /// [`try_push`](Self::try_push), which then succeeds, since nobody else pushes.
    pub async fn push(&mut self, item: T) -> Result<(), T> {
        match self.room_for(1).await {
            Ok(()) => self.try_push(item).map_err(PushError::into_inner),
            Err(Closed) => Err(item),
        }
    }
}

impl<T> Receiver<T> {
    /// Ready when `len` items can be popped.
    ///
    /// # Errors
    /// If the producer is gone and there are fewer.
    ///
    /// # Panics
    /// If `len` is more than the capacity: that would wait for ever.
    pub fn poll_items(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<Result<(), Closed>> {
        check_len(len, self.capacity());
        ready!(poll_budget(cx));
        if let Some(result) = self.has_items(len) {
            return Poll::Ready(result);
        }
        self.shared.items.listen(cx.waker());
        self.has_items(len).map_or(Poll::Pending, Poll::Ready)
    }

    fn has_items(&mut self, len: usize) -> Option<Result<(), Closed>> {
        // The flag first: what was pushed before the producer went is counted after it.
        let closed = self.is_closed();
        if self.items() >= len {
            Some(Ok(()))
        } else {
            closed.then_some(Err(Closed))
        }
    }

    /// Pops the oldest item; ready with nothing when the producer is gone and all is popped.
    pub fn poll_pop(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(poll_budget(cx));
        match self.try_pop() {
            Ok(item) => return Poll::Ready(Some(item)),
            Err(PopError::Closed) => return Poll::Ready(None),
            Err(PopError::Empty) => self.shared.items.listen(cx.waker()),
        }
        match self.try_pop() {
            Ok(item) => Poll::Ready(Some(item)),
            Err(PopError::Closed) => Poll::Ready(None),
            Err(PopError::Empty) => Poll::Pending,
        }
    }

    /// Waits until `len` items can be popped.
    ///
    /// # Errors
    /// If the producer is gone and there are fewer.
    ///
    /// # Panics
    /// If `len` is more than the capacity.
    ///
    /// # Cancel safety
    /// Nothing is taken: dropping the future changes nothing.
    pub async fn has(&mut self, len: usize) -> Result<(), Closed> {
        poll_fn(|cx| self.poll_items(cx, len)).await
    }

    /// Waits for the oldest item and pops it; nothing when the producer is gone and all is popped.
    ///
    /// # Cancel safety
    /// An item is popped only by the poll that returns it: dropping the future loses nothing.
    pub async fn pop(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_pop(cx)).await
    }
}

fn check_len(len: usize, capacity: usize) {
    assert!(
        len <= capacity,
        "a wait for {len} slots would not end: the ring has {capacity}"
    );
}
