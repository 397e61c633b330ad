//! What the listener hears, and the statistics.

use std::sync::{Arc, Mutex};

use ant_colony::{Cache, Cause};

type Heard = Arc<Mutex<Vec<(u64, u64, Cause)>>>;

fn cache(capacity: usize) -> (Cache<u64, u64>, Heard) {
    let heard = Heard::default();
    let log = Arc::clone(&heard);
    let cache = Cache::builder()
        .capacity(capacity)
        .shards(1)
        .count_reads()
        .listener(move |key, value, cause| {
            log.lock().expect("whole").push((*key, *value, cause));
        })
        .build()
        .expect("a cache");
    (cache, heard)
}

#[test]
fn every_value_that_leaves_is_heard_of_once_with_its_cause() {
    let (cache, heard) = cache(2);
    cache.insert(1, 10).expect("no weigher");
    cache.insert(1, 11).expect("no weigher");
    cache.insert(2, 20).expect("no weigher");
    assert!(cache.remove(&2));
    assert!(!cache.remove(&2));
    cache.insert(3, 30).expect("no weigher");
    cache.insert(4, 40).expect("no weigher");
    cache.invalidate_all();
    let mut heard = std::mem::take(&mut *heard.lock().expect("whole"));
    let first: Vec<_> = heard.drain(..2).collect();
    assert_eq!(first, [(1, 10, Cause::Replaced), (2, 20, Cause::Explicit)]);
    assert_eq!(heard.remove(0).2, Cause::Capacity);
    assert_eq!(heard.len(), 2);
    assert!(heard.iter().all(|(.., cause)| *cause == Cause::Explicit));
}

#[test]
fn a_removal_whose_reader_panics_is_heard_of_all_the_same() {
    let (cache, heard) = cache(2);
    cache.insert(1, 10).expect("no weigher");
    let read = || cache.remove_with(&1, |_| panic!("by design"));
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
    assert!(asked.is_err());
    let heard = std::mem::take(&mut *heard.lock().expect("whole"));
    assert_eq!(heard, [(1, 10, Cause::Explicit)]);
}

#[test]
fn statistics_add_up() {
    let (cache, heard) = cache(10);
    for key in 0..100 {
        if cache.get(&key).is_none() {
            cache.insert(key, key).expect("no weigher");
        }
        cache.get(&key);
    }
    let statistics = cache.statistics();
    assert_eq!((statistics.hits, statistics.misses), (100, 100));
    assert_eq!(statistics.hit_ratio(), Some(0.5));
    assert_eq!((statistics.insertions, statistics.evicted), (100, 90));
    assert_eq!(heard.lock().expect("whole").len(), 90);
}

#[test]
fn a_listener_may_use_the_cache() {
    let slot = Arc::new(Mutex::new(None::<Arc<Cache<u64, u64>>>));
    let known = Arc::clone(&slot);
    let cache = Cache::builder()
        .capacity(4)
        .shards(1)
        .listener(move |key: &u64, _: &u64, cause| {
            let cache = known.lock().expect("whole").clone().expect("is set");
            if cause == Cause::Explicit {
                assert!(!cache.contains_key(key));
                cache.insert(key + 1, 0).expect("no weigher");
            }
        })
        .build()
        .expect("a cache");
    let cache = Arc::new(cache);
    *slot.lock().expect("whole") = Some(Arc::clone(&cache));
    cache.insert(1, 1).expect("no weigher");
    cache.remove(&1);
    assert_eq!(cache.get(&2), Some(0));
    *slot.lock().expect("whole") = None;
}
