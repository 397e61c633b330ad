//! Batches of look-ups: how far the buckets reach is read once for all of a batch, and what was not found
//! at once is looked for after the others.

use super::boxes::{Boxes, boxes, put, take};
use super::{Words, both, check, one_of, words};
use crate::guarded::Guarded;

/// The values of two keys.
pub(super) fn pair(map: &Words, keys: [u64; 2]) -> [Option<u64>; 2] {
    let mut found = [None; 2];
    map.get_many(&keys, |position, value| found[position] = value.copied());
    found
}

fn pair_of_boxes(map: &Boxes, keys: [u64; 2]) -> [Option<u64>; 2] {
    let mut found = [None; 2];
    map.get_many(&keys, |position, value| {
        found[position] = value.map(Guarded::get);
    });
    found
}

#[test]
fn keys_of_a_batch_that_stay_are_found_while_their_bucket_is_split() {
    for keys in [[0, 2], [2, 0]] {
        check(3, move || {
            let map = words(keys);
            both(
                &map,
                |map| assert_eq!(map.insert(1, 1), None),
                |map| assert_eq!(pair(map, [0, 2]), [Some(0), Some(2)]),
            );
        });
    }
}

#[test]
fn a_key_of_a_batch_is_found_while_it_leaves_an_empty_bucket() {
    check(3, || {
        let map = words([2, 1]);
        both(
            &map,
            |map| assert_eq!(map.insert(3, 3), None),
            |map| assert_eq!(pair(map, [2, 0]), [Some(2), None]),
        );
    });
}

#[test]
fn a_key_of_a_batch_is_found_while_the_table_doubles() {
    check(2, || {
        let map = words([2]);
        both(
            &map,
            |map| {
                for key in [0, 1, 4] {
                    assert_eq!(map.insert(key, key), None);
                }
            },
            |map| {
                let [stays, comes] = pair(map, [2, 4]);
                assert_eq!(stays, Some(2));
                one_of(comes, &[None, Some(4)]);
            },
        );
    });
}

#[test]
fn a_slot_that_another_key_gets_does_not_mislead_a_batch() {
    for keys in [[0, 2], [2, 0]] {
        check(3, move || {
            let map = words(keys);
            both(
                &map,
                |map| {
                    assert_eq!(map.remove(&0), Some(0));
                    assert_eq!(map.insert(4, 4), None);
                },
                |map| {
                    let [goes, comes] = pair(map, [0, 4]);
                    one_of(goes, &[None, Some(0)]);
                    one_of(comes, &[None, Some(4)]);
                },
            );
        });
    }
}

#[test]
fn boxes_that_a_batch_reads_are_not_freed_meanwhile() {
    for keys in [[0, 2], [2, 0]] {
        check(2, move || {
            let map = boxes(keys);
            both(
                &map,
                |map| {
                    assert_eq!(put(map, 0, 1), Some(0));
                    assert_eq!(take(map, 2), Some(2));
                },
                |map| {
                    let [replaced, taken] = pair_of_boxes(map, [0, 2]);
                    one_of(replaced, &[Some(0), Some(1)]);
                    one_of(taken, &[Some(2), None]);
                },
            );
        });
    }
}
