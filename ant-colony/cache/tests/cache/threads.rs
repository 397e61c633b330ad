//! Many threads on few keys.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use ant_colony::Cache;
use fastrand::Rng;

/// Values say whose they are, so that a mix-up shows.
#[test]
fn a_value_is_always_its_keys_and_never_older_than_one_seen_before() {
    const KEYS: u64 = 40;
    let cache = Cache::builder()
        .capacity(24)
        .shards(2)
        .build()
        .expect("a cache");
    let versions: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let rounds = if cfg!(miri) { 60 } else { 30_000 };
    thread::scope(|scope| {
        // Each writer has its own keys, so the order of its writes is known.
        for writer in 0..2_u64 {
            let (cache, versions) = (&cache, &versions);
            scope.spawn(move || {
                let mut random = Rng::with_seed(writer + 1);
                for version in 1..=rounds {
                    let key = random.u64(..KEYS / 2) * 2 + writer;
                    if random.u64(..8) == 0 {
                        cache.remove(&key);
                        // What was removed does not come back.
                        assert_eq!(cache.get(&key), None);
                    } else {
                        cache.insert(key, vec![key, version]).expect("no weigher");
                        versions[key as usize].store(version, SeqCst);
                    }
                }
            });
        }
        for reader in 0..2_u64 {
            let (cache, versions) = (&cache, &versions);
            scope.spawn(move || {
                let mut random = Rng::with_seed(reader + 77);
                let mut seen = HashMap::new();
                for _ in 0..rounds {
                    let key = random.u64(..KEYS);
                    let latest = versions[key as usize].load(SeqCst);
                    if let Some(value) = cache.get(&key) {
                        assert_eq!(value[0], key);
                        assert!(value[1] >= latest, "{} after {latest}", value[1]);
                        let before = seen.insert(key, value[1]).unwrap_or(0);
                        assert!(value[1] >= before, "{} after {before}", value[1]);
                    }
                }
            });
        }
    });
    let statistics = cache.statistics();
    let left = statistics.evicted + statistics.removed + statistics.replaced;
    assert_eq!(statistics.insertions - left, cache.len() as u64);
}

#[test]
fn eviction_beside_overwriting_loses_no_fresh_value() {
    let cache = Cache::builder()
        .capacity(4)
        .shards(1)
        .build()
        .expect("a cache");
    let rounds = if cfg!(miri) { 40 } else { 20_000 };
    thread::scope(|scope| {
        scope.spawn(|| {
            for key in 0..rounds {
                cache.insert(1_000 + key, key).expect("no weigher");
            }
        });
        for round in 0..rounds {
            cache.insert(7, round).expect("no weigher");
            let found = cache.get(&7);
            assert!(
                found.is_none_or(|found| found == round),
                "{found:?} in {round}"
            );
        }
    });
}
