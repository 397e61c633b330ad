//! As many producers as consumers, one or two. Four threads take turns on two cores: there what
//! counts is CPU time, and whoever waits must give its core away.

use std::future::Future;
use std::pin::pin;

use anyhow::Result;
use concurrent_queue::ConcurrentQueue;
use crossbeam_queue::{ArrayQueue, SegQueue};
use hallows_lockfree::mpmc::{Full, Queue, WaitQueue};
use hallows_lockfree::wait::{Spin, block};

use crate::harness::Measured;

use super::measure::{EFFICIENCY, THROUGHPUT, compare, ours, peer};
use super::transfer::{each, transfer};
use super::wait::Patience;
use super::{Bench, Workload};

/// Room in bounded queues.
const CAPACITY: usize = 1_024;

/// `pairs`: of a producer and a consumer.
pub(super) fn run(bench: &Bench, workload: Workload, pairs: usize) -> Result<Measured> {
    let cores = &bench.cores;
    let wait = Patience::of(2 * pairs);
    let subjects = vec![
        ours("hallows", |messages| {
            let queue = Queue::new(CAPACITY);
            let sender = || |value: u64| wait.until(|| queue.try_push(value).ok());
            let receiver = || || wait.until(|| queue.try_pop());
            transfer(cores, each(pairs, sender), each(pairs, receiver), messages)
        }),
        ours("hallows-wait", |messages| {
            let queue = WaitQueue::new(CAPACITY);
            let sender = || |value: u64| push_or_park(&queue, value);
            let receiver = || || pop_or_park(&queue);
            transfer(cores, each(pairs, sender), each(pairs, receiver), messages)
        }),
        peer("crossbeam-array-queue", |messages| {
            let queue = ArrayQueue::new(CAPACITY);
            let sender = || |value: u64| wait.until(|| queue.push(value).ok());
            let receiver = || || wait.until(|| queue.pop());
            transfer(cores, each(pairs, sender), each(pairs, receiver), messages)
        }),
        peer("concurrent-queue", |messages| {
            let queue = ConcurrentQueue::bounded(CAPACITY);
            let sender = || |value: u64| wait.until(|| queue.push(value).ok());
            let receiver = || || wait.until(|| queue.pop().ok());
            transfer(cores, each(pairs, sender), each(pairs, receiver), messages)
        }),
        peer("kanal", |messages| {
            let (send, receive) = kanal::bounded(CAPACITY);
            let sender = || |value: u64| send.send(value).expect("a receiver lives");
            let receiver = || || receive.recv().expect("a sender lives");
            transfer(cores, each(pairs, sender), each(pairs, receiver), messages)
        }),
        peer("crossbeam-channel", |messages| {
            let (send, receive) = crossbeam_channel::bounded(CAPACITY);
            let sender = || |value: u64| send.send(value).expect("a receiver lives");
            let receiver = || || receive.recv().expect("a sender lives");
            transfer(cores, each(pairs, sender), each(pairs, receiver), messages)
        }),
        // Without a bound: no producer ever waits.
        peer("crossbeam-seg-queue", |messages| {
            let queue = SegQueue::new();
            let sender = || |value: u64| queue.push(value);
            let receiver = || || wait.until(|| queue.pop());
            transfer(cores, each(pairs, sender), each(pairs, receiver), messages)
        }),
    ];
    let figures = if pairs == 1 { &THROUGHPUT } else { &EFFICIENCY };
    compare(bench, workload, figures, subjects)
}

/// Tries for a while, then parks: what channels that block do.
#[inline(always)]
fn push_or_park(queue: &WaitQueue<u64>, mut value: u64) {
    let mut spin = Spin::new();
    loop {
        match queue.try_push(value) {
            Ok(()) => return,
            Err(Full(back)) => value = back,
        }
        if !spin.spin() {
            return park(queue.push(value));
        }
    }
}

#[inline(always)]
fn pop_or_park(queue: &WaitQueue<u64>) -> u64 {
    let mut spin = Spin::new();
    loop {
        if let Some(value) = queue.try_pop() {
            return value;
        }
        if !spin.spin() {
            return park(queue.pop());
        }
    }
}

#[cold]
fn park<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    block(|context| future.as_mut().poll(context))
}
