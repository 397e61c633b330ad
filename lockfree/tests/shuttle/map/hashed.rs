//! Operations by hash, as a cache uses them: histories are those of a map of std whose entries are
//! removed only if they have the value in question.

use std::collections::BTreeMap;

use hallows_lockfree::map::Map;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Arc;
use shuttle::thread;

use super::Hash;
use crate::linearize::{Model, Recorder};

#[derive(Clone, PartialEq, Eq, Hash)]
struct Std(BTreeMap<u64, u64>);

#[derive(Clone, Debug)]
enum Op {
    Find(u64),
    Put(u64, u64),
    TakeIf(u64, u64),
}

impl Model for Std {
    type Op = Op;
    /// The value that was there, or was taken.
    type Ret = Option<u64>;

    fn apply(&mut self, op: &Op) -> Option<u64> {
        match *op {
            Op::Find(key) => self.0.get(&key).copied(),
            Op::Put(key, value) => self.0.insert(key, value),
            Op::TakeIf(key, value) => {
                let is = self.0.get(&key) == Some(&value);
                is.then(|| self.0.remove(&key)).flatten()
            }
        }
    }
}

impl Op {
    /// Few keys, so that their chains collide; few values, so that one is often that of another put.
    fn random() -> Self {
        let (key, value) = (thread_rng().gen_range(0..4), thread_rng().gen_range(0..3));
        match thread_rng().gen_range(0..3) {
            0 => Self::Find(key),
            1 => Self::Put(key, value),
            _ => Self::TakeIf(key, value),
        }
    }

    fn run(&self, map: &Map<u64, u64, Hash>) -> Option<u64> {
        match *self {
            Self::Find(key) => map.find_with(map.hash(&key), |it, _| *it == key, |_, value| *value),
            Self::Put(key, value) => {
                let before = map.put(map.hash(&key), |it, _| *it == key, key, value);
                before.map(|taken| *taken.value())
            }
            Self::TakeIf(key, value) => {
                let taken = map.take_if(map.hash(&key), |it, now| *it == key && *now == value);
                taken.map(|taken| *taken.value())
            }
        }
    }
}

#[test]
fn histories_of_operations_by_hash_are_linearizable() {
    let run = || {
        let map = Arc::new(Map::with_hasher(Hash::default()));
        let recorder = Recorder::<Std>::new();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (map, recorder) = (map.clone(), recorder.clone());
                thread::spawn(move || {
                    for _ in 0..6 {
                        let op = Op::random();
                        recorder.call(op.clone(), || op.run(&map));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        recorder.check(Std(BTreeMap::new()));
    };
    shuttle::check_random(run, 1_000);
    shuttle::check_pct(run, 500, 3);
}
