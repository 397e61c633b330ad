//! Readers without locks: that stop in the middle, and that meet changes of several keys.

use super::*;
use crate::store::Part;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

/// What a reader sees of a key, while `meanwhile` happens in the middle of its first attempt.
fn read(store: &Store, key: &str, mut meanwhile: impl FnMut()) -> Option<Vec<u8>> {
    let key = store.key(0, key.as_bytes());
    let mut out = Vec::new();
    let mut begun = 0;
    let hit = store.get_into(&key, NOW, &mut out, |out, part| {
        if let Part::Before(_) = part {
            assert!(out.is_empty(), "an attempt left something behind");
            begun += 1;
            if begun == 1 {
                meanwhile();
            }
        }
    });
    hit.then_some(out)
}

#[test]
fn a_reader_that_stops_in_the_middle_keeps_no_memory_and_shows_nothing_torn() {
    let limit = 1 << 20;
    let store = store(limit, 1);
    let (count, value) = if cfg!(miri) {
        (400, std::vec![2; 3_900])
    } else {
        (20_000, std::vec![2; 500])
    };
    assert!(set(&store, "key", &[1; 500]));
    let seen = read(&store, "key", || {
        for i in 0..count {
            assert!(set(&store, &name(i), &value));
            assert!(store.budget.used() <= limit);
        }
        assert!(store.stats().evicted as usize > count / 4);
        store.audit();
    });
    assert_eq!(seen, None, "the key was evicted before the reader went on");
    store.audit();
}

#[test]
fn a_reader_that_stops_in_the_middle_shows_what_has_come_since() {
    let store = store(4 << 20, 1);
    type Change = fn(&Store);
    let changes: [(Change, Option<&[u8]>); 6] = [
        (|store| assert!(set(store, "key", &[2; 99])), Some(&[2; 99])),
        (
            |store| {
                for value in 1..=5 {
                    assert!(set(store, "key", &[value; 100]));
                    assert!(set(store, "other", &[value; 100]));
                }
            },
            Some(&[5; 100]),
        ),
        (|store| store.flush(None), None),
        (|store| store.flush(Some(0)), None),
        (|store| store.swap(0, 3), None),
        (
            |store| {
                store.flush(None);
                for i in 0..(if cfg!(miri) { 30 } else { 3_000 }) {
                    assert!(set(store, &name(i), &[3; 100]));
                }
                assert!(set(store, "key", b"new"));
            },
            Some(b"new"),
        ),
    ];
    for (change, expected) in changes {
        store.flush(None);
        // So that a flush of the database does not empty the store.
        let other = store.key(5, b"other");
        let mut shard = store.lock(&other);
        shard.insert(&other, b"v", Meta::default(), NOW).unwrap();
        drop(shard);
        assert!(set(&store, "key", &[1; 100]));
        assert!(set(&store, "other", &[1; 100]));
        // Leaves a place for the next value of this size.
        assert!(set(&store, "other", &[0; 100]));
        let seen = read(&store, "key", || change(&store));
        let old = Some(&[1; 100][..]);
        assert!(
            seen.as_deref() == expected || expected.is_some() && seen.as_deref() == old,
            "{seen:?} instead of {expected:?}"
        );
    }
    store.audit();
}

#[test]
fn a_reader_that_is_always_disturbed_gets_its_value_in_the_end() {
    let store = store(4 << 20, 1);
    assert!(set(&store, "key", &[1; 100]));
    assert!(set(&store, "key", &[1; 100]));
    let key = store.key(0, b"key");
    let mut out = Vec::new();
    let mut value = 1;
    let hit = store.get_into(&key, NOW, &mut out, |_, part| {
        // The last attempt has the lock.
        if part == Part::Before(100) && store.try_lock_shard(0).is_some() {
            value += 1;
            assert!(set(&store, "key", &[value; 100]));
        }
    });
    assert!(hit && value > 2);
    assert_eq!(out, [value; 100]);
}

#[test]
fn whenever_memory_is_put_to_another_use_readers_are_told() {
    let store = store(1 << 20, 1);
    let sequence = store.shared.views[0].sequence();
    let told = |change: &dyn Fn()| {
        let begun = sequence.begin().unwrap();
        change();
        !sequence.is_still(begun)
    };
    assert!(set(&store, "a", &[1; 100]));
    let remove = |key: &str| {
        let key = store.key(0, key.as_bytes());
        assert!(store.lock(&key).remove(&key, NOW));
    };
    assert!(told(&|| remove("a")), "the segment starts again");
    assert!(set(&store, "a", &[1; 100]));
    assert!(set(&store, "b", &[2; 100]));
    assert!(
        !told(&|| assert!(set(&store, "a", &[3; 100]))),
        "no hole yet"
    );
    assert!(
        told(&|| assert!(set(&store, "b", &[4; 100]))),
        "a hole is filled"
    );
    assert!(!told(&|| remove("a")), "nothing is used again");
    assert!(told(&|| store.flush(None)));
}

#[test]
fn looking_without_a_lock_counts_marks_and_removes_what_is_expired() {
    let store = store(4 << 20, 1);
    set_until(&store, "key", NOW + 100, NOW);
    let key = store.key(0, b"key");
    let frequency = || store.lock(&key).peek(&key, NOW).unwrap().frequency;
    assert_eq!(store.brief(&key, NOW).unwrap().expires_at, Some(NOW + 100));
    assert_eq!(frequency(), 0);
    assert_eq!(store.get_brief(&key, NOW + 7).unwrap().value_len, 1);
    assert!(read(&store, "key", || ()).is_some());
    assert_eq!(frequency(), 2);
    assert_eq!((store.stats().hits, store.stats().misses), (2, 0));
    assert_eq!(store.get_brief(&key, NOW + 101), None);
    assert_eq!(store.len(0), 0);
    let stats = store.stats();
    assert_eq!((stats.hits, stats.misses, stats.expired), (2, 1, 1));
    store.reset_stats();
    assert_eq!(store.stats().hits, 0);
}

#[test]
fn large_values_are_read_as_small_ones_are() {
    let store = store(4 << 20, 1);
    let value: Vec<u8> = (0..300_000).map(|i| (i % 251) as u8).collect();
    assert!(set(&store, "key", &value));
    assert_eq!(read(&store, "key", || ()), Some(value));
}

#[test]
fn what_is_written_together_is_seen_together_without_locks() {
    let store = store(64 << 20, 1);
    let names: Vec<_> = (0..8).map(name).collect();
    let keys: Vec<_> = names
        .iter()
        .map(|name| store.key(0, name.as_bytes()))
        .collect();
    let rounds: u64 = if cfg!(miri) { 20 } else { 20_000 };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=rounds {
                let mut set = store.lock_many(&keys);
                for key in &keys {
                    let value = round.to_le_bytes();
                    let done = set.shard(key).insert(key, &value, Meta::default(), NOW);
                    done.unwrap();
                }
            }
            stop.store(true, Relaxed);
        });
        scope.spawn(|| {
            let number = |key: &_| {
                let mut out = Vec::new();
                let hit = store.get_into(key, NOW, &mut out, |_, _| ());
                hit.then(|| u64::from_le_bytes(out[..].try_into().unwrap()))
            };
            let mut last = None;
            let mut random = Rng::with_seed(1);
            while !stop.load(Relaxed) {
                let seen = number(&keys[random.usize(..keys.len())]);
                assert!(seen >= last, "{seen:?} after {last:?}");
                last = seen;
            }
        });
    });
}

#[test]
fn no_read_of_a_batch_is_older_than_the_one_before_it() {
    let store = store(4 << 20, 1);
    assert!(set(&store, "c", b"0") && set(&store, "b", b"1"));
    let keys = ["c", "a", "b"].map(|name| store.key(0, name.as_bytes()));
    let mut out = Vec::new();
    let mut changed = false;
    store.get_each_into(&keys, NOW, &mut out, |_, part| {
        if part == Part::Before(1) && !changed {
            changed = true;
            assert!(set(&store, "b", b"2") && set(&store, "a", b"2"));
        }
    });
    assert_eq!(out, b"022");
}
