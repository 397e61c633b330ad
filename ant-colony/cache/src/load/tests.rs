//! Threads that wait for a loader, seen from inside: the loader goes only when they do wait.

use std::cell::Cell;
use std::future::pending;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};
use std::thread;

use super::Asked;
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
        while shard.lock().flights.is_empty(shard.claim()) {
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
    let shard = cache.shard(cache.hash(&KEY));
    assert!(shard.lock().flights.is_empty(shard.claim()));
}

thread_local! {
    static IS_ARMED: Cell<bool> = const { Cell::new(false) };
}

/// A key whose comparison panics once it is armed. Two have the same hash.
#[derive(Clone, Eq)]
struct Touchy(u64);

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0 / 2).hash(state);
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        assert!(!IS_ARMED.take(), "the bomb");
        self.0 == other.0
    }
}

#[test]
fn a_write_that_panics_keeps_flights_from_beginning_without_the_lock_until_the_next_miss() {
    let cache = Cache::builder().capacity(4).shards(1).build();
    let cache = cache.expect("a cache");
    let shard = cache.shard(0);
    cache.insert(Touchy(1), 1).expect("no weigher");
    for missed in [2, 4, 6, 8] {
        IS_ARMED.set(true);
        let write = || cache.insert(Touchy(0), 2);
        assert!(catch_unwind(AssertUnwindSafe(write)).is_err());
        assert!(!shard.lock().flights.is_empty(shard.claim()));
        assert_eq!(cache.get_or_insert_with(Touchy(missed), || 3), 3);
        assert!(shard.lock().flights.is_empty(shard.claim()));
    }
}

#[test]
fn a_value_that_comes_and_cannot_enter_leaves_no_flight_behind() {
    let cache = Cache::builder().capacity(4).shards(1).build();
    let cache = cache.expect("a cache");
    let (shard, hash) = (cache.shard(0), cache.hash(&Touchy(1)));
    cache.insert(Touchy(0), 1).expect("no weigher");
    for is_claimed in [false, true] {
        let asked = match is_claimed {
            true => cache.ask(hash, &Touchy(1)),
            false => cache.ask_locked(hash, &Touchy(1)),
        };
        let Asked::Lead(mut lead) = asked else {
            unreachable!("there is neither a value nor a flight");
        };
        // As if it had been there and had expired: then it is looked for, after the flight has ended.
        lead.is_absent = false;
        IS_ARMED.set(true);
        assert!(catch_unwind(AssertUnwindSafe(|| lead.finish(Touchy(1), 2))).is_err());
        assert!(shard.lock().flights.is_empty(shard.claim()));
    }
    assert_eq!(cache.get_or_insert_with(Touchy(1), || 3), 3);
}
