//! A consumer's side, and joining.

use core::future::poll_fn;
use core::task::{Context, Poll, ready};

use super::{Shared, whole};
use crate::sequenced::{JoinError, ReadError};
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};
use crate::wait::poll_budget;

/// Lets consumers join from any thread.
#[derive(Clone)]
pub struct Joiner<const WORDS: usize, const WAIT: bool = false>(Arc<Shared<WORDS>>);

impl<const WORDS: usize, const WAIT: bool> Joiner<WORDS, WAIT> {
    pub(super) fn new(shared: Arc<Shared<WORDS>>) -> Self {
        Self(shared)
    }

    /// A consumer of everything that is published from now on.
    ///
    /// # Errors
    /// If as many as allowed have joined.
    pub fn join(&self) -> Result<Consumer<WORDS, WAIT>, JoinError> {
        Consumer::join(Arc::clone(&self.0))
    }
}

/// A joined consumer; dropping it leaves the ring.
///
/// With `WAIT` it can wait: see [`channel`](super::channel).
pub struct Consumer<const WORDS: usize, const WAIT: bool = false> {
    shared: Arc<Shared<WORDS>>,
    seat: usize,
    next: u64,
}

impl<const WORDS: usize, const WAIT: bool> Consumer<WORDS, WAIT> {
    pub(super) fn join(shared: Arc<Shared<WORDS>>) -> Result<Self, JoinError> {
        let next = shared.tail.load(Ordering::Relaxed);
        let seat = shared.seats.take(next)?;
        Ok(Self { shared, seat, next })
    }

    /// The number of the next item to be read.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.next
    }

    /// Copies the next item out.
    ///
    /// # Errors
    /// If there is none, `Closed` if there will be none; and `Lost` if this consumer was overtaken,
    /// once, with the number of items that it skips.
    #[inline]
    pub fn try_read(&mut self) -> Result<[u64; WORDS], ReadError> {
        match self.look() {
            // The second look is for what was published before the publisher went.
            Err(ReadError::Empty) if self.shared.closed.load(Ordering::Acquire) => {
                self.look().map_err(|error| match error {
                    ReadError::Empty => ReadError::Closed,
                    error => error,
                })
            }
            result => result,
        }
    }

    #[inline]
    fn look(&mut self) -> Result<[u64; WORDS], ReadError> {
        let slot = self.shared.slot(self.next);
        let wanted = whole(self.next);
        let mark = slot.mark.load(Ordering::Acquire);
        if mark != wanted {
            // One ahead is the wanted item, being written.
            return match mark.wrapping_sub(wanted) as i64 {
                ..=1 => Err(ReadError::Empty),
                _ => Err(self.overtaken(mark)),
            };
        }
        let item = core::array::from_fn(|word| slot.words[word].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let mark = slot.mark.load(Ordering::Relaxed);
        if mark != wanted {
            return Err(self.overtaken(mark));
        }
        self.next = self.next.wrapping_add(1);
        Ok(item)
    }

    /// Goes on in the middle of the ring, given a newer mark in the slot of the next item.
    #[cold]
    fn overtaken(&mut self, mark: u64) -> ReadError {
        // How far the publisher is ahead: by what the mark says, or by its tail, if that is newer.
        let marked = mark.wrapping_sub(whole(self.next)) >> 1;
        let tail = self.shared.tail.load(Ordering::Relaxed);
        let ahead = tail.wrapping_sub(self.next);
        let ahead = if (ahead as i64) < marked as i64 {
            marked
        } else {
            ahead
        };
        let lost = ahead - self.shared.slots.len() as u64 / 2;
        self.next = self.next.wrapping_add(lost);
        ReadError::Lost(lost)
    }
}

impl<const WORDS: usize> Consumer<WORDS, true> {
    /// Copies the next item out when there is one. Never `Empty`.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<[u64; WORDS], ReadError>> {
        ready!(poll_budget(cx));
        match self.try_read() {
            Err(ReadError::Empty) => self.shared.seats.get(self.seat).items.listen(cx.waker()),
            result => return Poll::Ready(result),
        }
        fence(Ordering::SeqCst);
        match self.try_read() {
            Err(ReadError::Empty) => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    /// Waits for the next item and copies it out. Never `Empty`.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    ///
    /// # Cancel safety
    /// An item or a loss counts only in the poll that returns it: dropping the future loses nothing.
    pub async fn read(&mut self) -> Result<[u64; WORDS], ReadError> {
        poll_fn(|cx| self.poll_read(cx)).await
    }
}

impl<const WORDS: usize, const WAIT: bool> Drop for Consumer<WORDS, WAIT> {
    fn drop(&mut self) {
        self.shared.seats.get(self.seat).leave();
    }
}
