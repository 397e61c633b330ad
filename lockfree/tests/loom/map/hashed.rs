//! Operations by hash, whose callers say which entry is meant; and who shows what it reads in a slot
//! of its own (here the thread that makes the map) beside who has none.

use loom::sync::Arc;
use loom::thread;

use super::{Boxes, Guarded, boxes, check, one_of};

fn find(map: &Boxes, key: u64) -> Option<u64> {
    map.find_with(map.hash(&key), |known, _| *known == key, |_, it| it.get())
}

fn put(map: &Boxes, key: u64, value: u64) -> Option<u64> {
    let is = |known: &u64, _: &Guarded| *known == key;
    let before = map.put(map.hash(&key), is, key, Guarded::new(value));
    before.map(|taken| taken.value().get())
}

/// Takes the entry if it has this value.
fn take(map: &Boxes, key: u64, value: u64) -> bool {
    let is = |known: &u64, it: &Guarded| *known == key && it.get() == value;
    let taken = map.take_if(map.hash(&key), is);
    taken
        .map(|taken| assert_eq!((*taken.key(), taken.value().get()), (key, value)))
        .is_some()
}

/// Runs `other` on another thread and `this` here; what they return.
fn both<A: 'static, B>(
    map: &Arc<Boxes>,
    other: fn(&Boxes) -> A,
    this: impl FnOnce(&Boxes) -> B,
) -> (A, B) {
    let shared = map.clone();
    let other = thread::spawn(move || other(&shared));
    let this = this(map);
    (other.join().expect("no panic"), this)
}

#[test]
fn of_two_who_take_a_value_one_gets_it() {
    check(2, || {
        let map = boxes([0]);
        let (other, this) = both(&map, |map| take(map, 0, 0), |map| take(map, 0, 0));
        assert!(other != this);
        assert_eq!((find(&map, 0), map.len()), (None, 0));
    });
}

#[test]
fn a_value_that_is_replaced_is_taken_or_replaced_and_its_successor_stays() {
    check(2, || {
        let map = boxes([0]);
        let (taken, before) = both(&map, |map| take(map, 0, 0), |map| put(map, 0, 1));
        assert_eq!(before, (!taken).then_some(0));
        assert_eq!((find(&map, 0), map.len()), (Some(1), 1));
    });
}

#[test]
fn of_two_values_that_are_put_one_replaces_the_other() {
    check(2, || {
        let map = boxes([]);
        let (other, this) = both(&map, |map| put(map, 0, 1), |map| put(map, 0, 2));
        one_of(other, &[None, Some(2)]);
        assert_eq!(this, if other.is_none() { Some(1) } else { None });
        assert_eq!(find(&map, 0), Some(if other.is_none() { 2 } else { 1 }));
    });
}

#[test]
fn who_reads_in_a_slot_of_its_own_reads_what_another_takes_and_frees() {
    check(3, || {
        let map = boxes([0]);
        let (taken, found) = both(&map, |map| take(map, 0, 0), |map| find(map, 0));
        assert!(taken);
        one_of(found, &[Some(0), None]);
    });
}

#[test]
fn who_reads_in_a_shared_slot_reads_what_the_owner_of_another_takes_and_frees() {
    check(3, || {
        let map = boxes([0]);
        let (found, taken) = both(&map, |map| find(map, 0), |map| take(map, 0, 0));
        assert!(taken);
        one_of(found, &[Some(0), None]);
    });
}

#[test]
fn who_shows_one_entry_after_another_in_its_slot_has_read_the_first() {
    check(2, || {
        let map = boxes([0, 1]);
        let (taken, found) = both(
            &map,
            |map| take(map, 0, 0),
            |map| (find(map, 0), find(map, 1)),
        );
        assert!(taken);
        one_of(found.0, &[Some(0), None]);
        assert_eq!(found.1, Some(1));
    });
}

#[test]
fn what_a_thread_has_counted_and_retired_is_known_to_the_next_owner_of_its_number() {
    check(2, || {
        // Its maker needs no number.
        let map = boxes([]);
        let threads = [0, 2].map(|key| {
            let map = map.clone();
            thread::spawn(move || {
                assert_eq!(put(&map, key, 5), None);
                assert_eq!(put(&map, key, 6), Some(5));
            })
        });
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(map.len(), 2);
    });
}
