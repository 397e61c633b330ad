//! A consumer's side, and joining.

use crossbeam_utils::CachePadded;

use super::{Shared, View};
use crate::sequenced::{JoinError, ReadError};
use crate::spsc::pace::Pace;
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};

/// Lets consumers join from any thread.
pub struct Joiner<T, const WAIT: bool = false>(Arc<Shared<T, WAIT>>);

impl<T, const WAIT: bool> Clone for Joiner<T, WAIT> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, const WAIT: bool> Joiner<T, WAIT> {
    pub(super) fn new(shared: Arc<Shared<T, WAIT>>) -> Self {
        Self(shared)
    }

    /// A consumer of everything that is published from now on.
    ///
    /// # Errors
    /// If as many as allowed have joined.
    pub fn join(&self) -> Result<Consumer<T, WAIT>, JoinError> {
        Consumer::join(Arc::clone(&self.0))
    }
}

/// A joined consumer; dropping it leaves the ring.
///
/// With `WAIT` it can wait: see [`channel`](super::channel).
pub struct Consumer<T, const WAIT: bool = false> {
    pub(super) shared: Arc<Shared<T, WAIT>>,
    pub(super) seat: usize,
    pub(super) local: CachePadded<Local>,
}

pub(super) struct Local {
    /// The next item to be read.
    pub(super) next: u64,
    /// An old `tail`.
    tail: u64,
    pace: Pace,
}

impl<T, const WAIT: bool> Consumer<T, WAIT> {
    pub(super) fn join(shared: Arc<Shared<T, WAIT>>) -> Result<Self, JoinError> {
        // Relaxed: no item before this is read.
        let mut next = shared.tail.load(Ordering::Relaxed);
        let seat = shared.seats.take(next)?;
        let mut moved_up = false;
        loop {
            fence(Ordering::SeqCst);
            let announced = shared.rare.announced.load(Ordering::Relaxed);
            // Before, in numbers that wrap around.
            if next.wrapping_sub(announced) as i64 >= 0 {
                break;
            }
            // At least what was announced, also if the `tail` that is seen is older.
            let tail = shared.tail.load(Ordering::Relaxed);
            let later = tail.wrapping_sub(announced) as i64 >= 0;
            next = if later { tail } else { announced };
            shared.seats.get(seat).advance(next);
            moved_up = true;
        }
        if WAIT && moved_up {
            // The publisher may wait because of where the cursor was before.
            shared.notify_room();
        }
        let local = CachePadded::new(Local {
            next,
            tail: next,
            pace: Pace::new(),
        });
        Ok(Self {
            shared,
            seat,
            local,
        })
    }

    /// The number of the next item to be read.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.local.next
    }

    /// Whether the publisher is gone. Items may be left.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.rare.closed.load(Ordering::Acquire)
    }

    /// How many items can be read now.
    #[must_use]
    pub fn items(&mut self) -> usize {
        let tail = self.shared.tail.load(Ordering::Acquire);
        // A joiner may start at an announced `tail` that is not visible yet.
        if tail.wrapping_sub(self.local.next) as i64 > 0 {
            self.local.tail = tail;
        }
        self.items_known()
    }

    #[inline(always)]
    fn items_known(&self) -> usize {
        self.local.tail.wrapping_sub(self.local.next) as usize
    }

    /// Up to `max` items, to be read in place.
    ///
    /// # Errors
    /// If there is none; `Closed` if there will be none.
    #[inline]
    pub fn read(&mut self, max: usize) -> Result<View<'_, T, WAIT>, ReadError> {
        if self.items_known() == 0 {
            self.local.pace.before_look();
            let found = self.items();
            self.local.pace.found(found);
            // The second look is for what was published before the publisher went.
            if found == 0 && !self.is_closed() {
                return Err(ReadError::Empty);
            }
            if found == 0 && self.items() == 0 {
                return Err(ReadError::Closed);
            }
        }
        let len = self.items_known().min(max);
        Ok(View::new(self, len))
    }

    /// Gives up to `max` items with their numbers to `visit`, and says how many. If it panics, the
    /// items up to this one count as read.
    ///
    /// # Errors
    /// If there is none; `Closed` if there will be none.
    #[inline]
    pub fn visit(&mut self, max: usize, visit: impl FnMut(u64, &T)) -> Result<usize, ReadError> {
        Ok(self.read(max)?.visit(visit))
    }

    /// Gives the items before `next` to the publisher.
    #[inline(always)]
    pub(super) fn release(&mut self, count: usize) {
        self.local.next = self.local.next.wrapping_add(count as u64);
        self.shared.seats.get(self.seat).advance(self.local.next);
        if WAIT {
            self.shared.notify_room();
        }
    }
}

impl<T, const WAIT: bool> Drop for Consumer<T, WAIT> {
    fn drop(&mut self) {
        self.shared.seats.get(self.seat).leave();
        if WAIT {
            self.shared.notify_room();
        }
    }
}
