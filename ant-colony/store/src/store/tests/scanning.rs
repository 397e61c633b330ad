//! Scans keep Redis's promises across shards; random picks find what there is.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// A full scan, with something done between its calls.
fn scan(store: &Store, count: usize, mut between: impl FnMut(usize)) -> BTreeMap<Vec<u8>, usize> {
    let mut seen = BTreeMap::new();
    let mut cursor = 0;
    for call in 0.. {
        cursor = store.scan(0, cursor, count, NOW, |key, _| {
            *seen.entry(key.to_vec()).or_insert(0) += 1;
        });
        if cursor == 0 {
            break;
        }
        between(call);
    }
    seen
}

#[test]
fn a_scan_of_a_still_store_sees_each_key_once() {
    let store = store(64 << 20, 2);
    for n in [0, 1, 10, 1_000, 20_000] {
        store.flush(None);
        for i in 0..n {
            set(&store, &name(i), b"v");
        }
        let seen = scan(&store, 10, |_| ());
        assert_eq!(seen.len(), n);
        assert!(seen.values().all(|&times| times == 1));
    }
}

#[test]
fn a_small_database_is_scanned_in_one_call() {
    let store = store(64 << 20, 2);
    for i in 0..5 {
        set(&store, &name(i), b"v");
    }
    let mut seen = 0;
    assert_eq!(store.scan(0, 0, 10, NOW, |_, _| seen += 1), 0);
    assert_eq!(seen, 5);
    assert_eq!(store.scan(1, 0, 10, NOW, |_, _| seen += 1), 0);
    assert_eq!(seen, 5);
}

#[test]
fn a_call_visits_about_as_many_keys_as_asked_for() {
    let store = store(64 << 20, 2);
    for i in 0..10_000 {
        set(&store, &name(i), b"v");
    }
    let mut visited = 0;
    assert_ne!(store.scan(0, 0, 100, NOW, |_, _| visited += 1), 0);
    assert!((100..150).contains(&visited), "{visited} keys");
}

#[test]
fn a_scan_misses_no_key_that_stays_while_others_come_and_go() {
    let store = store(64 << 20, 2);
    for i in 0..2_000 {
        set(&store, &name(i), b"v");
    }
    let mut next = 2_000;
    let seen = scan(&store, 20, |call| {
        // First the indexes grow, then they shrink.
        for _ in 0..500 {
            if call < 60 {
                set(&store, &name(next), b"v");
                next += 1;
            } else if next > 2_000 {
                next -= 1;
                let text = name(next);
                let key = store.key(0, text.as_bytes());
                assert!(store.lock(&key).remove(&key, NOW));
            }
        }
    });
    assert!((0..2_000).all(|i| seen.contains_key(name(i).as_bytes())));
    store.audit();
}

#[test]
fn a_bad_cursor_does_no_harm() {
    let store = store(64 << 20, 2);
    set(&store, "a", b"v");
    for cursor in [u64::MAX, 1 << 40, 3 << 32 | 12_345, u64::from(u32::MAX)] {
        store.scan(0, cursor, 10, NOW, |_, _| ());
    }
}

#[test]
fn expired_keys_are_not_shown() {
    let store = store(1 << 20, 1);
    set_until(&store, "gone", NOW - 1, NOW);
    set_until(&store, "there", NOW + 1, NOW);
    let seen = scan(&store, 10, |_| ());
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [b"there".to_vec()]);
}

#[test]
fn a_random_pick_reaches_every_key_and_no_other_database() {
    let store = store(64 << 20, 2);
    let other = store.key(1, b"other");
    let mut random = Rng::with_seed(1);
    assert!(!store.random(0, 5, NOW, |_, _| panic!("there is no key")));
    store
        .lock(&other)
        .insert(&other, b"v", Meta::default(), NOW)
        .unwrap();
    for i in 0..50 {
        set(&store, &name(i), b"v");
    }
    let mut seen = BTreeSet::new();
    for _ in 0..5_000 {
        assert!(store.random(0, random.u64(..), NOW, |key, _| {
            seen.insert(key.to_vec());
        }));
        assert!(store.random(1, random.u64(..), NOW, |key, _| assert_eq!(key, b"other")));
    }
    assert_eq!(seen.len(), 50);
}
