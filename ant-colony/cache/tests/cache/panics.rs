//! Whatever of the user's panics, the cache is usable afterwards.

use std::future::{pending, ready};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use ant_colony::Cache;
use futures::channel::oneshot::{self, Canceled};

use crate::{FakeClock, Woken};

/// Panics where it is told to.
#[derive(Clone, Default)]
struct Bomb(Arc<AtomicBool>);

impl Bomb {
    fn arm(&self) {
        self.0.store(true, SeqCst);
    }

    fn touch(&self) {
        assert!(!self.0.swap(false, SeqCst), "the bomb");
    }
}

fn panics<R>(f: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
}

/// All that a user expects of a cache of four entries, the oldest of which may leave.
fn assert_usable(cache: &Cache<u64, u64>) {
    for key in 100..120 {
        cache.insert(key, key).expect("light");
        assert_eq!(cache.get(&key), Some(key));
        assert_eq!(cache.get_or_insert_with(key, || 0), key);
        assert!(cache.len() <= 4);
    }
    assert_eq!(cache.iter().count(), cache.len());
    cache.invalidate_all();
    assert!(cache.is_empty() && cache.weight() == 0);
}

#[test]
fn a_weigher_that_panics_changes_nothing() {
    let bomb = Bomb::default();
    let weigher = bomb.clone();
    let cache = Cache::builder()
        .capacity(4)
        .weight(1_000, move |_: &u64, value: &u64| {
            weigher.touch();
            *value
        })
        .build()
        .expect("a cache");
    cache.insert(1, 10).expect("light");
    bomb.arm();
    panics(|| cache.insert(1, 11));
    assert_eq!((cache.get(&1), cache.weight()), (Some(10), 10));
    bomb.arm();
    panics(|| cache.get_or_insert_with(2, || 5));
    assert_eq!(cache.get_or_insert_with(2, || 6), 6);
    assert_usable(&cache);
}

#[test]
fn a_listener_that_panics_still_hears_of_all() {
    let bomb = Bomb::default();
    let heard = Arc::new(AtomicUsize::new(0));
    let (listener, count) = (bomb.clone(), Arc::clone(&heard));
    let cache = Cache::builder()
        .capacity(4)
        .weight(20, |_: &u64, value: &u64| *value % 21)
        .listener(move |_, _, _| {
            count.fetch_add(1, SeqCst);
            listener.touch();
        })
        .build()
        .expect("a cache");
    for key in 1..=4 {
        cache.insert(key, 5).expect("light");
    }
    bomb.arm();
    panics(|| cache.insert(5, 20));
    assert_eq!((cache.get(&5), cache.len()), (Some(20), 1));
    assert_eq!(heard.load(SeqCst), 4);
    assert_usable(&cache);
}

#[test]
fn a_loader_that_panics_lets_the_next_one_load() {
    let cache = Cache::builder()
        .capacity(4)
        .shards(1)
        .build()
        .expect("a cache");
    panics(|| cache.get_or_insert_with(1, || panic!("the loader")));
    assert_eq!(cache.get_or_insert_with(1, || 2), 2);
    assert_usable(&cache);
}

/// A key whose hash and comparison can panic.
#[derive(Clone)]
struct Key(u64, Bomb, Bomb);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.touch();
        self.0.hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.2.touch();
        self.0 == other.0
    }
}

impl Eq for Key {}

#[test]
fn hashes_and_comparisons_that_panic_change_nothing() {
    let (hash, comparison) = (Bomb::default(), Bomb::default());
    let key = |id| Key(id, hash.clone(), comparison.clone());
    let cache = Cache::builder()
        .capacity(4)
        .shards(1)
        .build()
        .expect("a cache");
    cache.insert(key(1), 1).expect("no weigher");
    for bomb in [&hash, &comparison] {
        let attempts: [&dyn Fn() -> bool; 4] = [
            &|| cache.get(&key(1)).is_some(),
            &|| cache.insert(key(1), 2).is_ok(),
            &|| cache.remove(&key(1)),
            &|| cache.get_or_insert_with(key(1), || 3) == 3,
        ];
        for attempt in attempts {
            bomb.arm();
            panics(attempt);
            assert_eq!((cache.get(&key(1)), cache.len()), (Some(1), 1));
        }
    }
    for id in 0..20 {
        cache.insert(key(id), id).expect("no weigher");
        assert_eq!(cache.get(&key(id)), Some(id));
    }
    assert_eq!(cache.len(), 4);
}

#[test]
fn a_comparison_that_panics_when_a_value_has_come_lets_the_next_one_load() {
    let (hash, comparison) = (Bomb::default(), Bomb::default());
    let key = |id| Key(id, hash.clone(), comparison.clone());
    let cache = Cache::builder().capacity(4).shards(1).build();
    let cache = cache.expect("a cache");
    let woken = Arc::new(Woken::default());
    let (sender, receiver) = oneshot::channel();
    let mut leader = pin!(cache.get_or_try_insert_with(key(1), || receiver));
    let mut waiter = pin!(cache.get_or_try_insert_with(key(1), || ready(Ok::<_, Canceled>(4))));
    assert!(woken.poll(leader.as_mut()).is_pending());
    assert!(woken.poll(waiter.as_mut()).is_pending());
    sender.send(3).expect("the leader is there");
    // It is looked for among those that somebody waits for.
    comparison.arm();
    panics(|| woken.poll(leader.as_mut()));
    assert_eq!(woken.poll(waiter.as_mut()), Poll::Ready(Ok(4)));
    assert_eq!(cache.get_or_insert_with(key(1), || 5), 4);
}

/// A value whose clone and drop can panic.
struct Fragile(Bomb, Bomb);

impl Clone for Fragile {
    fn clone(&self) -> Fragile {
        self.0.touch();
        Fragile(self.0.clone(), self.1.clone())
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.1.touch();
        }
    }
}

#[test]
fn clones_that_panic_leave_values_and_flights_in_order() {
    let (clone, drops) = (Bomb::default(), Bomb::default());
    let cache = Cache::builder()
        .capacity(4)
        .shards(1)
        .build()
        .expect("a cache");
    let value = || Fragile(clone.clone(), drops.clone());
    cache.insert(1, value()).expect("no weigher");
    clone.arm();
    panics(|| cache.get(&1));
    assert!(cache.get(&1).is_some());
    clone.arm();
    panics(|| cache.get_or_insert_with(2, value));
    assert_eq!(cache.get_with(&2, |_| ()), None);
    drop(cache.get_or_insert_with(2, value));
    assert_eq!(cache.len(), 2);
}

/// A value that is counted, whose clone panics when so many have been made.
struct Counted(Arc<()>, Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Counted {
        assert_ne!(self.1.fetch_sub(1, SeqCst), 1, "the bomb");
        Counted(Arc::clone(&self.0), Arc::clone(&self.1))
    }
}

#[test]
fn what_left_for_a_value_that_cannot_be_handed_over_is_heard_of_and_dropped() {
    let (count, clones) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
    let value = || Counted(Arc::clone(&count), Arc::clone(&clones));
    let heard = Arc::new(AtomicUsize::new(0));
    let log = Arc::clone(&heard);
    let cache = Cache::builder()
        .capacity(1)
        .listener(move |key: &u64, _: &Counted, _| log.store(*key as usize, SeqCst))
        .build()
        .expect("a cache");
    cache.insert(7, value()).expect("no weigher");
    let (sender, receiver) = oneshot::channel();
    let mut leader = pin!(cache.get_or_try_insert_with(8, || receiver));
    let mut waiter = pin!(cache.get_or_try_insert_with(8, pending::<Result<_, Canceled>>));
    let woken = Arc::new(Woken::default());
    assert!(woken.poll(leader.as_mut()).is_pending());
    assert!(woken.poll(waiter.as_mut()).is_pending());
    assert!(sender.send(value()).is_ok());
    // The first clone is kept, the second one is for who waits.
    clones.store(2, SeqCst);
    panics(|| woken.poll(leader.as_mut()).is_ready());
    assert_eq!(heard.load(SeqCst), 7);
    assert!(woken.poll(waiter.as_mut()).is_ready());
    drop(cache.get(&8).expect("was kept"));
    cache.invalidate_all();
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn removals_of_many_go_on_when_a_listener_panics_and_pass_on_its_first_panic() {
    let clock = FakeClock::default();
    let heard = Arc::new(AtomicUsize::new(0));
    let log = Arc::clone(&heard);
    let cache = Cache::builder()
        .capacity(200)
        .time_to_live(Duration::from_secs(1))
        .clock(clock.clone())
        .listener(move |_: &u64, _: &u64, _| {
            let before = log.fetch_add(1, SeqCst);
            panic!("{before}");
        })
        .build()
        .expect("a cache");
    let removals: [&dyn Fn(); 3] = [
        &|| cache.invalidate_all(),
        &|| cache.invalidate_if(|_, _| true),
        &|| cache.remove_expired(),
    ];
    for removal in removals {
        heard.store(0, SeqCst);
        (0..100).for_each(|key| cache.insert(key, key).expect("no weigher"));
        clock.advance(Duration::from_secs(1));
        let panic = catch_unwind(AssertUnwindSafe(removal)).expect_err("has panicked");
        assert_eq!(panic.downcast_ref::<String>().expect("a text"), "0");
        assert_eq!((cache.len(), heard.load(SeqCst)), (0, 100));
    }
}

#[test]
fn a_drop_that_panics_comes_out_of_a_write_and_leaves_the_cache_usable() {
    let (clone, drops) = (Bomb::default(), Bomb::default());
    let cache = Cache::builder()
        .capacity(4)
        .shards(1)
        .build()
        .expect("a cache");
    let value = || Fragile(clone.clone(), drops.clone());
    // Values that have left are dropped a little later, by any write.
    let mut panicked = 0;
    for key in 0..1_000_u64 {
        if key == 100 {
            drops.arm();
        }
        let written = catch_unwind(AssertUnwindSafe(|| cache.insert(key, value())));
        panicked += usize::from(written.is_err());
        assert!(cache.get_with(&key, |_| ()).is_some(), "{key}");
        assert_eq!(cache.len(), (key as usize + 1).min(4));
    }
    assert_eq!(panicked, 1);
    assert_eq!(cache.iter().count(), 4);
    cache.invalidate_all();
    assert!(cache.is_empty());
}
