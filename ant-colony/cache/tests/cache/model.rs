//! Histories of one thread, beside a plain map.

use std::collections::HashMap;

use ant_colony::Cache;
use proptest::collection::vec;
use proptest::prelude::*;

const CAPACITY: usize = 20;
const BOUND: u64 = 60;

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u64),
    Get(u8),
    GetOrInsert(u8, u64),
    Remove(u8),
    InvalidateOdd,
    InvalidateAll,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0_u8..60;
    // Values are weights; some are too heavy.
    let value = || prop_oneof![9 => 0_u64..6, 1 => 0_u64..80];
    prop_oneof![
        8 => (key(), value()).prop_map(|(key, value)| Step::Insert(key, value)),
        8 => key().prop_map(Step::Get),
        4 => (key(), value()).prop_map(|(key, value)| Step::GetOrInsert(key, value)),
        4 => key().prop_map(Step::Remove),
        1 => Just(Step::InvalidateOdd),
        1 => Just(Step::InvalidateAll),
    ]
}

/// A value that is found is always the latest; the model forgets what the cache has evicted.
fn run(steps: Vec<Step>, shards: usize) {
    let cache = Cache::builder()
        .capacity(CAPACITY)
        .weight(BOUND, |_: &u8, value: &u64| *value)
        .shards(shards)
        .build()
        .expect("a cache");
    let mut model: HashMap<u8, u64> = HashMap::new();
    for step in steps {
        match step {
            Step::Insert(key, value) => match cache.insert(key, value) {
                Ok(()) => {
                    model.insert(key, value);
                    assert_eq!(cache.get(&key), Some(value), "what was inserted is there");
                }
                Err(error) => {
                    assert!(error.weight > error.limit);
                    model.remove(&key);
                }
            },
            Step::Get(key) => {
                if let Some(found) = cache.get(&key) {
                    assert_eq!(model.get(&key), Some(&found));
                }
            }
            Step::GetOrInsert(key, value) => {
                let before = cache.get(&key);
                let found = cache.get_or_insert_with(key, || value);
                assert_eq!(found, before.unwrap_or(value));
                if before.is_none() {
                    model.remove(&key);
                }
                if cache.contains_key(&key) {
                    model.insert(key, found);
                }
            }
            Step::Remove(key) => {
                let was_there = cache.contains_key(&key);
                assert_eq!(cache.remove(&key), was_there);
                model.remove(&key);
                assert!(!cache.contains_key(&key));
            }
            Step::InvalidateOdd => {
                cache.invalidate_if(|key, _| key % 2 == 1);
                model.retain(|key, _| key % 2 == 0);
            }
            Step::InvalidateAll => {
                cache.invalidate_all();
                model.clear();
                assert!(cache.is_empty());
            }
        }
        let entries: HashMap<u8, u64> = cache.iter().collect();
        assert_eq!(entries.len(), cache.len());
        assert_eq!(entries.values().sum::<u64>(), cache.weight());
        assert!(cache.len() <= CAPACITY && cache.weight() <= BOUND);
        for (key, value) in &entries {
            assert_eq!(model.get(key), Some(value), "of key {key}");
        }
        model.retain(|key, _| entries.contains_key(key));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 128 },
        // A file of failures cannot be looked for under Miri.
        failure_persistence: if cfg!(miri) { None } else { ProptestConfig::default().failure_persistence },
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_value_that_is_found_is_the_latest_and_limits_hold(steps in vec(step(), 1..200)) {
        run(steps, 1);
    }

    #[test]
    fn the_same_holds_for_several_shards(steps in vec(step(), 1..200)) {
        run(steps, 4);
    }
}

#[test]
fn below_its_capacity_a_cache_is_a_map() {
    let cache = Cache::builder()
        .capacity(1_000)
        .shards(1)
        .build()
        .expect("a cache");
    for key in 0..1_000_u64 {
        cache.insert(key, key * 3).expect("no weigher");
    }
    assert_eq!(cache.len(), 1_000);
    for key in 0..1_000 {
        assert_eq!(cache.get_with(&key, |value| *value), Some(key * 3));
    }
}

#[test]
fn what_is_asked_for_often_survives_a_scan() {
    let cache = Cache::builder()
        .capacity(100)
        .shards(1)
        .build()
        .expect("a cache");
    for key in 0..50_u64 {
        cache.insert(key, ()).expect("no weigher");
    }
    let scanned = if cfg!(miri) { 200 } else { 2_000 };
    for scanned in 1_000..1_000 + scanned {
        for key in 0..50 {
            cache.get(&key);
        }
        cache.insert(scanned, ()).expect("no weigher");
    }
    let kept = (0..50).filter(|key| cache.contains_key(key)).count();
    assert_eq!(kept, 50);
}
