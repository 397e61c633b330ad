//! Histories of a few keys by several threads are those of a register that may lose its value at any
//! time, because it is evicted; if there is room for all keys, only one that was loaded, since it is
//! not kept if the key is written meanwhile. Each operation takes effect at an instant between its call
//! and its return. Searched for as Wing and Gong do, with Lowe's memory of configurations.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use ant_colony::Cache;
use fastrand::Rng;

/// What was done to a key, and what came of it.
#[derive(Clone, Copy, Debug)]
enum Done {
    Get(Option<u64>),
    Insert(u64),
    Remove(bool),
    /// The result, and whether it is what this call has loaded.
    GetOrInsert(u64, bool),
}

#[derive(Clone, Copy, Debug)]
struct Call {
    key: u64,
    called: u64,
    returned: u64,
    done: Done,
}

/// What a register has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    value: u64,
    is_loaded: bool,
}

/// The register after the operation, if it can have had this result. Before it, the value may be lost,
/// if there is not room for all or it was loaded.
fn after(held: Option<Held>, done: Done, has_room: bool) -> Option<Option<Held>> {
    let may_be_absent = held.is_none_or(|held| held.is_loaded || !has_room);
    let new = |value, is_loaded| Some(Held { value, is_loaded });
    match done {
        Done::Get(None) | Done::Remove(false) => may_be_absent.then_some(None),
        Done::Get(Some(found)) | Done::GetOrInsert(found, false) => {
            (held.map(|held| held.value) == Some(found)).then_some(held)
        }
        Done::Insert(value) => Some(new(value, false)),
        Done::GetOrInsert(value, true) => may_be_absent.then(|| new(value, true)),
        Done::Remove(true) => held.is_some().then_some(None),
    }
}

/// Whether the calls can be put in an order that explains them.
fn is_linearizable(calls: &[Call], has_room: bool) -> bool {
    assert!(calls.len() <= 64);
    let all = u64::MAX.checked_shr(64 - calls.len() as u32).unwrap_or(0);
    let mut tried = HashSet::new();
    let mut open = vec![(0_u64, None)];
    while let Some((done, held)) = open.pop() {
        if done == all {
            return true;
        }
        if !tried.insert((done, held)) {
            continue;
        }
        let left = || (0..calls.len()).filter(|i| done >> i & 1 == 0);
        let first_return = left().map(|i| calls[i].returned).min();
        let next = left().filter(|&i| Some(calls[i].called) < first_return);
        let then = |i: usize| Some((done | 1 << i, after(held, calls[i].done, has_room)?));
        open.extend(next.filter_map(then));
    }
    false
}

fn call(cache: &Cache<u64, u64>, clock: &AtomicU64, random: &mut Rng, value: u64) -> Call {
    let (key, kind) = (random.u64(..2), random.u64(..8));
    let called = clock.fetch_add(1, SeqCst);
    let done = match kind {
        0..=2 => Done::Get(cache.get(&key)),
        3 => {
            cache.insert(key, value).expect("no weigher");
            Done::Insert(value)
        }
        4 => Done::Remove(cache.remove(&key)),
        _ => {
            let mut loaded = false;
            let found = cache.get_or_insert_with(key, || {
                loaded = true;
                if value.is_multiple_of(2) {
                    thread::yield_now();
                }
                value
            });
            Done::GetOrInsert(found, loaded)
        }
    };
    let returned = clock.fetch_add(1, SeqCst);
    Call {
        key,
        called,
        returned,
        done,
    }
}

fn history(seed: u64, capacity: usize) -> Vec<Call> {
    let cache = Cache::builder()
        .capacity(capacity)
        .shards(1)
        .build()
        .expect("a cache");
    let clock = AtomicU64::new(0);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..3_u64)
            .map(|thread| {
                let (cache, clock) = (&cache, &clock);
                scope.spawn(move || {
                    let mut random = Rng::with_seed(seed * 3 + thread + 1);
                    let calls = (0..8).map(|n| call(cache, clock, &mut random, thread * 8 + n));
                    calls.collect::<Vec<_>>()
                })
            })
            .collect();
        let calls = threads.into_iter().map(|it| it.join().expect("no panic"));
        calls.flatten().collect()
    })
}

#[test]
fn histories_are_those_of_registers_that_may_lose_their_values() {
    let rounds = if cfg!(miri) { 10 } else { 3_000 };
    for round in 0..rounds {
        let has_room = round % 2 == 1;
        let calls = history(round, if has_room { 2 } else { 1 });
        for key in 0..2 {
            let of_key: Vec<_> = calls.iter().filter(|it| it.key == key).copied().collect();
            assert!(
                is_linearizable(&of_key, has_room),
                "round {round}: {of_key:#?}"
            );
        }
    }
}

#[test]
fn a_history_that_no_register_has_is_refused() {
    let call = |called, done| Call {
        key: 0,
        called,
        returned: called + 1,
        done,
    };
    let stale = [
        call(0, Done::Insert(1)),
        call(2, Done::Insert(2)),
        call(4, Done::Get(Some(1))),
    ];
    assert!(!is_linearizable(&stale, false));
    let back = [
        call(0, Done::Insert(1)),
        call(2, Done::Get(None)),
        call(4, Done::Get(Some(1))),
    ];
    assert!(!is_linearizable(&back, false));
    assert!(!is_linearizable(
        &[call(0, Done::GetOrInsert(7, false))],
        false
    ));
    for lost in [
        Done::Get(None),
        Done::Remove(false),
        Done::GetOrInsert(7, true),
    ] {
        let inserted = [call(0, Done::Insert(1)), call(2, lost)];
        assert!(is_linearizable(&inserted, false) && !is_linearizable(&inserted, true));
        let loaded = [call(0, Done::GetOrInsert(1, true)), call(2, lost)];
        assert!(is_linearizable(&loaded, true));
    }
}
