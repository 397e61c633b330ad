//! What becomes of entries: dropped exactly once, kept while somebody reads them, no more kept than
//! promised; and panics in the middle of it.

use std::cell::Cell;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;

use hallows_lockfree::map::{Map, WordMap};

use super::few;

/// Counts itself while it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Relaxed);
        Self(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert!(self.0.fetch_sub(1, Relaxed) > 0, "dropped twice");
    }
}

#[test]
fn entries_are_dropped_exactly_once_whatever_took_them_out() {
    let alive = Arc::default();
    let map = Map::<u64, Counted>::new();
    let insert = |key| map.insert_with(key, Counted::new(&alive), |old| old.is_some());
    let count = few(5_000, 16) as u64;
    assert!((0..count).all(|key| !insert(key)));
    assert!((0..count / 2).all(insert));
    assert!((0..count / 4).all(|key| map.remove_with(&key, |_| ()).is_some()));
    assert!((count / 4..count / 3).all(|key| map.update(&key, |_| Counted::new(&alive))));
    map.retain(|key, _| key % 7 != 0);
    let left = (count / 4..count).filter(|key| key % 7 != 0).count();
    assert_eq!(map.len(), left);
    assert!(alive.load(Relaxed) >= left);
    drop(map);
    assert_eq!(alive.load(Relaxed), 0);
}

#[test]
fn threads_that_replace_and_remove_the_same_keys_lose_and_double_nothing() {
    let alive = Arc::default();
    let map = Map::<u64, Counted>::new();
    thread::scope(|scope| {
        for thread in 0..3 {
            let (map, alive) = (&map, &alive);
            scope.spawn(move || {
                for round in 0..few(30_000, 10) as u64 {
                    let key = round * (thread + 1) % 50;
                    match round % 4 {
                        0 | 1 => map.insert_with(key, Counted::new(alive), |_| ()),
                        2 => drop(map.remove_with(&key, |_| ())),
                        _ => drop(map.get_with(&key, |value| assert!(value.0.load(Relaxed) > 0))),
                    }
                }
            });
        }
    });
    assert!(alive.load(Relaxed) >= map.len());
    drop(map);
    assert_eq!(alive.load(Relaxed), 0);
}

#[test]
fn a_reader_that_stops_keeps_its_entry_and_not_the_garbage_of_others() {
    // 63 retired entries for each of 16 stripes, which is more than a thread with a list of its own
    // keeps, and one that is read.
    const GARBAGE_MAX: usize = 16 * 63 + 1;
    let alive = Arc::default();
    let map = Map::<u64, Counted>::new();
    map.insert_with(0, Counted::new(&alive), |_| ());
    let (reading, done) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            map.get_with(&0, |value| {
                reading.wait();
                done.wait();
                assert!(value.0.load(Relaxed) > 0);
            });
        });
        reading.wait();
        for round in 0..few(100_000, 20) as u64 {
            map.insert_with(round % 3, Counted::new(&alive), |_| ());
            assert!(alive.load(Relaxed) <= 3 + GARBAGE_MAX);
        }
        done.wait();
    });
}

#[test]
fn more_readers_at_once_than_there_are_slots_all_read() {
    // There are 128 and six of the thread's own, and 16 and six under Miri.
    const READERS: u32 = few(200, 24) as u32;
    let map = Map::<u32, String>::new();
    (0..READERS).for_each(|key| assert!(map.insert(key, key.to_string()).is_none()));
    fn nested(map: &Map<u32, String>, key: u32) {
        map.get_with(&key, |value| {
            if key < READERS - 1 {
                nested(map, key + 1);
            }
            map.remove(&key);
            assert_eq!(*value, key.to_string());
        });
    }
    nested(&map, 0);
    assert!(map.is_empty());
}

/// A value that panics when it is dropped, if it is told to.
struct Explosive<'a>(bool, &'a AtomicUsize);

impl Drop for Explosive<'_> {
    fn drop(&mut self) {
        self.1.fetch_add(1, Relaxed);
        assert!(!self.0, "as it was told");
    }
}

#[test]
fn a_value_that_panics_when_dropped_does_not_keep_others_from_it() {
    let dropped = AtomicUsize::new(0);
    let map = Map::<u64, Explosive<'_>>::new();
    let (count, removed) = (few(100, 12), few(70, 9));
    (0..count as u64).for_each(|key| map.insert_with(key, Explosive(key == 5, &dropped), |_| ()));
    // Some of them are retired when the map goes.
    (0..removed as u64).for_each(|key| {
        let _ = catch_unwind(AssertUnwindSafe(|| map.remove_with(&key, |_| ())));
    });
    assert!(
        catch_unwind(AssertUnwindSafe(|| drop(map))).is_err() || dropped.load(Relaxed) == count
    );
    assert_eq!(dropped.load(Relaxed), count);
}

/// A value that panics when it is dropped while the flag is set, and counts that.
struct Mine<'a>(&'a AtomicBool, &'a AtomicUsize);

impl Drop for Mine<'_> {
    fn drop(&mut self) {
        self.1.fetch_add(1, Relaxed);
        assert!(!self.0.load(Relaxed), "as it was told");
    }
}

#[test]
fn values_that_all_panic_when_dropped_do_not_pile_up() {
    let (armed, dropped) = (AtomicBool::new(true), AtomicUsize::new(0));
    let map = Map::<u64, Mine<'_>>::new();
    for round in 0..few(300, 15) {
        let value = Mine(&armed, &dropped);
        drop(catch_unwind(AssertUnwindSafe(|| {
            map.insert_with(0, value, |_| ());
        })));
        // One stripe, or two if the stack lies so.
        assert!(dropped.load(Relaxed) + 1 + 2 * 64 >= round);
    }
    armed.store(false, Relaxed);
}

#[test]
fn a_closure_that_panics_leaves_the_map_as_it_was() {
    let map = Map::<u64, String>::new();
    map.insert(1, "one".to_owned());
    let mut attempts: Vec<Box<dyn FnMut() + '_>> = vec![
        Box::new(|| map.get_with(&1, |_| panic!("visit")).unwrap_or(())),
        Box::new(|| assert!(map.update(&1, |_| panic!("update")))),
        Box::new(|| drop(map.get_or_insert_with(2, || panic!("make")))),
        Box::new(|| map.for_each(|_, _| panic!("each"))),
        Box::new(|| map.retain(|_, _| panic!("retain"))),
    ];
    for attempt in &mut attempts {
        assert!(catch_unwind(AssertUnwindSafe(attempt)).is_err());
    }
    drop(attempts);
    assert_eq!((map.len(), map.get(&1)), (1, Some("one".to_owned())));
    assert_eq!(map.insert(1, "uno".to_owned()), Some("one".to_owned()));
}

std::thread_local! {
    static HASH_PANICS: Cell<bool> = const { Cell::new(false) };
    static EQ_PANICS: Cell<bool> = const { Cell::new(false) };
}

/// A key whose hash or comparison panics if it is told to.
#[derive(Clone)]
struct Key(u8);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(!HASH_PANICS.get(), "as it was told");
        state.write_u8(self.0);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        assert!(!EQ_PANICS.get(), "as it was told");
        self.0 == other.0
    }
}

impl Eq for Key {}

#[test]
fn a_key_whose_hash_or_comparison_panics_locks_nobody_out() {
    let map = Map::<Key, u8>::new();
    (0..3).for_each(|key| assert!(map.insert(Key(key), key).is_none()));
    let attempts: [&dyn Fn(); 4] = [
        &|| _ = map.insert(Key(1), 0),
        &|| _ = map.remove(&Key(1)),
        &|| _ = map.update(&Key(1), |_| 0),
        &|| _ = map.get_or_insert_with(Key(1), || 0),
    ];
    for panics in [&HASH_PANICS, &EQ_PANICS] {
        panics.set(true);
        for attempt in attempts {
            assert!(catch_unwind(AssertUnwindSafe(attempt)).is_err());
        }
        panics.set(false);
        assert_eq!(map.insert(Key(1), 1), Some(1));
    }
}

/// Panics at every seventh hash while it is armed.
#[derive(Default)]
struct Shaky(AtomicBool, AtomicUsize);

impl BuildHasher for &Shaky {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let calls = self.1.fetch_add(1, Relaxed);
        assert!(!self.0.load(Relaxed) || !calls.is_multiple_of(7), "shaky");
        DefaultHasher::new()
    }
}

#[test]
fn a_hash_that_panics_while_the_map_grows_loses_and_doubles_no_entry() {
    let shaky = Shaky::default();
    let map = WordMap::<u64, u64, &Shaky>::with_hasher(&shaky);
    shaky.0.store(true, Relaxed);
    let mut inserted = 0;
    for key in 0..few(5_000, 16) as u64 {
        // It may panic after the insertion, when the map grows.
        drop(catch_unwind(AssertUnwindSafe(|| map.insert(key, key))));
    }
    shaky.0.store(false, Relaxed);
    let mut met = std::collections::HashSet::new();
    map.for_each(|key, value| {
        assert!(met.insert(*key) && key == value);
        inserted += 1;
    });
    assert_eq!(inserted, map.len());
    assert!(met.iter().all(|key| map.get(key) == Some(*key)));
}

#[test]
fn maps_of_what_can_be_shared_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<WordMap<u64, u64>>();
    shared::<Map<String, Vec<u8>>>();
}
