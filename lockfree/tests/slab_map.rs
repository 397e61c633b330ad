//! The slab map on the processor's own atomics: against a plain map, and readers beside the writer.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use fastrand::Rng;
use hallows_lockfree::slab_map::{Hazards, Reader, Slot, Taken, Writer, slab_map};

/// A hash that makes some keys meet.
fn hash(key: u64) -> usize {
    (key / 3).wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize
}

fn hash_of<V>(key: &u64, _: &V) -> usize {
    hash(*key)
}

fn find<V: Clone>(reader: &Reader<u64, V>, key: u64) -> Option<V> {
    let found = reader.find(hash(key), |known, _| *known == key);
    found.map(|found| found.value().clone())
}

fn slot<V>(writer: &Writer<u64, V>, key: u64) -> Option<Slot> {
    writer.find(hash(key), |known, _| *known == key)
}

/// Sets the value of a key, as the map's user does.
fn set<V>(writer: &mut Writer<u64, V>, key: u64, value: V) {
    match slot(writer, key) {
        None => {
            writer.insert(hash(key), key, value, hash_of);
        }
        Some(slot) => {
            writer
                .overwrite(hash(key), slot, key, value)
                .expect("there");
        }
    }
    drop(writer.collect());
}

fn remove<V>(writer: &mut Writer<u64, V>, key: u64) -> bool {
    let removed = slot(writer, key).is_some_and(|slot| writer.remove(hash(key), slot));
    drop(writer.collect());
    removed
}

#[test]
fn it_does_what_a_plain_map_does_while_it_grows_and_shrinks() {
    let (mut writer, reader) = slab_map(&Hazards::new());
    let (mut model, mut random) = (HashMap::new(), Rng::with_seed(1));
    let (keys, rounds) = if cfg!(miri) {
        (60, 300)
    } else {
        (3_000, 60_000)
    };
    for round in 0..rounds {
        let key = random.u64(..keys);
        // In turn mostly insertions and mostly removals.
        if random.u64(..8) < [6, 2][(round * 4 / rounds % 2) as usize] {
            set(&mut writer, key, round.to_string());
            model.insert(key, round.to_string());
        } else {
            assert_eq!(remove(&mut writer, key), model.remove(&key).is_some());
        }
        assert_eq!(writer.len(), model.len());
        let key = random.u64(..keys);
        assert_eq!(find(&reader, key), model.get(&key).cloned());
        assert_eq!(slot(&writer, key).is_some(), model.contains_key(&key));
    }
    for key in 0..keys {
        assert_eq!(find(&reader, key), model.get(&key).cloned());
    }
}

/// Counts how many there are.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert_ne!(self.0.fetch_sub(1, SeqCst), 0, "dropped twice");
    }
}

#[test]
fn every_value_is_dropped_once_and_few_wait_for_that() {
    let count = Arc::default();
    let (mut writer, reader) = slab_map(&Hazards::new());
    let rounds = if cfg!(miri) { 100 } else { 10_000 };
    for round in 0..rounds {
        set(&mut writer, round % 10, Counted::new(&count));
        assert!(count.load(SeqCst) <= 10 + 2 * 10 + 1);
    }
    assert!(remove(&mut writer, 3));
    drop(writer);
    assert!(reader.find(hash(4), |key, _| *key == 4).is_some());
    drop(reader);
    assert_eq!(count.load(SeqCst), 0);
}

#[test]
fn of_many_that_are_removed_at_once_none_waits_for_others() {
    let count = Arc::default();
    let (mut writer, reader) = slab_map(&Hazards::new());
    let len = if cfg!(miri) { 200 } else { 10_000 };
    (0..len).for_each(|key| set(&mut writer, key, Counted::new(&count)));
    let found = reader.find(hash(0), |key, _| *key == 0).expect("there");
    for key in 0..len {
        let slot = slot(&writer, key).expect("there");
        assert!(writer.remove(hash(key), slot));
    }
    drop(writer.collect());
    assert_eq!(count.load(SeqCst), 1);
    drop(found);
    drop(writer.collect());
    assert_eq!(count.load(SeqCst), 1, "too few to be looked at");
    drop(writer.collect_all());
    assert_eq!(count.load(SeqCst), 0);
}

#[test]
fn what_is_being_read_stays_and_keeps_its_slot_and_nothing_else_does() {
    let count = Arc::default();
    let (mut writer, reader) = slab_map(&Hazards::new());
    set(&mut writer, 0, Counted::new(&count));
    let found = reader.find(hash(0), |key, _| *key == 0).expect("there");
    for _ in 0..1_000 {
        set(&mut writer, 0, Counted::new(&count));
        assert_ne!(slot(&writer, 0), Some(found.slot()));
    }
    assert_eq!(*found.key(), 0);
    assert!(count.load(SeqCst) <= 2 + 2 * 64 + 1);
    assert!(found.value().0.load(SeqCst) > 0);
}

#[test]
fn more_entries_can_be_read_at_once_than_a_thread_has_hazard_slots() {
    let (mut writer, reader) = slab_map(&Hazards::new());
    (0..200).for_each(|key| set(&mut writer, key, key.to_string()));
    let found: Vec<_> = (0..200)
        .filter_map(|key| reader.find(hash(key), |known, _| *known == key))
        .collect();
    for key in 0..200 {
        assert!(remove(&mut writer, key));
    }
    (200..600).for_each(|key| set(&mut writer, key, key.to_string()));
    for (key, found) in found.iter().enumerate() {
        assert_eq!(*found.value(), key.to_string());
    }
}

#[test]
fn what_was_taken_can_be_read_until_it_is_retired_and_by_its_own_map_only() {
    let (mut writer, reader) = slab_map(&Hazards::new());
    set(&mut writer, 1, "one".to_owned());
    let take = |writer: &mut Writer<u64, String>, key| -> Option<Taken<u64, String>> {
        let slot = slot(writer, key)?;
        writer.take(hash(key), slot)
    };
    let taken = take(&mut writer, 1).expect("there");
    assert_eq!(find(&reader, 1), None);
    (2..1_000).for_each(|key| set(&mut writer, key, key.to_string()));
    assert_eq!((*taken.key(), taken.value().as_str()), (1, "one"));
    writer.retire(taken);
}

#[test]
fn what_was_taken_is_refused_by_another_map() {
    // What is refused stays where it is until its map goes.
    let count = Arc::default();
    let (mut writer, reader) = slab_map(&Hazards::new());
    let (mut stranger, _) = slab_map::<u64, Counted>(&Hazards::new());
    set(&mut writer, 2, Counted::new(&count));
    set(&mut stranger, 2, Counted::new(&count));
    let known = slot(&writer, 2).expect("there");
    let taken = writer.take(hash(2), known).expect("there");
    let retired = catch_unwind(AssertUnwindSafe(|| stranger.retire(taken)));
    assert!(retired.is_err());
    assert!(reader.find(hash(2), |_, _| true).is_none());
    assert_eq!((writer.len(), stranger.len()), (0, 1));
    drop(writer.collect_all());
    assert_eq!(count.load(SeqCst), 2);
    drop((writer, reader));
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn an_entry_that_is_looked_at_to_be_taken_out_stays_if_it_is_not() {
    let (mut writer, reader) = slab_map(&Hazards::new());
    (0..100).for_each(|key| set(&mut writer, key, key));
    for key in 0..100 {
        let known = slot(&writer, key).expect("there");
        let entry = writer.occupied(hash(key), known).expect("there");
        if *entry.value() % 2 == 0 {
            entry.remove();
            assert!(writer.occupied(hash(key), known).is_none());
            assert!(writer.get(hash(key), known).is_none());
        } else {
            assert_eq!(writer.get(hash(key), known), Some((&key, &key)));
        }
    }
    assert_eq!(writer.len(), 50);
    assert!((0..100).all(|key| find(&reader, key).is_some() == (key % 2 == 1)));
}

#[test]
fn a_wrong_hash_changes_nothing() {
    let count = Arc::default();
    let (mut writer, reader) = slab_map(&Hazards::new());
    set(&mut writer, 1, Counted::new(&count));
    let known = slot(&writer, 1).expect("there");
    let wrong = !hash(1);
    let replaced = writer.replace(wrong, known, 1, Counted::new(&count));
    assert!(replaced.is_none());
    assert!(!writer.remove(wrong, known));
    assert!(writer.take(wrong, known).is_none());
    assert!(writer.get(wrong, known).is_none());
    assert_eq!((writer.len(), slot(&writer, 1)), (1, Some(known)));
    drop(writer.collect_all());
    assert_eq!(count.load(SeqCst), 1);
    drop((writer, reader));
    assert_eq!(count.load(SeqCst), 0);
}

#[test]
fn a_comparison_that_panics_lets_go_of_what_it_was_shown() {
    let count = Arc::default();
    let (mut writer, reader) = slab_map(&Hazards::new());
    set(&mut writer, 1, Counted::new(&count));
    for _ in 0..20 {
        let looks = || reader.find(hash(1), |_, _| panic!("by design")).is_some();
        assert!(catch_unwind(AssertUnwindSafe(looks)).is_err());
    }
    assert!(remove(&mut writer, 1));
    for key in 0..300 {
        set(&mut writer, key % 3, Counted::new(&count));
    }
    assert!(count.load(SeqCst) <= 3 + 2 * 64 + 1);
}

/// Readers on several threads find keys that stay, whatever else comes, goes, and grows.
#[test]
fn keys_that_stay_are_found_by_all_beside_a_writer() {
    let (stays, comes, rounds) = if cfg!(miri) {
        (10, 40, 300)
    } else {
        (500, 20_000, 300_000)
    };
    let (mut writer, reader) = slab_map(&Hazards::new());
    (0..stays).for_each(|key| set(&mut writer, key, vec![key, 0]));
    let writing = AtomicBool::new(true);
    thread::scope(|scope| {
        for seed in 1..=2 {
            let (reader, writing) = (&reader, &writing);
            scope.spawn(move || {
                let mut random = Rng::with_seed(seed);
                let mut seen = vec![0; stays as usize];
                while writing.load(SeqCst) {
                    let key = random.u64(..stays + comes);
                    let found = find(reader, key);
                    assert!(key >= stays || found.is_some(), "{key} is missing");
                    let Some(value) = found else { continue };
                    assert_eq!(value[0], key);
                    if let Some(seen) = seen.get_mut(key as usize) {
                        assert!(value[1] >= *seen, "an older value after a newer");
                        *seen = value[1];
                    }
                }
            });
        }
        let mut random = Rng::with_seed(7);
        for round in 1..=rounds {
            let key = random.u64(..stays + comes);
            if key < stays || random.u64(..3) > 0 {
                set(&mut writer, key, vec![key, round]);
            } else {
                remove(&mut writer, key);
            }
        }
        writing.store(false, SeqCst);
    });
}

/// Live, collected, taken, retired and reused slots, and a destructor that panics.
#[test]
fn each_entry_is_dropped_once_whatever_became_of_its_slot() {
    struct Counted(Arc<AtomicUsize>, bool);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
            assert!(!self.1, "by design");
        }
    }
    let alive = Arc::new(AtomicUsize::new(0));
    let new = |panics| {
        alive.fetch_add(1, SeqCst);
        Counted(Arc::clone(&alive), panics)
    };
    let (mut writer, reader) = slab_map(&Hazards::new());
    for key in 0..300 {
        writer.insert(hash(key), key, new(key == 150), hash_of);
    }
    for key in (0..300).filter(|key| key % 3 == 1) {
        let slot = slot(&writer, key).unwrap();
        writer.remove(hash(key), slot);
    }
    drop(writer.collect_all());
    assert_eq!(alive.load(SeqCst), 200);
    for key in (0..300).step_by(30) {
        let slot = slot(&writer, key).unwrap();
        drop(writer.take(hash(key), slot));
    }
    for key in (6..300).step_by(30) {
        let slot = slot(&writer, key).unwrap();
        let taken = writer.take(hash(key), slot).unwrap();
        writer.retire(taken);
    }
    for key in 400..430 {
        writer.insert(hash(key), key, new(false), hash_of);
    }
    assert_eq!(alive.load(SeqCst), 230);
    let dropped = catch_unwind(AssertUnwindSafe(move || drop((writer, reader))));
    assert!(dropped.is_err());
    assert_eq!(alive.load(SeqCst), 0);
}
