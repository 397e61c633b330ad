//! Entries that expire, by a clock that the test moves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ant_colony::{Cache, Cause};

use crate::FakeClock;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_entry_lives_as_long_as_it_was_given_and_a_write_begins_anew() {
    let clock = FakeClock::default();
    let cache = Cache::builder()
        .capacity(10)
        .time_to_live(10 * SECOND)
        .clock(clock.clone())
        .build()
        .expect("a cache");
    cache.insert("a", 1).expect("no weigher");
    clock.advance(10 * SECOND - Duration::from_nanos(1));
    assert_eq!(cache.get("a"), Some(1));
    cache.insert("b", 2).expect("no weigher");
    clock.advance(Duration::from_nanos(1));
    assert!(!cache.contains_key("a"));
    assert_eq!((cache.get("a"), cache.get("b")), (None, Some(2)));
    assert_eq!(
        cache.len(),
        1,
        "what was asked for and had expired has left"
    );
    assert!(!cache.remove("a"));
}

#[test]
fn reading_keeps_an_entry_from_idling() {
    let clock = FakeClock::default();
    let cache = Cache::builder()
        .capacity(10)
        .time_to_idle(64 * SECOND)
        .clock(clock.clone())
        .build()
        .expect("a cache");
    cache.insert("read", 1).expect("no weigher");
    cache.insert("idle", 2).expect("no weigher");
    for _ in 0..5 {
        clock.advance(60 * SECOND);
        assert_eq!(cache.get("read"), Some(1));
    }
    assert_eq!(cache.get("idle"), None);
    clock.advance(64 * SECOND);
    assert_eq!(cache.get("read"), None);
}

#[test]
fn each_entry_may_have_its_own_time_but_not_beyond_the_common_one() {
    let clock = FakeClock::default();
    let cache = Cache::builder()
        .capacity(10)
        .time_to_live(5 * SECOND)
        .expire_after(|_: &&str, seconds: &Option<u64>| seconds.map(Duration::from_secs))
        .clock(clock.clone())
        .build()
        .expect("a cache");
    cache.insert("short", Some(1)).expect("no weigher");
    cache.insert("long", Some(9)).expect("no weigher");
    cache.insert("none", None).expect("no weigher");
    clock.advance(SECOND);
    let there = |key| cache.contains_key(key);
    assert_eq!(
        [there("short"), there("long"), there("none")],
        [false, true, true]
    );
    clock.advance(4 * SECOND);
    assert_eq!([there("long"), there("none")], [false, false]);
}

#[test]
fn expired_entries_leave_as_others_enter_and_before_those_that_have_not() {
    let clock = FakeClock::default();
    let causes = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&causes);
    let cache = Cache::builder()
        .capacity(100)
        .shards(1)
        .time_to_live(SECOND)
        .clock(clock.clone())
        .listener(move |_, _, cause| heard.lock().expect("whole").push(cause))
        .build()
        .expect("a cache");
    for key in 0..50 {
        cache.insert(key, ()).expect("no weigher");
    }
    clock.advance(SECOND);
    for key in 50..100 {
        cache.insert(key, ()).expect("no weigher");
    }
    assert_eq!(cache.len(), 50, "each insertion has looked at two");
    assert_eq!(*causes.lock().expect("whole"), [Cause::Expired; 50]);
    assert_eq!(cache.statistics().expired, 50);
    clock.advance(SECOND);
    cache.remove_expired();
    assert!(cache.is_empty());
}

#[test]
fn an_expired_value_is_loaded_again() {
    let clock = FakeClock::default();
    let cache = Cache::builder()
        .capacity(10)
        .time_to_live(SECOND)
        .clock(clock.clone())
        .build()
        .expect("a cache");
    assert_eq!(cache.get_or_insert_with("a", || 1), 1);
    assert_eq!(cache.get_or_insert_with("a", || 2), 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_or_insert_with("a", || 3), 3);
    assert_eq!(cache.len(), 1);
}

#[test]
fn what_expires_while_others_are_met_is_not_met() {
    let clock = FakeClock::default();
    let cache = Cache::builder()
        .capacity(10)
        .time_to_live(SECOND)
        .clock(clock.clone())
        .build()
        .expect("a cache");
    cache.insert(1, ()).expect("no weigher");
    cache.insert(2, ()).expect("no weigher");
    let mut all = cache.iter();
    assert!(all.next().is_some());
    clock.advance(SECOND);
    assert_eq!(all.next(), None);
}
