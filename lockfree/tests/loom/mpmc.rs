//! The queue for many producers and consumers under every interleaving.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize as StdAtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use hallows_lockfree::mpmc::{Full, Queue, WaitQueue};
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(f);
}

/// Repeats until it succeeds; lets the others run in between.
fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        thread::yield_now();
    }
}

/// Blocks on a future; a wait that is woken at once lets the others run.
fn wait<T>(mut future: impl Future<Output = T> + Unpin) -> T {
    block_on(poll_fn(|cx| {
        let polled = Pin::new(&mut future).poll(cx);
        if polled.is_pending() {
            thread::yield_now();
        }
        polled
    }))
}

#[test]
fn two_producers_pass_each_value_once_through_a_slot_that_wraps() {
    model(3, || {
        let queue = Arc::new(Queue::new(1));
        let producers = [1, 2].map(|value| {
            let queue = queue.clone();
            thread::spawn(move || queue.try_push(value).map_or(0, |()| value))
        });
        let mut popped = queue.try_pop().unwrap_or(0);
        let mut pushed = 0;
        for producer in producers {
            pushed += producer.join().expect("no panic");
        }
        popped += queue.try_pop().unwrap_or(0);
        assert_eq!(popped, pushed);
        assert_eq!(queue.try_pop(), None);
    });
}

#[test]
fn two_consumers_get_each_value_once() {
    model(3, || {
        let queue = Arc::new(Queue::new(2));
        let consumers = [(); 2].map(|()| {
            let queue = queue.clone();
            thread::spawn(move || queue.try_pop().unwrap_or(0))
        });
        for value in [1, 2] {
            assert_eq!(queue.try_push(value), Ok(()));
        }
        let got = consumers.map(|consumer| consumer.join().expect("no panic"));
        let rest: u32 = std::iter::from_fn(|| queue.try_pop()).sum();
        assert_eq!(got[0] + got[1] + rest, 3);
    });
}

#[test]
fn values_of_a_producer_come_in_order_through_a_small_queue() {
    model(3, || {
        let queue = Arc::new(Queue::new(2));
        let producer = {
            let queue = queue.clone();
            thread::spawn(move || {
                for value in 0..3 {
                    until(|| queue.try_push(value).ok());
                }
            })
        };
        for value in 0..3 {
            assert_eq!(until(|| queue.try_pop()), value);
        }
        producer.join().expect("no panic");
    });
}

#[test]
fn no_more_is_taken_than_fits() {
    model(3, || {
        let queue = Arc::new(Queue::new(1));
        let producers = [1, 2].map(|value| {
            let queue = queue.clone();
            thread::spawn(move || match queue.try_push(value) {
                Ok(()) => true,
                Err(Full(back)) => {
                    assert_eq!(back, value);
                    false
                }
            })
        });
        let pushed = producers.map(|producer| producer.join().expect("no panic"));
        assert!(pushed[0] != pushed[1]);
        assert!(queue.try_pop().is_some());
        assert!(queue.try_pop().is_none());
    });
}

struct Counted(StdArc<StdAtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn what_is_left_is_dropped_once() {
    model(3, || {
        let drops = StdArc::new(StdAtomicUsize::new(0));
        let queue = Arc::new(Queue::new(2));
        let value = Counted(drops.clone());
        let producer = {
            let queue = queue.clone();
            thread::spawn(move || drop(queue.try_push(value)))
        };
        drop(queue.try_push(Counted(drops.clone())));
        drop(queue.try_pop());
        drop(queue);
        producer.join().expect("no panic");
        assert_eq!(drops.load(SeqCst), 2);
    });
}

#[test]
fn a_consumer_that_waits_is_woken_by_each_value() {
    model(2, || {
        let queue = Arc::new(WaitQueue::new(1));
        let producer = {
            let queue = queue.clone();
            thread::spawn(move || {
                for value in 0..2 {
                    wait(queue.push(value));
                }
            })
        };
        for value in 0..2 {
            assert_eq!(wait(queue.pop()), value);
        }
        producer.join().expect("no panic");
    });
}

#[test]
fn two_consumers_that_wait_are_both_woken() {
    model(2, || {
        let queue = Arc::new(WaitQueue::new(2));
        let consumers = [(); 2].map(|()| {
            let queue = queue.clone();
            thread::spawn(move || wait(queue.pop()))
        });
        for value in [1, 2] {
            assert_eq!(queue.try_push(value), Ok(()));
        }
        let got = consumers.map(|consumer| consumer.join().expect("no panic"));
        assert_eq!(got[0] + got[1], 3);
    });
}

#[test]
fn a_waiter_that_gives_up_passes_its_wake_on() {
    model(2, || {
        let queue = Arc::new(WaitQueue::new(1));
        let fickle = {
            let queue = queue.clone();
            thread::spawn(move || {
                let mut pop = pin!(queue.pop());
                let mut cx = Context::from_waker(Waker::noop());
                if let Poll::Ready(value) = pop.as_mut().poll(&mut cx) {
                    // It is for the other one.
                    assert_eq!(queue.try_push(value), Ok(()));
                }
            })
        };
        let patient = {
            let queue = queue.clone();
            thread::spawn(move || wait(queue.pop()))
        };
        assert_eq!(queue.try_push(7), Ok(()));
        assert_eq!(patient.join().expect("no panic"), 7);
        fickle.join().expect("no panic");
    });
}
