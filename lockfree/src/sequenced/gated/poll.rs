//! Waiting, for the handles of a [`channel`](super::channel).

use core::future::poll_fn;
use core::task::{Context, Poll, ready};

use super::{Consumer, Publisher};
use crate::sequenced::{Closed, Full};
use crate::sync::atomic::{Ordering, fence};
use crate::wait::poll_budget;

impl<T> Publisher<T, true> {
    /// Ready when `len` items can be published.
    ///
    /// # Panics
    /// If `len` is more than the capacity: that would wait for ever.
    pub fn poll_room(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<()> {
        let capacity = self.capacity();
        assert!(
            len <= capacity,
            "a wait for {len} slots would not end: the ring has {capacity}"
        );
        ready!(poll_budget(cx));
        if self.room() >= len {
            return Poll::Ready(());
        }
        self.shared.rare.room.listen(cx.waker());
        // It fences before it looks.
        if self.room() >= len {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Waits until `len` items can be published.
    ///
    /// # Panics
    /// If `len` is more than the capacity.
    ///
    /// # Cancel safety
    /// Nothing is claimed: dropping the future changes nothing.
    pub async fn room_for(&mut self, len: usize) {
        poll_fn(|cx| self.poll_room(cx, len)).await;
    }

    /// Publishes `item` when all consumers have read what it overwrites, and says its number.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the item was not published and is dropped with
    /// it. To keep it, wait with [`room_for`](Self::room_for) and use
    /// [`try_publish`](Self::try_publish).
    pub async fn publish_one(&mut self, item: T) -> u64 {
        poll_fn(|cx| poll_budget(cx)).await;
        let mut item = item;
        loop {
            match self.try_publish(item) {
                Ok(sequence) => return sequence,
                Err(Full(back)) => item = back,
            }
            self.room_for(1).await;
        }
    }
}

impl<T> Consumer<T, true> {
    /// Ready when there is an item.
    ///
    /// # Errors
    /// If there is none and the publisher is gone.
    pub fn poll_items(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        ready!(poll_budget(cx));
        if let Some(result) = self.has_items() {
            return Poll::Ready(result);
        }
        self.shared.seats.get(self.seat).items.listen(cx.waker());
        fence(Ordering::SeqCst);
        self.has_items().map_or(Poll::Pending, Poll::Ready)
    }

    fn has_items(&mut self) -> Option<Result<(), Closed>> {
        // The flag first: what was published before the publisher went is counted after it.
        let closed = self.is_closed();
        if self.items() > 0 {
            Some(Ok(()))
        } else {
            closed.then_some(Err(Closed))
        }
    }

    /// Waits until there is an item.
    ///
    /// # Errors
    /// If there is none and the publisher is gone.
    ///
    /// # Cancel safety
    /// Nothing is read: dropping the future changes nothing.
    pub async fn has_item(&mut self) -> Result<(), Closed> {
        poll_fn(|cx| self.poll_items(cx)).await
    }
}
