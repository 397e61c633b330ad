//! What the handles of one channel share, and the sending side.

use crossbeam_utils::CachePadded;

use super::consumer::Consumer;
use super::segment::Segments;
use super::slot::{ASLEEP, CLOSED, STEP, position};
use super::{Receiver, SendError, TrySendError};
use crate::sync::Arc;
use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::wait::WakerCell;

/// What the handles of one channel share.
pub(super) struct Channel<T> {
    pub(super) segments: Segments<T>,
    /// `STEP` times the values received, from where `tail` began. Written by the receiver.
    pub(super) received: CachePadded<AtomicUsize>,
    /// Some earlier value of `received`, on a line that the receiver does not write.
    received_seen: AtomicUsize,
    pub(super) waker: WakerCell,
    senders: AtomicUsize,
}

// SAFETY: values are moved from the thread that sends to the one that receives; what else is in the
// segments is shared by the protocol.
unsafe impl<T: Send> Send for Channel<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Channel<T> {}

impl<T> Channel<T> {
    /// A channel with one sender whose first ticket is for `position`.
    pub(super) fn open(position: usize) -> (Sender<T>, Receiver<T>) {
        let segments = Segments::new(position);
        let consumer = Consumer::new(&segments);
        let channel = Arc::new(Self {
            segments,
            received: CachePadded::new(AtomicUsize::new(position)),
            received_seen: AtomicUsize::new(position),
            waker: WakerCell::new(),
            senders: AtomicUsize::new(1),
        });
        let sender = Sender {
            channel: channel.clone(),
        };
        (sender, Receiver::new(channel, consumer))
    }

    /// Sends by the ticket that was issued when `tail` was this.
    ///
    /// # Safety
    ///
    /// The caller owns the ticket, and does not use it again.
    #[inline]
    unsafe fn put(&self, tail: usize, value: T) {
        let position = position(tail);
        // SAFETY: the ticket is ours and not used.
        let segment = unsafe { self.segments.find(position) };
        let slot = segment.slot(position);
        // SAFETY: as above; `segment` is not used after this.
        unsafe { slot.fill(position, value) };
        if tail & ASLEEP != 0 {
            self.wake();
        }
    }

    /// Wakes the receiver. The mark goes first: taken away after the wake, it might be one that
    /// the receiver has set since.
    #[cold]
    fn wake(&self) {
        self.segments.tail.fetch_and(!ASLEEP, Relaxed);
        self.waker.wake();
    }

    /// How many values are sent and not received.
    pub(super) fn len(&self) -> usize {
        let received = self.received.load(Relaxed);
        let tail = position(self.segments.tail.load(Relaxed));
        let len = tail.wrapping_sub(received).cast_signed();
        usize::try_from(len).unwrap_or(0) / STEP
    }

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

/// Why there is no ticket.
enum Refused {
    Full,
    Closed,
}

/// Sends to an unbounded channel. Made by [`unbounded`](super::unbounded).
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends `value`. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the value back if the receiver is gone.
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let segments = &self.channel.segments;
        let tail = segments.tail.fetch_add(STEP, Acquire);
        if tail & CLOSED != 0 {
            // Nobody will use a ticket again: this one is given back only for `len`.
            segments.tail.fetch_sub(STEP, Relaxed);
            return Err(SendError(value));
        }
        // SAFETY: the ticket was just issued to us.
        unsafe { self.channel.put(tail, value) };
        Ok(())
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
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.senders.fetch_add(1, Relaxed);
        Self {
            channel: self.channel.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.channel.senders.fetch_sub(1, AcqRel) == 1 {
            self.channel.segments.tail.fetch_or(CLOSED, Relaxed);
            self.channel.waker.wake();
        }
    }
}

/// Sends to a bounded channel. Made by [`bounded`](super::bounded).
pub struct BoundedSender<T> {
    sender: Sender<T>,
    capacity: usize,
}

impl<T> BoundedSender<T> {
    pub(super) fn new(sender: Sender<T>, capacity: usize) -> Self {
        Self { sender, capacity }
    }

    /// Sends `value` if there is room. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the value back if [`capacity`](Self::capacity) values wait to be received or are being
    /// sent, or if the receiver is gone.
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
}

impl<T> Clone for BoundedSender<T> {
    fn clone(&self) -> Self {
        Self::new(self.sender.clone(), self.capacity)
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use alloc::sync::Arc;
    use alloc::task::Wake;
    use core::sync::atomic::AtomicUsize;
    use core::task::{Context, Waker};

    use super::{Acquire, Channel, Relaxed, STEP};
    use crate::mpsc::TryRecvError;
    use crate::mpsc::segment::SLOTS;

    #[test]
    fn positions_wrap_around() {
        let segment = SLOTS * STEP;
        let middle = 1 << (usize::BITS - 1);
        for start in [0_usize.wrapping_sub(segment), middle - segment] {
            let (sender, mut receiver) = Channel::open(start);
            for round in 0..SLOTS {
                for value in 0..3 {
                    sender.send(round + value).expect("the receiver lives");
                    assert_eq!(sender.len(), value + 1);
                }
                for value in 0..3 {
                    assert_eq!(receiver.try_recv(), Ok(round + value));
                }
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
            }
        }
    }

    #[test]
    fn a_receiver_that_keeps_up_leaves_two_segments_and_a_spare() {
        let (sender, mut receiver) = Channel::open(0);
        for value in 0..10 * SLOTS {
            sender.send(value).expect("the receiver lives");
            assert_eq!(receiver.try_recv(), Ok(value));
            assert!(sender.channel.segments.count() <= 3);
        }
    }

    /// Counts wakes.
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn a_sender_stopped_with_its_ticket_delays_only_its_own_value() {
        let (sender, mut receiver) = Channel::open(0);
        sender.send(0).expect("the receiver lives");
        let tail = sender.channel.segments.tail.fetch_add(STEP, Acquire);
        let count = 4 * SLOTS;
        for value in 1..count {
            sender.send(value).expect("the receiver lives");
        }
        for value in 0..count {
            assert_eq!(receiver.try_recv(), Ok(value));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));

        // The receiver does not sleep: it has itself woken.
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        assert!(
            receiver
                .poll_recv(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert_eq!(woken.0.load(Relaxed), 1);

        // A slot for every value since is not given back before.
        assert_eq!(sender.channel.segments.count(), 5);
        // SAFETY: the ticket was issued above, and is not used otherwise.
        unsafe { sender.channel.put(tail, count) };
        assert_eq!(receiver.try_recv(), Ok(count));
        for value in 0..2 * SLOTS {
            sender.send(value).expect("the receiver lives");
            assert_eq!(receiver.try_recv(), Ok(value));
        }
        assert!(sender.channel.segments.count() <= 3);
    }
}
