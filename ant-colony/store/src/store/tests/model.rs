//! Random operations against a plain map, with a fake clock.
//!
//! With plenty of memory the store must agree with the map exactly. With little memory
//! it may have evicted a key, but may never show a wrong value, and what it shows must
//! not have expired.

use super::*;
use crate::config::DATABASES;
use crate::key::Key;
use crate::store::Part;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq)]
struct Object {
    value: Vec<u8>,
    expires_at: Option<Millis>,
    raw: bool,
}

type Model = BTreeMap<(u8, Vec<u8>), Object>;

struct Run {
    store: Store,
    model: Model,
    now: Millis,
    random: Rng,
    exact: bool,
    value_len_max: usize,
    keys: usize,
}

impl Run {
    fn new(memory: usize, seed: u64, exact: bool, value_len_max: usize, keys: usize) -> Self {
        Self {
            store: store(memory, 1),
            model: Model::new(),
            now: NOW,
            random: Rng::with_seed(seed),
            exact,
            value_len_max,
            keys,
        }
    }

    fn key(&mut self) -> Vec<u8> {
        let i = self.random.usize(..self.keys);
        // A few keys are too long for the log.
        let len = if i.is_multiple_of(50) { 1500 } else { i % 40 };
        let mut key = std::format!("{i}").into_bytes();
        key.resize(key.len() + len, b'k');
        key
    }

    fn len(&mut self) -> usize {
        match self.random.usize(..10) {
            0 => self.random.usize(..self.value_len_max),
            1..3 => self.random.usize(..2000.min(self.value_len_max)),
            _ => self.random.usize(..100),
        }
    }

    fn expiry(&mut self) -> Option<Millis> {
        match self.random.usize(..8) {
            0..4 => None,
            4 => Some(self.now + self.random.u64(..500)),
            5 => Some(self.now + self.random.u64(..100_000)),
            6 => Some(self.now + (1 << 41)),
            _ => Some(self.now + self.random.u64(..10_000)),
        }
    }

    fn forget_expired(&mut self) {
        let now = self.now;
        self.model
            .retain(|_, object| object.expires_at.is_none_or(|at| now <= at));
    }

    fn step(&mut self) {
        self.now += self.random.u64(..20);
        self.forget_expired();
        let db = self.random.usize(..3) as u8;
        let key = self.key();
        let id = (db, key.clone());
        match self.random.usize(..40) {
            0..12 => self.insert(db, &key),
            12..16 => self.splice(db, &key),
            16..19 => self.set_expiry(db, &key),
            19..23 => {
                let removed = {
                    let key = self.store.key(db, &key);
                    self.store.lock(&key).remove(&key, self.now)
                };
                let expected = self.model.remove(&id).is_some();
                assert!(removed == expected || (!self.exact && !removed));
            }
            23..26 => {
                let shard = self.random.usize(..self.store.shards());
                self.store.expire_step(shard, self.now, 100);
            }
            26 if self.random.usize(..100) == 0 => {
                self.store.flush(Some(db));
                self.model.retain(|(other, _), _| *other != db);
            }
            27 if self.random.usize(..400) == 0 => {
                self.store.flush(None);
                self.model.clear();
            }
            28 if self.random.usize(..50) == 0 => self.swap(db, (db + 1) % 3),
            _ => self.check(db, &key, true),
        }
    }

    fn insert(&mut self, db: u8, key: &[u8]) {
        let len = self.len();
        let fill = self.random.u8(..);
        let object = Object {
            value: std::vec![fill; len],
            expires_at: self.expiry(),
            raw: fill.is_multiple_of(2),
        };
        let meta = Meta {
            expires_at: object.expires_at,
            raw: object.raw,
        };
        let id = (db, key.to_vec());
        let key = self.store.key(db, key);
        let done = self
            .store
            .lock(&key)
            .insert(&key, &object.value, meta, self.now);
        match done {
            Ok(()) => drop(self.model.insert(id, object)),
            Err(_) => assert!(!self.exact),
        }
    }

    fn splice(&mut self, db: u8, key: &[u8]) {
        let id = (db, key.to_vec());
        let grow = self.len();
        let old = self.model.get(&id).map(|object| object.value.clone());
        let old_len = old.as_ref().map_or(0, Vec::len);
        let (len, offset) = match self.random.usize(..4) {
            0 => (old_len / 2, self.random.usize(..old_len / 4 + 1)),
            1 => ((old_len + grow).min(self.value_len_max * 2), old_len),
            2 => (old_len, self.random.usize(..old_len + 1)),
            _ => ((old_len + grow).min(self.value_len_max * 2), grow / 2),
        };
        let offset = offset.min(len);
        let bytes: Vec<u8> = (0..self.random.usize(..len - offset + 1))
            .map(|i| (i % 251) as u8)
            .collect();
        let key = self.store.key(db, key);
        let mut shard = self.store.lock(&key);
        let was_there = shard.peek(&key, self.now).is_some();
        let done = shard.splice(&key, len, offset, &bytes, self.now);
        if done.is_err() {
            assert!(!self.exact);
            return;
        }
        assert!(was_there == old.is_some() || !self.exact);
        let mut value = old.filter(|_| was_there).unwrap_or_default();
        value.resize(len, 0);
        value[offset..offset + bytes.len()].copy_from_slice(&bytes);
        if let Some(entry) = shard.peek(&key, self.now) {
            assert_eq!(entry.value, value);
            assert!(entry.raw);
        } else {
            assert!(!self.exact);
        }
        if !was_there {
            self.model.remove(&id);
        }
        let object = self.model.entry(id).or_default();
        object.value = value;
        object.raw = true;
    }

    fn set_expiry(&mut self, db: u8, key: &[u8]) {
        let id = (db, key.to_vec());
        let expires_at = self.expiry();
        let key = self.store.key(db, key);
        let done = self.store.lock(&key).set_expiry(&key, expires_at, self.now);
        match self.model.get_mut(&id) {
            Some(object) if done => object.expires_at = expires_at,
            object => assert!(!done && (object.is_none() || !self.exact)),
        }
    }

    fn swap(&mut self, a: u8, b: u8) {
        self.store.swap(a, b);
        let swapped = core::mem::take(&mut self.model)
            .into_iter()
            .map(|((db, key), object)| {
                let db = match db {
                    db if db == a => b,
                    db if db == b => a,
                    db => db,
                };
                ((db, key), object)
            });
        self.model = swapped.collect();
    }

    fn check(&self, db: u8, key: &[u8], mark: bool) {
        let expected = self.model.get(&(db, key.to_vec()));
        let key = self.store.key(db, key);
        let read = mark.then(|| self.read(&key));
        let mut shard = self.store.lock(&key);
        let entry = if mark {
            shard.get(&key, self.now)
        } else {
            shard.peek(&key, self.now)
        };
        if let Some(read) = read {
            let shown = entry.map(|entry| (entry.value.to_vec(), entry.expires_at));
            assert_eq!(read, shown, "the reader without a lock");
        }
        let Some(entry) = entry else {
            assert!(!self.exact || expected.is_none(), "{key:?} is missing");
            return;
        };
        let shown = Object {
            value: entry.value.to_vec(),
            expires_at: entry.expires_at,
            raw: entry.raw,
        };
        assert_eq!(Some(&shown), expected, "{:?}", key.bytes());
    }

    /// What a reader without a lock sees, in both of its ways.
    fn read(&self, key: &Key<'_>) -> Option<(Vec<u8>, Option<Millis>)> {
        let brief = self.store.brief(key, self.now);
        let mut out = std::vec![1, 2, 3];
        let hit = self.store.get_into(key, self.now, &mut out, |out, part| {
            assert_eq!(part == Part::Absent, brief.is_none());
            assert_eq!(out.len() > 3, part == Part::After && !out[3..].is_empty());
        });
        assert_eq!((hit, &out[..3]), (brief.is_some(), &[1, 2, 3][..]));
        let mut both = Vec::new();
        let mut lens = Vec::new();
        let keys = [*key, *key];
        self.store
            .get_each_into(&keys, self.now, &mut both, |_, part| lens.push(part));
        assert_eq!(both, [&out[3..], &out[3..]].concat());
        let brief = brief?;
        let parts = [Part::Before(brief.value_len), Part::After];
        assert_eq!(lens, [parts, parts].concat());
        Some((out.split_off(3), brief.expires_at))
    }

    fn check_all(&mut self) {
        self.forget_expired();
        self.store.audit();
        for (db, key) in self.model.keys() {
            self.check(*db, key, false);
        }
        if self.exact {
            for db in 0..DATABASES as u8 {
                let of_db = || self.model.iter().filter(|((other, _), _)| *other == db);
                assert!(self.store.len(db) >= of_db().count());
                let mut seen = BTreeMap::new();
                let mut cursor = 0;
                loop {
                    cursor = self.store.scan(db, cursor, 10, self.now, |key, entry| {
                        seen.insert(key.to_vec(), entry.value.len());
                    });
                    if cursor == 0 {
                        break;
                    }
                }
                let expected: BTreeMap<_, _> = of_db()
                    .map(|((_, key), object)| (key.clone(), object.value.len()))
                    .collect();
                assert_eq!(seen, expected);
            }
        }
    }

    fn run(mut self, steps: usize) {
        for i in 0..steps {
            self.step();
            if i % 500 == 0 {
                self.check_all();
            }
        }
        self.check_all();
        self.store.flush(None);
        self.store.audit();
    }
}

/// A few steps through everything, for slow interpreters that look for undefined
/// behaviour.
#[test]
fn a_short_run_agrees_with_a_map() {
    Run::new(1 << 20, 77, false, 5_000, 50).run(300);
}

#[test]
fn with_enough_memory_the_store_agrees_with_a_map() {
    for seed in 0..4 {
        Run::new(64 << 20, seed, true, 20_000, 300).run(8_000);
    }
}

#[test]
fn with_enough_memory_huge_values_agree_with_a_map() {
    Run::new(256 << 20, 9, true, 1 << 20, 60).run(3_000);
}

#[test]
fn under_pressure_the_store_never_shows_a_wrong_value() {
    for seed in 10..14 {
        Run::new(1 << 20, seed, false, 6_000, 3_000).run(20_000);
    }
}

#[test]
fn under_pressure_with_huge_values_the_store_never_shows_a_wrong_value() {
    for seed in 20..24 {
        Run::new(1 << 20, seed, false, 600_000, 200).run(5_000);
        Run::new(9 << 20, seed, false, 600_000, 500).run(5_000);
    }
}
