//! The map is linearizable: what threads saw of a few keys, while the table grew, is what one thread
//! could have seen.

use std::collections::BTreeMap;
use std::thread;

use fastrand::Rng;
use hallows_lockfree::map::{Map, WordMap};

use super::few;
use super::linearize::{Model, Recorder};

#[derive(Clone, PartialEq, Eq, Hash)]
struct Std(BTreeMap<u64, u64>);

#[derive(Clone, Debug)]
enum Op {
    Get(u64),
    Insert(u64, u64),
    Remove(u64),
    Add(u64, u64),
    GetOrInsert(u64, u64),
}

impl Model for Std {
    type Op = Op;
    /// The value before; with `GetOrInsert`, after.
    type Ret = Option<u64>;

    fn apply(&mut self, op: &Op) -> Option<u64> {
        match *op {
            Op::Get(key) => self.0.get(&key).copied(),
            Op::Insert(key, value) => self.0.insert(key, value),
            Op::Remove(key) => self.0.remove(&key),
            Op::Add(key, value) => {
                let old = self.0.get_mut(&key)?;
                *old += value;
                Some(*old - value)
            }
            Op::GetOrInsert(key, value) => Some(*self.0.entry(key).or_insert(value)),
        }
    }
}

macro_rules! check {
    ($new:expr) => {
        for seed in 1..=few(300, 1) as u64 {
            let (map, recorder) = ($new, Recorder::<Std>::new());
            thread::scope(|scope| {
                for thread in 0..3 {
                    let (map, recorder) = (&map, recorder.clone());
                    scope.spawn(move || {
                        let mut random = Rng::with_seed(seed << 8 | thread);
                        for round in 0..few(30, 3) as u64 {
                            let (key, value) = (random.u64(..4), thread << 32 | round);
                            let op = match random.u64(..5) {
                                0 => Op::Get(key),
                                1 => Op::Insert(key, value),
                                2 => Op::Remove(key),
                                3 => Op::Add(key, value),
                                _ => Op::GetOrInsert(key, value),
                            };
                            recorder.call(op.clone(), || match op {
                                Op::Get(key) => map.get(&key),
                                Op::Insert(key, value) => map.insert(key, value),
                                Op::Remove(key) => map.remove(&key),
                                Op::Add(key, value) => {
                                    let mut seen = None;
                                    map.update(&key, |old| {
                                        seen = Some(*old);
                                        old + value
                                    })
                                    .then_some(seen)?
                                }
                                Op::GetOrInsert(key, value) => {
                                    Some(map.get_or_insert_with(key, || value))
                                }
                            });
                            // Other keys, so that it grows; they are not in the history.
                            map.insert(100 + value, 0);
                        }
                    });
                }
            });
            recorder.check(Std(BTreeMap::new()));
        }
    };
}

#[test]
fn histories_of_a_map_of_words_are_linearizable() {
    check!(WordMap::<u64, u64>::new());
}

#[test]
fn histories_of_a_map_of_boxes_are_linearizable() {
    check!(Map::<u64, u64>::new());
}
