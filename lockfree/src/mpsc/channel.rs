//! What the handles of one channel share, and the sender of an unbounded one.

use crossbeam_utils::CachePadded;

use super::consumer::Consumer;
use super::segment::Segments;
use super::slot::{ASLEEP, CLOSED, STEP, Slot, position};
use super::{Receiver, SendError};
use crate::mpmc::waiters::Waiters;
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
    pub(super) received_seen: AtomicUsize,
    pub(super) waker: WakerCell,
    senders: AtomicUsize,
    /// Senders that wait for room, in a channel where they can.
    pub(super) room: CachePadded<Waiters>,
}

// SAFETY: values are moved from the thread that sends to the one that receives; what else is in the
// segments is shared by the protocol.
unsafe impl<T: Send> Send for Channel<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Channel<T> {}

impl<T> Channel<T> {
    /// A channel with one sender whose first ticket is for `position`.
    pub(super) fn open<const WAIT: bool>(position: usize) -> (Sender<T>, Receiver<T, WAIT>) {
        let segments = Segments::new(position);
        let consumer = Consumer::new(&segments);
        let channel = Arc::new(Self {
            segments,
            received: CachePadded::new(AtomicUsize::new(position)),
            received_seen: AtomicUsize::new(position),
            waker: WakerCell::new(),
            senders: AtomicUsize::new(1),
            room: CachePadded::new(Waiters::new()),
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
    pub(super) unsafe fn put(&self, tail: usize, value: T) {
        let position = position(tail);
        // SAFETY: the ticket is ours and not used.
        let segment = unsafe { self.segments.find(position) };
        let slot: *const Slot<T> = segment.slot(position);
        // SAFETY: as above; `segment` is not used after this.
        unsafe { Slot::fill(slot, position, value) };
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
}

/// Sends to an unbounded channel. Made by [`unbounded`](super::unbounded).
pub struct Sender<T> {
    pub(super) channel: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends `value`. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the value back if the receiver is gone or has closed the channel.
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

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use alloc::sync::Arc;
    use alloc::task::Wake;
    use core::sync::atomic::AtomicUsize;
    use core::task::{Context, Waker};

    use super::{Channel, Relaxed, STEP};
    use crate::mpsc::TryRecvError;
    use crate::mpsc::segment::SLOTS;

    #[test]
    fn positions_wrap_around() {
        let segment = SLOTS * STEP;
        let middle = 1 << (usize::BITS - 1);
        for start in [0_usize.wrapping_sub(segment), middle - segment] {
            let (sender, mut receiver) = Channel::open::<false>(start);
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
        let (sender, mut receiver) = Channel::open::<false>(0);
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
        let (sender, mut receiver) = Channel::open::<false>(0);
        sender.send(0).expect("the receiver lives");
        let tail = sender.channel.segments.tail.fetch_add(STEP, Relaxed);
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

    #[test]
    fn a_value_on_the_way_when_the_receiver_closes_is_received_and_refused_tickets_do_not_count() {
        let (sender, mut receiver) = Channel::open::<false>(0);
        let tail = sender.channel.segments.tail.fetch_add(STEP, Relaxed);
        sender.send(1).expect("the receiver lives");
        receiver.close();
        // A sender is stopped after its ticket, and before it gives it back.
        sender.channel.segments.tail.fetch_add(STEP, Relaxed);
        assert!(sender.send(2).is_err());
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(receiver.poll_recv(&mut cx).is_pending());
        // SAFETY: the ticket was issued above, and is not used otherwise.
        unsafe { sender.channel.put(tail, 0) };
        assert_eq!(receiver.try_recv(), Ok(0));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    }
}
