//! The hash map alone and among threads, on the processor's atomics.

#![cfg(not(any(feature = "loom", feature = "shuttle")))]

#[path = "linearize/mod.rs"]
mod linearize;
#[path = "map/memory.rs"]
mod memory;
#[path = "map/order.rs"]
mod order;

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use fastrand::Rng;
use hallows_lockfree::map::{Layout, Map, WordMap};

/// A count, or the smaller one that Miri can afford.
const fn few(count: usize, miri: usize) -> usize {
    if cfg!(miri) { miri } else { count }
}

/// All keys have one of a few hashes.
#[derive(Default)]
struct Bad(u64);

impl Hasher for Bad {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>() % 3;
    }
}

/// Hashes come in clusters, so that chains are long in some buckets and none in others.
#[derive(Default)]
struct Clustered(u64);

impl Hasher for Clustered {
    fn finish(&self) -> u64 {
        self.0 & !15
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u64");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// A macro, for both layouts: does what a map of std does, and compares.
macro_rules! like_std {
    ($map:expr, $rounds:expr, $key:expr) => {{
        let (map, mut model) = ($map, HashMap::new());
        let mut random = Rng::with_seed(0x1234_5678_9ABC_DEF1);
        for round in 0..$rounds as u64 {
            let key = $key(random.u64(..300.min($rounds as u64 / 4)));
            let value = round;
            match random.u64(..7) {
                0..3 => assert_eq!(map.insert(key.clone(), value), model.insert(key, value)),
                3 => assert_eq!(map.remove(&key), model.remove(&key)),
                4 => {
                    let updated = map.update(&key, |old| old + value);
                    assert_eq!(updated, model.contains_key(&key));
                    model.entry(key).and_modify(|old| *old += value);
                }
                5 => {
                    let there = map.get_or_insert_with(key.clone(), || value);
                    assert_eq!(there, *model.entry(key).or_insert(value));
                }
                _ => assert_eq!(map.get(&key), model.get(&key).copied()),
            }
            assert_eq!(map.len(), model.len());
            if round % 500 == 0 {
                map.retain(|_, value| value % 3 != 0);
                model.retain(|_, value| *value % 3 != 0);
            }
        }
        let mut seen = HashMap::new();
        map.for_each(|key, value| assert_eq!(seen.insert(key.clone(), *value), None));
        assert_eq!(seen, model);
        map.clear();
        assert!(map.is_empty());
        map.for_each(|_, _| panic!("an empty map"));
    }};
}

#[test]
fn a_map_of_words_does_what_a_map_of_std_does() {
    like_std!(WordMap::<u64, u64>::new(), few(100_000, 12), |key| key);
}

#[test]
fn a_map_that_outgrows_the_room_it_had_from_the_start_does_what_a_map_of_std_does() {
    // Three families of buckets.
    let words = WordMap::<u64, u64>::with_capacity(8);
    like_std!(words, few(50_000, 12), |key| key);
    let boxes = Map::<String, u64>::with_capacity(8);
    like_std!(boxes, few(20_000, 12), |key: u64| key.to_string());
}

#[test]
fn a_map_of_boxes_does_what_a_map_of_std_does() {
    like_std!(Map::<String, u64>::new(), few(50_000, 12), |key: u64| key
        .to_string());
}

#[test]
fn maps_work_where_nearly_all_keys_collide() {
    type Colliding = BuildHasherDefault<Bad>;
    let words = WordMap::<u64, u64, Colliding>::with_hasher(Colliding::default());
    like_std!(words, few(10_000, 8), |key| key);
    let boxes = Map::<String, u64, Colliding>::with_hasher(Colliding::default());
    like_std!(boxes, few(10_000, 8), |key: u64| key.to_string());
}

#[test]
#[cfg_attr(miri, ignore = "other tests show Miri the same")]
fn a_map_with_room_from_the_start_finds_everything_at_every_size() {
    for entries in 0..8_000_u64 {
        if entries.count_ones() <= 2 {
            let map = WordMap::<u64, u64>::with_capacity(entries as usize);
            (0..entries).for_each(|key| assert_eq!(map.insert(key, !key), None));
            assert!((0..entries).all(|key| map.get(&key) == Some(!key)));
            assert_eq!(map.len() as u64, entries);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "other tests show Miri the same")]
fn too_much_room_is_refused_at_once() {
    let map = || WordMap::<u64, u64>::with_capacity(usize::MAX);
    assert!(std::panic::catch_unwind(map).is_err());
}

#[test]
#[cfg_attr(miri, ignore = "other tests show Miri the same")]
fn every_kind_of_word_comes_back_as_it_was() {
    let map = WordMap::<i8, char>::new();
    (i8::MIN..=i8::MAX).for_each(|key| assert_eq!(map.insert(key, 'ß'), None));
    assert!((i8::MIN..=i8::MAX).all(|key| map.get(&key) == Some('ß')));
    let map = WordMap::<(), i64>::new();
    assert_eq!((map.insert((), -1), map.get(&())), (None, Some(-1)));
    let map = WordMap::<bool, bool>::new();
    assert_eq!((map.insert(true, true), map.get(&true)), (None, Some(true)));
    assert_eq!(map.get(&false), None);
}

/// Of half of the keys there is a value; all batches up to a length are asked for.
fn batches_answer_each_key_once<S: BuildHasher, L: Layout<u64, u64>>(map: &Map<u64, u64, S, L>) {
    (0..100).for_each(|key| assert!(map.insert(key, key + 1).is_none()));
    let all: Vec<u64> = (50..150).collect();
    for len in (0..all.len()).step_by(few(1, 33)) {
        let keys = &all[all.len() / 2 - len / 2..][..len];
        let mut answers = vec![None; keys.len()];
        map.get_many(keys, |position, value| {
            assert_eq!(answers[position].replace(value.copied()), None);
        });
        let expected = |key| Some((key < 100).then_some(key + 1));
        assert!(keys.iter().map(|&key| expected(key)).eq(answers));
    }
}

#[test]
fn batches_of_gets_answer_each_key_once() {
    batches_answer_each_key_once(&WordMap::<u64, u64>::new());
    batches_answer_each_key_once(&WordMap::<u64, u64>::with_capacity(100));
    batches_answer_each_key_once(&WordMap::<u64, u64>::with_capacity(20));
    batches_answer_each_key_once(&Map::<u64, u64>::with_capacity(20));
    batches_answer_each_key_once(&Map::<u64, u64>::new());
}

#[test]
fn batches_of_gets_find_what_is_in_overflow_buckets() {
    type Colliding = BuildHasherDefault<Bad>;
    batches_answer_each_key_once(&WordMap::<u64, u64, Colliding>::default());
    batches_answer_each_key_once(&Map::<u64, u64, Colliding>::default());
}

#[test]
fn a_visitor_of_a_batch_may_do_anything_with_the_map() {
    let map = Map::<u64, String>::new();
    let keys: Vec<u64> = (0..few(200, 40) as u64).collect();
    keys.iter().for_each(|key| {
        map.insert(*key, key.to_string());
    });
    let mut met = 0;
    map.get_many(&keys, |position, value| {
        // Those that come later may be gone by then.
        if let Some(value) = value {
            assert_eq!(*value, position.to_string());
            assert_eq!(map.remove(&(position as u64)).as_ref(), Some(value));
            map.remove(&(position as u64 + 1));
            map.insert(position as u64 + 1_000, String::new());
            map.get_many(&keys[..3], |_, _| ());
            assert_eq!(*value, position.to_string());
            met += 1;
        }
    });
    assert!(met >= keys.len() / 2, "{met}");
}

#[test]
fn all_buckets_lie_in_the_memory_that_the_map_tells_of() {
    let map = WordMap::<u64, u64>::with_capacity(1000);
    let memory: Vec<_> = map.memory().collect();
    let bytes: usize = memory.iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes >= 1000 * 16, "{bytes} bytes");
    (0..few(100_000, 2_000) as u64).for_each(|key| assert!(map.insert(key, key).is_none()));
    let grown: Vec<_> = map.memory().collect();
    assert_eq!(grown[..memory.len()], memory, "it stays where it is");
    assert!(grown.len() > memory.len());
}

#[test]
#[cfg_attr(miri, ignore = "other tests show Miri the same")]
fn a_large_table_begins_where_a_huge_page_does_and_can_outgrow_it() {
    const HUGE_BYTES: usize = 2 << 20;
    let map = WordMap::<u64, u64>::with_capacity(100_000);
    let memory: Vec<_> = map.memory().collect();
    assert!(memory.iter().all(|(start, bytes)| {
        start.addr().is_multiple_of(HUGE_BYTES) && bytes.is_multiple_of(HUGE_BYTES)
    }));
    (0..300_000).for_each(|key| assert!(map.insert(key, !key).is_none()));
    assert!((0..300_000).all(|key| map.get(&key) == Some(!key)));
    assert!(map.memory().count() > memory.len());
}

#[test]
fn a_borrowed_key_finds_what_an_owned_one_inserted() {
    let map = Map::<String, Vec<u8>>::new();
    map.insert("snitch".to_owned(), vec![1, 2]);
    assert_eq!(map.get_with("snitch", Vec::len), Some(2));
    assert!(map.contains_key("snitch") && !map.contains_key("quaffle"));
    assert!(map.update("snitch", |old| [old.as_slice(), &[3]].concat()));
    assert_eq!(map.remove("snitch"), Some(vec![1, 2, 3]));
}

#[test]
fn a_visitor_may_do_anything_with_the_map() {
    let map = Map::<u32, String>::new();
    let count = few(100, 10) as u32;
    (0..count).for_each(|key| assert!(map.insert(key, key.to_string()).is_none()));
    map.get_with(&7, |seven| {
        assert_eq!(map.remove(&7).as_ref(), Some(seven));
        assert_eq!(map.insert(7, "other".to_owned()), None);
        assert_eq!(seven, "7");
    });
    map.for_each(|key, value| {
        if *key < 1_000 {
            map.insert(key + 1_000, value.clone());
            map.remove(key);
        }
    });
    assert!((1_000..1_000 + count).all(|key| map.contains_key(&key)));
    assert!(map.update(&1_000, |old| {
        map.remove(&1_001);
        old.clone() + "!"
    }));
    assert_eq!(map.get(&1_000), Some("0!".to_owned()));
}

/// Keys below `STAY` are only updated, by one thread; those above come and go, by another, so that
/// the table grows and chains change; this thread looks for the former all the time.
macro_rules! never_absent {
    ($map:expr, $key:expr) => {{
        const STAY: u64 = few(64, 8) as u64;
        let (map, stop) = ($map, AtomicBool::new(false));
        (0..STAY).for_each(|key| assert!(map.insert($key(key), key).is_none()));
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Rng::with_seed(7);
                while !stop.load(Relaxed) {
                    let key = random.u64(..STAY);
                    if random.u64(..2) == 0 {
                        assert!(map.insert($key(key), key + STAY).is_some());
                    } else {
                        assert!(map.update(&$key(key), |_| key));
                    }
                }
            });
            scope.spawn(|| {
                let mut random = Rng::with_seed(8);
                for round in 0..few(100_000, 12) as u64 {
                    let key = STAY + random.u64(..100 + round / 4);
                    map.insert($key(key), key);
                    map.remove(&$key(STAY + random.u64(..100 + round / 4)));
                }
                stop.store(true, Relaxed);
            });
            let mut random = Rng::with_seed(9);
            let mut rounds = 0_u64;
            while !stop.load(Relaxed) {
                let key = random.u64(..STAY);
                assert_eq!(map.get(&$key(key)).map(|value| value % STAY), Some(key));
                rounds += 1;
                if rounds.is_multiple_of(few(2_000, 20) as u64) {
                    let mut met = vec![0; STAY as usize];
                    map.for_each(|key, value| {
                        if *key < $key(STAY) {
                            met[*value as usize % STAY as usize] += 1;
                        }
                    });
                    assert!(met.iter().all(|times| *times == 1), "{met:?}");
                }
            }
        });
    }};
}

#[test]
fn a_word_key_that_is_only_updated_is_never_missed() {
    never_absent!(WordMap::<u64, u64>::new(), |key: u64| key);
}

#[test]
fn a_boxed_key_that_is_only_updated_is_never_missed() {
    never_absent!(Map::<u64, u64>::new(), |key: u64| key);
}

#[test]
fn a_key_that_is_only_updated_is_never_missed_in_a_map_that_outgrows_its_first_room() {
    never_absent!(WordMap::<u64, u64>::with_capacity(8), |key: u64| key);
    never_absent!(Map::<u64, u64>::with_capacity(8), |key: u64| key);
}

#[test]
fn a_key_that_is_only_updated_is_never_missed_where_chains_are_long() {
    never_absent!(
        WordMap::<u64, u64, _>::with_hasher(BuildHasherDefault::<Clustered>::default()),
        |key: u64| key
    );
}

#[test]
fn every_update_of_every_thread_counts() {
    const THREADS: u64 = 3;
    let (words, boxes) = (WordMap::<u64, u64>::new(), Map::<u64, u64>::new());
    let rounds = few(60_000, 3) as u64;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..rounds {
                    words.get_or_insert_with(round % 5, || 0);
                    assert!(words.update(&(round % 5), |count| count + 1));
                    boxes.get_or_insert_with(round % 5, || 0);
                    assert!(boxes.update(&(round % 5), |count| count + 1));
                }
            });
        }
    });
    let total = |map: &dyn Fn(u64) -> Option<u64>| (0..5).filter_map(map).sum::<u64>();
    assert_eq!(total(&|key| words.get(&key)), THREADS * rounds);
    assert_eq!(total(&|key| boxes.get(&key)), THREADS * rounds);
}

#[test]
fn what_threads_insert_into_a_growing_map_is_there_and_what_they_remove_is_not() {
    what_threads_insert_is_there(&WordMap::new());
    // Families that are no power of two.
    what_threads_insert_is_there(&WordMap::with_capacity(few(1_000, 8)));
}

fn what_threads_insert_is_there(map: &WordMap<u64, u64>) {
    const THREADS: u64 = 4;
    let each = few(50_000, 6) as u64;
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for key in (0..each).map(|number| number * THREADS + thread) {
                    assert_eq!(map.insert(key, key), None);
                    if key % 3 == 0 {
                        assert_eq!(map.remove(&key), Some(key));
                    }
                }
            });
        }
    });
    let expected = |key: u64| (!key.is_multiple_of(3)).then_some(key);
    assert!((0..each * THREADS).all(|key| map.get(&key) == expected(key)));
    let count = (0..each * THREADS).filter_map(expected).count();
    assert_eq!(map.len(), count);
}

#[test]
fn all_threads_get_the_same_value_that_one_of_them_inserted() {
    for _ in 0..few(2_000, 1) {
        let (map, start) = (Map::<u32, u32>::new(), Barrier::new(3));
        let race = |mine| {
            start.wait();
            map.get_or_insert_with(1, || mine)
        };
        let got = thread::scope(|scope| {
            let others: Vec<_> = (1..3).map(|mine| scope.spawn(move || race(mine))).collect();
            let mut got = vec![race(0)];
            got.extend(
                others
                    .into_iter()
                    .map(|other| other.join().expect("no panic")),
            );
            got
        });
        assert!(got.iter().all(|value| *value == got[0]), "{got:?}");
    }
}
