//! Loaders of tasks with trails, polled by hand or on an executor that is no runtime.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;

use ant_colony::{AsyncLoadingCache, Task};
use futures::executor::block_on;

use crate::{Fixed, builder};

type Pages<E = Infallible> = AsyncLoadingCache<u64, u64, E, Fixed>;

fn pages(keys: &[u64]) -> Vec<Result<u64, Infallible>> {
    keys.iter().map(|&key| Ok(key * 2)).collect()
}

/// Where the loader stops: at the first await of so many more loads, for ever.
fn riding(stuck: &Arc<AtomicUsize>) -> Pages {
    let stuck = Arc::clone(stuck);
    let load = move |keys: Vec<u64>| {
        let is_stuck = stuck.fetch_update(SeqCst, SeqCst, |more| more.checked_sub(1));
        async move {
            if is_stuck.is_ok() {
                pending::<()>().await;
            }
            pages(&keys)
        }
    };
    let limits = builder().capacity(160).shards(1);
    let cache = limits.async_loader_many(load).trails(2_000).build();
    cache.expect("a cache")
}

fn load_all(cache: &Pages, keys: impl Iterator<Item = u64>) {
    for key in keys {
        assert_eq!(block_on(cache.load(&key)), Ok(key * 2));
    }
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn what_follows_rides_along_with_a_task_that_loads() {
    let cache = riding(&Arc::default());
    load_all(&cache, (0..6).flat_map(|_| 0..400));
    let before = cache.statistics();
    load_all(&cache, 0..400);
    let (loads, useful) = {
        let after = cache.statistics();
        let useful = after.prefetches.useful - before.prefetches.useful;
        (after.loads - before.loads, useful)
    };
    assert!(loads < 120 && useful > 280, "{loads} {useful}");
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn a_cancelled_load_lets_go_of_what_would_have_ridden_along() {
    let stuck = Arc::new(AtomicUsize::new(0));
    let cache = riding(&stuck);
    load_all(&cache, (0..6).flat_map(|_| 0..400));
    let mut context = Context::from_waker(Waker::noop());
    for key in (0..4).flat_map(|_| 0..399) {
        let next = key + 1;
        stuck.store(1, SeqCst);
        let mut load = Box::pin(cache.load(&key));
        let is_stuck = load.as_mut().poll(&mut context).is_pending();
        stuck.store(0, SeqCst);
        if is_stuck {
            let mut rider = Box::pin(cache.load(&next));
            let waits = rider.as_mut().poll(&mut context).is_pending();
            drop(load);
            if waits {
                assert_eq!(block_on(rider), Ok(next * 2));
            }
        }
        load_all(&cache, std::iter::once(key));
    }
    let prefetches = cache.statistics().prefetches;
    assert!(
        prefetches.late > 10 && prefetches.wasted > 10,
        "{prefetches:?}"
    );
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn a_spawner_of_any_runtime_prefetches_for_tasks() {
    let tasks = Arc::new(Mutex::new(Vec::<Task>::new()));
    let spawned = Arc::clone(&tasks);
    let limits = builder().capacity(160).shards(1);
    let loader = limits.async_loader(|key: u64| async move { Ok::<_, Infallible>(key * 2) });
    let loader = loader.spawner(move |task| spawned.lock().expect("no panic").push(task));
    let cache = loader.trails(4_000).build().expect("a cache");
    let run = || {
        let tasks = std::mem::take(&mut *tasks.lock().expect("no panic"));
        // A few are lost, as in a runtime that shuts down.
        let kept = tasks
            .into_iter()
            .enumerate()
            .filter(|(place, _)| place % 8 != 7);
        kept.for_each(|(_, task)| block_on(task));
    };
    for key in (0..6).flat_map(|_| 0..400) {
        load_all(&cache, std::iter::once(key));
        run();
    }
    let before = cache.statistics();
    for key in 0..400 {
        load_all(&cache, std::iter::once(key));
        run();
    }
    let loads = cache.statistics().loads - before.loads;
    assert!(loads < 60, "{loads}");
}

#[test]
fn tasks_and_threads_with_loads_that_fail_or_vanish_all_come_to_an_end() {
    let rounds = if cfg!(miri) { 1 } else { 30 };
    let keys_most = if cfg!(miri) { 20 } else { 300_u64 };
    let seed = AtomicUsize::new(0);
    let load = move |keys: Vec<u64>| {
        let fate = seed.fetch_add(1, SeqCst) % 16;
        async move {
            match fate {
                0 => Vec::from([Err(())]),
                1 => pending().await,
                _ => keys.iter().map(|&key| Ok(key * 2)).collect(),
            }
        }
    };
    let limits = builder().capacity(200).shards(2);
    let cache = limits.async_loader_many(load).trails(1_000).build();
    let cache: Pages<()> = cache.expect("a cache");
    thread::scope(|scope| {
        for thread in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                for key in (0..rounds).flat_map(|_| 0..keys_most) {
                    let mut load = Box::pin(cache.load_in_sequence(thread, &key));
                    // Polled a few times, then cancelled.
                    let mut context = Context::from_waker(Waker::noop());
                    for _ in 0..3 {
                        if let std::task::Poll::Ready(loaded) = load.as_mut().poll(&mut context) {
                            assert!(loaded.is_err() || loaded == Ok(key * 2));
                            break;
                        }
                        thread::yield_now();
                    }
                    assert!(cache.len() <= 200);
                }
            });
        }
    });
    let prefetches = cache.statistics().prefetches;
    let ended = prefetches.useful + prefetches.late + prefetches.wasted;
    assert!(prefetches.issued - ended <= 200 / 16, "{prefetches:?}");
}

#[test]
fn the_future_of_a_load_can_be_sent() {
    fn check<T: Send>(_: &T) {}
    let limits = builder::<String, String>().capacity(10);
    let cache = limits.async_loader(async |key: String| Ok::<_, ()>(key));
    let cache = cache.build().expect("a cache");
    let key = String::from("key");
    let load = cache.load(&key);
    check(&load);
    assert_eq!(block_on(load).as_deref(), Ok("key"));
}
