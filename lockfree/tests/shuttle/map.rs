//! The hash map under random schedules: histories of a few keys, in chains that are split, emptied
//! and used again, are those of a map of std. (A bucket has one slot here.)

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};

use hallows_lockfree::map::{Map, WordMap};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicU64, Ordering::Relaxed};
use shuttle::thread;

use crate::linearize::{Model, Recorder};

/// The hash is the key.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u64");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

type Hash = BuildHasherDefault<Identity>;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Std(BTreeMap<u64, u64>);

#[derive(Clone, Debug)]
enum Op {
    Get(u64),
    /// In a batch with the key after it, whose value does not count.
    GetOfTwo(u64),
    Insert(u64, u64),
    Remove(u64),
    Add(u64),
    GetOrInsert(u64, u64),
}

impl Model for Std {
    type Op = Op;
    /// The value before; for `GetOrInsert`, after.
    type Ret = Option<u64>;

    fn apply(&mut self, op: &Op) -> Option<u64> {
        match *op {
            Op::Get(key) | Op::GetOfTwo(key) => self.0.get(&key).copied(),
            Op::Insert(key, value) => self.0.insert(key, value),
            Op::Remove(key) => self.0.remove(&key),
            Op::Add(key) => {
                let value = self.0.get_mut(&key)?;
                *value += 1;
                Some(*value - 1)
            }
            Op::GetOrInsert(key, value) => Some(*self.0.entry(key).or_insert(value)),
        }
    }
}

impl Op {
    fn random(value: u64) -> Self {
        // Few buckets, so that these collide.
        let key = thread_rng().gen_range(0..6);
        match thread_rng().gen_range(0..7) {
            0 => Self::Get(key),
            6 => Self::GetOfTwo(key),
            1 | 2 => Self::Insert(key, value),
            3 => Self::Remove(key),
            4 => Self::Add(key),
            _ => Self::GetOrInsert(key, value),
        }
    }
}

/// The same for both layouts.
macro_rules! random_histories_are_linearizable {
    ($map:ty) => {
        let run = || {
            let map = Arc::new(<$map>::with_hasher(Hash::default()));
            let recorder = Recorder::<Std>::new();
            let threads: Vec<_> = (1..=3)
                .map(|thread| {
                    let (map, recorder) = (map.clone(), recorder.clone());
                    thread::spawn(move || {
                        for round in 0..5 {
                            let op = Op::random(thread * 100 + round * 10);
                            recorder.call(op.clone(), || match op {
                                Op::Get(key) => map.get(&key),
                                Op::GetOfTwo(key) => {
                                    let mut found = [None; 2];
                                    map.get_many(&[key, key + 1], |position, value| {
                                        found[position] = value.copied();
                                    });
                                    found[0]
                                }
                                Op::Insert(key, value) => map.insert(key, value),
                                Op::Remove(key) => map.remove(&key),
                                Op::Add(key) => {
                                    let mut before = None;
                                    let add = |value: &u64| {
                                        before = Some(*value);
                                        value + 1
                                    };
                                    if map.update(&key, add) { before } else { None }
                                }
                                Op::GetOrInsert(key, value) => {
                                    Some(map.get_or_insert_with(key, || value))
                                }
                            });
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
    };
}

#[test]
fn histories_of_a_map_of_words_are_linearizable() {
    random_histories_are_linearizable!(WordMap<u64, u64, Hash>);
}

#[test]
fn histories_of_a_map_of_boxes_are_linearizable() {
    random_histories_are_linearizable!(Map<u64, u64, Hash>);
}

/// The same for both layouts; `$value` makes a value of a number, and `$number` a number of a value.
macro_rules! only_updated_keys_are_never_missed {
    ($map:ty, $value:expr, $number:expr) => {
        let run = || {
            let (value, number) = ($value, $number);
            let map = Arc::new(<$map>::with_hasher(Hash::default()));
            (0..2).for_each(|key| map.insert_with(key * 2, value(key * 2), |_| ()));
            let (updates, others) = (map.clone(), map.clone());
            let updates = thread::spawn(move || {
                for round in 1..4 {
                    assert!(updates.update(&2, |_| value(2 + round * 10)));
                    assert!(updates.insert_with(0, value(round * 10), |old| old.is_some()));
                }
            });
            let others = thread::spawn(move || {
                for key in [4, 1, 3, 6] {
                    let insert = |new| others.insert_with(key, value(new), |old| old.is_none());
                    assert!(insert(5));
                    assert_eq!(others.remove_with(&key, number), Some(5));
                    assert!(insert(7));
                }
            });
            for _ in 0..3 {
                assert_eq!(map.get_with(&2, number).map(|value| value % 10), Some(2));
                let mut met = [0; 7];
                map.for_each(|key, value| {
                    assert!(number(value) < 100);
                    met[*key as usize] += 1;
                });
                assert_eq!((met[0], met[2]), (1, 1), "{met:?}");
            }
            updates.join().expect("no panic");
            others.join().expect("no panic");
            assert_eq!(map.len(), 6);
        };
        shuttle::check_random(run, 1_000);
        shuttle::check_pct(run, 500, 3);
    };
}

#[test]
fn a_key_that_is_only_updated_is_never_missed() {
    only_updated_keys_are_never_missed!(
        WordMap<u64, u64, Hash>,
        |number: u64| number,
        |value: &u64| *value
    );
}

/// A number that is no number any more when it is dropped.
struct Mortal(AtomicU64);

impl Drop for Mortal {
    fn drop(&mut self) {
        self.0.store(u64::MAX, Relaxed);
    }
}

#[test]
fn a_boxed_key_that_is_only_updated_is_never_missed_and_its_box_not_freed_while_it_is_read() {
    only_updated_keys_are_never_missed!(
        Map<u64, Mortal, Hash>,
        |number: u64| Mortal(AtomicU64::new(number)),
        |value: &Mortal| value.0.load(Relaxed)
    );
}
