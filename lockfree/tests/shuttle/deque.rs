//! The work-stealing deque under random schedules: every history is that of a sequential deque.

use std::collections::VecDeque;

use hallows_lockfree::deque::{Steal, Stealer, Worker};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::linearize::{Model, Recorder};

const CALLS: u32 = 24;

/// A deque that is never full.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Deque(VecDeque<u32>);

#[derive(Clone, Debug)]
enum Op {
    Push(u32),
    PopFront,
    PopBack,
    Steal,
    StealHalf,
}

impl Model for Deque {
    type Op = Op;
    /// What came out, in order.
    type Ret = Vec<u32>;

    fn apply(&mut self, op: &Op) -> Vec<u32> {
        let half = self.0.len().div_ceil(2);
        match op {
            Op::Push(value) => {
                self.0.push_back(*value);
                Vec::new()
            }
            Op::PopFront | Op::Steal => self.0.pop_front().into_iter().collect(),
            Op::PopBack => self.0.pop_back().into_iter().collect(),
            Op::StealHalf => self.0.drain(..half).collect(),
        }
    }
}

fn own(worker: &Worker<u32>, recorder: &Recorder<Deque>) {
    for value in 0..CALLS {
        // More pushes than pops: thieves should find something.
        match thread_rng().gen_range(0..5) {
            0 => recorder.call(Op::PopFront, || worker.pop_front().into_iter().collect()),
            1 => recorder.call(Op::PopBack, || worker.pop_back().into_iter().collect()),
            _ => recorder.call(Op::Push(value), || {
                worker.push(value).expect("there is room for all");
                Vec::new()
            }),
        };
    }
}

/// Repeats an attempt to steal until it was not disturbed.
fn insist<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(value) => return Some(value),
            Steal::Empty => return None,
            Steal::Retry => shuttle::hint::spin_loop(),
        }
    }
}

fn steal(stealer: &Stealer<u32>, recorder: &Recorder<Deque>) {
    let own = Worker::new(CALLS.next_power_of_two() as usize);
    for _ in 0..CALLS / 4 {
        if thread_rng().gen_bool(0.5) {
            recorder.call(Op::Steal, || {
                insist(|| stealer.steal()).into_iter().collect()
            });
        } else {
            recorder.call(Op::StealHalf, || {
                insist(|| stealer.steal_half(&own));
                std::iter::from_fn(|| own.pop_front()).collect()
            });
        }
    }
}

fn owner_and_thieves(thieves: usize) {
    let worker = Worker::new(CALLS.next_power_of_two() as usize);
    let recorder = Recorder::new();
    let handles: Vec<_> = (0..thieves)
        .map(|_| {
            let (stealer, recorder) = (worker.stealer(), recorder.clone());
            thread::spawn(move || steal(&stealer, &recorder))
        })
        .collect();
    own(&worker, &recorder);
    for handle in handles {
        handle.join().expect("the thief has ended");
    }
    while let Some(value) = recorder
        .call(Op::PopFront, || worker.pop_front().into_iter().collect())
        .pop()
    {
        assert!(value < CALLS);
    }
    recorder.check(Deque::default());
}

#[test]
fn a_deque_with_one_thief_is_linearizable() {
    shuttle::check_random(|| owner_and_thieves(1), 5_000);
}

#[test]
fn a_deque_with_three_thieves_is_linearizable() {
    shuttle::check_random(|| owner_and_thieves(3), 2_000);
}

#[test]
fn a_deque_is_linearizable_with_few_preemptions_at_bad_places() {
    shuttle::check_pct(|| owner_and_thieves(2), 2_000, 3);
}

#[test]
fn a_small_deque_gives_values_back_and_loses_none() {
    shuttle::check_random(
        || {
            let worker = Worker::new(2);
            let stealer = worker.stealer();
            let thief = thread::spawn(move || {
                let own = Worker::new(2);
                for _ in 0..8 {
                    insist(|| stealer.steal_half(&own));
                }
                std::iter::from_fn(|| own.pop_back()).collect::<Vec<_>>()
            });
            let mut all: Vec<u32> = (0..CALLS)
                .filter_map(|value| worker.push(value).err().map(|full| full.0))
                .collect();
            all.extend(thief.join().expect("the thief has ended"));
            all.extend(std::iter::from_fn(|| worker.pop_front()));
            all.sort_unstable();
            assert!(all.iter().copied().eq(0..CALLS));
        },
        500,
    );
}
