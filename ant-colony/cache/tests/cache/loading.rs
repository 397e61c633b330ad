//! Loaders of threads: one at a time for a key.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Weak, mpsc};
use std::thread;

use ant_colony::Cache;

#[test]
fn of_many_who_ask_at_once_one_loads() {
    let threads = if cfg!(miri) { 3 } else { 8 };
    let rounds = if cfg!(miri) { 3 } else { 200_u64 };
    let cache = Cache::new(10_000);
    let loads = AtomicUsize::new(0);
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for key in 0..rounds {
                    barrier.wait();
                    let value = cache.get_or_insert_with(key, || {
                        loads.fetch_add(1, SeqCst);
                        thread::yield_now();
                        key * 2
                    });
                    assert_eq!(value, key * 2);
                }
            });
        }
    });
    assert_eq!(loads.load(SeqCst) as u64, rounds);
}

#[test]
fn a_loader_that_panics_hands_over_to_one_who_waits() {
    let threads = 4;
    let cache = Cache::new(10);
    let loads = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let load = || {
                    thread::yield_now();
                    assert!(loads.fetch_add(1, SeqCst) >= 2, "the first two fail");
                    5
                };
                let asked = catch_unwind(AssertUnwindSafe(|| cache.get_or_insert_with(1, load)));
                assert!(asked.is_err() || asked.is_ok_and(|value| value == 5));
            });
        }
    });
    assert_eq!(loads.load(SeqCst), 3);
    assert_eq!(cache.get(&1), Some(5));
}

/// Runs `meanwhile` while a loader of key 1 with the value 10 is under way; returns what it got.
fn load_while(cache: &Cache<u64, u64>, meanwhile: impl FnOnce()) -> u64 {
    let (begun, begins) = mpsc::channel();
    let (go, goes) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let loader = scope.spawn(move || {
            cache.get_or_insert_with(1, || {
                begun.send(()).expect("is heard");
                goes.recv().expect("is told");
                10
            })
        });
        begins.recv().expect("begins");
        meanwhile();
        go.send(()).expect("is heard");
        loader.join().expect("no panic")
    })
}

#[test]
fn what_is_written_while_it_loads_is_newer_than_what_was_loaded() {
    let cache = Cache::new(10);
    let loaded = load_while(&cache, || cache.insert(1, 20).expect("no weigher"));
    assert_eq!((loaded, cache.get(&1)), (10, Some(20)));
}

#[test]
fn what_is_removed_or_invalidated_while_it_loads_is_not_kept() {
    let cache = Cache::new(10);
    assert_eq!(load_while(&cache, || assert!(!cache.remove(&1))), 10);
    assert_eq!(cache.get(&1), None);
    assert_eq!(load_while(&cache, || cache.invalidate_all()), 10);
    assert_eq!(cache.get(&1), None);
    assert_eq!(load_while(&cache, || ()), 10);
    assert_eq!(cache.get(&1), Some(10));
}

#[test]
fn who_asks_after_a_removal_does_not_get_what_was_loaded_before() {
    let cache = Cache::new(10);
    let first = load_while(&cache, || {
        cache.remove(&1);
        assert_eq!(cache.get_or_insert_with(1, || 30), 30);
    });
    assert_eq!((first, cache.get(&1)), (10, Some(30)));
}

#[test]
fn a_loader_may_use_the_cache_for_other_keys() {
    let cache = Cache::new(10);
    let outer = cache.get_or_insert_with(1, || cache.get_or_insert_with(2, || 3) + 1);
    assert_eq!((outer, cache.get(&2)), (4, Some(3)));
}

/// A value whose drop uses the cache that it came from.
#[derive(Clone)]
struct Nosy(Weak<Cache<u64, Nosy>>);

impl Drop for Nosy {
    fn drop(&mut self) {
        if let Some(cache) = self.0.upgrade() {
            cache.remove(&99);
        }
    }
}

#[test]
fn a_loaded_value_that_is_not_kept_may_use_the_cache_when_it_is_dropped() {
    let cache = Cache::builder().capacity(4).shards(1).build();
    let cache = Arc::new(cache.expect("a cache"));
    let value = || Nosy(Arc::downgrade(&cache));
    let loaded = cache.get_or_insert_with(1, || {
        // Newer than what is loaded.
        cache.insert(1, value()).expect("no weigher");
        value()
    });
    drop(loaded);
    assert!(cache.remove(&1));
    drop(cache.get_or_insert_with(1, value));
    assert_eq!(cache.len(), 1);
}
