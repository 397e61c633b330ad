//! Maps that have room for three keys from the start, and so three families of buckets; the first of them
//! is split first. Keys 0, 6, 7 and 8 are of the first family, 3 to 5 of the second, and 1 and 2 of the
//! third, which a test of `src/map/families.rs` makes sure of. As everywhere, low bits choose among a
//! family's buckets.

use hallows_lockfree::map::Map;
use loom::sync::Arc;
use loom::thread;

use super::batch::pair;
use super::boxes::{Boxes, look, put};
use super::{Hash, Words, both, check, met_by_a_walk, one_of};

/// A map of three families with these keys, which are their values.
fn words<const N: usize>(keys: [u64; N]) -> Arc<Words> {
    let map = Words::with_capacity_and_hasher(3, Hash::default());
    for key in keys {
        assert_eq!(map.insert(key, key), None);
    }
    Arc::new(map)
}

#[test]
fn keys_that_stay_are_found_while_the_bucket_of_their_family_is_split() {
    // 0 and 7 are in one chain, in either order; 7 leaves when there is a fourth key.
    for keys in [[0, 7, 4], [7, 0, 4]] {
        check(2, move || {
            let map = words(keys);
            both(
                &map,
                |map| assert_eq!(map.insert(1, 1), None),
                |map| {
                    assert_eq!(map.get(&0), Some(0));
                    assert_eq!(map.get(&7), Some(7));
                },
            );
            assert!([0, 1, 4, 7].iter().all(|key| map.get(key) == Some(*key)));
        });
    }
}

#[test]
fn keys_of_a_batch_are_found_while_the_bucket_of_their_family_is_split() {
    for keys in [[0, 7, 4], [7, 0, 4]] {
        check(1, move || {
            let map = words(keys);
            both(
                &map,
                |map| assert_eq!(map.insert(1, 1), None),
                |map| assert_eq!(pair(map, [0, 7]), [Some(0), Some(7)]),
            );
        });
    }
}

#[test]
fn a_search_finds_no_bucket_that_is_not_there_while_three_families_double_twice() {
    check(1, || {
        let map = words([0, 7, 4, 1, 5]);
        both(
            &map,
            |map| {
                // Its bucket is the seventh, the first of a level.
                assert_eq!(map.get(&6), None);
                assert_eq!(map.get(&7), Some(7));
            },
            |map| {
                for key in [2, 8, 3] {
                    assert_eq!(map.insert(key, key), None);
                }
            },
        );
        assert!((0..9).all(|key| map.get(&key) == (key != 6).then_some(key)));
    });
}

#[test]
fn a_walk_meets_keys_that_stay_exactly_once_while_their_family_is_split() {
    for keys in [[0, 7, 4], [7, 0, 4]] {
        check(2, move || {
            let map = words(keys);
            both(
                &map,
                |map| assert_eq!(map.insert(1, 1), None),
                |map| {
                    let met = met_by_a_walk::<8>(map);
                    assert_eq!([met[0], met[4], met[7]], [1; 3], "{met:?}");
                    assert!(met[1] <= 1);
                },
            );
        });
    }
}

#[test]
fn a_box_that_the_split_of_a_family_moved_is_not_freed_while_it_is_read() {
    check(1, || {
        let map: Boxes = Map::with_capacity_and_hasher(3, Hash::default());
        for key in [0, 7, 4] {
            assert_eq!(put(&map, key, key), None);
        }
        let map = Arc::new(map);
        let (splits, replaces) = (map.clone(), map.clone());
        let splits = thread::spawn(move || put(&splits, 1, 1));
        let replaces = thread::spawn(move || put(&replaces, 7, 70));
        one_of(look(&map, 7), &[Some(7), Some(70)]);
        assert_eq!(splits.join().expect("no panic"), None);
        assert_eq!(replaces.join().expect("no panic"), Some(7));
        assert_eq!(look(&map, 7), Some(70));
    });
}
