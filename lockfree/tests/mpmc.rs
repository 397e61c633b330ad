//! The queue for many producers and consumers on real threads.

#![cfg(not(any(feature = "loom", feature = "shuttle")))]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use hallows_lockfree::mpmc::{Full, Queue, WaitQueue};
use hallows_lockfree::wait::block;

const THREADS: usize = 2;
const EACH: usize = if cfg!(miri) { 25 } else { 50_000 };

fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        thread::yield_now();
    }
}

fn wait<T>(mut future: impl Future<Output = T> + Unpin) -> T {
    block(|cx| Pin::new(&mut future).poll(cx))
}

/// Lets `THREADS` push and as many pop `EACH` values each; every value must come once, and to each
/// consumer those of each producer in order.
fn check_all(push: impl Fn(usize) + Sync, pop: impl Fn() -> usize + Sync) {
    let seen: Vec<_> = (0..THREADS * EACH).map(|_| AtomicUsize::new(0)).collect();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let push = &push;
            scope.spawn(move || (0..EACH).for_each(|value| push(number * EACH + value)));
            let (pop, seen) = (&pop, &seen);
            scope.spawn(move || {
                let mut next = [0; THREADS];
                for _ in 0..EACH {
                    let value = pop();
                    seen[value].fetch_add(1, SeqCst);
                    let next = &mut next[value / EACH];
                    assert!(value % EACH >= *next);
                    *next = value % EACH + 1;
                }
            });
        }
    });
    assert!(seen.iter().all(|count| count.load(SeqCst) == 1));
}

#[test]
fn every_value_comes_once_and_in_the_order_of_its_producer() {
    for capacity in [1, 8] {
        let queue = Queue::new(capacity);
        check_all(
            |value| until(|| queue.try_push(value).ok()),
            || until(|| queue.try_pop()),
        );
        assert!(queue.is_empty());
    }
}

#[test]
fn every_value_comes_once_to_those_who_wait() {
    for capacity in [1, 8] {
        let queue = WaitQueue::new(capacity);
        check_all(|value| wait(queue.push(value)), || wait(queue.pop()));
        assert!(queue.is_empty());
    }
}

#[test]
fn a_waiter_can_be_polled_without_being_pinned_and_for_one_value_after_the_other() {
    let queue = WaitQueue::new(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            for value in 0..EACH {
                let mut push = queue.push(value);
                block(|cx| push.poll_push(cx));
                // What is pushed is not pushed again.
                block(|cx| push.poll_push(cx));
            }
        });
        let mut pop = queue.pop();
        for value in 0..EACH {
            assert_eq!(block(|cx| pop.poll_pop(cx)), value);
        }
    });
    assert!(queue.is_empty());
}

#[test]
fn a_full_queue_gives_the_value_back_and_takes_it_after_a_pop() {
    let queue = Queue::new(2);
    assert_eq!(queue.try_pop(), None::<i32>);
    assert_eq!(queue.try_push(1), Ok(()));
    assert_eq!(queue.try_push(2), Ok(()));
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.try_push(3), Err(Full(3)));
    assert_eq!(queue.try_pop(), Some(1));
    assert_eq!(queue.try_push(3), Ok(()));
    assert_eq!((queue.try_pop(), queue.try_pop()), (Some(2), Some(3)));
    assert_eq!(queue.try_pop(), None);
}

#[test]
fn capacities_are_rounded_up_to_powers_of_two() {
    for (asked, given) in [(1, 1), (2, 2), (3, 4), (9, 16)] {
        let queue = Queue::new(asked);
        assert_eq!(queue.capacity(), given);
        assert!((0..given).all(|value| queue.try_push(value).is_ok()));
        assert!(queue.try_push(0).is_err());
    }
}

#[test]
#[should_panic(expected = "a queue for 0 values was asked for; 1 to ")]
fn a_queue_without_room_is_refused() {
    let _ = Queue::<u8>::new(0);
}

struct Counted {
    drops: Arc<AtomicUsize>,
    panics: bool,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, SeqCst);
        assert!(!self.panics, "asked to panic");
    }
}

#[test]
fn what_is_left_is_dropped_once_even_if_a_drop_panics() {
    let drops = Arc::new(AtomicUsize::new(0));
    let queue = Queue::new(8);
    for index in 0..8 {
        let value = Counted {
            drops: drops.clone(),
            panics: index == 4,
        };
        assert!(queue.try_push(value).is_ok());
    }
    drop(queue.try_pop());
    assert_eq!(drops.load(SeqCst), 1);
    assert!(thread::spawn(move || drop(queue)).join().is_err());
    assert_eq!(drops.load(SeqCst), 8);
}

/// Counts wakes.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Woken {
    fn poll<T>(self: &Arc<Self>, future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
        let waker = Waker::from(self.clone());
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

#[test]
fn waiters_are_woken_in_order_one_for_each_value() {
    let queue = WaitQueue::new(4);
    let woken = [(); 3].map(|()| Arc::new(Woken::default()));
    let mut pops = [(); 3].map(|()| queue.pop());
    for (woken, pop) in woken.iter().zip(&mut pops) {
        assert!(woken.poll(pop).is_pending());
        // Polled twice, it still waits once.
        assert!(woken.poll(pop).is_pending());
    }
    for value in 0..2 {
        assert_eq!(queue.try_push(value), Ok(()));
    }
    let counts = woken.each_ref().map(|woken| woken.count());
    assert_eq!(counts, [1, 1, 0]);
    for (index, pop) in pops.iter_mut().take(2).enumerate() {
        assert_eq!(woken[index].poll(pop), Poll::Ready(index));
    }
    assert!(woken[2].poll(&mut pops[2]).is_pending());
}

#[test]
fn a_waiter_that_was_woken_and_gives_up_passes_the_wake_on() {
    let queue = WaitQueue::new(1);
    let woken = [(); 2].map(|()| Arc::new(Woken::default()));
    let (mut first, mut second) = (queue.pop(), queue.pop());
    assert!(woken[0].poll(&mut first).is_pending());
    assert!(woken[1].poll(&mut second).is_pending());
    assert_eq!(queue.try_push(7), Ok(()));
    assert_eq!((woken[0].count(), woken[1].count()), (1, 0));
    drop(first);
    assert_eq!(woken[1].count(), 1);
    assert_eq!(woken[1].poll(&mut second), Poll::Ready(7));

    assert_eq!(queue.try_push(8), Ok(()));
    let (mut first, mut second) = (queue.push(9), queue.push(10));
    assert!(woken[0].poll(&mut first).is_pending());
    assert!(woken[1].poll(&mut second).is_pending());
    assert_eq!(queue.try_pop(), Some(8));
    drop(first);
    assert_eq!(woken[1].count(), 2);
    assert_eq!(woken[1].poll(&mut second), Poll::Ready(()));
    assert_eq!(queue.try_pop(), Some(10));
}

#[test]
fn a_push_that_is_given_up_gives_its_value_back() {
    let queue = WaitQueue::new(1);
    assert_eq!(queue.push(1).into_value(), Some(1));
    let mut pushed = queue.push(2);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut pushed).poll(&mut cx).is_ready());
    assert_eq!(pushed.into_value(), None);
    let mut pending = queue.push(3);
    assert!(Pin::new(&mut pending).poll(&mut cx).is_pending());
    assert_eq!(pending.into_value(), Some(3));
    assert_eq!(queue.try_pop(), Some(2));
    assert_eq!(queue.try_pop(), None);
}

#[test]
fn waits_that_are_cancelled_lose_no_value() {
    let queue = WaitQueue::new(2);
    let mut cx = Context::from_waker(Waker::noop());
    for value in 0..if cfg!(miri) { 50 } else { 1_000 } {
        assert!(pin!(queue.pop()).poll(&mut cx).is_pending());
        assert_eq!(queue.try_push(value), Ok(()));
        assert_eq!(queue.try_push(value), Ok(()));
        assert!(pin!(queue.push(0)).poll(&mut cx).is_pending());
        drop(queue.pop());
        assert_eq!(pin!(queue.pop()).poll(&mut cx), Poll::Ready(value));
        assert_eq!(queue.try_pop(), Some(value));
    }
}
