//! The inboxes on real threads.

#![cfg(not(any(feature = "loom", feature = "shuttle")))]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use hallows_lockfree::mpsc::intrusive::{self, Node};
use hallows_lockfree::mpsc::{self, SendError, TryRecvError, TrySendError, WaitSender};
use hallows_lockfree::wait::block;

const SENDERS: u64 = 3;
const EACH: u64 = if cfg!(miri) { 60 } else { 100_000 };
/// Where it takes longer.
const EACH_SLOW: u64 = if cfg!(miri) { 10 } else { 30_000 };

/// Counts its drops; may panic in one.
struct Counted {
    drops: Arc<AtomicUsize>,
    panics: bool,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, SeqCst);
        assert!(!self.panics, "asked to panic");
    }
}

fn counted(drops: &Arc<AtomicUsize>) -> Counted {
    Counted {
        drops: drops.clone(),
        panics: false,
    }
}

/// Takes values of `SENDERS` senders until there are no more; checks that each sender's came in
/// order and complete, which is `each`. A value is the sender's number times `EACH` and its own.
fn check_all(each: u64, mut next_value: impl FnMut() -> Option<u64>) {
    let mut next = [0; SENDERS as usize];
    while let Some(value) = next_value() {
        let sender = usize::try_from(value / EACH).expect("a small number");
        assert_eq!(value % EACH, next[sender]);
        next[sender] += 1;
    }
    assert_eq!(next, [each; SENDERS as usize]);
}

#[test]
fn every_value_arrives_once_and_in_the_order_of_its_sender() {
    let (sender, mut receiver) = mpsc::unbounded();
    thread::scope(|scope| {
        for number in 0..SENDERS {
            let sender = sender.clone();
            scope.spawn(move || {
                for value in 0..EACH {
                    sender
                        .send(number * EACH + value)
                        .expect("the receiver lives");
                }
            });
        }
        drop(sender);
        check_all(EACH, || block(|cx| receiver.poll_recv(cx)));
    });
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn every_value_arrives_in_batches() {
    let (sender, mut receiver) = mpsc::unbounded();
    thread::scope(|scope| {
        for number in 0..SENDERS {
            let sender = sender.clone();
            scope.spawn(move || {
                for value in 0..EACH_SLOW {
                    sender
                        .send(number * EACH + value)
                        .expect("the receiver lives");
                }
            });
        }
        drop(sender);
        let mut buffer = Vec::new();
        let mut batch = Vec::new().into_iter();
        check_all(EACH_SLOW, || {
            batch.next().or_else(|| {
                let count = block(|cx| receiver.poll_recv_many(cx, &mut buffer, 64));
                assert!(count <= 64);
                batch = std::mem::take(&mut buffer).into_iter();
                batch.next()
            })
        });
    });
}

#[test]
fn a_bounded_channel_never_holds_more_than_its_capacity() {
    const CAPACITY: usize = 5;
    let (sender, mut receiver) = mpsc::bounded(CAPACITY);
    thread::scope(|scope| {
        for number in 0..SENDERS {
            let sender = sender.clone();
            scope.spawn(move || {
                for value in 0..EACH_SLOW {
                    let mut value = number * EACH + value;
                    while let Err(error) = sender.try_send(value) {
                        assert!(matches!(error, TrySendError::Full(_)));
                        value = error.into_inner();
                        thread::yield_now();
                    }
                }
            });
        }
        drop(sender);
        check_all(EACH_SLOW, || {
            assert!(receiver.len() <= CAPACITY);
            block(|cx| receiver.poll_recv(cx))
        });
    });
}

#[test]
fn a_full_channel_gives_the_value_back_and_takes_it_after_a_receive() {
    let (sender, mut receiver) = mpsc::bounded(2);
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(sender.try_send(2), Ok(()));
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!((sender.len(), sender.capacity()), (2, 2));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(sender.try_send(3), Ok(()));
    let mut rest = Vec::new();
    assert_eq!(receiver.try_recv_many(&mut rest, 10), Ok(2));
    assert_eq!(rest, [2, 3]);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert!(receiver.is_empty());
}

#[test]
#[should_panic(expected = "a bounded channel for 0 values was asked for; 1 to ")]
fn a_channel_without_room_is_refused() {
    let _ = mpsc::bounded::<u8>(0);
}

#[test]
fn a_batch_is_no_greater_than_its_limit() {
    let (sender, mut receiver) = mpsc::unbounded();
    for value in 0..5 {
        sender.send(value).expect("the receiver lives");
    }
    let mut values = Vec::new();
    assert_eq!(receiver.try_recv_many(&mut values, 0), Ok(0));
    assert_eq!(receiver.try_recv_many(&mut values, 3), Ok(3));
    assert_eq!(receiver.len(), 2);
    assert_eq!(receiver.try_recv_many(&mut values, 3), Ok(2));
    assert_eq!(values, [0, 1, 2, 3, 4]);
    assert_eq!(
        receiver.try_recv_many(&mut values, 3),
        Err(TryRecvError::Empty)
    );
    drop(sender);
    assert_eq!(
        receiver.try_recv_many(&mut values, 3),
        Err(TryRecvError::Disconnected)
    );
}

#[test]
fn the_receiver_gets_what_was_sent_before_the_senders_went() {
    let (sender, mut receiver) = mpsc::unbounded();
    sender.send(1).expect("the receiver lives");
    drop(sender);
    assert_eq!(block(|cx| receiver.poll_recv(cx)), Some(1));
    assert_eq!(block(|cx| receiver.poll_recv(cx)), None);
}

#[test]
fn values_come_back_when_the_receiver_is_gone() {
    let (sender, receiver) = mpsc::unbounded();
    drop(receiver);
    assert_eq!(sender.send(7), Err(SendError(7)));
    let (sender, receiver) = mpsc::bounded(1);
    drop(receiver);
    assert_eq!(sender.try_send(7), Err(TrySendError::Disconnected(7)));
}

#[test]
fn a_closed_channel_takes_nothing_and_gives_what_it_has() {
    let (sender, mut receiver) = mpsc::unbounded();
    let (bounded, mut bounded_receiver) = mpsc::bounded(4);
    for value in 0..3 {
        assert_eq!(sender.send(value), Ok(()));
        assert_eq!(bounded.try_send(value), Ok(()));
    }
    receiver.close();
    bounded_receiver.close();
    // A second time changes nothing.
    receiver.close();
    assert_eq!(sender.send(7), Err(SendError(7)));
    assert_eq!(bounded.try_send(7), Err(TrySendError::Disconnected(7)));
    assert_eq!((receiver.len(), bounded_receiver.len()), (3, 3));
    for value in 0..3 {
        assert_eq!(receiver.try_recv(), Ok(value));
        assert_eq!(block(|cx| bounded_receiver.poll_recv(cx)), Some(value));
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(block(|cx| bounded_receiver.poll_recv(cx)), None);
    assert_eq!(sender.send(7), Err(SendError(7)));
}

#[test]
fn each_value_sent_while_the_receiver_closes_is_received_or_given_back() {
    let rounds = if cfg!(miri) { 1 } else { 1_000 };
    for _ in 0..rounds {
        let (sender, mut receiver) = mpsc::unbounded();
        thread::scope(|scope| {
            let senders = [(); 2].map(|()| {
                let sender = sender.clone();
                scope.spawn(move || (0..40).filter(|_| sender.send(()).is_ok()).count())
            });
            let mut received = (0..20).filter(|_| receiver.try_recv().is_ok()).count();
            receiver.close();
            while block(|cx| receiver.poll_recv(cx)).is_some() {
                received += 1;
            }
            let sent = senders.map(|sender| sender.join().expect("no panic"));
            assert_eq!(sent[0] + sent[1], received);
        });
    }
}

#[test]
fn each_value_is_dropped_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let total = if cfg!(miri) { 150 } else { 1_000 };
    let (sender, mut receiver) = mpsc::unbounded();
    for _ in 0..total {
        assert!(sender.send(counted(&drops)).is_ok());
    }
    for count in 1..=total / 2 {
        assert!(receiver.try_recv().is_ok());
        assert_eq!(drops.load(SeqCst), count);
    }
    drop(receiver);
    // The sender lives, but nobody will ever receive the rest.
    assert_eq!(drops.load(SeqCst), total);
    drop(sender);
    assert_eq!(drops.load(SeqCst), total);
}

#[test]
fn each_value_sent_while_the_receiver_goes_is_dropped_once() {
    let rounds = if cfg!(miri) { 2 } else { 1_000 };
    for _ in 0..rounds {
        let drops = Arc::new(AtomicUsize::new(0));
        let (sender, mut receiver) = mpsc::unbounded();
        thread::scope(|scope| {
            for _ in 0..2 {
                let (sender, drops) = (sender.clone(), &drops);
                scope.spawn(move || {
                    for _ in 0..40 {
                        drop(sender.send(counted(drops)));
                    }
                });
            }
            drop(receiver.try_recv());
            drop(receiver);
        });
        assert_eq!(drops.load(SeqCst), 80);
    }
}

#[test]
fn a_panic_in_the_drop_of_a_value_costs_no_other_value() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpsc::unbounded();
    let (node_sender, node_receiver) = intrusive::channel();
    for index in 0..10 {
        let value = || Counted {
            drops: drops.clone(),
            panics: index == 3,
        };
        assert!(sender.send(value()).is_ok());
        assert!(node_sender.send(Box::new(Node::new(value()))).is_ok());
    }
    assert!(thread::spawn(move || drop(receiver)).join().is_err());
    assert_eq!(drops.load(SeqCst), 10);
    assert!(thread::spawn(move || drop(node_receiver)).join().is_err());
    assert_eq!(drops.load(SeqCst), 20);
}

#[test]
fn a_receive_that_is_cancelled_loses_nothing() {
    let (sender, mut receiver) = mpsc::unbounded();
    let (node_sender, mut node_receiver) = intrusive::channel();
    let mut cx = Context::from_waker(Waker::noop());
    let mut buffer = Vec::new();
    for value in 0..if cfg!(miri) { 20 } else { 1_000 } {
        assert!(pin!(receiver.recv()).poll(&mut cx).is_pending());
        assert!(
            pin!(receiver.recv_many(&mut buffer, 2))
                .poll(&mut cx)
                .is_pending()
        );
        sender.send(value).expect("the receiver lives");
        // Dropped before it is polled.
        drop(receiver.recv());
        assert_eq!(
            pin!(receiver.recv()).poll(&mut cx),
            Poll::Ready(Some(value))
        );

        assert!(pin!(node_receiver.recv()).poll(&mut cx).is_pending());
        assert!(node_sender.send(Box::new(Node::new(value))).is_ok());
        let Poll::Ready(Some(node)) = pin!(node_receiver.recv()).poll(&mut cx) else {
            panic!("a node was sent");
        };
        assert_eq!(node.value, value);
    }
    assert!(buffer.is_empty());
}

/// Sends when there is room.
fn send<T>(sender: &WaitSender<T>, value: T) -> Result<(), SendError<T>> {
    let mut sending = sender.send(value);
    block(|cx| sending.poll_send(cx))
}

#[test]
fn every_value_of_senders_that_wait_arrives_once_and_in_order() {
    for capacity in [1, 5] {
        let (sender, mut receiver) = mpsc::waiting(capacity);
        thread::scope(|scope| {
            for number in 0..SENDERS {
                let sender = sender.clone();
                scope.spawn(move || {
                    for value in 0..EACH_SLOW {
                        assert_eq!(send(&sender, number * EACH + value), Ok(()));
                    }
                });
            }
            drop(sender);
            check_all(EACH_SLOW, || {
                assert!(receiver.len() <= capacity);
                block(|cx| receiver.poll_recv(cx))
            });
        });
    }
}

/// Counts wakes.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Woken {
    fn poll<T>(self: &Arc<Self>, future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
        let waker = Waker::from(self.clone());
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

#[test]
fn senders_that_wait_are_woken_in_order_one_for_each_value() {
    let (sender, mut receiver) = mpsc::waiting(3);
    for value in 0..3 {
        assert_eq!(sender.try_send(value), Ok(()));
    }
    let woken = [(); 4].map(|()| Arc::new(Woken::default()));
    let mut sendings = [3, 4, 5, 6].map(|value| sender.send(value));
    for (woken, sending) in woken.iter().zip(&mut sendings) {
        assert!(woken.poll(sending).is_pending());
        // Polled twice, it still waits once.
        assert!(woken.poll(sending).is_pending());
    }
    let counts = || woken.each_ref().map(|woken| woken.count());
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(counts(), [1, 0, 0, 0]);
    assert_eq!(woken[0].poll(&mut sendings[0]), Poll::Ready(Ok(())));
    let mut values = Vec::new();
    assert_eq!(receiver.try_recv_many(&mut values, 2), Ok(2));
    assert_eq!(counts(), [1, 1, 1, 0]);
    for index in [1, 2] {
        assert_eq!(woken[index].poll(&mut sendings[index]), Poll::Ready(Ok(())));
    }
    assert!(woken[3].poll(&mut sendings[3]).is_pending());
    assert_eq!(receiver.try_recv_many(&mut values, 9), Ok(3));
    assert_eq!(values, [1, 2, 3, 4, 5]);
    assert_eq!(woken[3].poll(&mut sendings[3]), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(6));
}

#[test]
fn a_sender_that_was_woken_and_gives_up_passes_the_wake_on() {
    let (sender, mut receiver) = mpsc::waiting(1);
    assert_eq!(sender.try_send(0), Ok(()));
    let woken = [(); 2].map(|()| Arc::new(Woken::default()));
    let (mut first, mut second) = (sender.send(1), sender.send(2));
    assert!(woken[0].poll(&mut first).is_pending());
    assert!(woken[1].poll(&mut second).is_pending());
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!((woken[0].count(), woken[1].count()), (1, 0));
    assert_eq!(first.into_value(), Some(1));
    assert_eq!(woken[1].count(), 1);
    assert_eq!(woken[1].poll(&mut second), Poll::Ready(Ok(())));
    assert_eq!(second.into_value(), None);
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn senders_that_wait_get_their_values_back_when_the_receiver_closes_or_goes() {
    for goes in [false, true] {
        let (sender, mut receiver) = mpsc::waiting(1);
        assert_eq!(sender.try_send(0), Ok(()));
        let woken = [(); 2].map(|()| Arc::new(Woken::default()));
        let mut sendings = [1, 2].map(|value| sender.send(value));
        for (woken, sending) in woken.iter().zip(&mut sendings) {
            assert!(woken.poll(sending).is_pending());
        }
        if goes {
            drop(receiver);
        } else {
            receiver.close();
            assert_eq!(receiver.try_recv(), Ok(0));
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        }
        for (index, sending) in sendings.iter_mut().enumerate() {
            assert_eq!(woken[index].count(), 1);
            let value = index + 1;
            assert_eq!(
                woken[index].poll(sending),
                Poll::Ready(Err(SendError(value)))
            );
        }
        assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
        assert_eq!(send(&sender, 3), Err(SendError(3)));
    }
}

#[test]
fn sends_that_are_cancelled_send_nothing_and_lose_no_wake() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (sender, mut receiver) = mpsc::waiting(1);
    let mut cx = Context::from_waker(Waker::noop());
    let rounds = if cfg!(miri) { 10 } else { 1_000 };
    for round in 0..rounds {
        // Never polled.
        drop(sender.send(counted(&drops)));
        assert!(sender.try_send(counted(&drops)).is_ok());
        let patient = Arc::new(Woken::default());
        let mut sending = sender.send(counted(&drops));
        assert!(
            pin!(sender.send(counted(&drops)))
                .poll(&mut cx)
                .is_pending()
        );
        assert!(patient.poll(&mut sending).is_pending());
        drop(receiver.try_recv());
        assert_eq!(patient.count(), 1);
        assert!(patient.poll(&mut sending).is_ready());
        drop(sending);
        drop(receiver.try_recv());
        assert!(receiver.is_empty());
        assert_eq!(drops.load(SeqCst), 4 * (round + 1));
    }
}

#[test]
#[should_panic(expected = "polled again after it was ready")]
fn a_send_that_is_done_is_not_to_be_polled() {
    let (sender, _receiver) = mpsc::waiting(2);
    let mut sending = sender.send(1);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sending.poll_send(&mut cx).is_ready());
    let _ = sending.poll_send(&mut cx);
}

#[test]
fn waiting_alternates_with_sending() {
    let trips = if cfg!(miri) { 20 } else { 5_000 };
    let (there, mut there_receiver) = mpsc::unbounded();
    let (back, mut back_receiver) = intrusive::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Some(node) = block(|cx| there_receiver.poll_recv(cx)) {
                assert!(back.send(node).is_ok());
            }
        });
        let mut node = Box::new(Node::new(0));
        for _ in 0..trips {
            node.value += 1;
            assert!(there.send(node).is_ok());
            node = block(|cx| back_receiver.poll_recv(cx)).expect("the other lives");
        }
        drop(there);
        assert_eq!(node.value, trips);
    });
}

#[test]
fn every_node_arrives_once_and_in_the_order_of_its_sender() {
    let (sender, mut receiver) = intrusive::channel();
    thread::scope(|scope| {
        for number in 0..SENDERS {
            let sender = sender.clone();
            scope.spawn(move || {
                for value in 0..EACH_SLOW {
                    let node = Box::new(Node::new(number * EACH + value));
                    assert!(sender.send(node).is_ok());
                }
            });
        }
        drop(sender);
        check_all(EACH_SLOW, || {
            block(|cx| receiver.poll_recv(cx)).map(|node| node.value)
        });
    });
    assert!(matches!(
        receiver.try_recv(),
        Err(TryRecvError::Disconnected)
    ));
}

#[test]
fn taking_all_nodes_takes_those_sent_before_in_order() {
    let (sender, mut receiver) = intrusive::channel();
    let send = |value: u32| assert!(sender.send(Box::new(Node::new(value))).is_ok());
    let values =
        |batch: intrusive::Batch<Box<Node<u32>>>| batch.map(|node| node.value).collect::<Vec<_>>();
    assert!(values(receiver.take_all()).is_empty());
    for value in 0..3 {
        send(value);
    }
    assert!(receiver.try_recv().is_ok_and(|node| node.value == 0));
    for value in 3..6 {
        send(value);
    }
    assert!(!receiver.is_empty());
    let batch = receiver.take_all();
    send(6);
    assert_eq!(values(batch), [1, 2, 3, 4, 5]);
    assert_eq!(values(receiver.take_all()), [6]);
    assert!(receiver.is_empty());
}

#[test]
fn nodes_are_dropped_once_and_come_back_when_the_receiver_is_gone() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (sender, mut receiver) = intrusive::channel();
    for _ in 0..6 {
        assert!(sender.send(Box::new(Node::new(counted(&drops)))).is_ok());
    }
    drop(receiver.try_recv());
    let mut batch = receiver.take_all();
    drop(batch.next());
    assert_eq!(drops.load(SeqCst), 2);
    drop(batch);
    assert_eq!(drops.load(SeqCst), 6);
    assert!(sender.send(Box::new(Node::new(counted(&drops)))).is_ok());
    drop(receiver);
    assert_eq!(drops.load(SeqCst), 7);
    assert!(sender.send(Box::new(Node::new(counted(&drops)))).is_err());
    assert_eq!(drops.load(SeqCst), 8);
}
