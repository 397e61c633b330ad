//! One producer, one consumer, on two cores: `u64` one by one, in chunks of 64, and there and back.
//! All rings have room for [`CAPACITY`].

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use crossbeam_queue::ArrayQueue;
use hallows_lockfree::spsc::{channel, ring};
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};

use crate::harness::Measured;

use super::measure::{LATENCY, THROUGHPUT, compare, ours, peer};
use super::transfer::{CHUNK, round_trips, transfer, transfer_chunks};
use super::wait::{until, until_hot};
use super::{Bench, Workload};

const CAPACITY: usize = 1_024;

pub(super) fn single(bench: &Bench, workload: Workload) -> Result<Measured> {
    let cores = &bench.cores;
    let subjects = vec![
        ours("hallows", |messages| {
            let (mut send, mut receive) = ring(CAPACITY);
            let senders = vec![move |value: u64| until(|| send.try_push(value).ok())];
            let receivers = vec![move || until(|| receive.try_pop().ok())];
            transfer(cores, senders, receivers, messages)
        }),
        // The type whose sides can sleep, here awake.
        ours("hallows-channel", |messages| {
            let (mut send, mut receive) = channel(CAPACITY);
            let senders = vec![move |value: u64| until(|| send.try_push(value).ok())];
            let receivers = vec![move || until(|| receive.try_pop().ok())];
            transfer(cores, senders, receivers, messages)
        }),
        peer("rtrb", |messages| {
            let (mut send, mut receive) = rtrb::RingBuffer::new(CAPACITY);
            let senders = vec![move |value: u64| until(|| send.push(value).ok())];
            let receivers = vec![move || until(|| receive.pop().ok())];
            transfer(cores, senders, receivers, messages)
        }),
        peer("ringbuf", |messages| {
            let (mut send, mut receive) = HeapRb::new(CAPACITY).split();
            let senders = vec![move |value: u64| until(|| send.try_push(value).ok())];
            let receivers = vec![move || until(|| receive.try_pop())];
            transfer(cores, senders, receivers, messages)
        }),
        peer("std-sync-channel", |messages| {
            let (send, receive) = std::sync::mpsc::sync_channel(CAPACITY);
            let senders = vec![move |value: u64| send.send(value).expect("the receiver lives")];
            let receivers = vec![move || receive.recv().expect("the sender lives")];
            transfer(cores, senders, receivers, messages)
        }),
        peer("crossbeam-array-queue", |messages| {
            let queue = ArrayQueue::new(CAPACITY);
            let senders = vec![|value: u64| until(|| queue.push(value).ok())];
            let receivers = vec![|| until(|| queue.pop())];
            transfer(cores, senders, receivers, messages)
        }),
        peer("crossbeam-channel", |messages| {
            let (send, receive) = crossbeam_channel::bounded(CAPACITY);
            let senders = vec![move |value: u64| send.send(value).expect("the receiver lives")];
            let receivers = vec![move || receive.recv().expect("the sender lives")];
            transfer(cores, senders, receivers, messages)
        }),
    ];
    compare(bench, workload, &THROUGHPUT, subjects)
}

pub(super) fn chunks(bench: &Bench, workload: Workload) -> Result<Measured> {
    let cores = &bench.cores;
    let subjects = vec![
        ours("hallows", |messages| {
            let (mut send, mut receive) = ring(CAPACITY);
            let send_chunk = move |values: Range<u64>| {
                until(|| Some(send.reserve(CHUNK).ok()?.fill(values.clone())));
            };
            let receive_chunk = move || {
                until(|| {
                    let chunk = receive.read(CHUNK).ok()?;
                    let (head, tail) = chunk.as_slices();
                    let sum = head.iter().chain(tail).sum::<u64>();
                    chunk.release(CHUNK);
                    Some(sum)
                })
            };
            transfer_chunks(cores, send_chunk, receive_chunk, messages)
        }),
        peer("rtrb", |messages| {
            let (mut send, mut receive) = rtrb::RingBuffer::new(CAPACITY);
            let send_chunk = move |values: Range<u64>| {
                until(|| {
                    let chunk = send.write_chunk_uninit(CHUNK).ok()?;
                    Some(chunk.fill_from_iter(values.clone()))
                });
            };
            let receive_chunk = move || {
                until(|| {
                    let chunk = receive.read_chunk(CHUNK).ok()?;
                    let (head, tail) = chunk.as_slices();
                    let sum = head.iter().chain(tail).sum::<u64>();
                    chunk.commit_all();
                    Some(sum)
                })
            };
            transfer_chunks(cores, send_chunk, receive_chunk, messages)
        }),
        peer("rtrb-copy", |messages| {
            let (mut send, mut receive) = rtrb::RingBuffer::new(CAPACITY);
            let send_chunk = move |values: Range<u64>| {
                let chunk: [u64; CHUNK] = std::array::from_fn(|i| values.start + i as u64);
                until(|| send.push_entire_slice(&chunk).ok());
            };
            let receive_chunk = move || {
                let mut chunk = [0; CHUNK];
                until(|| receive.pop_entire_slice(&mut chunk).ok());
                chunk.iter().sum::<u64>()
            };
            transfer_chunks(cores, send_chunk, receive_chunk, messages)
        }),
        peer("ringbuf", |messages| {
            let (mut send, mut receive) = HeapRb::new(CAPACITY).split();
            let send_chunk = move |values: Range<u64>| {
                let chunk: [u64; CHUNK] = std::array::from_fn(|i| values.start + i as u64);
                until(|| (send.vacant_len() >= CHUNK).then(|| send.push_slice(&chunk)));
            };
            let receive_chunk = move || {
                let mut chunk = [0; CHUNK];
                until(|| (receive.occupied_len() >= CHUNK).then(|| receive.pop_slice(&mut chunk)));
                chunk.iter().sum::<u64>()
            };
            transfer_chunks(cores, send_chunk, receive_chunk, messages)
        }),
    ];
    compare(bench, workload, &THROUGHPUT, subjects)
}

pub(super) fn round_trip(bench: &Bench, workload: Workload) -> Result<Measured> {
    let cores = &bench.cores;
    let subjects = vec![
        ours("hallows", |trips| {
            let (mut ask, mut take) = ring(CAPACITY);
            let (mut answer, mut hear) = ring(CAPACITY);
            round_trips(
                cores,
                (
                    move |value: u64| until_hot(|| ask.try_push(value).ok()),
                    move || until_hot(|| hear.try_pop().ok()),
                ),
                (
                    move || until_hot(|| take.try_pop().ok()),
                    move |value: u64| until_hot(|| answer.try_push(value).ok()),
                ),
                trips,
            )
        }),
        peer("rtrb", |trips| {
            let (mut ask, mut take) = rtrb::RingBuffer::new(CAPACITY);
            let (mut answer, mut hear) = rtrb::RingBuffer::new(CAPACITY);
            round_trips(
                cores,
                (
                    move |value: u64| until_hot(|| ask.push(value).ok()),
                    move || until_hot(|| hear.pop().ok()),
                ),
                (
                    move || until_hot(|| take.pop().ok()),
                    move |value: u64| until_hot(|| answer.push(value).ok()),
                ),
                trips,
            )
        }),
        peer("ringbuf", |trips| {
            let (mut ask, mut take) = HeapRb::new(CAPACITY).split();
            let (mut answer, mut hear) = HeapRb::new(CAPACITY).split();
            round_trips(
                cores,
                (
                    move |value: u64| until_hot(|| ask.try_push(value).ok()),
                    move || until_hot(|| hear.try_pop()),
                ),
                (
                    move || until_hot(|| take.try_pop()),
                    move |value: u64| until_hot(|| answer.try_push(value).ok()),
                ),
                trips,
            )
        }),
        // The limit: a word in each direction, on cache lines of their own, and nothing else.
        peer("atomics", |trips| {
            let (there, back) = (Word::empty(), Word::empty());
            let (take, hear) = (there.clone(), back.clone());
            round_trips(
                cores,
                (move |value| there.put(value), move || hear.take()),
                (move || take.take(), move |value| back.put(value)),
                trips,
            )
        }),
    ];
    compare(bench, workload, &LATENCY, subjects)
}

/// One number at a time, stored plus one; zero is nobody's.
#[derive(Clone)]
struct Word(Arc<Line>);

#[repr(align(128))]
struct Line(AtomicU64);

impl Word {
    fn empty() -> Word {
        Word(Arc::new(Line(AtomicU64::new(0))))
    }

    /// The other side has taken what was there before: it has answered.
    fn put(&self, value: u64) {
        self.0.0.store(value + 1, Ordering::Release);
    }

    fn take(&self) -> u64 {
        let stored = until_hot(|| match self.0.0.load(Ordering::Acquire) {
            0 => None,
            stored => Some(stored),
        });
        self.0.0.store(0, Ordering::Relaxed);
        stored - 1
    }
}
