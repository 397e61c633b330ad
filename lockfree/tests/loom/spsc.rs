//! Every interleaving of a small SPSC ring.

use std::future::{Future, poll_fn};
use std::pin::pin;

use hallows_lockfree::spsc::{ChunkError, Closed, PopError, PushError, channel, ring};
use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

/// Explores with at most three preemptions, which keeps each test within seconds.
fn bounded(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

/// Blocks on a future; a wait that is woken at once lets the others run.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loom::future::block_on(poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            thread::yield_now();
        }
        polled
    }))
}

#[test]
fn items_arrive_in_order_while_the_ring_wraps() {
    bounded(|| {
        let (mut producer, mut consumer) = ring(2);
        let pusher = thread::spawn(move || {
            for item in 0..4 {
                while producer.try_push(Box::new(item)).is_err() {
                    thread::yield_now();
                }
            }
        });
        for item in 0..4 {
            let popped = loop {
                match consumer.try_pop() {
                    Ok(popped) => break popped,
                    Err(PopError::Empty) => thread::yield_now(),
                    Err(PopError::Closed) => panic!("item {item} is missing"),
                }
            };
            assert_eq!(*popped, item);
        }
        pusher.join().unwrap();
        assert_eq!(consumer.try_pop(), Err(PopError::Closed));
    });
}

#[test]
fn one_slot_is_never_full_and_empty_at_once() {
    bounded(|| {
        let (mut producer, mut consumer) = ring(1);
        producer.try_push(1).unwrap();
        let pusher = thread::spawn(move || match producer.try_push(2) {
            Ok(()) => 2,
            Err(PushError::Full(_)) => 1,
            Err(PushError::Closed(_)) => panic!("the consumer is there"),
        });
        let mut popped = vec![consumer.try_pop().unwrap()];
        popped.extend(consumer.try_pop());
        let pushed = pusher.join().unwrap();
        popped.extend(consumer.try_pop());
        assert_eq!(popped, (1..=pushed).collect::<Vec<_>>());
    });
}

#[test]
fn chunks_are_written_and_read_in_place() {
    bounded(|| {
        let (mut producer, mut consumer) = ring(3);
        let pusher = thread::spawn(move || {
            let mut next = 0;
            while next < 4 {
                match producer.reserve(2) {
                    Ok(chunk) => next += chunk.fill(next..next + 2),
                    Err(_) => thread::yield_now(),
                }
            }
        });
        let mut next = 0;
        while next < 4 {
            match consumer.read(2) {
                Ok(chunk) if next == 0 => {
                    let (first, second) = chunk.as_slices();
                    assert_eq!([first, second].concat(), [0, 1]);
                    next += 2;
                    chunk.release(2);
                }
                Ok(chunk) => {
                    for item in chunk {
                        assert_eq!(item, next);
                        next += 1;
                    }
                }
                Err(ChunkError::Closed { .. }) => panic!("items from {next} on are missing"),
                Err(_) => thread::yield_now(),
            }
        }
        pusher.join().unwrap();
    });
}

#[test]
fn what_was_pushed_before_the_producer_went_is_there() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(2);
        let pusher = thread::spawn(move || producer.try_push(7).unwrap());
        match consumer.try_pop() {
            Ok(item) => assert_eq!(item, 7),
            Err(PopError::Empty) => {}
            Err(PopError::Closed) => panic!("the item is missing"),
        }
        pusher.join().unwrap();
    });
}

#[test]
fn a_chunk_that_was_pushed_before_the_producer_went_is_there() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(2);
        let pusher = thread::spawn(move || producer.reserve(2).unwrap().fill([7, 8]));
        match consumer.read(2) {
            Ok(chunk) => assert!(chunk.into_iter().eq([7, 8])),
            Err(error) => assert_eq!(error, ChunkError::TooFew { asked: 2, there: 0 }),
        }
        pusher.join().unwrap();
    });
}

#[test]
fn both_ends_dropped_at_once_drop_each_item_once() {
    loom::model(|| {
        let item = Arc::new(());
        let (mut producer, mut consumer) = ring(2);
        producer.try_push(item.clone()).unwrap();
        let copy = item.clone();
        let pusher = thread::spawn(move || {
            let _ = producer.try_push(copy);
        });
        let _ = consumer.try_pop();
        drop(consumer);
        pusher.join().unwrap();
        assert_eq!(Arc::strong_count(&item), 1);
    });
}

#[test]
fn what_a_leaving_consumer_popped_comes_before_what_overwrites_it() {
    bounded(|| {
        let (mut producer, mut consumer) = ring(1);
        producer.try_push(1).unwrap();
        let leaver = thread::spawn(move || assert_eq!(consumer.try_pop(), Ok(1)));
        // Room is found by a look that does not ask whether the consumer is gone.
        if producer.room() == 1 {
            producer.try_push(2).unwrap();
        }
        leaver.join().unwrap();
    });
}

#[test]
fn a_waiting_consumer_is_woken_by_a_push_and_by_the_end() {
    bounded(|| {
        let (mut sender, mut receiver) = channel(1);
        let pusher = thread::spawn(move || sender.try_push(7).unwrap());
        assert_eq!(block_on(receiver.pop()), Some(7));
        assert_eq!(block_on(receiver.pop()), None);
        pusher.join().unwrap();
    });
}

#[test]
fn a_waiting_producer_is_woken_by_a_pop() {
    bounded(|| {
        let (mut sender, mut receiver) = channel(1);
        sender.try_push(1).unwrap();
        let popper = thread::spawn(move || {
            assert_eq!(receiver.try_pop(), Ok(1));
            receiver
        });
        assert_eq!(block_on(sender.push(2)), Ok(()));
        assert_eq!(popper.join().unwrap().try_pop(), Ok(2));
    });
}

#[test]
fn a_waiting_producer_is_woken_by_the_end() {
    bounded(|| {
        let (mut sender, receiver) = channel(1);
        sender.try_push(1).unwrap();
        let leaver = thread::spawn(move || drop(receiver));
        assert_eq!(block_on(sender.push(2)), Err(2));
        leaver.join().unwrap();
    });
}

#[test]
fn a_wait_for_several_items_ends_though_each_push_wakes() {
    bounded(|| {
        let (mut sender, mut receiver) = channel(2);
        let pusher = thread::spawn(move || {
            sender.try_push(1).unwrap();
            sender.try_push(2).unwrap();
            sender
        });
        assert_eq!(block_on(receiver.has(2)), Ok(()));
        assert_eq!(receiver.items(), 2);
        drop(pusher.join().unwrap());
        assert_eq!(receiver.try_pop(), Ok(1));
        assert_eq!(block_on(receiver.has(2)), Err(Closed));
    });
}
