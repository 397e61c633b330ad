//! Loading caches, seen from inside: what is on its way and who waits for it.

use std::convert::Infallible;
use std::future;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::{AsyncLoadingCache, Job, LoadingCache};
use crate::Cache;

/// Without a random key: the same buckets in every run.
type Fixed = BuildHasherDefault<DefaultHasher>;
type Pages = LoadingCache<u64, u64, Infallible, Fixed>;

/// What the loader of a cache knows of it.
type Own = Arc<Mutex<Option<Pages>>>;

const NONE: u64 = u64::MAX;

/// A cache whose loader, if something rides along, says what in `rider`, if there is one, and waits
/// until somebody waits for that.
fn waiting(rider: Option<&Arc<AtomicU64>>) -> (Pages, Own) {
    let rider = rider.cloned();
    let inner = Own::default();
    let own = Arc::clone(&inner);
    let load = move |keys: &[u64]| {
        let cache = own.lock().expect("no panic").clone();
        if let ([_, key, ..], Some(cache), Some(rider)) = (keys, cache, &rider) {
            rider.store(*key, SeqCst);
            let shard = cache.shard(cache.hash(key));
            while shard.lock().flights.waiting() == 0 {
                thread::yield_now();
            }
        }
        keys.iter().map(|&key| Ok(key * 2)).collect()
    };
    let builder = Cache::builder()
        .capacity(160)
        .shards(1)
        .hasher(Fixed::default());
    let cache = builder.loader_many(load).trails(2_000).build();
    let cache = cache.expect("a cache");
    *inner.lock().expect("no panic") = Some(cache.clone());
    (cache, inner)
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn who_asks_for_what_is_on_its_way_waits_for_it_and_it_enters_as_what_is_asked_for() {
    let rider = Arc::new(AtomicU64::new(NONE));
    let is_done = AtomicBool::new(false);
    let (cache, own) = waiting(Some(&rider));
    let asked = thread::scope(|scope| {
        let asks = scope.spawn(|| {
            let mut asked = 0;
            while !is_done.load(SeqCst) {
                let key = rider.swap(NONE, SeqCst);
                if key == NONE {
                    thread::yield_now();
                } else {
                    asked += 1;
                    assert_eq!(cache.load_in_sequence(1, &key), Ok(key * 2));
                }
            }
            asked
        });
        for key in (0..8).flat_map(|_| 0..400) {
            assert_eq!(cache.load_in_sequence(0, &key), Ok(key * 2));
        }
        is_done.store(true, SeqCst);
        asks.join().expect("no panic")
    });
    let prefetches = cache.statistics().prefetches;
    assert!(asked > 50);
    assert_eq!(prefetches.late, asked, "{prefetches:?}");
    let shard = cache.shard(0);
    assert!(shard.lock().flights.is_empty(shard.claim()));
    let prefetcher = cache.0.prefetcher.as_ref().expect("trails");
    let ended = prefetches.useful + prefetches.late + prefetches.wasted;
    assert_eq!(prefetches.issued - ended, prefetcher.outstanding() as u64);
    own.lock().expect("no panic").take();
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn each_unused_entry_is_known_and_the_others_are_not_taken_for_one() {
    let (cache, own) = waiting(None);
    let prefetcher = cache.0.prefetcher.as_ref().expect("trails");
    for key in (0..20).flat_map(|_| 0..400) {
        assert_eq!(cache.load(&key), Ok(key * 2));
        let shard = cache.shard(cache.hash(&key));
        let is_unused = |key: u64| {
            let found = cache.find(cache.hash(&key), &key);
            found.is_some_and(|found| found.value().mark.is_unused())
        };
        let unused = (0..400).filter(|&key| is_unused(key)).count();
        assert_eq!(unused, prefetcher.outstanding());
        assert!(unused <= 10 && !is_unused(key) && shard.count() <= 160);
    }
    assert!(cache.statistics().prefetches.useful > 5_000);
    own.lock().expect("no panic").take();
}

/// Of a cache of the keys 0 to 399: those that are there and were not asked for.
fn unused(cache: &Pages) -> usize {
    let is_unused = |key: &u64| {
        let found = cache.find(cache.hash(key), key);
        found.is_some_and(|found| found.value().mark.is_unused())
    };
    (0..400).filter(is_unused).count()
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn who_is_given_up_goes_also_if_the_load_fails_that_gave_it_up() {
    let panics = Arc::new(AtomicBool::new(false));
    let is_armed = Arc::clone(&panics);
    let load = move |keys: &[u64]| {
        assert!(!is_armed.load(SeqCst), "the loader");
        keys.iter().map(|&key| Ok(key * 2)).collect()
    };
    let limits = Cache::builder().capacity(160).shards(1);
    let limits = limits.hasher(Fixed::default());
    let cache: Pages = (limits.loader_many(load).trails(2_000).build()).expect("a cache");
    let prefetcher = cache.0.prefetcher.as_ref().expect("trails");
    for key in (0..6).flat_map(|_| 0..400) {
        assert_eq!(cache.load(&key), Ok(key * 2));
    }
    let mut stranger = 10_000..;
    for from in 0..4 {
        for key in from * 100..from * 100 + 20 {
            assert_eq!(cache.load(&key), Ok(key * 2));
        }
        panics.store(true, SeqCst);
        for key in stranger.by_ref().take(40) {
            assert!(catch_unwind(AssertUnwindSafe(|| cache.load(&key))).is_err());
        }
        panics.store(false, SeqCst);
        assert_eq!((unused(&cache), prefetcher.outstanding()), (0, 0));
    }
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn a_job_that_comes_too_late_does_not_end_a_later_order_of_its_key() {
    let jobs = Arc::new(Mutex::new(Vec::<Job>::new()));
    let queue = Arc::clone(&jobs);
    let take = || std::mem::take(&mut *jobs.lock().expect("no panic"));
    let limits = Cache::builder().capacity(160).shards(1);
    let loader = limits.hasher(Fixed::default()).loader(|&key| Ok(key * 2));
    let loader = loader.spawner(move |job| queue.lock().expect("no panic").push(job));
    let cache: Pages = loader.trails(2_000).build().expect("a cache");
    let prefetcher = cache.0.prefetcher.as_ref().expect("trails");
    let load = |key| assert_eq!(cache.load(&key), Ok(key * 2));
    for key in (0..6).flat_map(|_| 0..400) {
        load(key);
        take().into_iter().for_each(|job| job());
    }
    (0..400).for_each(load);
    let late = take();
    for key in 0..200 {
        load(key);
        take().into_iter().for_each(|job| job());
    }
    let (unused, there) = (unused(&cache), prefetcher.there());
    assert!(unused > 2 && unused == there);
    drop(late);
    assert_eq!(prefetcher.there(), unused);
}

type Probed = AsyncLoadingCache<Probe, u64, Infallible, Fixed>;

/// A key that notes if it is dropped while the shard is locked.
#[derive(Clone)]
struct Probe(u64, Arc<OnceLock<Probed>>, Arc<AtomicBool>);

impl Drop for Probe {
    fn drop(&mut self) {
        let is_locked = self
            .1
            .get()
            .is_some_and(|it| it.shard(0).try_lock().is_none());
        self.2.fetch_or(is_locked, SeqCst);
    }
}

impl PartialEq for Probe {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Probe {}

impl Hash for Probe {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn a_key_that_is_waited_for_and_whose_value_is_too_heavy_is_not_dropped_under_the_lock() {
    let heavy = Arc::new(AtomicBool::new(false));
    let riders = Arc::new(Mutex::new(Vec::new()));
    let (is_heavy, log) = (Arc::clone(&heavy), Arc::clone(&riders));
    let load = move |keys: Vec<Probe>| {
        *log.lock().expect("no panic") = keys.iter().skip(1).map(|key| key.0).collect();
        let (mut turns, is_heavy) = (0, is_heavy.load(SeqCst));
        future::poll_fn(move |_| {
            turns += 1;
            let is_ready = turns > 1 || !is_heavy;
            let results = || keys.iter().map(|key| Ok(key.0)).collect();
            if is_ready {
                Poll::Ready(results())
            } else {
                Poll::Pending
            }
        })
    };
    let is_heavy = Arc::clone(&heavy);
    let weigher = move |_: &Probe, _: &u64| if is_heavy.load(SeqCst) { 10_000 } else { 1 };
    let limits = Cache::builder().weight(160, weigher);
    let loader = limits.hasher(Fixed::default()).async_loader_many(load);
    let cache: Probed = loader.trails(2_000).build().expect("a cache");
    let (own, is_dropped) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
    let probe = |key| Probe(key, Arc::clone(&own), Arc::clone(&is_dropped));
    let mut context = Context::from_waker(Waker::noop());
    for key in (0..6).flat_map(|_| 0..400) {
        let key = probe(key);
        assert!(pin!(cache.load(&key)).poll(&mut context).is_ready());
    }
    assert!(own.set(cache.clone()).is_ok());
    heavy.store(true, SeqCst);
    let mut waited = 0;
    for key in (0..400).map(probe) {
        let mut leads = pin!(cache.load(&key));
        if leads.as_mut().poll(&mut context).is_pending() {
            for rider in riders.lock().expect("no panic").drain(..).map(probe) {
                waited += 1;
                assert!(pin!(cache.load(&rider)).poll(&mut context).is_pending());
            }
            assert!(leads.poll(&mut context).is_ready());
        }
    }
    assert!(waited > 5 && !is_dropped.load(SeqCst), "{waited}");
}
