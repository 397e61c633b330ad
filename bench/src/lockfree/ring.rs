//! The sequenced ring: one producer, every consumer sees every value. Names that end in `-batch64`
//! publish 64 values at once, the others one by one; all may receive as many as are there.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use disruptor::{BusySpin, EventPoller, Producer, SingleProducerBarrier, build_single_producer};
use hallows_lockfree::sequenced::gated;
use tokio::sync::broadcast::error::TryRecvError;

use crate::harness::Measured;

use super::measure::{THROUGHPUT, compare, ours, peer};
use super::transfer::{CHUNK, Received, broadcast, each};
use super::wait::Patience;
use super::{Bench, Workload};
use crate::team::Took;

const CAPACITY: usize = 1_024;

/// How the producer publishes a chunk.
#[derive(Debug, Clone, Copy)]
enum Publish {
    Singly,
    Together,
}

pub(super) fn run(bench: &Bench, workload: Workload, consumers: usize) -> Result<Measured> {
    let wait = patience(consumers);
    let subjects = vec![
        ours("hallows", |messages| {
            through_ours(bench, consumers, messages, Publish::Singly)
        }),
        ours("hallows-batch64", |messages| {
            through_ours(bench, consumers, messages, Publish::Together)
        }),
        peer("disruptor", |messages| {
            through_disruptor(bench, consumers, messages, Publish::Singly)
        }),
        peer("disruptor-batch64", |messages| {
            through_disruptor(bench, consumers, messages, Publish::Together)
        }),
        peer("bus", |messages| {
            let mut bus = bus::Bus::new(CAPACITY);
            let receivers = each(consumers, || {
                let mut reader = bus.add_rx();
                move || one(wait.until(|| reader.try_recv().ok()))
            });
            let send = move |values: Range<u64>| {
                for value in values {
                    wait.until(|| bus.try_broadcast(value).ok());
                }
            };
            broadcast(&bench.cores, send, receivers, messages)
        }),
        peer("tokio-broadcast", |messages| {
            through_tokio(bench, consumers, messages)
        }),
    ];
    compare(bench, workload, &THROUGHPUT, subjects)
}

/// How the producer and the consumers wait.
fn patience(consumers: usize) -> Patience {
    Patience::of(1 + consumers)
}

fn one(value: u64) -> Received {
    Received::default().and(value)
}

fn through_ours(bench: &Bench, consumers: usize, messages: u64, publish: Publish) -> Result<Took> {
    let wait = patience(consumers);
    let mut publisher = gated::ring(CAPACITY, consumers, || 0);
    let receivers = each(consumers, || {
        let mut consumer = publisher.join().expect("there is a seat for each");
        move || {
            wait.until(|| {
                let view = consumer.read(CAPACITY).ok()?;
                let (head, tail) = view.as_slices();
                let items = head.iter().chain(tail);
                let all = items.fold(Received::default(), |all, value| all.and(*value));
                view.release(all.count as usize);
                Some(all)
            })
        }
    });
    let send = move |values: Range<u64>| match publish {
        Publish::Singly => {
            for value in values {
                wait.until(|| publisher.try_publish(value).ok());
            }
        }
        Publish::Together => {
            wait.until(|| Some(publisher.claim(CHUNK).ok()?.fill(values.clone())));
        }
    };
    broadcast(&bench.cores, send, receivers, messages)
}

/// With pollers rather than threads of its own, so that its consumers are pinned and wait as all
/// others do; a poll takes all that is there.
fn through_disruptor(
    bench: &Bench,
    consumers: usize,
    messages: u64,
    publish: Publish,
) -> Result<Took> {
    let wait = patience(consumers);
    let ring = build_single_producer(CAPACITY, || 0, BusySpin);
    let (first, ring) = ring.new_event_poller();
    if consumers == 1 {
        let send = into_disruptor(ring.build(), publish, wait);
        return broadcast(
            &bench.cores,
            send,
            vec![from_disruptor(first, wait)],
            messages,
        );
    }
    let (second, ring) = ring.new_event_poller();
    let send = into_disruptor(ring.build(), publish, wait);
    let receivers = vec![from_disruptor(first, wait), from_disruptor(second, wait)];
    broadcast(&bench.cores, send, receivers, messages)
}

fn into_disruptor(
    mut ring: impl Producer<u64> + Send,
    publish: Publish,
    wait: Patience,
) -> impl FnMut(Range<u64>) + Send {
    move |values| match publish {
        Publish::Singly => {
            for value in values {
                wait.until(|| ring.try_publish(|slot| *slot = value).ok());
            }
        }
        Publish::Together => {
            wait.until(|| {
                let values = values.clone();
                let published = ring.try_batch_publish(CHUNK, |slots| {
                    for (slot, value) in slots.zip(values) {
                        *slot = value;
                    }
                });
                published.ok()
            });
        }
    }
}

fn from_disruptor(
    mut poller: EventPoller<u64, SingleProducerBarrier>,
    wait: Patience,
) -> impl FnMut() -> Received + Send {
    move || {
        wait.until(|| {
            let mut events = poller.poll().ok()?;
            let mut all = Received::default();
            for value in &mut events {
                all = all.and(*value);
            }
            Some(all)
        })
    }
}

/// Tokio's channel overwrites what slow receivers have not seen, so the producer waits for them by
/// counters of their own: looked at once per chunk, much cheaper than asking the channel.
fn through_tokio(bench: &Bench, consumers: usize, messages: u64) -> Result<Took> {
    let wait = patience(consumers);
    let (channel, _) = tokio::sync::broadcast::channel::<u64>(CAPACITY);
    let progress: Vec<Progress> = each(consumers, Progress::default);
    let receivers = progress
        .iter()
        .map(|progress| {
            let mut channel = channel.subscribe();
            move || {
                let value = wait.until(|| match channel.try_recv() {
                    Ok(value) => Some(value),
                    Err(TryRecvError::Empty) => None,
                    Err(error) => panic!("the producer did not wait: {error}"),
                });
                if (value + 1).is_multiple_of(CHUNK as u64) {
                    progress.0.store(value + 1, Ordering::Release);
                }
                one(value)
            }
        })
        .collect();
    let room_for = |end: u64| {
        let seen = |progress: &Progress| progress.0.load(Ordering::Acquire);
        progress.iter().all(|p| seen(p) + CAPACITY as u64 >= end)
    };
    let send = |values: Range<u64>| {
        wait.until(|| room_for(values.end).then_some(()));
        for value in values {
            channel.send(value).expect("receivers live");
        }
    };
    broadcast(&bench.cores, send, receivers, messages)
}

/// How many values a receiver has seen, on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Progress(AtomicU64);
