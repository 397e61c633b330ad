//! The linearizability checker on histories of which the answer is known.

#[path = "mod.rs"]
mod linearize;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use linearize::{Model, Recorder};

#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Queue(VecDeque<u32>);

#[derive(Clone, Debug)]
enum Op {
    Push(u32),
    Pop,
}

impl Model for Queue {
    type Op = Op;
    type Ret = Option<u32>;

    fn apply(&mut self, op: &Op) -> Option<u32> {
        match op {
            Op::Push(value) => {
                self.0.push_back(*value);
                None
            }
            Op::Pop => self.0.pop_front(),
        }
    }
}

/// Calls that follow each other.
fn sequence(recorder: &Recorder<Queue>, calls: &[(Op, Option<u32>)]) {
    for (op, ret) in calls {
        recorder.call(op.clone(), || *ret);
    }
}

#[test]
fn a_sequential_history_is_linearizable() {
    let recorder = Recorder::new();
    let calls = [
        (Op::Pop, None),
        (Op::Push(1), None),
        (Op::Push(2), None),
        (Op::Pop, Some(1)),
        (Op::Pop, Some(2)),
    ];
    sequence(&recorder, &calls);
    recorder.check(Queue::default());
}

#[test]
#[should_panic(expected = "not linearizable")]
fn a_value_that_comes_out_twice_is_refused() {
    let recorder = Recorder::new();
    let calls = [(Op::Push(1), None), (Op::Pop, Some(1)), (Op::Pop, Some(1))];
    sequence(&recorder, &calls);
    recorder.check(Queue::default());
}

#[test]
#[should_panic(expected = "not linearizable")]
fn values_in_the_wrong_order_are_refused() {
    let recorder = Recorder::new();
    let calls = [
        (Op::Push(1), None),
        (Op::Push(2), None),
        (Op::Pop, Some(2)),
        (Op::Pop, Some(1)),
    ];
    sequence(&recorder, &calls);
    recorder.check(Queue::default());
}

#[test]
fn calls_that_overlap_may_take_effect_in_either_order() {
    let recorder = Recorder::new();
    // The push of 1 contains the whole push of 2.
    recorder.call(Op::Push(1), || recorder.call(Op::Push(2), || None));
    sequence(&recorder, &[(Op::Pop, Some(2)), (Op::Pop, Some(1))]);
    recorder.check(Queue::default());
}

#[test]
#[should_panic(expected = "+    2 to    3: Push(1)")]
fn an_effect_before_its_call_is_refused_and_the_history_is_shown() {
    let recorder = Recorder::new();
    let calls = [
        (Op::Pop, None),
        (Op::Push(1), None),
        (Op::Pop, Some(2)),
        (Op::Push(2), None),
    ];
    sequence(&recorder, &calls);
    recorder.check(Queue::default());
}

#[test]
fn an_order_that_only_backtracking_finds_is_found() {
    let recorder = Recorder::new();
    // Tried first is the inner push, which returned first; only the outer ones first can be right.
    recorder.call(Op::Push(1), || {
        recorder.call(Op::Push(2), || recorder.call(Op::Push(3), || None))
    });
    let pops = [1, 2, 3].map(|value| (Op::Pop, Some(value)));
    sequence(&recorder, &pops);
    recorder.check(Queue::default());
}

#[test]
fn a_locked_queue_of_real_threads_is_linearizable() {
    let calls = if cfg!(miri) { 20 } else { 500 };
    let recorder = Recorder::<Queue>::new();
    let queue = Arc::new(Mutex::new(Queue::default()));
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (recorder, queue) = (recorder.clone(), queue.clone());
            scope.spawn(move || {
                for call in 0..calls {
                    let op = match call % 2 {
                        0 => Op::Push(thread * calls + call),
                        _ => Op::Pop,
                    };
                    recorder.call(op.clone(), || queue.lock().expect("whole").apply(&op));
                }
            });
        }
    });
    recorder.check(Queue::default());
}
