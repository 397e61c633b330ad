//! The inboxes under random schedules: every history is that of a first-in-first-out queue.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Waker};

use hallows_lockfree::mpsc;
use hallows_lockfree::mpsc::intrusive::{self, Node};
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::linearize::{Model, Recorder};

const SENDERS: u32 = 3;
const EACH: u32 = 5;

#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Fifo(VecDeque<u32>);

#[derive(Clone, Debug)]
enum Op {
    Send(u32),
    /// Receives what there is, or nothing.
    TryRecv,
    /// Receives when there is something: in the model it only can be then.
    Recv,
}

impl Model for Fifo {
    type Op = Op;
    type Ret = Option<u32>;

    fn apply(&mut self, op: &Op) -> Option<u32> {
        match op {
            Op::Send(value) => {
                self.0.push_back(*value);
                Some(*value)
            }
            Op::TryRecv | Op::Recv => self.0.pop_front(),
        }
    }
}

/// Lets senders send and the caller receive all, by `try_recv` and `recv` in turn.
fn record<S: Fn(u32) + Send + 'static, R>(
    senders: Vec<S>,
    mut receiver: R,
    try_recv: impl Fn(&mut R) -> Option<u32>,
    recv: impl Fn(&mut R) -> Option<u32>,
) {
    let recorder = Recorder::<Fifo>::new();
    let total = senders.len() * EACH as usize;
    let threads = senders.into_iter().zip(0..).map(|(send, number)| {
        let recorder = recorder.clone();
        thread::spawn(move || {
            for call in 0..EACH {
                let value = number * EACH + call;
                recorder.call(Op::Send(value), || {
                    send(value);
                    Some(value)
                });
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    let mut received = 0;
    while received < total {
        let value = if thread_rng().gen_bool(0.5) {
            recorder.call(Op::TryRecv, || try_recv(&mut receiver))
        } else {
            recorder.call(Op::Recv, || recv(&mut receiver))
        };
        received += usize::from(value.is_some());
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(recv(&mut receiver), None);
    recorder.check(Fifo::default());
}

#[test]
fn a_channel_is_a_queue() {
    let run = || {
        let (sender, receiver) = mpsc::unbounded();
        let senders = (0..SENDERS).map(|_| {
            let sender = sender.clone();
            move |value| sender.send(value).expect("the receiver lives")
        });
        let senders = senders.collect();
        drop(sender);
        record(
            senders,
            receiver,
            |receiver| receiver.try_recv().ok(),
            |receiver| block_on(poll_fn(|cx| receiver.poll_recv(cx))),
        );
    };
    shuttle::check_random(run, 300);
}

#[test]
fn a_bounded_channel_is_a_queue() {
    let run = || {
        let (sender, receiver) = mpsc::bounded(3);
        let senders = (0..SENDERS).map(|_| {
            let sender = sender.clone();
            move |value| {
                while sender.try_send(value).is_err() {
                    thread::yield_now();
                }
            }
        });
        let senders = senders.collect();
        drop(sender);
        record(
            senders,
            receiver,
            |receiver| receiver.try_recv().ok(),
            |receiver| block_on(poll_fn(|cx| receiver.poll_recv(cx))),
        );
    };
    shuttle::check_random(run, 300);
}

/// Sends when there is room, and sometimes gives up before and tries again.
fn send(sender: &mpsc::WaitSender<u32>, value: u32) {
    while thread_rng().gen_range(0..3) == 0 {
        let mut sending = sender.send(value);
        let mut cx = Context::from_waker(Waker::noop());
        if Pin::new(&mut sending).poll(&mut cx).is_ready() {
            return;
        }
        thread::yield_now();
    }
    block_on(sender.send(value)).expect("the receiver lives");
}

#[test]
fn a_channel_whose_senders_wait_and_give_up_is_a_queue() {
    for capacity in [1, 3] {
        let run = move || {
            let (sender, receiver) = mpsc::waiting(capacity);
            let senders = (0..SENDERS).map(|_| {
                let sender = sender.clone();
                move |value| send(&sender, value)
            });
            let senders = senders.collect();
            drop(sender);
            record(
                senders,
                receiver,
                |receiver| receiver.try_recv().ok(),
                |receiver| block_on(poll_fn(|cx| receiver.poll_recv(cx))),
            );
        };
        shuttle::check_random(run, 200);
    }
}

#[test]
fn an_intrusive_inbox_is_a_queue() {
    let run = || {
        let (sender, receiver) = intrusive::channel::<Box<Node<u32>>>();
        let senders = (0..SENDERS).map(|_| {
            let sender = sender.clone();
            move |value| assert!(sender.send(Box::new(Node::new(value))).is_ok())
        });
        let senders = senders.collect();
        drop(sender);
        record(
            senders,
            receiver,
            |receiver| receiver.try_recv().ok().map(|node| node.value),
            |receiver| block_on(poll_fn(|cx| receiver.poll_recv(cx))).map(|node| node.value),
        );
    };
    shuttle::check_random(run, 300);
}
