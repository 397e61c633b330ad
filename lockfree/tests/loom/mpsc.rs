//! The inboxes under every interleaving.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize as StdAtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use hallows_lockfree::mpsc::intrusive::{self, Node};
use hallows_lockfree::mpsc::{self, SendError, TryRecvError, TrySendError};
use loom::future::block_on;
use loom::thread;

fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(f);
}

/// Counts its drops, by a counter that loom does not see. The value itself is loom's, so that loom
/// sees who hands it to whom.
struct Counted {
    drops: StdArc<StdAtomicUsize>,
    value: loom::cell::UnsafeCell<u32>,
}

impl Counted {
    fn new(drops: &StdArc<StdAtomicUsize>) -> Self {
        Self {
            drops: drops.clone(),
            value: loom::cell::UnsafeCell::new(0),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // SAFETY: nobody else has a reference; loom checks that.
        self.value.with_mut(|value| unsafe { *value += 1 });
        self.drops.fetch_add(1, SeqCst);
    }
}

/// Blocks on a future; a wait that is woken at once lets the others run.
fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    block_on(poll_fn(|cx| {
        let polled = poll(cx);
        if polled.is_pending() {
            thread::yield_now();
        }
        polled
    }))
}

fn recv<T, const WAIT: bool>(receiver: &mut mpsc::Receiver<T, WAIT>) -> Option<T> {
    wait(|cx| receiver.poll_recv(cx))
}

/// Sends when there is room.
fn send<T>(sender: &mpsc::WaitSender<T>, value: T) -> Result<(), SendError<T>> {
    let mut sending = sender.send(value);
    wait(|cx| Pin::new(&mut sending).poll(cx))
}

#[test]
fn a_sleeping_receiver_gets_the_values_of_a_sender_in_order() {
    model(2, || {
        let (sender, mut receiver) = mpsc::unbounded();
        sender.send(0).expect("the receiver lives");
        let one = thread::spawn(move || {
            sender.send(1).expect("the receiver lives");
            sender.send(2).expect("the receiver lives");
        });
        for value in 0..3 {
            assert_eq!(recv(&mut receiver), Some(value));
        }
        one.join().expect("no panic");
    });
}

/// The receiver passes the slots of both values by before it sees either of them.
#[test]
fn values_of_a_sender_come_in_order_from_behind_two_gaps() {
    model(3, || {
        let (sender, mut receiver) = mpsc::unbounded();
        let one = thread::spawn(move || {
            sender.send(0).expect("the receiver lives");
            sender.send(1).expect("the receiver lives");
        });
        let early: Vec<_> = (0..3).filter_map(|_| receiver.try_recv().ok()).collect();
        one.join().expect("no panic");
        let late = std::iter::from_fn(|| receiver.try_recv().ok());
        assert!(early.into_iter().chain(late).eq(0..2));
    });
}

#[test]
fn a_sleeping_receiver_gets_the_values_of_two_senders() {
    model(2, || {
        let (sender, mut receiver) = mpsc::unbounded();
        let other = sender.clone();
        let one = thread::spawn(move || sender.send(10).expect("the receiver lives"));
        let two = thread::spawn(move || other.send(20).expect("the receiver lives"));
        let first = recv(&mut receiver).expect("two are sent");
        let second = recv(&mut receiver).expect("two are sent");
        assert_eq!(first + second, 30);
        one.join().expect("no panic");
        two.join().expect("no panic");
    });
}

/// The receiver gives a segment back while the sender is about to use it again.
#[test]
fn values_cross_segments_that_are_used_again() {
    model(2, || {
        let (sender, mut receiver) = mpsc::unbounded();
        for value in 0..3 {
            sender.send(value).expect("the receiver lives");
            assert_eq!(receiver.try_recv(), Ok(value));
        }
        sender.send(3).expect("the receiver lives");
        let one = thread::spawn(move || {
            for value in 4..7 {
                sender.send(value).expect("the receiver lives");
            }
        });
        let early: Vec<_> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
        one.join().expect("no panic");
        let late = std::iter::from_fn(|| receiver.try_recv().ok());
        assert!(early.into_iter().chain(late).eq(3..7));
    });
}

#[test]
fn a_slow_sender_finds_its_segment_when_others_have_moved_on() {
    model(2, || {
        let (sender, mut receiver) = mpsc::unbounded();
        let other = sender.clone();
        let slow = thread::spawn(move || other.send(100).expect("the receiver lives"));
        for value in 0..9 {
            sender.send(value).expect("the receiver lives");
            // Whether or not the slow one has sent, what this one sent is there to be received.
            let received = receiver.try_recv().expect("a value was sent");
            assert!(received == 100 || received <= value);
        }
        slow.join().expect("no panic");
        assert!(receiver.try_recv().is_ok());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_slow_sender_of_a_bounded_channel_finds_its_segment_as_well() {
    model(2, || {
        let (sender, mut receiver) = mpsc::bounded(16);
        let other = sender.clone();
        let slow = thread::spawn(move || other.try_send(100).expect("there is room"));
        for value in 0..9 {
            sender.try_send(value).expect("there is room");
            assert!(receiver.try_recv().is_ok());
        }
        slow.join().expect("no panic");
        assert!(receiver.try_recv().is_ok());
    });
}

#[test]
fn the_last_sender_to_go_wakes_the_receiver() {
    model(3, || {
        let (sender, mut receiver) = mpsc::unbounded::<u32>();
        let other = sender.clone();
        let one = thread::spawn(move || drop(sender));
        let two = thread::spawn(move || drop(other));
        assert_eq!(recv(&mut receiver), None);
        one.join().expect("no panic");
        two.join().expect("no panic");
    });
}

#[test]
fn what_is_sent_while_the_receiver_goes_is_dropped_once_or_given_back() {
    model(2, || {
        let drops = StdArc::new(StdAtomicUsize::new(0));
        let (sender, mut receiver) = mpsc::unbounded();
        let other = sender.clone();
        let senders = [sender, other].map(|sender| {
            let value = Counted::new(&drops);
            thread::spawn(move || drop(sender.send(value)))
        });
        drop(receiver.try_recv());
        drop(receiver);
        for sender in senders {
            sender.join().expect("no panic");
        }
        assert_eq!(drops.load(SeqCst), 2);
    });
}

#[test]
fn a_bounded_channel_takes_no_more_than_its_capacity() {
    model(3, || {
        let (sender, mut receiver) = mpsc::bounded(1);
        let other = sender.clone();
        let one = thread::spawn(move || sender.try_send(1).is_ok());
        let two = thread::spawn(move || match other.try_send(2) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error, TrySendError::Full(2));
                false
            }
        });
        let early = receiver.try_recv().is_ok();
        let sent =
            usize::from(one.join().expect("no panic")) + usize::from(two.join().expect("no panic"));
        let late = std::iter::from_fn(|| receiver.try_recv().ok()).count();
        assert!(late <= 1 || early);
        assert_eq!(usize::from(early) + late, sent);
        assert!(sent >= 1);
    });
}

#[test]
fn a_bounded_channel_passes_values_on_when_there_is_room_again() {
    model(2, || {
        let (sender, mut receiver) = mpsc::bounded(1);
        assert_eq!(sender.try_send(0), Ok(()));
        let one = thread::spawn(move || {
            while sender.try_send(1).is_err() {
                thread::yield_now();
            }
        });
        assert_eq!(recv(&mut receiver), Some(0));
        assert_eq!(recv(&mut receiver), Some(1));
        one.join().expect("no panic");
    });
}

#[test]
fn what_is_sent_while_the_receiver_closes_is_received_once_or_given_back() {
    model(3, || {
        let drops = StdArc::new(StdAtomicUsize::new(0));
        let (sender, mut receiver) = mpsc::unbounded();
        let values = [(); 2].map(|()| Counted::new(&drops));
        let one = thread::spawn(move || {
            let sent = values.map(|value| sender.send(value).is_ok());
            assert!(sent[0] || !sent[1]);
            sent.into_iter().filter(|sent| *sent).count()
        });
        receiver.close();
        let received = std::iter::from_fn(|| recv(&mut receiver)).count();
        assert_eq!(one.join().expect("no panic"), received);
        assert_eq!(drops.load(SeqCst), 2);
        assert!(matches!(
            receiver.try_recv(),
            Err(TryRecvError::Disconnected)
        ));
    });
}

#[test]
fn two_senders_race_with_the_closing_of_a_bounded_channel() {
    model(2, || {
        let (sender, mut receiver) = mpsc::bounded(4);
        let other = sender.clone();
        let senders = [sender, other]
            .map(|sender| thread::spawn(move || u32::from(sender.try_send(()).is_ok())));
        let early = u32::from(receiver.try_recv().is_ok());
        receiver.close();
        let mut received = early;
        while recv(&mut receiver).is_some() {
            received += 1;
        }
        let sent = senders.map(|sender| sender.join().expect("no panic"));
        assert_eq!(sent[0] + sent[1], received);
    });
}

/// The receiver takes one value and looks no more.
#[test]
fn a_sender_that_waits_is_woken_by_a_single_receive() {
    model(3, || {
        let (sender, mut receiver) = mpsc::waiting(1);
        assert_eq!(sender.try_send(0), Ok(()));
        let one = thread::spawn(move || send(&sender, 1));
        assert_eq!(receiver.try_recv(), Ok(0));
        assert_eq!(one.join().expect("no panic"), Ok(()));
        assert_eq!(receiver.try_recv(), Ok(1));
    });
}

#[test]
fn a_sender_and_a_receiver_that_wait_wake_each_other() {
    model(2, || {
        let (sender, mut receiver) = mpsc::waiting(1);
        let one = thread::spawn(move || {
            for value in 0..2 {
                assert_eq!(send(&sender, value), Ok(()));
            }
        });
        for value in 0..2 {
            assert_eq!(recv(&mut receiver), Some(value));
        }
        assert_eq!(recv(&mut receiver), None);
        one.join().expect("no panic");
    });
}

#[test]
fn two_sends_that_wait_are_both_woken_by_a_batch() {
    model(2, || {
        let (sender, mut receiver) = mpsc::waiting(2);
        for value in [1, 2] {
            assert_eq!(sender.try_send(value), Ok(()));
        }
        let one = thread::spawn(move || {
            let mut sendings = [3, 4].map(|value| Some(sender.send(value)));
            wait(|cx| {
                for sending in &mut sendings {
                    if let Some(waiting) = sending
                        && waiting.poll_send(cx).is_ready()
                    {
                        *sending = None;
                    }
                }
                let ready = sendings.iter().all(Option::is_none);
                if ready {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            });
        });
        let mut values = Vec::new();
        assert_eq!(receiver.try_recv_many(&mut values, 2), Ok(2));
        one.join().expect("no panic");
        assert_eq!(receiver.try_recv_many(&mut values, 3), Ok(2));
        // Whichever is polled first when there is room goes first.
        assert_eq!(values.into_iter().sum::<u32>(), 10);
    });
}

#[test]
fn a_sender_that_gives_up_passes_its_wake_on() {
    model(2, || {
        let (sender, mut receiver) = mpsc::waiting(1);
        assert_eq!(sender.try_send(0), Ok(()));
        let other = sender.clone();
        let fickle = thread::spawn(move || {
            let mut sending = pin!(other.send(1));
            let mut cx = Context::from_waker(Waker::noop());
            sending.as_mut().poll(&mut cx).is_ready()
        });
        let patient = thread::spawn(move || send(&sender, 2));
        assert_eq!(receiver.try_recv(), Ok(0));
        if fickle.join().expect("no panic") {
            // There is room for the other.
            assert!(recv(&mut receiver).is_some());
        }
        assert_eq!(patient.join().expect("no panic"), Ok(()));
    });
}

#[test]
fn a_sender_that_waits_gets_its_value_back_when_the_receiver_closes_or_goes() {
    for goes in [false, true] {
        model(3, move || {
            let (sender, receiver) = mpsc::waiting(1);
            assert_eq!(sender.try_send(0), Ok(()));
            let one = thread::spawn(move || send(&sender, 1));
            let mut receiver = Some(receiver);
            if goes {
                receiver = None;
            } else if let Some(receiver) = &mut receiver {
                receiver.close();
            }
            assert_eq!(one.join().expect("no panic"), Err(SendError(1)));
            if let Some(mut receiver) = receiver {
                assert_eq!(receiver.try_recv(), Ok(0));
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
            }
        });
    }
}

type Boxed = Box<Node<Counted>>;

#[test]
fn a_sleeping_receiver_gets_every_node() {
    model(2, || {
        let drops = StdArc::new(StdAtomicUsize::new(0));
        let node = || Box::new(Node::new(Counted::new(&drops)));
        let (sender, mut receiver) = intrusive::channel::<Boxed>();
        let other = sender.clone();
        let (first, second) = (node(), node());
        let one = thread::spawn(move || assert!(sender.send(first).is_ok()));
        let two = thread::spawn(move || assert!(other.send(second).is_ok()));
        assert!(wait(|cx| receiver.poll_recv(cx)).is_some());
        assert_eq!(drops.load(SeqCst), 1);
        one.join().expect("no panic");
        two.join().expect("no panic");
        assert!(receiver.try_recv().is_ok());
        assert_eq!(drops.load(SeqCst), 2);
    });
}

#[test]
fn a_sleeping_receiver_gets_the_nodes_of_a_sender_in_order() {
    model(3, || {
        let (sender, mut receiver) = intrusive::channel::<Box<Node<u32>>>();
        let one = thread::spawn(move || {
            for value in 0..2 {
                assert!(sender.send(Box::new(Node::new(value))).is_ok());
            }
        });
        for value in 0..2 {
            let node = wait(|cx| receiver.poll_recv(cx)).expect("two are sent");
            assert_eq!(node.value, value);
        }
        one.join().expect("no panic");
    });
}

#[test]
fn a_node_that_comes_back_can_be_sent_while_others_are() {
    model(3, || {
        let (sender, mut receiver) = intrusive::channel::<Box<Node<u32>>>();
        let other = sender.clone();
        let one = thread::spawn(move || assert!(other.send(Box::new(Node::new(1))).is_ok()));
        assert!(sender.send(Box::new(Node::new(2))).is_ok());
        let again = receiver.try_recv().expect("one was sent");
        assert!(sender.send(again).is_ok());
        one.join().expect("no panic");
        let sum: u32 = receiver.take_all().map(|node| node.value).sum();
        assert_eq!(sum, 3);
    });
}

#[test]
fn nodes_sent_while_the_receiver_goes_are_dropped_once_or_given_back() {
    model(3, || {
        let drops = StdArc::new(StdAtomicUsize::new(0));
        let node = || Box::new(Node::new(Counted::new(&drops)));
        let (sender, receiver) = intrusive::channel::<Boxed>();
        let nodes = [node(), node()];
        let one = thread::spawn(move || {
            let sent = nodes.map(|node| sender.send(node).is_ok());
            assert!(sent[0] || !sent[1]);
        });
        drop(receiver);
        one.join().expect("no panic");
        assert_eq!(drops.load(SeqCst), 2);
    });
}

#[test]
fn the_last_sender_of_nodes_to_go_wakes_the_receiver() {
    model(2, || {
        let (sender, mut receiver) = intrusive::channel::<Box<Node<u32>>>();
        let other = sender.clone();
        let one = thread::spawn(move || assert!(sender.send(Box::new(Node::new(1))).is_ok()));
        let two = thread::spawn(move || drop(other));
        let first = wait(|cx| receiver.poll_recv(cx));
        assert_eq!(first.map(|node| node.value), Some(1));
        assert!(wait(|cx| receiver.poll_recv(cx)).is_none());
        one.join().expect("no panic");
        two.join().expect("no panic");
    });
}
