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
use fastrand::Rng;
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
