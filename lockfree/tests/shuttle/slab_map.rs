//! The slab map under a lock, with readers that take none: histories are those of a map of std. (A bucket
//! has one place here, and the first table one bucket.)

use std::collections::BTreeMap;

use hallows_lockfree::slab_map::{Hazards, Reader, Writer, slab_map};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

use crate::linearize::{Model, Recorder};

struct Map {
    writer: Mutex<Writer<u64, u64>>,
    reader: Reader<u64, u64>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Std(BTreeMap<u64, u64>);

#[derive(Clone, Debug)]
enum Op {
    Find(u64),
    Put(u64, u64),
    Remove(u64),
}

impl Model for Std {
    type Op = Op;
    /// What was found; of a removal, if there was a value.
    type Ret = Option<u64>;

    fn apply(&mut self, op: &Op) -> Option<u64> {
        match *op {
            Op::Find(key) => self.0.get(&key).copied(),
            Op::Put(key, value) => self.0.insert(key, value).map(|_| 0),
            Op::Remove(key) => self.0.remove(&key).map(|_| 0),
        }
    }
}

impl Op {
    /// Few keys, so that they share buckets.
    fn random() -> Self {
        let (key, value) = (thread_rng().gen_range(0..4), thread_rng().gen_range(0..100));
        match thread_rng().gen_range(0..4) {
            0 | 1 => Self::Find(key),
            2 => Self::Put(key, value),
            _ => Self::Remove(key),
        }
    }

    fn run(&self, map: &Map) -> Option<u64> {
        let writer = || map.writer.lock().expect("no panic");
        match *self {
            Self::Find(key) => {
                let found = map.reader.find(key as usize, |known, _| *known == key);
                found.map(|found| *found.value())
            }
            Self::Put(key, value) => {
                let mut writer = writer();
                let slot = writer.find(key as usize, |known, _| *known == key);
                if let Some(slot) = slot {
                    let (_, taken) = (writer.replace(key as usize, slot, key, value))?;
                    writer.retire(taken);
                } else {
                    writer.insert(key as usize, key, value, |key, _| *key as usize);
                }
                drop(writer.collect());
                slot.map(|_| 0)
            }
            Self::Remove(key) => {
                let mut writer = writer();
                let slot = writer.find(key as usize, |known, _| *known == key)?;
                assert!(writer.remove(key as usize, slot));
                drop(writer.collect());
                Some(0)
            }
        }
    }
}

#[test]
fn histories_are_linearizable() {
    let run = || {
        let (writer, reader) = slab_map(&Hazards::new());
        let writer = Mutex::new(writer);
        let map = Arc::new(Map { writer, reader });
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
