//! Many threads on one store: no deadlock, no torn value, exact accounting afterwards.

use super::*;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::collections::BTreeMap;
use std::thread;

/// Values say which key they belong to, and repeat it, so that a torn one shows.
fn value_of(i: usize, len: usize) -> Vec<u8> {
    std::vec![i as u8; len]
}

fn churn(store: &Store, seed: u64, rounds: usize) {
    let mut random = Rng::with_seed(seed);
    for round in 0..rounds {
        let now = NOW + round as u64;
        let i = random.usize(..2_000);
        let text = name(i);
        let key = store.key(0, text.as_bytes());
        match random.usize(..20) {
            0..8 => {
                let len = match random.usize(..50) {
                    0 => random.usize(..200_000),
                    _ => random.usize(..400),
                };
                let meta = Meta {
                    expires_at: (len % 3 == 0).then_some(now + 50),
                    raw: false,
                };
                let _ = store.lock(&key).insert(&key, &value_of(i, len), meta, now);
            }
            8..14 => {
                if let Some(entry) = store.lock(&key).get(&key, now) {
                    assert!(entry.value.iter().all(|&byte| byte == i as u8));
                }
            }
            14 => drop(store.lock(&key).remove(&key, now)),
            15 => {
                store.expire_step(random.usize(..64), now, 100);
            }
            16 => {
                store.scan(0, 0, 20, now, |_, _| ());
                store.random(0, random.u64(..), now, |_, _| ());
            }
            17 => many(store, &mut random, now),
            18 if random.usize(..200) == 0 => store.flush(Some(random.usize(..2) as u8)),
            19 if random.usize(..200) == 0 => store.swap(2, 3),
            _ => {
                let _ = store.memory();
            }
        }
    }
}

/// Moves a mark between two keys of database 1, always both in one step.
fn many(store: &Store, random: &mut Rng, now: Millis) {
    let pair = random.usize(..50);
    let texts = [std::format!("{pair}:a"), std::format!("{pair}:b")];
    let keys = [
        store.key(1, texts[0].as_bytes()),
        store.key(1, texts[1].as_bytes()),
    ];
    if random.usize(..2) == 0 {
        let stamp = random.u64(..).to_le_bytes();
        let mut set = store.lock_many(&keys);
        let _ = set.shard(&keys[0]).remove(&keys[0], now);
        let _ = set.shard(&keys[1]).remove(&keys[1], now);
        for key in &keys {
            let _ = set.shard(key).insert(key, &stamp, Meta::default(), now);
        }
    } else {
        let mut seen: Vec<Option<Vec<u8>>> = Vec::new();
        store.get_many(&keys, now, |value| seen.push(value.map(<[u8]>::to_vec)));
        if let [Some(a), Some(b)] = &seen[..] {
            assert_eq!(a, b, "two keys that are written together differ");
        }
    }
}

#[test]
fn threads_share_a_store_under_memory_pressure() {
    for (memory, workers) in [(1 << 20, 1), (16 << 20, 4)] {
        let store = store(memory, workers);
        thread::scope(|scope| {
            for seed in 0..4 {
                let store = &store;
                scope.spawn(move || churn(store, seed, 12_000));
            }
        });
        store.audit();
        assert!(store.memory().used <= memory);
    }
}

/// What a thread knows of a key that it alone writes.
struct Written {
    stamp: u64,
    expires_at: Option<Millis>,
    /// When it was written, in writes of all threads.
    at: Millis,
}

/// So many writes later, those of all threads together, an object must still be there: far fewer than
/// the small queue holds.
const FRESH: u64 = 48;

/// Writes keys of its own, and strangers for which others must go; checks that none of its own is
/// lost while it is fresh, and that none is ever older than it should be.
fn write_and_check(store: &Store, clock: &AtomicU64, thread: usize, writes: usize) {
    let mut random = Rng::with_seed(thread as u64);
    let mut written: BTreeMap<usize, Written> = BTreeMap::new();
    for _ in 0..writes {
        let now = clock.fetch_add(1, Relaxed);
        let i = thread * 1_000 + random.usize(..200);
        let stamp = random.u64(..);
        let mut value = stamp.to_le_bytes().to_vec();
        value.resize(8 + random.usize(..400), 0);
        let expires_at = (random.usize(..3) == 0).then_some(now + random.u64(..200));
        let meta = Meta {
            expires_at,
            raw: false,
        };
        let text = name(i);
        let key = store.key(0, text.as_bytes());
        store.lock(&key).insert(&key, &value, meta, now).unwrap();
        let new = Written {
            stamp,
            expires_at,
            at: now,
        };
        written.insert(i, new);
        for _ in 0..8 {
            let stranger = random.u64(..).to_le_bytes();
            let key = store.key(0, &stranger);
            let done = store
                .lock(&key)
                .insert(&key, &[0; 300], Meta::default(), now);
            done.unwrap();
        }
        store.expire_step(random.usize(..store.shards()), now, 50);
        let other = thread * 1_000 + random.usize(..200);
        let text = name(other);
        let key = store.key(0, text.as_bytes());
        if random.usize(..8) == 0 {
            let _ = store.lock(&key).remove(&key, now);
            written.remove(&other);
        }
        let found = store
            .lock(&key)
            .peek(&key, now)
            .map(|entry| entry.value.first_chunk().copied());
        match (found, written.get(&other)) {
            (Some(found), Some(written)) => {
                assert_eq!(found, Some(written.stamp.to_le_bytes()), "an older value");
            }
            (None, Some(written)) => {
                let time = clock.load(Relaxed);
                let is_over = written.expires_at.is_some_and(|at| time > at);
                assert!(is_over || written.at + FRESH < time, "lost");
            }
            (found, None) => assert_eq!(found, None, "a removed key is back"),
        }
    }
}

#[test]
fn no_fresh_value_is_lost_or_old_while_others_are_evicted_expire_and_are_removed() {
    let store = store(16 << 20, 4);
    let clock = AtomicU64::new(NOW);
    thread::scope(|scope| {
        for number in 0..3 {
            let (store, clock) = (&store, &clock);
            scope.spawn(move || write_and_check(store, clock, number, 6_000));
        }
    });
    store.audit();
    let stats = store.stats();
    assert!(stats.evicted > 10_000 && stats.expired > 100, "{stats:?}");
}
