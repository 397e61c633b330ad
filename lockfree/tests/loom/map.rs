//! The hash map: all pairs of operations on the same key and on others in the same chain, and each
//! against a split. Under loom a bucket has one slot, so every second key is in an overflow bucket,
//! and each insertion may split a bucket.

mod batch;
mod boxes;
mod families;

use std::hash::{BuildHasherDefault, Hasher};

use hallows_lockfree::map::WordMap;
use loom::sync::Arc;
use loom::sync::atomic::{Ordering::SeqCst, fence};
use loom::thread;

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
type Words = WordMap<u64, u64, Hash>;

fn check(bound: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// A map of words with these keys, which are their values.
fn words<const N: usize>(keys: [u64; N]) -> Arc<Words> {
    let map = Words::with_hasher(Hash::default());
    for key in keys {
        assert_eq!(map.insert(key, key), None);
    }
    Arc::new(map)
}

/// Runs `other` on another thread and `this` here.
fn both<M: Send + Sync + 'static>(map: &Arc<M>, other: fn(&M), this: impl FnOnce(&M)) {
    let shared = map.clone();
    let other = thread::spawn(move || other(&shared));
    this(map);
    other.join().expect("no panic");
}

/// How often a walk meets each key below `N`; all keys are their values.
fn met_by_a_walk<const N: usize>(map: &Words) -> [u32; N] {
    let mut met = [0; N];
    map.for_each(|key, value| {
        assert_eq!(key, value);
        met[*key as usize] += 1;
    });
    met
}

/// Whether `found` is one of these.
fn one_of(found: Option<u64>, allowed: &[Option<u64>]) {
    assert!(allowed.contains(&found), "{found:?}");
}

#[test]
fn keys_that_stay_are_found_while_their_bucket_is_split() {
    // Both keys are in one chain, in either order: the one that leaves is in the home bucket or in
    // an overflow bucket. A third key makes a third bucket.
    for keys in [[0, 2], [2, 0]] {
        check(3, move || {
            let map = words(keys);
            both(
                &map,
                |map| assert_eq!(map.insert(1, 1), None),
                |map| {
                    assert_eq!(map.get(&0), Some(0));
                    assert_eq!(map.get(&2), Some(2));
                },
            );
            assert!((0..3).all(|key| map.get(&key) == Some(key)));
        });
    }
}

#[test]
fn a_chain_that_is_split_in_the_middle_keeps_all_keys() {
    check(2, || {
        let map = words([2, 0]);
        both(
            &map,
            // 4 stays with 0, behind 2 that leaves.
            |map| assert_eq!(map.insert(4, 4), None),
            |map| {
                assert_eq!(map.get(&0), Some(0));
                one_of(map.get(&4), &[None, Some(4)]);
            },
        );
        assert!([0, 2, 4].iter().all(|key| map.get(key) == Some(*key)));
    });
}

#[test]
fn a_key_is_found_while_another_in_its_chain_is_removed() {
    for keys in [[0, 2], [2, 0]] {
        check(3, move || {
            let map = words(keys);
            both(
                &map,
                |map| assert_eq!(map.remove(&0), Some(0)),
                |map| {
                    assert_eq!(map.get(&2), Some(2));
                    one_of(map.get(&0), &[None, Some(0)]);
                },
            );
            assert_eq!((map.get(&0), map.get(&2), map.len()), (None, Some(2), 1));
        });
    }
}

#[test]
fn a_slot_that_another_key_gets_does_not_mislead() {
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
                    one_of(map.get(&0), &[None, Some(0)]);
                    assert_eq!(map.get(&2), Some(2));
                    one_of(map.get(&4), &[None, Some(4)]);
                },
            );
        });
    }
}

#[test]
fn an_overflow_bucket_that_another_chain_gets_does_not_mislead() {
    check(2, || {
        let map = words([0, 2]);
        both(
            &map,
            |map| {
                assert_eq!(map.remove(&2), Some(2));
                assert_eq!(map.insert(1, 1), None);
                // Behind 1, in the bucket that 2 was in.
                assert_eq!(map.insert(3, 3), None);
                assert_eq!(map.remove(&0), Some(0));
            },
            |map| {
                one_of(map.get(&2), &[None, Some(2)]);
                one_of(map.get(&0), &[None, Some(0)]);
                one_of(map.get(&3), &[None, Some(3)]);
            },
        );
    });
}

#[test]
fn a_key_behind_an_overflow_bucket_that_another_chain_gets_is_found() {
    // Keys that stay in one chain, however often it is split.
    check(1, || {
        let map = words([0, 64, 128]);
        both(
            &map,
            |map| assert_eq!(map.get(&128), Some(128)),
            |map| {
                assert_eq!(map.remove(&64), Some(64));
                // 65 gets the bucket that 64 was in.
                assert_eq!(map.insert(1, 1), None);
                assert_eq!(map.insert(65, 65), None);
            },
        );
        assert!([0, 1, 65, 128].iter().all(|key| map.get(key) == Some(*key)));
    });
}

#[test]
fn overflow_buckets_go_from_hand_to_hand() {
    check(1, || {
        let map = words([0, 64]);
        assert_eq!(map.remove(&64), Some(64));
        both(
            &map,
            |map| {
                assert_eq!(map.insert(1, 1), None);
                assert_eq!(map.insert(65, 65), None);
            },
            |map| {
                // One bucket that was given back, one that is new; then the new one is given back.
                assert_eq!(map.insert(64, 64), None);
                assert_eq!(map.insert(128, 128), None);
                assert_eq!(map.remove(&128), Some(128));
            },
        );
        assert!([0, 1, 64, 65].iter().all(|key| map.get(key) == Some(*key)));
    });
}

#[test]
fn an_overflow_bucket_that_another_made_and_gave_back_can_be_taken() {
    check(1, || {
        let map = words([0]);
        both(
            &map,
            |map| {
                assert_eq!(map.insert(1, 1), None);
                assert_eq!(map.insert(65, 65), None);
            },
            |map| {
                assert_eq!(map.insert(64, 64), None);
                assert_eq!(map.remove(&64), Some(64));
            },
        );
        assert!([0, 1, 65].iter().all(|key| map.get(key) == Some(*key)));
    });
}

#[test]
fn a_search_finds_no_bucket_that_is_not_there_while_the_table_doubles_twice() {
    check(1, || {
        let map = words([]);
        both(
            &map,
            // It would be in the last bucket but one, were there eight.
            |map| assert_eq!(map.get(&6), None),
            |map| (0..5).for_each(|key| assert_eq!(map.insert(key, key), None)),
        );
        assert!((0..5).all(|key| map.get(&key) == Some(key)));
    });
}

#[test]
fn a_walk_goes_to_no_bucket_that_is_not_there_while_the_table_doubles() {
    check(1, || {
        let map = words([]);
        both(
            &map,
            |map| map.for_each(|key, value| assert_eq!(key, value)),
            |map| (0..4).for_each(|key| assert_eq!(map.insert(key, key), None)),
        );
    });
}

#[test]
fn two_that_insert_the_same_key_agree_on_who_was_first() {
    check(3, || {
        let map = words([]);
        both(
            &map,
            |map| one_of(map.insert(1, 10), &[None, Some(20)]),
            |map| one_of(map.insert(1, 20), &[None, Some(10)]),
        );
        one_of(map.get(&1), &[Some(10), Some(20)]);
        assert_eq!(map.len(), 1);
    });
}

#[test]
fn two_that_insert_into_the_same_chain_split_it_together() {
    check(2, || {
        let map = words([0]);
        both(
            &map,
            |map| assert_eq!(map.insert(2, 2), None),
            |map| assert_eq!(map.insert(4, 4), None),
        );
        assert!([0, 2, 4].iter().all(|key| map.get(key) == Some(*key)));
        assert_eq!(map.len(), 3);
    });
}

#[test]
fn insertion_and_removal_of_the_same_key_come_one_after_the_other() {
    check(3, || {
        let map = words([0]);
        both(
            &map,
            |map| one_of(map.insert(0, 5), &[None, Some(0)]),
            |map| one_of(map.remove(&0), &[Some(0), Some(5)]),
        );
        one_of(map.get(&0), &[None, Some(5)]);
    });
}

#[test]
fn updates_of_the_same_key_all_count() {
    check(3, || {
        let map = words([0]);
        both(
            &map,
            |map| assert!(map.update(&0, |value| value + 1)),
            |map| assert!(map.update(&0, |value| value + 10)),
        );
        assert_eq!(map.get(&0), Some(11));
    });
}

#[test]
fn an_update_counts_while_the_bucket_is_split() {
    for keys in [[0, 2], [2, 0]] {
        check(2, move || {
            let map = words(keys);
            both(
                &map,
                |map| assert_eq!(map.insert(1, 1), None),
                |map| {
                    assert!(map.update(&2, |value| value + 10));
                    assert!(map.update(&0, |value| value + 10));
                    assert_eq!((map.get(&0), map.get(&2)), (Some(10), Some(12)));
                },
            );
            assert_eq!((map.get(&0), map.get(&2)), (Some(10), Some(12)));
        });
    }
}

#[test]
fn what_was_updated_after_a_split_is_not_seen_as_it_was_before() {
    check(2, || {
        let map = words([0, 2]);
        let (splits, updates) = (map.clone(), map.clone());
        let splits = thread::spawn(move || splits.insert(1, 1));
        let updates = thread::spawn(move || updates.insert(2, 20));
        let first = map.get(&2);
        let second = map.get(&2);
        one_of(first, &[Some(2), Some(20)]);
        one_of(second, &[first, Some(20)]);
        assert_eq!(updates.join().expect("no panic"), Some(2));
        assert_eq!(map.get(&2), Some(20));
        assert_eq!(splits.join().expect("no panic"), None);
    });
}

#[test]
fn two_that_get_or_insert_get_the_same() {
    check(3, || {
        let map = words([]);
        let shared = map.clone();
        let other = thread::spawn(move || shared.get_or_insert_with(1, || 10));
        let mine = map.get_or_insert_with(1, || 20);
        assert_eq!(other.join().expect("no panic"), mine);
        assert_eq!(map.get(&1), Some(mine));
    });
}

#[test]
fn a_walk_meets_keys_that_stay_exactly_once_while_their_bucket_is_split() {
    for keys in [[0, 2], [2, 0]] {
        check(2, move || {
            let map = words(keys);
            both(
                &map,
                |map| assert_eq!(map.insert(1, 1), None),
                |map| {
                    let met = met_by_a_walk::<3>(map);
                    assert!(met[0] == 1 && met[2] == 1 && met[1] <= 1, "{met:?}");
                },
            );
        });
    }
}

#[test]
fn a_value_that_changes_is_judged_again_before_it_is_removed() {
    check(2, || {
        let map = words([0]);
        both(
            &map,
            |map| _ = map.update(&0, |_| 7),
            |map| map.retain(|_, value| *value == 7),
        );
        one_of(map.get(&0), &[None, Some(7)]);
    });
}

#[test]
fn of_two_that_write_a_key_and_read_the_others_after_a_fence_one_sees_the_other() {
    check(3, || {
        let map = words([0, 1]);
        let (other, own) = (map.clone(), map);
        let write_and_read = |map: &Words, write, read| {
            assert!(map.update(&write, |_| 7));
            fence(SeqCst);
            map.get(&read) == Some(7)
        };
        let other = thread::spawn(move || write_and_read(&other, 0, 1));
        let mine = write_and_read(&own, 1, 0);
        assert!(mine || other.join().expect("no panic"));
    });
}
