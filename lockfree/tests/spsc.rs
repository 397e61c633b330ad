//! The SPSC ring on the processor's own atomics; also run under Miri and ThreadSanitizer.

#![cfg(not(any(feature = "loom", feature = "shuttle")))]

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use hallows_lockfree::spsc::{
    CAPACITY_MAX, ChunkError, Closed, PopError, PushError, channel, ring,
};
use hallows_lockfree::wait::block;

const ITEMS: usize = if cfg!(miri) { 200 } else { 200_000 };

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

#[test]
fn items_come_out_in_order_until_the_end() {
    let (mut producer, mut consumer) = ring(7);
    thread::scope(|scope| {
        scope.spawn(move || {
            for item in 0..ITEMS {
                let mut item = Box::new(item);
                while let Err(error) = producer.try_push(item) {
                    item = error.into_inner();
                    thread::yield_now();
                }
            }
        });
        let mut next = 0;
        loop {
            match consumer.try_pop() {
                Ok(item) => {
                    assert_eq!(*item, next);
                    next += 1;
                }
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(next, ITEMS);
    });
}

#[test]
fn chunks_of_all_lengths_keep_the_order() {
    let (mut producer, mut consumer) = ring(13);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut next = 0;
            while next < ITEMS {
                let len = (1 + next % 7).min(ITEMS - next);
                match producer.reserve(len) {
                    Ok(chunk) => next += chunk.fill(next..),
                    Err(_) => thread::yield_now(),
                }
            }
        });
        let mut next = 0;
        while next < ITEMS {
            let len = (1 + next % 5).min(ITEMS - next);
            match consumer.read(len) {
                Ok(chunk) if next % 2 == 0 => {
                    let (first, second) = chunk.as_slices();
                    assert!(first.iter().chain(second).copied().eq(next..next + len));
                    next += len;
                    chunk.release(len);
                }
                Ok(chunk) => {
                    assert!(chunk.into_iter().eq(next..next + len));
                    next += len;
                }
                Err(_) => thread::yield_now(),
            }
        }
    });
}

#[test]
fn threads_that_park_pass_everything_on() {
    let (mut sender, mut receiver) = channel(4);
    thread::scope(|scope| {
        scope.spawn(move || {
            for item in 0..ITEMS / 4 {
                assert_eq!(block(|cx| sender.poll_room(cx, 1)), Ok(()));
                sender.try_push(item).unwrap();
            }
        });
        let mut next = 0;
        while let Some(item) = block(|cx| receiver.poll_pop(cx)) {
            assert_eq!(item, next);
            next += 1;
        }
        assert_eq!(next, ITEMS / 4);
    });
}

#[test]
fn a_full_ring_gives_the_item_back_and_an_empty_one_says_so() {
    let (mut producer, mut consumer) = ring(2);
    assert_eq!(consumer.try_pop(), Err(PopError::Empty));
    producer.try_push("a").unwrap();
    producer.try_push("b").unwrap();
    assert_eq!(producer.try_push("c"), Err(PushError::Full("c")));
    assert_eq!(consumer.try_pop(), Ok("a"));
    drop(producer);
    assert_eq!(consumer.try_pop(), Ok("b"));
    assert_eq!(consumer.try_pop(), Err(PopError::Closed));
}

#[test]
fn a_producer_notices_within_a_ring_full_that_nobody_reads() {
    let (mut producer, consumer) = ring(4);
    drop(consumer);
    assert!(producer.is_closed());
    let pushed = (0..)
        .take_while(|&item| producer.try_push(item).is_ok())
        .count();
    assert!(pushed <= 4, "{pushed}");
    assert_eq!(producer.try_push(9), Err(PushError::Closed(9)));
}

#[test]
fn chunk_errors_say_what_was_asked_and_what_is_there() {
    let (mut producer, mut consumer) = ring::<u8>(4);
    assert_eq!(producer.reserve(3).unwrap().fill([1, 2, 3]), 3);
    assert_eq!(
        producer.reserve(2).err(),
        Some(ChunkError::TooFew { asked: 2, there: 1 })
    );
    let too_long = ChunkError::TooLong {
        asked: 5,
        capacity: 4,
    };
    assert_eq!(producer.reserve(5).err(), Some(too_long));
    assert_eq!(consumer.read(5).err(), Some(too_long));
    assert_eq!(
        consumer.read(4).err(),
        Some(ChunkError::TooFew { asked: 4, there: 3 })
    );
    drop(producer);
    assert_eq!(
        consumer.read(4).err(),
        Some(ChunkError::Closed { there: 3 })
    );
    assert!(consumer.read(3).unwrap().into_iter().eq([1, 2, 3]));
    let (mut producer, consumer) = ring::<u8>(4);
    drop(consumer);
    assert_eq!(producer.reserve(4).err(), None);
    producer.reserve(4).unwrap().fill([0; 4]);
    assert_eq!(
        producer.reserve(1).err(),
        Some(ChunkError::Closed { there: 0 })
    );
}

#[test]
#[should_panic(expected = "a ring of 0 items was asked for; 1 to ")]
fn a_ring_without_room_is_refused() {
    let _ = ring::<u8>(0);
}

#[test]
#[should_panic(expected = "items was asked for; 1 to ")]
fn a_ring_whose_positions_would_be_ambiguous_is_refused() {
    let _ = ring::<()>(CAPACITY_MAX + 1);
}

#[test]
fn items_of_size_zero_are_counted() {
    let (mut producer, mut consumer) = ring(3);
    for _ in 0..3 {
        producer.try_push(()).unwrap();
    }
    assert_eq!(producer.try_push(()), Err(PushError::Full(())));
    assert_eq!(consumer.read(3).unwrap().into_iter().count(), 3);
}

#[test]
fn a_chunk_without_commit_publishes_nothing_and_drops_what_it_got() {
    let item = Arc::new(());
    let (mut producer, mut consumer) = ring(4);
    let mut chunk = producer.reserve(3).unwrap();
    chunk.push(item.clone()).unwrap();
    chunk.push(item.clone()).unwrap();
    drop(chunk);
    assert_eq!(Arc::strong_count(&item), 1);
    assert_eq!(consumer.try_pop(), Err(PopError::Empty));

    let mut chunk = producer.reserve(1).unwrap();
    chunk.push(item.clone()).unwrap();
    assert!(chunk.push(item.clone()).is_err());
    chunk.commit();
    assert_eq!(consumer.items(), 1);
}

#[test]
fn an_iterator_that_panics_publishes_nothing() {
    let item = Arc::new(());
    let (mut producer, mut consumer) = ring(4);
    let items = (0..4).map(|n| if n < 2 { item.clone() } else { panic!("third") });
    let chunk = producer.reserve(4).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| chunk.fill(items))).is_err());
    assert_eq!(Arc::strong_count(&item), 1);
    assert_eq!(consumer.try_pop(), Err(PopError::Empty));
}

#[test]
fn slots_can_be_written_in_place_after_pushed_ones() {
    let (mut producer, mut consumer) = ring(4);
    producer.try_push(0).unwrap();
    consumer.try_pop().unwrap();
    let mut chunk = producer.reserve(4).unwrap();
    chunk.push(1).unwrap();
    let (first, second) = chunk.as_mut_slices();
    assert_eq!((first.len(), second.len()), (2, 1));
    first[0].write(2);
    first[1].write(3);
    // SAFETY: the first two slots were written.
    unsafe { chunk.commit_init(2) };
    assert_eq!(producer.room(), 1);
    let mut chunk = consumer.read(3).unwrap();
    chunk.as_mut_slices().0[0] = 10;
    assert!(chunk.into_iter().eq([10, 2, 3]));
}

#[test]
fn unread_items_of_a_chunk_stay() {
    let (mut producer, mut consumer) = ring(4);
    producer.reserve(4).unwrap().fill(0..);
    let _ = consumer.read(4).unwrap();
    consumer.read(4).unwrap().release(1);
    assert!(consumer.read(3).unwrap().into_iter().take(1).eq([1]));
    assert_eq!(producer.room(), 2);
    assert_eq!(consumer.try_pop(), Ok(2));
}

#[test]
fn a_leaked_iterator_loses_items_but_repeats_none() {
    let item = Arc::new(());
    let (mut producer, mut consumer) = ring(4);
    producer
        .reserve(4)
        .unwrap()
        .fill([(); 4].map(|()| item.clone()));
    let mut drain = consumer.read(4).unwrap().into_iter();
    drain.next();
    std::mem::forget(drain);
    assert_eq!(Arc::strong_count(&item), 4);
    drop((producer, consumer));
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
fn a_panic_in_drop_while_releasing_drops_the_rest_once() {
    DROPS.set(0);
    let (mut producer, mut consumer) = ring(4);
    producer
        .reserve(4)
        .unwrap()
        .fill((0..4).map(|n| Grenade(n == 1)));
    let chunk = consumer.read(3).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| chunk.release(3))).is_err());
    assert_eq!(DROPS.get(), 3);
    assert_eq!((consumer.items(), producer.room()), (1, 3));
    drop((producer, consumer));
    assert_eq!(DROPS.get(), 4);
}

#[test]
fn a_panic_in_drop_while_the_ring_goes_drops_the_rest_once() {
    DROPS.set(0);
    let (mut producer, mut consumer) = ring(4);
    producer.try_push(Grenade(false)).unwrap();
    drop(consumer.try_pop());
    // The ring wraps: the panic comes from the first of two runs of slots.
    producer
        .reserve(4)
        .unwrap()
        .fill((0..4).map(|n| Grenade(n == 1)));
    drop(producer);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(consumer))).is_err());
    assert_eq!(DROPS.get(), 5);
}

#[test]
fn a_stalled_producer_keeps_nothing_from_the_consumer() {
    let (mut producer, mut consumer) = ring(4);
    producer.reserve(2).unwrap().fill([1, 2]);
    let mut stalled = producer.reserve(2).unwrap();
    stalled.push(3).unwrap();
    assert_eq!(consumer.try_pop(), Ok(1));
    assert_eq!(consumer.try_pop(), Ok(2));
    assert_eq!(consumer.try_pop(), Err(PopError::Empty));
    stalled.commit();
    assert_eq!(consumer.try_pop(), Ok(3));
}

#[test]
fn a_cancelled_pop_loses_nothing_and_a_later_one_is_woken() {
    let (mut sender, mut receiver) = channel(2);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    for item in 0..3 {
        assert!(pin!(receiver.pop()).poll(&mut cx).is_pending());
        assert!(pin!(receiver.has(2)).poll(&mut cx).is_pending());
        sender.try_push(item).unwrap();
        assert_eq!(wakes.count(), item + 1);
        assert_eq!(pin!(receiver.pop()).poll(&mut cx), Poll::Ready(Some(item)));
    }
    drop(sender);
    assert_eq!(
        pin!(receiver.has(1)).poll(&mut cx),
        Poll::Ready(Err(Closed))
    );
    assert_eq!(pin!(receiver.pop()).poll(&mut cx), Poll::Ready(None));
}

#[test]
fn a_cancelled_push_drops_its_item_once_and_keeps_the_order() {
    let item = Arc::new(0);
    let (mut sender, mut receiver) = channel(1);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(sender.push(item.clone())).poll(&mut cx).is_ready());
    assert!(pin!(sender.push(item.clone())).poll(&mut cx).is_pending());
    assert_eq!(Arc::strong_count(&item), 2);
    assert!(pin!(sender.room_for(1)).poll(&mut cx).is_pending());
    drop(receiver.try_pop());
    assert_eq!(wakes.count(), 1);
    assert!(pin!(sender.room_for(1)).poll(&mut cx).is_ready());
    assert!(pin!(sender.push(Arc::new(1))).poll(&mut cx).is_ready());
    assert_eq!(receiver.try_pop().as_deref(), Ok(&1));
    drop(receiver);
    let refused = pin!(sender.push(Arc::new(2))).poll(&mut cx);
    assert_eq!(refused, Poll::Ready(Err(Arc::new(2))));
}

#[test]
#[should_panic(expected = "a wait for 3 slots would not end: the ring has 2")]
fn a_wait_for_more_than_the_ring_has_is_refused() {
    let (_sender, mut receiver) = channel::<u8>(2);
    let (_wakes, waker) = Wakes::new();
    let _ = receiver.poll_items(&mut Context::from_waker(&waker), 3);
}
