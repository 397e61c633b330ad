//! Threads that wait for a loader, seen from inside: the loader goes only when they do wait.

use std::future::pending;
use std::task::{Context, Waker};
use std::thread;

use crate::Cache;

const KEY: u64 = 1;

/// Returns when `count` threads or tasks wait for the value of [`KEY`].
fn until_waiting(cache: &Cache<u64, u64>, count: usize) {
    let shard = cache.shard(cache.hash(&KEY));
    while shard.lock().flights.waiting() < count {
        thread::yield_now();
    }
}

#[test]
fn a_thread_that_waits_for_a_task_loads_when_that_is_cancelled() {
    let cache = Cache::new(10);
    let mut leader = Box::pin(cache.get_or_try_insert_with(KEY, pending::<Result<u64, ()>>));
    let mut context = Context::from_waker(Waker::noop());
    assert!(leader.as_mut().poll(&mut context).is_pending());
    thread::scope(|scope| {
        let waits = scope.spawn(|| cache.get_or_insert_with(KEY, || 6));
        until_waiting(&cache, 1);
        drop(leader);
        assert_eq!(waits.join().expect("no panic"), 6);
    });
}

#[test]
fn of_threads_that_wait_for_a_loader_that_panics_one_loads_for_all() {
    let cache = Cache::new(10);
    thread::scope(|scope| {
        let leader = scope.spawn(|| {
            cache.get_or_insert_with(KEY, || {
                until_waiting(&cache, 3);
                panic!("the loader")
            })
        });
        // The leader's flight is there before anybody else asks.
        let shard = cache.shard(cache.hash(&KEY));
        while shard.lock().flights.is_empty() {
            thread::yield_now();
        }
        let waiting = [7, 8, 9].map(|own| {
            let cache = &cache;
            scope.spawn(move || {
                cache.get_or_insert_with(KEY, || {
                    until_waiting(cache, 2);
                    own
                })
            })
        });
        assert!(leader.join().is_err());
        let values = waiting.map(|thread| thread.join().expect("no panic"));
        assert!((7..=9).contains(&values[0]) && values == [values[0]; 3]);
    });
    assert!(cache.shard(cache.hash(&KEY)).lock().flights.is_empty());
}
