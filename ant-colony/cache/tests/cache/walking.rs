//! Iteration and removal by predicate beside writers.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use ant_colony::Cache;

#[test]
fn an_entry_that_stays_is_met_exactly_once_whatever_others_do() {
    let cache = Cache::builder()
        .capacity(4_000)
        .shards(4)
        .build()
        .expect("a cache");
    let (stays, rounds) = if cfg!(miri) { (50_u64, 2) } else { (500, 200) };
    for key in 0..stays {
        cache.insert(key, 0_u64).expect("no weigher");
    }
    let walking = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0;
            while walking.load(SeqCst) {
                turn += 1;
                cache.insert(turn % stays, turn).expect("no weigher");
                let passing = stays + turn % 300;
                cache.insert(passing, turn).expect("no weigher");
                cache.remove(&passing);
            }
        });
        for _ in 0..rounds {
            let mut met = HashSet::new();
            for (key, _) in cache.iter().filter(|(key, _)| *key < stays) {
                assert!(met.insert(key), "{key} twice");
            }
            assert_eq!(met.len() as u64, stays);
        }
        walking.store(false, SeqCst);
    });
}

#[test]
fn a_value_that_was_not_asked_about_is_not_invalidated() {
    let cache = Cache::new(100);
    let rounds = if cfg!(miri) { 20 } else { 3_000_u64 };
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                cache.invalidate_if(|_, value| value % 2 == 1);
            }
        });
        for value in 0..rounds {
            cache.insert(1, value * 2 + 1).expect("no weigher");
            cache.insert(1, value * 2).expect("no weigher");
            assert_eq!(cache.get(&1), Some(value * 2));
        }
    });
}
