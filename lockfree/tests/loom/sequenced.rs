//! Every interleaving of small sequenced rings.

use std::future::{Future, poll_fn};
use std::pin::pin;

use hallows_lockfree::sequenced::{Closed, ReadError, gated, lossy};
use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

fn bounded(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
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

/// Each item is its number.
fn publish_all<const WAIT: bool>(publisher: &mut gated::Publisher<u64, WAIT>, count: u64) {
    for _ in 0..count {
        while publisher.try_publish(publisher.sequence()).is_err() {
            thread::yield_now();
        }
    }
}

/// Reads until the end; every item is its number. Says how many there were.
fn read_all(mut consumer: gated::Consumer<u64>) -> u64 {
    let mut next = consumer.sequence();
    let first = next;
    loop {
        let read = consumer.visit(2, |sequence, &item| {
            assert_eq!((sequence, item), (next, next));
            next += 1;
        });
        match read {
            Ok(_) => {}
            Err(ReadError::Closed) => return next - first,
            Err(_) => thread::yield_now(),
        }
    }
}

#[test]
fn a_consumer_sees_all_items_in_order_while_the_ring_wraps() {
    bounded(3, || {
        let mut publisher = gated::ring(2, 1, || 0);
        let consumer = publisher.join().unwrap();
        let reader = thread::spawn(move || read_all(consumer));
        publish_all(&mut publisher, 4);
        drop(publisher);
        assert_eq!(reader.join().unwrap(), 4);
    });
}

#[test]
fn two_consumers_see_all_items() {
    bounded(2, || {
        let mut publisher = gated::ring(2, 2, || 0);
        let readers = [(); 2].map(|()| {
            let mut consumer = publisher.join().unwrap();
            thread::spawn(move || {
                let _ = consumer.visit(1, |_, &item| assert_eq!(item, 0));
                consumer
            })
        });
        // The third overwrites what both must have read.
        publish_all(&mut publisher, 2);
        let _ = publisher.try_publish(2);
        let tail = publisher.sequence();
        drop(publisher);
        for reader in readers {
            let consumer = reader.join().unwrap();
            let read = consumer.sequence();
            assert_eq!(read + read_all(consumer), tail);
        }
    });
}

#[test]
fn claimed_slots_are_published_together() {
    bounded(3, || {
        let mut publisher = gated::ring(2, 1, || 0);
        let mut consumer = publisher.join().unwrap();
        let writer = thread::spawn(move || {
            assert_eq!(publisher.claim(2).unwrap().fill([10, 11]), 2);
            // Given back by the reader, or not yet.
            if let Ok(mut claim) = publisher.claim(2) {
                claim.as_mut_slices().0[0] = 12;
                claim.publish(1);
            }
        });
        match consumer.read(2) {
            Ok(view) => {
                let (first, second) = view.as_slices();
                assert_eq!([first, second].concat(), [10, 11]);
                view.release(2);
            }
            Err(error) => assert_eq!(error, ReadError::Empty),
        }
        writer.join().unwrap();
    });
}

#[test]
fn who_joins_while_items_are_published_sees_all_that_follow() {
    bounded(3, || {
        let mut publisher = gated::ring(1, 1, || 0);
        let joiner = publisher.joiner();
        let reader = thread::spawn(move || {
            let consumer = joiner.join().unwrap();
            let first = consumer.sequence();
            first + read_all(consumer)
        });
        publish_all(&mut publisher, 3);
        drop(publisher);
        assert_eq!(reader.join().unwrap(), 3);
    });
}

#[test]
fn a_seat_that_changes_hands_keeps_the_gate() {
    bounded(2, || {
        let mut publisher = gated::ring(1, 1, || 0);
        let mut early = publisher.join().unwrap();
        let joiner = publisher.joiner();
        publish_all(&mut publisher, 1);
        let leaver = thread::spawn(move || {
            assert_eq!(early.visit(1, |_, &item| assert_eq!(item, 0)), Ok(1));
        });
        let late = thread::spawn(move || {
            if let Ok(mut late) = joiner.join() {
                let next = late.sequence();
                let _ = late.visit(1, |_, &item| assert_eq!(item, next));
            }
        });
        publish_all(&mut publisher, 3);
        leaver.join().unwrap();
        late.join().unwrap();
    });
}

#[test]
fn what_a_leaving_consumer_read_comes_before_what_the_next_in_its_seat_releases() {
    bounded(2, || {
        let mut publisher = gated::ring(2, 1, || 0);
        let mut early = publisher.join().unwrap();
        let joiner = publisher.joiner();
        publish_all(&mut publisher, 1);
        let leaver = thread::spawn(move || {
            assert_eq!(early.read(1).unwrap().as_slices().0, [0]);
            // Not released: only by leaving does it give the slot back.
            drop(early);
        });
        let late = thread::spawn(move || {
            if let Ok(mut late) = joiner.join() {
                let next = late.sequence();
                let _ = late.visit(1, |_, &item| assert_eq!(item, next));
            }
        });
        for item in 1..3 {
            let _ = publisher.try_publish(item);
        }
        leaver.join().unwrap();
        late.join().unwrap();
    });
}

#[test]
fn each_item_is_dropped_once() {
    bounded(3, || {
        let item = Arc::new(());
        let mut publisher = gated::ring(1, 1, || None);
        let mut consumer = publisher.join().unwrap();
        publisher.try_publish(Some(item.clone())).unwrap();
        let reader = thread::spawn(move || {
            let _ = consumer.visit(1, |_, item| assert!(item.is_some()));
        });
        let _ = publisher.try_publish(Some(item.clone()));
        reader.join().unwrap();
        drop(publisher);
        assert_eq!(Arc::strong_count(&item), 1);
    });
}

#[test]
fn who_joins_behind_and_moves_up_wakes_the_publisher() {
    bounded(3, || {
        let mut publisher = gated::channel(1, 1, || 0);
        let joiner = publisher.joiner();
        let reader = thread::spawn(move || {
            let mut consumer = joiner.join().unwrap();
            while block_on(consumer.has_item()).is_ok() {
                let next = consumer.sequence();
                let read = consumer.visit(1, |_, &item| assert_eq!(item, next));
                assert_eq!(read, Ok(1));
            }
        });
        for item in 0..2 {
            block_on(publisher.publish_one(item));
        }
        drop(publisher);
        reader.join().unwrap();
    });
}

#[test]
fn a_waiting_consumer_is_woken_by_an_item_and_by_the_end() {
    bounded(3, || {
        let mut publisher = gated::channel(1, 1, || 0);
        let mut consumer = publisher.join().unwrap();
        let writer = thread::spawn(move || publish_all(&mut publisher, 1));
        assert_eq!(block_on(consumer.has_item()), Ok(()));
        assert_eq!(consumer.visit(1, |_, _| ()), Ok(1));
        assert_eq!(block_on(consumer.has_item()), Err(Closed));
        writer.join().unwrap();
    });
}

#[test]
fn a_waiting_publisher_is_woken_by_a_reader_and_by_one_that_leaves() {
    for reads in [true, false] {
        bounded(3, move || {
            let mut publisher = gated::channel(1, 1, || 0);
            let mut consumer = publisher.join().unwrap();
            publish_all(&mut publisher, 1);
            let reader = thread::spawn(move || {
                if reads {
                    assert_eq!(consumer.visit(1, |_, _| ()), Ok(1));
                    Some(consumer)
                } else {
                    None
                }
            });
            assert_eq!(block_on(publisher.publish_one(1)), 1);
            drop(reader.join().unwrap());
        });
    }
}

#[test]
fn a_lossy_item_is_whole_or_lost() {
    bounded(2, || {
        let mut publisher = lossy::ring(2, 1);
        let mut consumer = publisher.join().unwrap();
        let writer = thread::spawn(move || {
            for item in 0..4 {
                publisher.publish([item, item]);
            }
        });
        let mut seen = 0;
        for _ in 0..3 {
            match consumer.try_read() {
                Ok(item) => {
                    assert_eq!(item, [seen, seen]);
                    seen += 1;
                }
                Err(ReadError::Lost(count)) => seen += count,
                Err(_) => {}
            }
            assert_eq!(seen, consumer.sequence());
        }
        writer.join().unwrap();
        let mut end = || loop {
            match consumer.try_read() {
                Ok(item) => seen = item[0] + 1,
                Err(ReadError::Closed) => return seen,
                Err(ReadError::Lost(_)) => {}
                Err(ReadError::Empty) => panic!("the publisher is gone"),
            }
        };
        assert_eq!(end(), 4);
    });
}

#[test]
fn lossy_items_before_the_end_are_there() {
    bounded(3, || {
        let mut publisher = lossy::ring(2, 1);
        let mut consumer = publisher.join().unwrap();
        let writer = thread::spawn(move || publisher.publish([7]));
        match consumer.try_read() {
            Ok(item) => assert_eq!(item, [7]),
            Err(error) => assert_eq!(error, ReadError::Empty),
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_waiting_lossy_consumer_is_woken_by_an_item_and_by_the_end() {
    bounded(3, || {
        let mut publisher = lossy::channel(2, 1);
        let mut consumer = publisher.join().unwrap();
        let writer = thread::spawn(move || publisher.publish([7]));
        assert_eq!(block_on(consumer.read()), Ok([7]));
        assert_eq!(block_on(consumer.read()), Err(ReadError::Closed));
        writer.join().unwrap();
    });
}
