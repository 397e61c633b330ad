//! Channels between tasks on two workers: each waits, wakes and closes.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use beehive::channel::{admission, broadcast, latest, mpmc, mpsc, oneshot, reply, spsc};
use beehive::{JoinSet, Runtime, spawn_local, yield_now};
use common::on_each_reactor;

/// Runs both futures as tasks, each on a worker of its own.
fn apart<A, B>(runtime: &Runtime, first: A, second: B)
where
    A: Future<Output = ()> + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
{
    let handle = runtime.handle();
    let workers: Vec<_> = handle.workers().collect();
    runtime.block_on(async {
        let first = handle.spawn_on(workers[0], || first);
        let second = handle.spawn_on(workers[1], || second);
        first.await.unwrap();
        second.await.unwrap();
    });
}

#[test]
fn a_oneshot_carries_its_value_or_the_news_that_there_is_none() {
    on_each_reactor(2, |runtime| {
        let (sender, receiver) = oneshot::channel();
        let (dropped, closed) = oneshot::channel::<u32>();
        let sending = async move {
            yield_now().await;
            sender.send(7).unwrap();
            drop(dropped);
        };
        apart(runtime, sending, async move {
            assert_eq!(receiver.await, Ok(7));
            assert_eq!(closed.await, Err(oneshot::Closed));
        });
        let (sender, receiver) = oneshot::channel();
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send(5), Err(5));
    });
}

#[test]
fn an_unbounded_inbox_receives_everything_and_then_ends() {
    on_each_reactor(2, |runtime| {
        let (sender, mut receiver) = mpsc::unbounded();
        let sending = async move {
            for number in 0..10_000_u64 {
                sender.send(number).unwrap();
                if number % 100 == 0 {
                    yield_now().await;
                }
            }
        };
        apart(runtime, sending, async move {
            let mut next = 0;
            while let Some(number) = receiver.recv().await {
                assert_eq!(number, next);
                next += 1;
            }
            assert_eq!(next, 10_000);
        });
    });
}

#[test]
fn senders_to_a_bounded_inbox_wait_for_room() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let (sender, mut receiver) = mpsc::bounded(2);
            let mut senders = JoinSet::new();
            for _ in 0..4 {
                let sender = sender.clone();
                senders.spawn(async move {
                    for number in 0..500_u64 {
                        sender.send(number).await.unwrap();
                    }
                });
            }
            drop(sender);
            let mut sum = 0;
            while let Some(number) = receiver.recv().await {
                assert!(receiver.len() <= 2);
                sum += number;
            }
            assert_eq!(sum, 4 * 124_750);
        });
    });
}

#[test]
fn a_stream_between_two_workers_keeps_its_order() {
    on_each_reactor(2, |runtime| {
        let (mut sender, mut receiver) = spsc::channel(4);
        let sending = async move {
            for number in 0..5_000_u64 {
                sender.push(number).await.unwrap();
            }
        };
        apart(runtime, sending, async move {
            for number in 0..5_000 {
                assert_eq!(receiver.pop().await, Some(number));
            }
            assert_eq!(receiver.pop().await, None);
        });
    });
}

#[test]
fn each_value_of_a_shared_queue_goes_to_one_task() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let queue = Arc::new(mpmc::WaitQueue::new(4));
            let mut takers = JoinSet::new();
            for _ in 0..4 {
                let queue = queue.clone();
                takers.spawn(async move {
                    let mut sum = 0;
                    for _ in 0..250 {
                        sum += queue.pop().await;
                    }
                    sum
                });
            }
            for number in 0..1_000_u64 {
                queue.push(number).await;
            }
            let mut sum = 0;
            while let Some(part) = takers.join_next().await {
                sum += part.unwrap();
            }
            assert_eq!(sum, 499_500);
        });
    });
}

#[test]
fn a_reader_of_the_latest_value_sees_the_last_one() {
    on_each_reactor(2, |runtime| {
        let (mut writer, mut reader) = latest::triple_buffer(|| 0_u64);
        let writing = async move {
            for number in 1..=1_000 {
                writer.write(number);
                yield_now().await;
            }
        };
        apart(runtime, writing, async move {
            let mut last = 0;
            while reader.changed().await.is_ok() {
                let number = *reader.latest();
                assert!(number > last);
                last = number;
            }
            assert_eq!(last, 1_000);
        });
    });
}

#[test]
fn notifications_of_a_signal_become_wake_ups() {
    on_each_reactor(2, |runtime| {
        let (notifier, mut listener) = latest::signal();
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        let notifying = async move {
            for _ in 0..1_000 {
                count.fetch_add(1, SeqCst);
                notifier.notify();
                yield_now().await;
            }
        };
        apart(runtime, notifying, async move {
            while seen.load(SeqCst) < 1_000 {
                listener.changed().await;
            }
        });
    });
}

#[test]
fn every_consumer_of_a_gated_broadcast_sees_every_item() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let mut publisher = broadcast::gated::channel(8, 3, || 0_u64);
            let mut consumers = JoinSet::new();
            for _ in 0..3 {
                let mut consumer = publisher.join().unwrap();
                consumers.spawn(async move {
                    let mut sum = 0;
                    while consumer.has_item().await.is_ok() {
                        consumer.visit(8, |_, item| sum += item).unwrap();
                    }
                    sum
                });
            }
            for number in 0..1_000 {
                publisher.publish_one(number).await;
            }
            drop(publisher);
            while let Some(sum) = consumers.join_next().await {
                assert_eq!(sum.unwrap(), 499_500);
            }
        });
    });
}

#[test]
fn a_consumer_of_a_lossy_broadcast_accounts_for_every_item() {
    on_each_reactor(2, |runtime| {
        let mut publisher = broadcast::lossy::channel::<1>(8, 1);
        let mut consumer = publisher.join().unwrap();
        let publishing = async move {
            for number in 0..10_000 {
                publisher.publish([number]);
                if number % 64 == 0 {
                    yield_now().await;
                }
            }
        };
        apart(runtime, publishing, async move {
            let mut accounted = 0;
            loop {
                match consumer.read().await {
                    Ok(_) => accounted += 1,
                    Err(broadcast::ReadError::Lost(count)) => accounted += count,
                    Err(_) => break,
                }
            }
            assert_eq!(accounted, 10_000);
        });
    });
}

#[test]
fn a_gate_admits_no_more_tasks_than_it_has_permits() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let gate = Arc::new(admission::Gate::new(3, 1_000));
            let inside = Arc::new(AtomicUsize::new(0));
            let mut set = JoinSet::new();
            for _ in 0..200 {
                let (gate, inside) = (gate.clone(), inside.clone());
                set.spawn(async move {
                    let _permit = gate.acquire(u64::MAX).await.unwrap();
                    assert!(inside.fetch_add(1, SeqCst) < 3);
                    yield_now().await;
                    inside.fetch_sub(1, SeqCst);
                });
            }
            while let Some(result) = set.join_next().await {
                result.unwrap();
            }
            assert_eq!(gate.available(), 3);
        });
    });
}

#[test]
fn pooled_replies_are_answered_from_another_worker() {
    on_each_reactor(2, |runtime| {
        let (requests, mut inbox) = mpsc::unbounded::<(u64, reply::Sender<'static, u64>)>();
        let answering = async move {
            while let Some((number, sender)) = inbox.recv().await {
                sender.send(number * 2).unwrap();
            }
        };
        apart(runtime, answering, async move {
            // A pool belongs to one worker, and so does the task that lends from it.
            spawn_local(async move {
                let pool: &'static _ = Box::leak(Box::new(reply::Pool::new(4)));
                for number in 0..1_000 {
                    let (sender, receiver) = pool.slot().unwrap();
                    requests.send((number, sender)).unwrap();
                    assert_eq!(receiver.await.unwrap(), number * 2);
                }
            })
            .await
            .unwrap();
        });
    });
}
