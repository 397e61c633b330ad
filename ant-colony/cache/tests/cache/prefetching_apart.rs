//! What goes wrong beside prefetching does not end it: jobs that are lost or late, sequences that fall
//! silent, listeners that load, keys whose clones panic.

use std::convert::Infallible;
use std::future::pending;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Waker};

use ant_colony::{AsyncLoadingCache, Cache, Job, LoadingCache};
use fastrand::Rng;
use futures::executor::block_on;

use crate::prefetching::{Jobs, Pages, load_all, page, spawning};
use crate::{Fixed, builder};

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn a_listener_may_load_what_rode_along_with_the_miss_that_made_something_leave() {
    type Own = AsyncLoadingCache<u64, u64, Infallible, Fixed>;
    let own: Arc<OnceLock<Own>> = Arc::default();
    let (inner, heard) = (Arc::clone(&own), Arc::new(AtomicUsize::new(0)));
    let (count, last) = (Arc::clone(&heard), Arc::new(AtomicU64::new(0)));
    let asked = Arc::clone(&last);
    let listener = move |_: &u64, _: &u64, _| {
        // Only the outermost one, or each would make the next one leave.
        if count.fetch_add(1, SeqCst) == 0 {
            let key = asked.load(SeqCst) + 2;
            let mut load = Box::pin(inner.get().expect("is built").load(&key));
            let mut context = Context::from_waker(Waker::noop());
            let loaded = load.as_mut().poll(&mut context);
            assert!(loaded.is_ready(), "{key} waits for who makes room for it");
        }
        count.fetch_sub(1, SeqCst);
    };
    let limits = builder().capacity(160).shards(1).listener(listener);
    let load = async |keys: Vec<u64>| keys.iter().map(|&key| Ok(key * 2)).collect();
    let cache: Own = (limits.async_loader_many(load).trails(2_000).build()).expect("a cache");
    own.set(cache.clone()).expect("once");
    for key in (0..8).flat_map(|_| 0..400) {
        last.store(key, SeqCst);
        assert_eq!(block_on(cache.load(&key)), Ok(key * 2));
    }
    let prefetches = cache.statistics().prefetches;
    assert!(prefetches.useful > 500, "{prefetches:?}");
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn what_a_sequence_left_unused_when_it_fell_silent_gives_room_to_others() {
    let limits = builder().weight(16_000, |_, _| 200);
    let load = |keys: &[u64]| keys.iter().map(|&key| Ok(page(key))).collect();
    let cache: Pages = (limits.loader_many(load).trails(4_000).build()).expect("a cache");
    let scan = |sequence, keys: std::ops::Range<u64>| {
        for key in keys {
            assert_eq!(cache.load_in_sequence(sequence, &key), Ok(page(key)));
        }
    };
    // It stops where five of the heaviest kind are there for it.
    (0..6).for_each(|_| scan(0, 0..200));
    let unused = || {
        let prefetches = cache.statistics().prefetches;
        prefetches.issued - prefetches.useful - prefetches.late - prefetches.wasted
    };
    (0..200)
        .take_while(|_| unused() < 5)
        .for_each(|key| scan(0, key..key + 1));
    assert_eq!(unused(), 5);
    (0..6).for_each(|_| scan(1, 1_000..1_200));
    let before = cache.statistics().prefetches.useful;
    scan(1, 1_000..1_200);
    let useful = cache.statistics().prefetches.useful - before;
    assert!(useful > 100, "{useful}");
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn a_cache_that_is_dropped_takes_the_jobs_along_that_wait_in_its_own_spawner() {
    let token = Arc::new(());
    let held = Arc::clone(&token);
    let jobs = Arc::new(Mutex::new(Vec::<Job>::new()));
    let queue = Arc::clone(&jobs);
    let waiting = Arc::downgrade(&jobs);
    let limits = builder().capacity(200).shards(1);
    let loader = limits.loader(move |&key: &u64| {
        let _ = &held;
        Ok(page(key))
    });
    let loader = loader.spawner(move |job| queue.lock().expect("no panic").push(job));
    let cache: Pages = loader.trails(4_000).build().expect("a cache");
    drop(jobs);
    load_all(&cache, (0..4).flat_map(|_| 0..500));
    let count = waiting
        .upgrade()
        .map(|jobs| jobs.lock().expect("no panic").len());
    assert!(count > Some(5), "{count:?}");
    drop(cache);
    assert!(waiting.upgrade().is_none());
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn jobs_that_are_neither_run_nor_dropped_do_not_end_prefetching_for_ever() {
    let jobs = Jobs::default();
    let cache = spawning(&jobs);
    load_all(&cache, (0..4).flat_map(|_| 0..500));
    drop(jobs.take());
    for key in (0..500).filter(|key| key % 20 < 5) {
        load_all(&cache, std::iter::once(key));
    }
    jobs.take().into_iter().for_each(mem::forget);
    for key in (0..40).flat_map(|_| 1_000..3_000) {
        load_all(&cache, std::iter::once(key));
        jobs.take().into_iter().for_each(|job| job());
    }
    let before = cache.statistics();
    for key in 1_000..3_000 {
        load_all(&cache, std::iter::once(key));
        jobs.take().into_iter().for_each(|job| job());
    }
    let useful = cache.statistics().prefetches.useful - before.prefetches.useful;
    assert!(useful > 1_500, "{useful}");
}

/// A key whose clone panics when it is told to.
#[derive(Debug)]
struct Key(u64, Arc<AtomicBool>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Clone for Key {
    fn clone(&self) -> Self {
        assert!(
            !(self.1.load(SeqCst) && self.0.is_multiple_of(20)),
            "the bomb"
        );
        Self(self.0, Arc::clone(&self.1))
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn orders_whose_keys_cannot_be_cloned_have_failed() {
    let bomb = Arc::new(AtomicBool::new(false));
    let limits = builder().capacity(160).shards(1);
    let load = |keys: &[Key]| keys.iter().map(|key| Ok(page(key.0))).collect();
    let cache: LoadingCache<Key, u64, Infallible, Fixed> =
        (limits.loader_many(load).trails(2_000).build()).expect("a cache");
    let load = |key| cache.load(&Key(key, Arc::clone(&bomb)));
    let scan = || (0..400).for_each(|key| assert_eq!(load(key), Ok(page(key))));
    (0..6).for_each(|_| scan());
    bomb.store(true, SeqCst);
    let tries = (0..400).map(|key| catch_unwind(AssertUnwindSafe(|| load(key))));
    assert!(tries.filter(Result::is_err).count() > 10);
    bomb.store(false, SeqCst);
    let strangers = 10_000..10_100;
    strangers.for_each(|key| assert_eq!(load(key), Ok(page(key))));
    let prefetches = cache.statistics().prefetches;
    let ended = prefetches.useful + prefetches.late + prefetches.wasted;
    assert_eq!(prefetches.issued, ended, "{prefetches:?}");
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn who_waits_tells_the_listener_afterwards_or_it_could_wait_for_the_same_key_in_vain() {
    let (heard, stuck) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (count, is_stuck) = (Arc::clone(&heard), Arc::clone(&stuck));
    let load = move |keys: Vec<u64>| {
        let is_stuck = is_stuck.load(SeqCst);
        async move {
            if is_stuck {
                pending::<()>().await;
            }
            keys.iter().map(|&key| Ok(key * 2)).collect()
        }
    };
    let limits = builder().capacity(1_600).shards(1);
    let limits = limits.listener(move |_: &u64, _: &u64, _| {
        count.fetch_add(1, SeqCst);
    });
    let cache: AsyncLoadingCache<u64, u64, Infallible, Fixed> =
        (limits.async_loader_many(load).trails(2_000).build()).expect("a cache");
    let load = |key| block_on(cache.load_in_sequence(0, &key));
    for _ in 0..4 {
        (0..200).for_each(|key| assert_eq!(load(key), Ok(key * 2)));
        cache.invalidate_all();
    }
    (0..20).for_each(|key| assert_eq!(load(key), Ok(key * 2)));
    let before = heard.load(SeqCst);
    let mut context = Context::from_waker(Waker::noop());
    for key in 10_000..10_040 {
        stuck.store(true, SeqCst);
        let mut leads = Box::pin(cache.load_in_sequence(1, &key));
        assert!(leads.as_mut().poll(&mut context).is_pending());
        stuck.store(false, SeqCst);
        let (mut waits, before) = (
            Box::pin(cache.load_in_sequence(0, &key)),
            heard.load(SeqCst),
        );
        assert!(waits.as_mut().poll(&mut context).is_pending());
        assert_eq!(heard.load(SeqCst), before);
        drop(leads);
        assert_eq!(block_on(waits), Ok(key * 2));
    }
    assert!(heard.load(SeqCst) > before, "nobody was given up");
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn a_listener_that_panics_in_a_load_still_hears_of_all_and_prefetching_goes_on() {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    let listener = move |_: &u64, _: &u64, _| {
        // Not a divisor of how many ride along: it hits all of them in turn.
        let number = count.fetch_add(1, SeqCst);
        assert!(!number.is_multiple_of(11), "the listener");
    };
    let limits = builder().capacity(160).shards(1).listener(listener);
    let load = |keys: &[u64]| keys.iter().map(|&key| Ok(page(key))).collect();
    let cache: Pages = (limits.loader_many(load).trails(2_000).build()).expect("a cache");
    let mut panics = 0;
    for key in (0..8).flat_map(|_| 0..400) {
        let loaded = catch_unwind(AssertUnwindSafe(|| cache.load(&key)));
        panics += usize::from(loaded.is_err());
        // Whether it panicked or not, what was loaded is there, and nobody leads its flight.
        assert_eq!(cache.load(&key), Ok(page(key)));
        assert!(cache.len() <= 160);
    }
    assert!(panics > 100, "{panics}");
    let (statistics, left) = (cache.statistics(), heard.load(SeqCst) as u64);
    assert_eq!(statistics.evicted, left, "{statistics:?}");
    let prefetches = statistics.prefetches;
    assert!(prefetches.useful > 500, "{prefetches:?}");
}

/// All keys are in one shard.
#[derive(Default)]
struct OneShard(DefaultHasher);

impl Hasher for OneShard {
    fn finish(&self) -> u64 {
        self.0.finish() & !(0xffff << 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }
}

/// The share of prefetched entries that are not used yet is one of the whole cache.
#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn sequences_in_a_single_shard_neither_break_its_bound_nor_drive_out_what_is_hot_there() {
    const SEQUENCES: u64 = 8;
    let misses_of_hot = |trails| {
        let hasher = BuildHasherDefault::<OneShard>::default();
        let limits = Cache::builder().hasher(hasher).capacity(8_000).shards(16);
        let load = |keys: &[u64]| keys.iter().map(|&key| Ok::<_, ()>(key)).collect();
        let cache = limits.loader_many(load).trails(trails).build();
        let cache = cache.expect("a cache");
        let (mut misses, mut random) = (0, Rng::with_seed(11));
        for turn in (0..10).flat_map(|_| 0..250) {
            for sequence in 0..SEQUENCES {
                let key = sequence * 250 + turn;
                assert_eq!(cache.load_in_sequence(sequence as usize, &key), Ok(key));
                // Half of the accesses are to 400 hot keys, in a shard for 500.
                let hot = 10_000 + random.u64(..400);
                misses += usize::from(!cache.contains_key(&hot));
                let loaded = cache.load_in_sequence(SEQUENCES as usize, &hot);
                assert_eq!(loaded, Ok(hot));
                assert!(cache.len() <= 500);
            }
        }
        misses
    };
    let (without, with) = (misses_of_hot(0), misses_of_hot(8_000));
    assert!(with * 100 <= without * 102 + 500, "{with} and {without}");
}
