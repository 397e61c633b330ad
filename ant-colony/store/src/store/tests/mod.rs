//! Behaviour of the whole store, with access to its inner accounting.

mod bounds;
mod expiry;
mod model;
mod readers;
mod scanning;
mod threads;

use super::Store;
use crate::Millis;
use crate::config::Config;
use crate::entry::Meta;
use alloc::vec::Vec;
use std::string::String;

/// A start time like those of real callers.
const NOW: Millis = 1_750_000_000_000;

fn store(memory: usize, workers: usize) -> Store {
    Store::new(Config {
        memory,
        workers,
        seed: 42,
    })
    .unwrap()
}

fn set(store: &Store, key: &str, value: &[u8]) -> bool {
    let key = store.key(0, key.as_bytes());
    store
        .lock(&key)
        .insert(&key, value, Meta::default(), NOW)
        .is_ok()
}

fn set_until(store: &Store, key: &str, expires_at: Millis, now: Millis) {
    let key = store.key(0, key.as_bytes());
    let meta = Meta {
        expires_at: Some(expires_at),
        raw: false,
    };
    store.lock(&key).insert(&key, b"v", meta, now).unwrap();
}

fn value(store: &Store, key: &str, now: Millis) -> Option<Vec<u8>> {
    let key = store.key(0, key.as_bytes());
    store
        .lock(&key)
        .peek(&key, now)
        .map(|entry| entry.value.to_vec())
}

fn name(i: usize) -> String {
    std::format!("key:{i:010}")
}

/// A small generator of numbers that look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}
