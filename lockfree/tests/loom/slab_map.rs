//! The slab map: a reader beside the writer, for each thing that the writer does. Under loom a bucket has
//! one place and the first table one bucket, so that the second entry makes the table grow; and what is
//! retired is looked for among the hazard slots at the next occasion.

use hallows_lockfree::slab_map::{Found, Hazards, Reader, Writer, slab_map};
use loom::sync::Arc;
use loom::thread;

use crate::guarded::Guarded;

struct Ends {
    writer: Writer<u64, Guarded>,
    reader: Arc<Reader<u64, Guarded>>,
}

/// A map of these keys, which are their values and their hashes.
fn map<const N: usize>(hazards: &Hazards, keys: [u64; N]) -> Ends {
    let (writer, reader) = slab_map(hazards);
    let reader = Arc::new(reader);
    let mut ends = Ends { writer, reader };
    keys.into_iter().for_each(|key| ends.insert(key, key));
    ends
}

impl Ends {
    fn insert(&mut self, key: u64, value: u64) {
        let value = Guarded::new(value);
        (self.writer).insert(key as usize, key, value, |key, _| *key as usize);
    }

    fn replace(&mut self, key: u64, value: u64) {
        let slot = self.writer.find(key as usize, |known, _| *known == key);
        let slot = slot.expect("is there");
        let value = Guarded::new(value);
        let replaced = self.writer.overwrite(key as usize, slot, key, value);
        replaced.expect("is there");
        drop(self.writer.collect());
    }

    fn remove(&mut self, key: u64) {
        let slot = self.writer.find(key as usize, |known, _| *known == key);
        assert!(self.writer.remove(key as usize, slot.expect("is there")));
        drop(self.writer.collect());
    }
}

fn look(reader: &Reader<u64, Guarded>, key: u64) -> Option<u64> {
    let found = reader.find(key as usize, |known, _| *known == key);
    found.map(|found| found.value().get())
}

fn check(bound: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Whether `found` is one of these.
fn one_of(found: Option<u64>, allowed: &[Option<u64>]) {
    assert!(allowed.contains(&found), "{found:?}");
}

#[test]
fn who_reads_in_a_slot_of_its_own_reads_what_is_removed_and_dropped() {
    check(3, || {
        let mut ends = map(&Hazards::new(), [0, 1]);
        // The first to ask has a hazard slot of its own.
        one_of(look(&ends.reader, 1), &[Some(1)]);
        let reader = ends.reader.clone();
        let writer = thread::spawn(move || {
            ends.remove(0);
            // Only now is the first one dropped.
            ends.remove(1);
        });
        one_of(look(&reader, 0), &[Some(0), None]);
        writer.join().expect("no panic");
    });
}

#[test]
fn who_reads_in_a_shared_slot_reads_what_is_removed_and_dropped() {
    check(3, || {
        let mut ends = map(&Hazards::new(), [0, 1]);
        one_of(look(&ends.reader, 1), &[Some(1)]);
        let reader = ends.reader.clone();
        let other = thread::spawn(move || one_of(look(&reader, 0), &[Some(0), None]));
        ends.remove(0);
        ends.remove(1);
        other.join().expect("no panic");
    });
}

#[test]
fn who_reads_in_either_slot_reads_what_is_dropped_as_soon_as_it_is_removed() {
    for has_own_slot in [true, false] {
        check(3, move || {
            let mut ends = map(&Hazards::new(), [0]);
            // The first to ask has a hazard slot of its own: this thread, or the other.
            if !has_own_slot {
                one_of(look(&ends.reader, 0), &[Some(0)]);
            }
            let reader = ends.reader.clone();
            let other = thread::spawn(move || one_of(look(&reader, 0), &[Some(0), None]));
            let slot = ends.writer.find(0, |known, _| *known == 0);
            assert!(ends.writer.remove(0, slot.expect("is there")));
            drop(ends.writer.collect_all());
            other.join().expect("no panic");
        });
    }
}

#[test]
fn a_slot_that_gets_another_entry_shows_the_one_or_the_other() {
    check(2, || {
        let mut ends = map(&Hazards::new(), [0, 1]);
        let reader = ends.reader.clone();
        let other = thread::spawn(move || {
            one_of(look(&reader, 0), &[Some(0), Some(5), None]);
        });
        ends.remove(0);
        ends.remove(1);
        ends.insert(0, 5);
        other.join().expect("no panic");
    });
}

#[test]
fn a_key_whose_value_is_replaced_is_never_missed() {
    check(3, || {
        let mut ends = map(&Hazards::new(), [0]);
        let reader = ends.reader.clone();
        let other = thread::spawn(move || {
            let first = look(&reader, 0);
            one_of(first, &[Some(0), Some(5), Some(6)]);
            let second = look(&reader, 0);
            assert!(second >= first, "{second:?} after {first:?}");
        });
        ends.replace(0, 5);
        ends.replace(0, 6);
        other.join().expect("no panic");
    });
}

#[test]
fn keys_that_stay_are_found_while_they_move_to_a_larger_table() {
    check(2, || {
        // Two hashes that share a bucket until there are four.
        let mut ends = map(&Hazards::new(), [1]);
        let reader = ends.reader.clone();
        let other = thread::spawn(move || one_of(look(&reader, 1), &[Some(1)]));
        // This makes the next table,
        ends.insert(3, 3);
        // and this moves what was in the first.
        ends.insert(2, 2);
        other.join().expect("no panic");
    });
}

#[test]
fn keys_that_have_passed_a_full_bucket_are_found_while_they_move_and_others_go() {
    check(2, || {
        let mut ends = map(&Hazards::new(), [1, 3]);
        let reader = ends.reader.clone();
        let other = thread::spawn(move || one_of(look(&reader, 3), &[Some(3)]));
        ends.remove(1);
        ends.insert(5, 5);
        other.join().expect("no panic");
    });
}

#[test]
fn what_is_in_an_entry_is_known_to_who_finds_it() {
    check(3, || {
        let mut ends = map(&Hazards::new(), []);
        let reader = ends.reader.clone();
        let other = thread::spawn(move || one_of(look(&reader, 0), &[Some(7), None]));
        ends.insert(0, 7);
        other.join().expect("no panic");
    });
}

#[test]
fn what_is_being_read_may_be_let_go_by_another_thread() {
    check(2, || {
        let mut ends = map(&Hazards::new(), [0, 1, 2]);
        let reader = ends.reader.clone();
        let found = reader.find(0, |known, _| *known == 0).expect("is there");
        // SAFETY: all threads have ended before the reader goes.
        let found: Found<'static, u64, Guarded> = unsafe { std::mem::transmute(found) };
        let other = thread::spawn(move || one_of(Some(found.value().get()), &[Some(0)]));
        let writer = thread::spawn(move || {
            ends.remove(0);
            ends.remove(2);
        });
        // Perhaps in the hazard slot that the other thread has just freed.
        one_of(look(&reader, 1), &[Some(1)]);
        other.join().expect("no panic");
        writer.join().expect("no panic");
    });
}

#[test]
fn what_is_being_read_outlives_a_heavy_half_that_another_map_asks_for() {
    check(3, || {
        let hazards = Hazards::new();
        let mut ends = map(&hazards, [0, 1]);
        let mut others = map(&hazards, [0, 1]);
        // The next one asks for it.
        others.remove(0);
        let reader = ends.reader.clone();
        let looks = thread::spawn(move || one_of(look(&reader, 0), &[Some(0), None]));
        let other = thread::spawn(move || others.remove(1));
        ends.remove(0);
        ends.remove(1);
        looks.join().expect("no panic");
        other.join().expect("no panic");
    });
}
