//! The limits, as other threads see them, at every moment.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use ant_colony::Cache;
use fastrand::Rng;

#[test]
fn no_thread_ever_sees_more_than_the_limits_allow() {
    const CAPACITY: usize = 64;
    const BOUND: u64 = 500;
    let cache = Cache::builder()
        .capacity(CAPACITY)
        .weight(BOUND, |_: &u64, weight: &u64| *weight)
        .shards(4)
        .build()
        .expect("a cache");
    let writing = AtomicBool::new(true);
    let rounds = if cfg!(miri) { 50 } else { 20_000 };
    thread::scope(|scope| {
        let writers: Vec<_> = (1..=2)
            .map(|seed| {
                let cache = &cache;
                scope.spawn(move || {
                    let mut random = Rng::with_seed(seed);
                    for _ in 0..rounds {
                        let (key, weight) = (random.u64(..300), random.u64(..40));
                        cache.insert(key, weight).expect("light enough");
                        if weight == 0 {
                            cache.remove(&key);
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while writing.load(SeqCst) {
                assert!(cache.len() <= CAPACITY);
                assert!(cache.weight() <= BOUND);
            }
        });
        for writer in writers {
            writer.join().expect("no panic");
        }
        writing.store(false, SeqCst);
    });
    let weights: Vec<u64> = cache.iter().map(|(_, weight)| weight).collect();
    assert_eq!(weights.len(), cache.len());
    assert_eq!(weights.iter().sum::<u64>(), cache.weight());
}

#[test]
fn one_heavy_entry_drives_out_as_many_light_ones_as_it_needs() {
    let cache = Cache::builder()
        .weight(100, |_: &u64, weight: &u64| *weight)
        .build();
    let cache = cache.expect("a cache");
    for key in 0..100 {
        cache.insert(key, 1).expect("light");
    }
    cache.insert(1_000, 95).expect("just light enough");
    assert_eq!(
        (cache.get(&1_000), cache.weight(), cache.len()),
        (Some(95), 100, 6)
    );
    cache.insert(1_000, 100).expect("as much as is allowed");
    assert_eq!(
        (cache.get(&1_000), cache.weight(), cache.len()),
        (Some(100), 100, 1)
    );
}

#[test]
fn a_value_that_grows_beyond_the_rest_replaces_itself() {
    let cache = Cache::builder()
        .weight(10, |_: &u64, weight: &u64| *weight)
        .build();
    let cache = cache.expect("a cache");
    for weight in [1, 10, 3, 9, 10] {
        cache.insert(7, weight).expect("light enough");
        assert_eq!((cache.get(&7), cache.weight()), (Some(weight), weight));
    }
}

#[test]
fn a_value_that_is_driven_out_by_its_own_successor_leaves_its_room_only_once() {
    let cache = Cache::builder()
        .weight(10, |_: &u64, weight: &u64| *weight)
        .build()
        .expect("a cache");
    cache.insert(7, 5).expect("light enough");
    cache.insert(8, 5).expect("light enough");
    cache.insert(7, 8).expect("light enough");
    assert_eq!((cache.get(&7), cache.weight()), (Some(8), 8));
}
