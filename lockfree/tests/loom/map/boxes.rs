//! Maps of boxes: what is taken out, and by whom, is freed once, and not while it is read. The first
//! thread that asks has a hazard slot of its own here (mostly the one that makes the map), all others
//! share one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hallows_lockfree::map::Map;
use loom::sync::Arc;
use loom::thread;

use super::{Hash, both, check, one_of};
use crate::guarded::Guarded;

pub(super) type Boxes = Map<u64, Guarded, Hash>;

pub(super) fn put(map: &Boxes, key: u64, value: u64) -> Option<u64> {
    map.insert_with(key, Guarded::new(value), |old| old.map(Guarded::get))
}

pub(super) fn look(map: &Boxes, key: u64) -> Option<u64> {
    map.get_with(&key, Guarded::get)
}

pub(super) fn take(map: &Boxes, key: u64) -> Option<u64> {
    map.remove_with(&key, Guarded::get)
}

/// A map with these keys, which are their values.
pub(super) fn boxes<const N: usize>(keys: [u64; N]) -> Arc<Boxes> {
    let map = Boxes::with_hasher(Hash::default());
    for key in keys {
        assert_eq!(put(&map, key, key), None);
    }
    Arc::new(map)
}

#[test]
fn a_box_is_not_freed_while_it_is_read() {
    check(3, || {
        let map = boxes([0]);
        both(
            &map,
            |map| {
                assert_eq!(put(map, 0, 1), Some(0));
                assert_eq!(take(map, 0), Some(1));
            },
            |map| one_of(look(map, 0), &[Some(0), Some(1), None]),
        );
    });
}

#[test]
fn a_box_that_a_split_moved_is_not_freed_while_it_is_read() {
    for keys in [[0, 2], [2, 0]] {
        check(1, move || {
            let map = boxes(keys);
            let (splits, replaces) = (map.clone(), map.clone());
            let splits = thread::spawn(move || put(&splits, 1, 1));
            let replaces = thread::spawn(move || put(&replaces, 2, 20));
            one_of(look(&map, 2), &[Some(2), Some(20)]);
            assert_eq!(splits.join().expect("no panic"), None);
            assert_eq!(replaces.join().expect("no panic"), Some(2));
            assert_eq!(look(&map, 2), Some(20));
        });
    }
}

/// Walks a map with these keys, of which 0 and 2 are there all the time.
fn walk(map: &Boxes) {
    let mut met = [0; 3];
    map.for_each(|key, value| {
        one_of(Some(value.get()), &[Some(*key), Some(20)]);
        met[*key as usize] += 1;
    });
    assert!(met[0] == 1 && met[2] == 1 && met[1] <= 1, "{met:?}");
}

#[test]
fn a_box_that_a_walk_meets_in_a_split_chain_is_not_freed_while_it_is_read() {
    for keys in [[0, 2], [2, 0]] {
        check(1, move || {
            let map = boxes(keys);
            both(
                &map,
                |map| {
                    assert_eq!(put(map, 1, 1), None);
                    assert_eq!(put(map, 2, 20), Some(2));
                },
                walk,
            );
        });
    }
}

#[test]
fn two_readers_share_one_slot_line_and_a_remover_waits_for_neither() {
    check(2, || {
        let map = boxes([0]);
        let (reads, takes) = (map.clone(), map.clone());
        let reads = thread::spawn(move || one_of(look(&reads, 0), &[Some(0), None]));
        let takes = thread::spawn(move || assert_eq!(take(&takes, 0), Some(0)));
        one_of(look(&map, 0), &[Some(0), None]);
        reads.join().expect("no panic");
        takes.join().expect("no panic");
    });
}

#[test]
fn boxes_that_two_replace_at_once_are_all_freed() {
    check(2, || {
        let map = boxes([0]);
        both(
            &map,
            |map| one_of(put(map, 0, 10), &[Some(0), Some(20)]),
            |map| one_of(put(map, 0, 20), &[Some(0), Some(10)]),
        );
        one_of(look(&map, 0), &[Some(10), Some(20)]);
    });
}

#[test]
fn a_walk_reads_no_box_that_was_taken_out_and_freed() {
    check(2, || {
        let map = boxes([0, 2]);
        both(
            &map,
            |map| assert_eq!(take(map, 2), Some(2)),
            |map| map.for_each(|key, value| assert_eq!(value.get(), *key)),
        );
    });
}

#[test]
fn of_two_who_remove_a_box_one_gets_it() {
    check(2, || {
        let map = boxes([0]);
        let shared = map.clone();
        let other = thread::spawn(move || take(&shared, 0));
        let this = take(&map, 0);
        let other = other.join().expect("no panic");
        assert!(matches!((this, other), (Some(0), None) | (None, Some(0))));
        assert_eq!((look(&map, 0), map.len()), (None, 0));
    });
}

#[test]
fn who_reads_in_a_slot_of_its_own_reads_what_another_takes_and_frees() {
    check(3, || {
        let map = boxes([0]);
        both(
            &map,
            |map| assert_eq!(take(map, 0), Some(0)),
            |map| one_of(look(map, 0), &[Some(0), None]),
        );
    });
}

#[test]
fn who_reads_in_a_shared_slot_reads_what_the_owner_of_another_takes_and_frees() {
    check(3, || {
        let map = boxes([0]);
        both(
            &map,
            |map| one_of(look(map, 0), &[Some(0), None]),
            |map| assert_eq!(take(map, 0), Some(0)),
        );
    });
}

#[test]
fn who_shows_one_box_after_another_in_its_slot_has_read_the_first() {
    check(2, || {
        let map = boxes([0, 1]);
        both(
            &map,
            |map| assert_eq!(take(map, 0), Some(0)),
            |map| {
                one_of(look(map, 0), &[Some(0), None]);
                assert_eq!(look(map, 1), Some(1));
            },
        );
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

#[test]
fn where_there_is_no_room_the_box_is_freed_and_the_map_stays_as_it_was() {
    let mut builder = loom::model::Builder::new();
    // Nothing is tried in another order, but it is much.
    builder.max_branches = 100_000;
    builder.check(|| {
        // All in one chain, which gets as long as is allowed here; no bucket is split.
        let map = Boxes::with_capacity_and_hasher(16, Hash::default());
        let insert = |number: u64| put(&map, number << 32, number);
        assert!((0..16).all(|number| insert(number).is_none()));
        assert!(catch_unwind(AssertUnwindSafe(|| insert(16))).is_err());
        assert_eq!((map.len(), look(&map, 16 << 32)), (16, None));
        assert!((0..16).all(|number| look(&map, number << 32) == Some(number)));
    });
}
