//! Two producers, one consumer: values of a word, as in the inbox of a worker.

use anyhow::Result;
use concurrent_queue::ConcurrentQueue;
use crossbeam_queue::SegQueue;
use hallows_lockfree::mpsc::intrusive::{self, Node};
use hallows_lockfree::{mpsc, spsc};

use crate::harness::Measured;

use super::measure::{THROUGHPUT, compare, ours, peer};
use super::transfer::{each, transfer};
use super::wait::Patience;
use super::{Bench, Workload};
use crate::team::Took;

const PRODUCERS: usize = 2;
/// Room in bounded queues.
const CAPACITY: usize = 1_024;

pub(super) fn run(bench: &Bench, workload: Workload) -> Result<Measured> {
    let cores = &bench.cores;
    let wait = Patience::of(PRODUCERS + 1);
    let subjects = vec![
        ours("hallows", |messages| {
            let (send, mut receive) = mpsc::unbounded();
            let sender = || {
                let send = send.clone();
                move |value: u64| send.send(value).expect("the receiver lives")
            };
            let senders = each(PRODUCERS, sender);
            let receivers = vec![move || wait.until(|| receive.try_recv().ok())];
            transfer(cores, senders, receivers, messages)
        }),
        ours("hallows-bounded", |messages| {
            let (send, mut receive) = mpsc::bounded(CAPACITY);
            let sender = || {
                let send = send.clone();
                move |value: u64| wait.until(|| send.try_send(value).ok())
            };
            let senders = each(PRODUCERS, sender);
            let receivers = vec![move || wait.until(|| receive.try_recv().ok())];
            transfer(cores, senders, receivers, messages)
        }),
        ours("hallows-intrusive", |messages| {
            linked_nodes(bench, messages)
        }),
        peer("crossbeam-channel", |messages| {
            let (send, receive) = crossbeam_channel::unbounded();
            let sender = || {
                let send = send.clone();
                move |value: u64| send.send(value).expect("the receiver lives")
            };
            let senders = each(PRODUCERS, sender);
            let receivers = vec![|| receive.recv().expect("a sender lives")];
            transfer(cores, senders, receivers, messages)
        }),
        peer("crossbeam-channel-bounded", |messages| {
            let (send, receive) = crossbeam_channel::bounded(CAPACITY);
            let sender = || {
                let send = send.clone();
                move |value: u64| send.send(value).expect("the receiver lives")
            };
            let senders = each(PRODUCERS, sender);
            let receivers = vec![|| receive.recv().expect("a sender lives")];
            transfer(cores, senders, receivers, messages)
        }),
        peer("std-mpsc", |messages| {
            let (send, receive) = std::sync::mpsc::channel();
            let sender = || {
                let send = send.clone();
                move |value: u64| send.send(value).expect("the receiver lives")
            };
            let senders = each(PRODUCERS, sender);
            let receivers = vec![move || receive.recv().expect("a sender lives")];
            transfer(cores, senders, receivers, messages)
        }),
        peer("std-sync-channel", |messages| {
            let (send, receive) = std::sync::mpsc::sync_channel(CAPACITY);
            let sender = || {
                let send = send.clone();
                move |value: u64| send.send(value).expect("the receiver lives")
            };
            let senders = each(PRODUCERS, sender);
            let receivers = vec![move || receive.recv().expect("a sender lives")];
            transfer(cores, senders, receivers, messages)
        }),
        peer("kanal", |messages| {
            let (send, receive) = kanal::bounded(CAPACITY);
            let sender = || {
                let send = send.clone();
                move |value: u64| send.send(value).expect("the receiver lives")
            };
            let senders = each(PRODUCERS, sender);
            let receivers = vec![|| receive.recv().expect("a sender lives")];
            transfer(cores, senders, receivers, messages)
        }),
        peer("crossbeam-seg-queue", |messages| {
            let queue = SegQueue::new();
            let sender = || |value: u64| queue.push(value);
            let senders = each(PRODUCERS, sender);
            let receivers = vec![|| wait.until(|| queue.pop())];
            transfer(cores, senders, receivers, messages)
        }),
        peer("concurrent-queue", |messages| {
            let queue = ConcurrentQueue::unbounded();
            let sender = || |value: u64| queue.push(value).expect("it has no bound");
            let senders = each(PRODUCERS, sender);
            let receivers = vec![|| wait.until(|| queue.pop().ok())];
            transfer(cores, senders, receivers, messages)
        }),
        // A vector under a lock, which the receiver exchanges for an empty one.
        peer("mutex-vec", |messages| {
            let inbox = parking_lot::Mutex::new(Vec::new());
            let sender = || |value: u64| inbox.lock().push(value);
            let senders = each(PRODUCERS, sender);
            let (mut batch, mut next) = (Vec::new(), 0);
            let receive = || {
                wait.until(|| {
                    if next == batch.len() {
                        next = 0;
                        batch.clear();
                        std::mem::swap(&mut *inbox.lock(), &mut batch);
                    }
                    let value = batch.get(next).copied()?;
                    next += 1;
                    Some(value)
                })
            };
            transfer(cores, senders, vec![receive], messages)
        }),
    ];
    compare(bench, workload, &THROUGHPUT, subjects)
}

/// A value, and the producer that its node goes back to.
struct Message {
    value: u64,
    home: usize,
}

/// Nodes go round, as tasks do: who has received one gives it back to its producer, which fills it
/// again. So nothing is allocated, but each message also takes the way back, in a ring.
fn linked_nodes(bench: &Bench, messages: u64) -> Result<Took> {
    let wait = Patience::of(PRODUCERS + 1);
    let (send, mut receive) = intrusive::channel::<Box<Node<Message>>>();
    let mut ways_back = Vec::new();
    let mut senders = Vec::new();
    for home in 0..PRODUCERS {
        let (mut back, mut spare) = spsc::ring(CAPACITY);
        for _ in 0..CAPACITY {
            let node = Box::new(Node::new(Message { value: 0, home }));
            back.try_push(node).expect("there is room for all nodes");
        }
        ways_back.push(back);
        let send = send.clone();
        senders.push(move |value: u64| {
            let mut node = wait.until(|| spare.try_pop().ok());
            node.value.value = value;
            send.send(node).expect("the receiver lives");
        });
    }
    let receivers = vec![move || {
        let node = wait.until(|| receive.try_recv().ok());
        let Message { value, home } = node.value;
        // The producer may have sent its last and gone.
        drop(ways_back[home].try_push(node));
        value
    }];
    transfer(&bench.cores, senders, receivers, messages)
}
