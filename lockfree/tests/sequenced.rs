//! The sequenced rings on the processor's own atomics; also run under Miri and ThreadSanitizer.

#![cfg(not(any(feature = "loom", feature = "shuttle")))]

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use hallows_lockfree::sequenced::{ClaimError, Closed, Full, JoinError, ReadError, gated, lossy};
use hallows_lockfree::wait::block;

const ITEMS: u64 = if cfg!(miri) { 150 } else { 100_000 };

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wakes {
    fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Reads until the end; every item is its number. Says how many there were.
fn read_all(mut consumer: gated::Consumer<Box<u64>>, max: usize) -> u64 {
    let first = consumer.sequence();
    let mut next = first;
    loop {
        let read = consumer.visit(max, |sequence, item| {
            assert_eq!((sequence, **item), (next, next));
            next += 1;
        });
        match read {
            Ok(_) => {}
            Err(ReadError::Closed) => return next - first,
            Err(_) => thread::yield_now(),
        }
    }
}

fn publish_all(publisher: &mut gated::Publisher<Box<u64>>, count: u64) {
    for item in 0..count {
        let mut item = Box::new(item);
        while let Err(Full(back)) = publisher.try_publish(item) {
            item = back;
            thread::yield_now();
        }
    }
}

#[test]
fn every_consumer_sees_every_item_in_order() {
    let mut publisher = gated::ring(8, 3, Box::default);
    let consumers = [1, 3, 100].map(|max| (publisher.join().unwrap(), max));
    thread::scope(|scope| {
        let readers = consumers.map(|(consumer, max)| scope.spawn(move || read_all(consumer, max)));
        publish_all(&mut publisher, ITEMS);
        drop(publisher);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), ITEMS);
        }
    });
}

#[test]
fn consumers_that_come_and_go_see_a_run_without_gaps() {
    let mut publisher = gated::ring(4, 3, Box::default);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (joiner, stop) = (publisher.joiner(), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let mut consumer = joiner.join().unwrap();
                    let mut next = consumer.sequence();
                    for _ in 0..20 {
                        let _ = consumer.visit(2, |sequence, item| {
                            assert_eq!((sequence, **item), (next, next));
                            next += 1;
                        });
                    }
                    thread::yield_now();
                }
            });
        }
        publish_all(&mut publisher, ITEMS);
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn threads_that_park_pass_everything_on() {
    let mut publisher = gated::channel(4, 2, || 0);
    let consumers = [(); 2].map(|()| publisher.join().unwrap());
    thread::scope(|scope| {
        for mut consumer in consumers {
            scope.spawn(move || {
                let mut sum = 0;
                while block(|cx| consumer.poll_items(cx)).is_ok() {
                    consumer.visit(9, |_, item| sum += item).unwrap();
                }
                assert_eq!(sum, (0..ITEMS / 10).sum::<u64>());
            });
        }
        for item in 0..ITEMS / 10 {
            block(|cx| publisher.poll_room(cx, 1));
            publisher.try_publish(item).unwrap();
        }
        drop(publisher);
    });
}

#[test]
fn batches_are_changed_and_read_in_place() {
    let mut publisher = gated::ring(4, 1, String::new);
    let mut consumer = publisher.join().unwrap();
    publisher.try_publish("a".into()).unwrap();
    assert_eq!(consumer.visit(1, |_, _| ()), Ok(1));
    let mut claim = publisher.claim(4).unwrap();
    let (first, second) = claim.as_mut_slices();
    assert_eq!((first.len(), second.len()), (3, 1));
    assert_eq!(second[0], "a");
    second[0].push('b');
    claim.publish(4);
    {
        let view = consumer.read(9).unwrap();
        assert_eq!((view.len(), view.sequence()), (4, 1));
        assert_eq!(view.as_slices().1, ["ab"]);
    }
    assert_eq!(consumer.items(), 4);
    consumer.read(4).unwrap().release(2);
    assert_eq!(publisher.room(), 2);
}

#[test]
fn a_stalled_consumer_stalls_the_publisher_after_a_ring_and_no_consumer_never() {
    let mut publisher = gated::ring(4, 2, || 0);
    for item in 0..10 {
        assert_eq!(publisher.try_publish(item), Ok(item));
    }
    let stalled = publisher.join().unwrap();
    let mut reader = publisher.join().unwrap();
    for item in 10..14 {
        assert_eq!(publisher.try_publish(item), Ok(item));
        assert_eq!(reader.visit(1, |_, &it| assert_eq!(it, item)), Ok(1));
    }
    assert_eq!(publisher.try_publish(14), Err(Full(14)));
    drop(stalled);
    assert_eq!(publisher.try_publish(14), Ok(14));
    assert_eq!(reader.items(), 1);
}

#[test]
fn errors_say_what_was_asked_and_what_is_allowed() {
    let mut publisher = gated::ring(2, 1, || 0);
    let consumer = publisher.join().unwrap();
    let refused = publisher.join().err().unwrap();
    assert_eq!(refused, JoinError { consumers_max: 1 });
    assert_eq!(
        publisher.joiner().join().err().unwrap().to_string(),
        "one more consumer was to join; 1 have, as allowed"
    );
    publisher.try_publish(1).unwrap();
    assert_eq!(
        publisher.claim(2).err(),
        Some(ClaimError::Full { asked: 2, room: 1 })
    );
    let too_long = ClaimError::TooLong {
        asked: 3,
        capacity: 2,
    };
    assert_eq!(publisher.claim(3).err(), Some(too_long));
    drop(consumer);
    assert!(publisher.join().is_ok());
}

#[test]
#[should_panic(expected = "a ring of 3 items was asked for; powers of two from 1 to ")]
fn a_capacity_that_is_no_power_of_two_is_refused() {
    let _ = gated::ring(3, 1, || ());
}

#[test]
#[should_panic(expected = "a ring for 0 consumers was asked for; at least 1 is allowed")]
fn a_ring_without_consumers_is_refused() {
    let _ = lossy::ring::<1>(2, 0);
}

#[test]
fn items_are_dropped_once_when_overwritten_or_with_the_ring() {
    let item = Arc::new(());
    let mut publisher = gated::ring(2, 1, || None);
    let mut consumer = publisher.join().unwrap();
    for count in [2, 3, 3, 3] {
        publisher.try_publish(Some(item.clone())).unwrap();
        consumer.visit(1, |_, _| ()).unwrap();
        assert_eq!(Arc::strong_count(&item), count);
    }
    // Given up: the value is in the ring, unpublished, and overwritten or dropped like any other.
    publisher.claim(1).unwrap().as_mut_slices().0[0] = None;
    assert_eq!(Arc::strong_count(&item), 2);
    assert_eq!(consumer.items(), 0);
    drop((publisher, consumer));
    assert_eq!(Arc::strong_count(&item), 1);
}

thread_local! {
    static DROPS: Cell<usize> = const { Cell::new(0) };
}

/// Panics when it is dropped, if it is told to.
struct Grenade(bool);

impl Drop for Grenade {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
        assert!(!self.0, "drop");
    }
}

#[test]
fn a_panic_in_drop_of_an_overwritten_item_loses_nothing() {
    DROPS.set(0);
    let mut publisher = gated::ring(1, 1, || Grenade(true));
    let mut consumer = publisher.join().unwrap();
    let publish = || publisher.try_publish(Grenade(false)).is_ok();
    assert!(catch_unwind(AssertUnwindSafe(publish)).is_err());
    assert_eq!(consumer.visit(1, |_, item| assert!(!item.0)), Ok(1));
    drop((publisher, consumer));
    assert_eq!(DROPS.get(), 2);
}

#[test]
fn a_visitor_that_panics_has_read_up_to_there() {
    let mut publisher = gated::ring(4, 1, || 0);
    let mut consumer = publisher.join().unwrap();
    publisher.claim(4).unwrap().fill(0..);
    let visit = || consumer.visit(4, |_, &item| assert_ne!(item, 1));
    assert!(catch_unwind(AssertUnwindSafe(visit)).is_err());
    assert_eq!((consumer.sequence(), consumer.items()), (2, 2));
    assert_eq!(publisher.room(), 2);
}

#[test]
fn cancelled_waits_lose_nothing() {
    let mut publisher = gated::channel(1, 1, || 0);
    let mut consumer = publisher.join().unwrap();
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(consumer.has_item()).poll(&mut cx).is_pending());
    assert_eq!(pin!(publisher.publish_one(7)).poll(&mut cx), Poll::Ready(0));
    assert_eq!(wakes.count(), 1);
    assert!(pin!(publisher.publish_one(8)).poll(&mut cx).is_pending());
    assert!(pin!(publisher.room_for(1)).poll(&mut cx).is_pending());
    assert!(pin!(consumer.has_item()).poll(&mut cx).is_ready());
    assert_eq!(consumer.visit(9, |_, &item| assert_eq!(item, 7)), Ok(1));
    assert_eq!(wakes.count(), 2);
    assert!(pin!(publisher.room_for(1)).poll(&mut cx).is_ready());
    assert_eq!(pin!(publisher.publish_one(9)).poll(&mut cx), Poll::Ready(1));
    drop(publisher);
    assert_eq!(pin!(consumer.has_item()).poll(&mut cx), Poll::Ready(Ok(())));
    assert_eq!(consumer.visit(9, |_, &item| assert_eq!(item, 9)), Ok(1));
    let end = pin!(consumer.has_item()).poll(&mut cx);
    assert_eq!(end, Poll::Ready(Err(Closed)));
}

#[test]
fn lossy_consumers_account_for_every_item() {
    let mut publisher = lossy::ring(8, 2);
    let consumers = [(); 2].map(|()| publisher.join().unwrap());
    thread::scope(|scope| {
        for mut consumer in consumers {
            scope.spawn(move || {
                let mut next = 0;
                loop {
                    match consumer.try_read() {
                        Ok(item) => {
                            assert_eq!(item, [next, !next, next]);
                            next += 1;
                        }
                        Err(ReadError::Lost(count)) => next += count,
                        Err(ReadError::Empty) => thread::yield_now(),
                        Err(ReadError::Closed) => return assert_eq!(next, ITEMS),
                    }
                }
            });
        }
        for item in 0..ITEMS {
            publisher.publish([item, !item, item]);
        }
        drop(publisher);
    });
}

#[test]
fn a_stalled_lossy_consumer_stalls_nobody_and_is_told_what_it_lost() {
    let mut publisher = lossy::ring(4, 2);
    let mut stalled = publisher.join().unwrap();
    let mut reader = publisher.join().unwrap();
    for item in 0..100 {
        assert_eq!(publisher.publish([item]), item);
        assert_eq!(reader.try_read(), Ok([item]));
    }
    assert_eq!(stalled.try_read(), Err(ReadError::Lost(98)));
    assert_eq!(stalled.try_read(), Ok([98]));
    drop(publisher);
    assert_eq!(stalled.try_read(), Ok([99]));
    assert_eq!(stalled.try_read(), Err(ReadError::Closed));
}

#[test]
fn a_cancelled_lossy_read_loses_nothing() {
    let mut publisher = lossy::channel(2, 1);
    let mut consumer = publisher.join().unwrap();
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(consumer.read()).poll(&mut cx).is_pending());
    publisher.publish([1]);
    assert_eq!(wakes.count(), 1);
    assert_eq!(pin!(consumer.read()).poll(&mut cx), Poll::Ready(Ok([1])));
    drop(publisher);
    let end = pin!(consumer.read()).poll(&mut cx);
    assert_eq!(end, Poll::Ready(Err(ReadError::Closed)));
}
