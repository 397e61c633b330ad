//! Loaders with trails: what rides along, and that it never does harm.

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ant_colony::{BuildError, Job, LoadingCache, Statistics};
use fastrand::Rng;
use proptest::prelude::*;

use crate::{FakeClock, Fixed, builder};

pub(crate) type Pages<E = Infallible> = LoadingCache<u64, u64, E, Fixed>;

pub(crate) fn page(key: u64) -> u64 {
    key * 2 + 1
}

fn pages(keys: &[u64]) -> Vec<Result<u64, Infallible>> {
    keys.iter().map(|&key| Ok(page(key))).collect()
}

pub(crate) fn riding(capacity: usize, trails: usize) -> Pages {
    let limits = builder().capacity(capacity).shards(1);
    let cache = limits.loader_many(pages).trails(trails).build();
    cache.expect("a cache")
}

pub(crate) fn load_all(cache: &Pages, keys: impl Iterator<Item = u64>) {
    for key in keys {
        assert_eq!(cache.load(&key), Ok(page(key)));
    }
}

/// Teaches a cache that the keys 0 to 199 follow each other, as far as it can tell; none of them stays.
fn teach(cache: &Pages) {
    for _ in 0..4 {
        load_all(cache, 0..200);
    }
    cache.invalidate_all();
}

/// How many keys were loaded on demand.
fn loads(cache: &Pages) -> u64 {
    cache.statistics().loads
}

fn is_settled(statistics: Statistics) -> bool {
    let prefetches = statistics.prefetches;
    prefetches.issued == prefetches.useful + prefetches.late + prefetches.wasted
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn a_repeated_scan_needs_one_load_for_several_keys() {
    let (plain, trails) = (riding(1_000, 0), riding(1_000, 8_000));
    for cache in [&plain, &trails] {
        load_all(cache, (0..10).flat_map(|_| 0..4_000));
    }
    let before = loads(&trails);
    load_all(&trails, 0..4_000);
    let last = loads(&trails) - before;
    assert!(last < 800, "{last}");
    assert!(loads(&trails) * 2 < loads(&plain));
    let prefetches = trails.statistics().prefetches;
    assert!(
        prefetches.useful * 100 > prefetches.issued * 98,
        "{prefetches:?}"
    );
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn without_trails_each_load_is_for_one_key() {
    let limits = builder().capacity(100);
    let cache = limits.loader_many(|keys: &[u64]| {
        assert_eq!(keys.len(), 1);
        pages(keys)
    });
    let cache = cache.build().expect("a cache");
    load_all(&cache, (0..10).flat_map(|_| 0..200));
    assert_eq!(cache.statistics().prefetches, Default::default());
    assert_eq!(cache.trails_bytes(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn keys_in_random_order_are_not_prefetched_and_what_begins_so_stops() {
    let cache = riding(1_000, 8_000);
    let mut random = Rng::with_seed(7);
    let mut strangers = |cache: &Pages, count| {
        (0..count).for_each(|_| load_all(cache, std::iter::once(random.u64(..4_000))));
        cache.statistics().prefetches.issued
    };
    assert!(strangers(&cache, 30_000) < 100);
    load_all(&cache, (0..10).flat_map(|_| 0..4_000));
    let issued = cache.statistics().prefetches.issued;
    assert!(issued > 10_000);
    let more = strangers(&cache, 30_000) - issued;
    assert!(more < 3_000, "{more}");
    // And what is unused has left.
    load_all(&cache, 10_000..10_100);
    assert!(is_settled(cache.statistics()), "{:?}", cache.statistics());
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn strangers_in_a_scan_and_floods_of_them_do_not_make_it_forgotten() {
    let cache = riding(200, 1_000);
    let mut strangers = 1_000_000..;
    let mut random = Rng::with_seed(7);
    for lap in 0..24 {
        for key in 0..400 {
            load_all(&cache, std::iter::once(key));
            if random.u64(..5) == 0 {
                load_all(&cache, strangers.by_ref().take(1));
            }
        }
        let flood = if lap < 4 { 0 } else { 1_500 };
        load_all(&cache, strangers.by_ref().take(flood));
    }
    let prefetches = cache.statistics().prefetches;
    assert!(prefetches.useful > 1_600, "{prefetches:?}");
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn what_is_hot_does_not_leave_for_what_is_prefetched() {
    let misses_of_hot = |trails| {
        let cache = riding(500, trails);
        let mut misses = 0;
        let mut random = Rng::with_seed(11);
        for key in (0..10).flat_map(|_| 0..2_000) {
            load_all(&cache, std::iter::once(key));
            // Half of the accesses are to 400 hot keys.
            let hot = 10_000 + random.u64(..400);
            misses += usize::from(!cache.contains_key(&hot));
            load_all(&cache, std::iter::once(hot));
        }
        misses
    };
    let (without, with) = (misses_of_hot(0), misses_of_hot(8_000));
    assert!(with * 100 <= without * 102 + 500, "{with} and {without}");
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn what_was_written_or_removed_while_it_was_prefetched_is_not_overwritten_or_brought_back() {
    let inner: Arc<Mutex<Option<Pages>>> = Arc::default();
    let own = Arc::clone(&inner);
    let spoil = Arc::new(AtomicUsize::new(0));
    let spoils = Arc::clone(&spoil);
    let load = move |keys: &[u64]| {
        if let [_, second, third, ..] = keys
            && spoils.swap(0, SeqCst) == 1
        {
            let cache = own.lock().expect("no panic").clone().expect("is built");
            cache.insert(*second, 7).expect("no weigher");
            assert!(!cache.remove(third));
        }
        pages(keys)
    };
    let limits = builder().capacity(100).shards(1);
    let cache = limits.loader_many(load).trails(1_000).build();
    let cache = cache.expect("a cache");
    *inner.lock().expect("no panic") = Some(cache.clone());
    teach(&cache);
    spoil.store(1, SeqCst);
    for key in 0..20 {
        load_all(&cache, std::iter::once(key));
        if spoil.load(SeqCst) == 0 {
            assert_eq!(
                (cache.get(&(key + 1)), cache.get(&(key + 2))),
                (Some(7), None)
            );
            assert_eq!(cache.get(&(key + 3)), Some(page(key + 3)));
            break;
        }
    }
    assert_eq!(spoil.load(SeqCst), 0, "nothing rode along");
    inner.lock().expect("no panic").take();
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn what_rides_along_may_fail_or_be_left_out_and_is_loaded_when_it_is_asked_for() {
    let mode = Arc::new(AtomicUsize::new(0));
    let modes = Arc::clone(&mode);
    let load = move |keys: &[u64]| -> Vec<Result<u64, &str>> {
        let answer = |(place, &key): (usize, &u64)| match (modes.load(SeqCst), place) {
            (1, 1..) => Err("not now"),
            (2, 0) => Err("the first"),
            _ => Ok(page(key)),
        };
        let all = keys.iter().enumerate().map(answer);
        let some = if modes.load(SeqCst) == 3 { 1 } else { 8 };
        all.take(some).collect()
    };
    let limits = builder().capacity(100).shards(1);
    let cache: Pages<&str> = limits
        .loader_many(load)
        .trails(1_000)
        .build()
        .expect("a cache");
    let all = || (0..200).for_each(|key| assert_eq!(cache.load(&key), Ok(page(key))));
    (0..4).for_each(|_| all());
    mode.store(1, SeqCst);
    all();
    mode.store(3, SeqCst);
    all();
    mode.store(0, SeqCst);
    (0..4).for_each(|_| all());
    cache.invalidate_all();
    mode.store(2, SeqCst);
    let tries = (0..200).map(|key| cache.load(&key));
    let (fine, failed): (Vec<_>, Vec<_>) = tries.partition(Result::is_ok);
    assert!(
        fine.len() > 100 && failed.len() > 10,
        "what rode along was kept"
    );
    let used = cache.statistics().prefetches;
    assert!(used.wasted > 0 && used.useful > 200, "{used:?}");
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn a_loader_that_panics_leaves_the_cache_as_usable_as_before() {
    let panics = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&panics);
    let load = move |keys: &[u64]| {
        assert!(
            keys.len() == 1 || count.fetch_add(1, SeqCst) % 2 == 1,
            "every other batch"
        );
        pages(keys)
    };
    let limits = builder().capacity(100).shards(1);
    let cache = limits
        .loader_many(load)
        .trails(1_000)
        .build()
        .expect("a cache");
    for key in (0..20).flat_map(|_| 0..200) {
        let loaded = catch_unwind(AssertUnwindSafe(|| cache.load(&key)));
        if loaded.is_err() {
            assert_eq!(cache.load(&key), Ok(page(key)));
        }
    }
    assert!(panics.load(SeqCst) > 10);
    load_all(&cache, 10_000..10_100);
    assert!(is_settled(cache.statistics()), "{:?}", cache.statistics());
    let silent = builder()
        .capacity(10)
        .loader_many(|_: &[u64]| -> Vec<Result<u64, ()>> { Vec::new() });
    let silent = silent.build().expect("a cache");
    assert!(catch_unwind(AssertUnwindSafe(|| silent.load(&1))).is_err());
    silent.insert(1, 2).expect("no weigher");
    assert_eq!(silent.load(&1), Ok(2));
}

#[test]
fn no_key_is_loaded_by_two_at_once_also_if_it_rides_along() {
    let rounds = if cfg!(miri) { 2 } else { 30 };
    let keys_most = if cfg!(miri) { 40 } else { 400 };
    let now = Arc::new(Mutex::new(HashMap::<u64, usize>::new()));
    let loading = Arc::clone(&now);
    let load = move |keys: &[u64]| {
        for key in keys {
            let mut now = loading.lock().expect("no panic");
            let others = now.insert(*key, keys.len());
            assert_eq!(others, None, "{key} is loaded twice");
        }
        thread::yield_now();
        keys.iter().for_each(|key| {
            loading.lock().expect("no panic").remove(key);
        });
        pages(keys)
    };
    let limits = builder().capacity(keys_most as usize / 2);
    let cache = limits
        .loader_many(load)
        .trails(1_000)
        .build()
        .expect("a cache");
    thread::scope(|scope| {
        for from in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                for key in (0..rounds).flat_map(|_| 0..keys_most) {
                    let key = (key + from * 3) % keys_most;
                    assert_eq!(cache.load_in_sequence(from as usize, &key), Ok(page(key)));
                    assert!(cache.len() <= keys_most as usize / 2);
                }
            });
        }
    });
    let prefetches = cache.statistics().prefetches;
    assert!(cfg!(miri) || prefetches.useful > 0, "{prefetches:?}");
}

/// A spawner that keeps its jobs until they are called.
#[derive(Clone, Default)]
pub(crate) struct Jobs(Arc<Mutex<Vec<Job>>>);

impl Jobs {
    pub(crate) fn spawner(&self) -> impl Fn(Job) + Send + Sync + 'static {
        let jobs = Arc::clone(&self.0);
        move |job| jobs.lock().expect("no panic").push(job)
    }

    pub(crate) fn take(&self) -> Vec<Job> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

pub(crate) fn spawning(jobs: &Jobs) -> Pages {
    let limits = builder().capacity(200).shards(1);
    let loader = limits.loader(|&key: &u64| Ok(page(key)));
    let cache = loader.trails(4_000).spawner(jobs.spawner()).build();
    cache.expect("a cache")
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn with_a_spawner_a_loader_of_one_key_prefetches_off_the_path_of_who_asks() {
    let jobs = Jobs::default();
    let cache = spawning(&jobs);
    for key in (0..6).flat_map(|_| 0..500) {
        load_all(&cache, std::iter::once(key));
        jobs.take().into_iter().for_each(|job| job());
    }
    let before = loads(&cache);
    for key in 0..500 {
        load_all(&cache, std::iter::once(key));
        jobs.take().into_iter().for_each(|job| job());
    }
    let last = loads(&cache) - before;
    assert!(last < 50, "{last}");
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn what_is_asked_for_before_its_prefetch_has_begun_is_late_and_a_job_that_is_dropped_is_wasted() {
    let jobs = Jobs::default();
    let cache = spawning(&jobs);
    for key in (0..4).flat_map(|_| 0..500) {
        load_all(&cache, std::iter::once(key));
        drop(jobs.take());
    }
    let dropped = cache.statistics().prefetches;
    assert!(dropped.wasted > 100 && dropped.useful == 0, "{dropped:?}");
    assert!(is_settled(cache.statistics()));
    let mut late = Vec::new();
    for key in (0..4).flat_map(|_| 0..500) {
        load_all(&cache, std::iter::once(key));
        late.extend(jobs.take());
    }
    late.into_iter().for_each(|job| job());
    let after = cache.statistics().prefetches;
    assert!(after.late > 100, "{after:?}");
    assert!(cache.len() <= 200);
}

#[test]
fn trails_without_a_way_to_prefetch_and_more_than_memory_can_hold_are_refused() {
    let limits = builder().capacity(100);
    let built = limits
        .loader(|&key: &u64| Ok::<_, ()>(key))
        .trails(10)
        .build();
    assert_eq!(built.err(), Some(BuildError::TrailsInVain));
    let (limits, trails) = (builder().capacity(100), usize::MAX);
    let built: Result<Pages, _> = limits.loader_many(pages).trails(trails).build();
    let error = built.expect_err("no cache");
    assert_eq!(error, BuildError::TooManyTrails { trails });
    assert!(
        error.to_string().contains("at most 268435456 keys"),
        "{error}"
    );
    let none: Result<Pages, _> = builder().loader_many(pages).build();
    assert_eq!(none.err(), Some(BuildError::NoLimit));
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn what_is_prefetched_expires_as_everything_does_and_may_take_the_place_of_what_has() {
    let clock = FakeClock::default();
    let limits = builder().capacity(1_000).shards(1).clock(clock.clone());
    let limits = limits.time_to_live(Duration::from_secs(1));
    let cache = limits
        .loader_many(pages)
        .trails(1_000)
        .build()
        .expect("a cache");
    for _ in 0..10 {
        load_all(&cache, 0..500);
        clock.advance(Duration::from_secs(1));
    }
    let before = loads(&cache);
    load_all(&cache, 0..500);
    assert!(loads(&cache) - before < 150, "{}", loads(&cache) - before);
    clock.advance(Duration::from_secs(1));
    assert!((0..500).all(|key| cache.get(&key).is_none()));
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn the_bound_on_the_weight_holds_and_what_is_too_heavy_is_not_prefetched() {
    let limits = builder().weight(16_000, |key, _| if key % 5 == 0 { 1_500 } else { 20 });
    let cache = limits
        .loader_many(pages)
        .trails(4_000)
        .build()
        .expect("a cache");
    for key in (0..10).flat_map(|_| 0..2_000) {
        load_all(&cache, std::iter::once(key));
        assert!(cache.weight() <= 16_000);
    }
    let prefetches = cache.statistics().prefetches;
    assert!(
        prefetches.useful > 1_000 && prefetches.wasted > 1_000,
        "{prefetches:?}"
    );
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn reads_that_load_nothing_use_what_was_prefetched() {
    let cache = riding(100, 1_000);
    teach(&cache);
    let mut found = 0;
    for key in 0..200 {
        match cache.get(&key) {
            Some(value) => {
                assert_eq!(value, page(key));
                found += 1;
            }
            None => load_all(&cache, std::iter::once(key)),
        }
    }
    let prefetches = cache.statistics().prefetches;
    assert!(found > 100 && prefetches.useful >= found, "{prefetches:?}");
}

#[derive(Clone, Debug)]
enum Step {
    Load(u64),
    Scan(u64),
    Insert(u64),
    Remove(u64),
    InvalidateAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..40u64).prop_map(Step::Load),
        12 => (0..40u64).prop_map(Step::Scan),
        1 => (0..40u64).prop_map(Step::Insert),
        1 => (0..40u64).prop_map(Step::Remove),
        1 => Just(Step::InvalidateAll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is loaded is what was written last, if everybody who writes tells the cache.
    #[test]
    #[cfg_attr(miri, ignore = "trails need many requests")]
    fn no_prefetch_brings_an_old_value(
        capacity in 16..80usize,
        trails in 0..100usize,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let written = Arc::new(Mutex::new(HashMap::<u64, u64>::new()));
        let source = Arc::clone(&written);
        let read = move |key: &u64| source.lock().expect("no panic").get(key).copied().unwrap_or(0);
        let version = read.clone();
        let load = move |keys: &[u64]| keys.iter().map(|key| Ok(read(key))).collect();
        let limits = builder().capacity(capacity).shards(1);
        let cache: Pages = limits.loader_many(load).trails(trails).build().expect("a cache");
        let write = |key: u64| {
            let mut written = written.lock().expect("no panic");
            let value = written.entry(key).or_default();
            *value += 1;
            *value
        };
        for step in steps {
            match step {
                Step::Load(key) => prop_assert_eq!(cache.load(&key), Ok(version(&key))),
                Step::Scan(from) => for key in from..from + 12 {
                    prop_assert_eq!(cache.load(&key), Ok(version(&key)));
                    prop_assert!(cache.len() <= capacity);
                },
                Step::Insert(key) => {
                    let value = write(key);
                    prop_assert_eq!(cache.insert(key, value), Ok(()));
                }
                Step::Remove(key) => {
                    write(key);
                    cache.remove(&key);
                }
                Step::InvalidateAll => {
                    for key in 0..60 {
                        write(key);
                    }
                    cache.invalidate_all();
                    prop_assert_eq!(cache.len(), 0);
                }
            }
            for (key, value) in cache.iter() {
                prop_assert_eq!(value, version(&key));
            }
        }
        let prefetches = cache.statistics().prefetches;
        let ended = prefetches.useful + prefetches.late + prefetches.wasted;
        prop_assert!(ended <= prefetches.issued && prefetches.issued - ended <= capacity as u64 / 16);
    }
}
