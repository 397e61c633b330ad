//! The queue for many producers and consumers under random schedules: what is pushed and popped is
//! what a bounded first-in-first-out queue would do.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use hallows_lockfree::mpmc::{Queue, WaitQueue};
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Arc;
use shuttle::thread;

use crate::linearize::{Model, Recorder};

const CAPACITY: usize = 4;
const CALLS: u32 = 10;

/// Pushes and pops that wait until they can be done: in the model they only can be then.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Fifo(VecDeque<u32>);

#[derive(Clone, Debug)]
enum Op {
    Push(u32),
    Pop,
}

impl Model for Fifo {
    type Op = Op;
    /// What was pushed or popped; `None` if it could not be.
    type Ret = Option<u32>;

    fn apply(&mut self, op: &Op) -> Option<u32> {
        match op {
            Op::Push(value) if self.0.len() < CAPACITY => {
                self.0.push_back(*value);
                Some(*value)
            }
            Op::Push(_) => None,
            Op::Pop => self.0.pop_front(),
        }
    }
}

fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        thread::yield_now();
    }
}

#[test]
fn pushes_and_pops_are_those_of_a_bounded_queue() {
    let run = || {
        let queue = Arc::new(Queue::new(CAPACITY));
        let recorder = Recorder::<Fifo>::new();
        let producers = (0..2).map(|number| {
            let (queue, recorder) = (queue.clone(), recorder.clone());
            thread::spawn(move || {
                for call in 0..CALLS {
                    let value = number * CALLS + call;
                    recorder.call(Op::Push(value), || {
                        until(|| queue.try_push(value).ok());
                        Some(value)
                    });
                }
            })
        });
        let producers: Vec<_> = producers.collect();
        let consumers = (0..2).map(|_| {
            let (queue, recorder) = (queue.clone(), recorder.clone());
            thread::spawn(move || {
                for _ in 0..CALLS {
                    recorder.call(Op::Pop, || Some(until(|| queue.try_pop())));
                }
            })
        });
        let consumers: Vec<_> = consumers.collect();
        for thread in producers.into_iter().chain(consumers) {
            thread.join().expect("no panic");
        }
        assert!(queue.is_empty());
        recorder.check(Fifo::default());
    };
    shuttle::check_random(run, 300);
}

fn polled<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(future).poll(&mut cx) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Waits, and sometimes gives up and tries again.
fn fickle<T, F: Future<Output = T> + Unpin>(mut make: impl FnMut() -> F) -> T {
    while thread_rng().gen_range(0..3) == 0 {
        if let Some(value) = polled(&mut make()) {
            return value;
        }
        thread::yield_now();
    }
    let mut future = make();
    block_on(poll_fn(|cx| Pin::new(&mut future).poll(cx)))
}

#[test]
fn waiting_and_giving_up_lose_no_value_and_no_wake() {
    let run = || {
        let queue = Arc::new(WaitQueue::new(2));
        let producers = (0..2).map(|_| {
            let queue = queue.clone();
            thread::spawn(move || {
                for value in 1..=CALLS {
                    fickle(|| queue.push(value));
                }
            })
        });
        let producers: Vec<_> = producers.collect();
        let consumers = (0..2).map(|_| {
            let queue = queue.clone();
            thread::spawn(move || (0..CALLS).map(|_| fickle(|| queue.pop())).sum::<u32>())
        });
        let consumers: Vec<_> = consumers.collect();
        for producer in producers {
            producer.join().expect("no panic");
        }
        let sums = consumers
            .into_iter()
            .map(|consumer| consumer.join().expect("no panic"));
        assert_eq!(sums.sum::<u32>(), CALLS * (CALLS + 1));
    };
    shuttle::check_random(run, 300);
}
