//! Histories of an SPSC ring against a bounded queue.

use std::collections::VecDeque;

use hallows_lockfree::spsc::{PopError, channel, ring};
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::linearize::{Model, Recorder};

const CAPACITY: usize = 3;

#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Bounded(VecDeque<u32>);

#[derive(Clone, Debug)]
enum Op {
    /// As many items from this one on as there is room for, at most two.
    Push(u32, usize),
    /// Exactly as many items, or none.
    Pop(usize),
}

impl Model for Bounded {
    type Op = Op;
    type Ret = Vec<u32>;

    fn apply(&mut self, op: &Op) -> Vec<u32> {
        match *op {
            Op::Push(first, count) if self.0.len() + count <= CAPACITY => {
                let items = first..first + count as u32;
                self.0.extend(items.clone());
                items.collect()
            }
            Op::Pop(count) if self.0.len() >= count => self.0.drain(..count).collect(),
            Op::Push(..) | Op::Pop(_) => Vec::new(),
        }
    }
}

#[test]
fn pushes_and_pops_of_items_and_chunks_are_linearizable() {
    shuttle::check_random(
        || {
            let recorder = Recorder::<Bounded>::new();
            let (mut producer, mut consumer) = ring(CAPACITY);
            let pushes = recorder.clone();
            let pusher = thread::spawn(move || {
                let mut next = 0;
                for _ in 0..12 {
                    let count = thread_rng().gen_range(1..3);
                    let pushed = pushes.call(Op::Push(next, count), || {
                        let items = next..next + count as u32;
                        let done = match count {
                            1 => producer.try_push(next).is_ok(),
                            _ => producer
                                .reserve(count)
                                .map(|chunk| chunk.fill(items.clone()))
                                .is_ok(),
                        };
                        if done { items.collect() } else { Vec::new() }
                    });
                    next += pushed.len() as u32;
                }
                producer
            });
            for _ in 0..12 {
                let count = thread_rng().gen_range(1..3);
                recorder.call(Op::Pop(count), || match count {
                    1 => consumer.try_pop().into_iter().collect(),
                    _ => consumer.read(count).into_iter().flatten().collect(),
                });
            }
            drop(pusher.join().unwrap());
            recorder.check(Bounded::default());
        },
        500,
    );
}

#[test]
fn waiting_sides_pass_everything_on_and_end() {
    shuttle::check_random(
        || {
            let (mut sender, mut receiver) = channel(CAPACITY);
            let pusher = thread::spawn(move || {
                for item in 0..20 {
                    block_on(sender.push(item)).unwrap();
                }
            });
            let mut next = 0;
            while let Some(item) = block_on(receiver.pop()) {
                assert_eq!(item, next);
                next += 1;
            }
            assert_eq!(next, 20);
            pusher.join().unwrap();
        },
        500,
    );
}

#[test]
fn a_side_that_goes_ends_the_waiting_of_the_other() {
    shuttle::check_random(
        || {
            let (mut sender, mut receiver) = channel(1);
            let popper = thread::spawn(move || {
                let taken = thread_rng().gen_range(0..3);
                for item in 0..taken {
                    assert_eq!(block_on(receiver.pop()), Some(item));
                }
                assert!(matches!(receiver.try_pop(), Ok(_) | Err(PopError::Empty)));
            });
            let mut item = 0;
            while block_on(sender.push(item)).is_ok() {
                item += 1;
            }
            popper.join().unwrap();
            assert!(sender.is_closed());
        },
        500,
    );
}
