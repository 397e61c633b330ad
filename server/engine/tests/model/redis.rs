//! The model: what each command does to sorted maps, written for clarity only.
use std::collections::{BTreeMap, BTreeSet};

use hallows_resp::reply::Value;

use crate::operation::{Bytes, Condition, Expiry, Operation};

#[derive(Clone, Debug)]
struct Entry {
    value: Bytes,
    expires_at: Option<u64>,
}

type Database = BTreeMap<Bytes, Entry>;

#[derive(Default)]
pub(crate) struct Model {
    databases: [Database; 3],
    pub(crate) db: u8,
}

fn ok() -> Value {
    Value::Simple(b"OK".into())
}

fn error(text: &str) -> Value {
    Value::Error(text.into())
}

fn bulk(value: Option<Bytes>) -> Value {
    value.map_or(Value::NullBulk, Value::Bulk)
}

impl Model {
    pub(crate) fn live_keys(&self, now: u64) -> BTreeSet<Bytes> {
        let live = |entry: &Entry| entry.expires_at.is_none_or(|at| at >= now);
        self.databases[self.db as usize]
            .iter()
            .filter(|(_, entry)| live(entry))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Number of keys with those whose time is over.
    pub(crate) fn all_keys(&self) -> usize {
        self.databases[self.db as usize].len()
    }

    /// Whether a decimal sum on this key is exact in any precision.
    pub(crate) fn is_small_number_or_none(&self, key: &Bytes, now: u64) -> bool {
        let entry = self.databases[self.db as usize].get(key);
        let entry = entry.filter(|entry| entry.expires_at.is_none_or(|at| at >= now));
        entry.is_none_or(|entry| {
            let text = std::str::from_utf8(&entry.value).unwrap_or("");
            text.len() < 8 && text.parse::<f64>().is_ok_and(f64::is_finite)
        })
    }

    /// The database after what has expired of these keys is gone.
    fn live_in(&mut self, db: u8, keys: &[&Bytes], now: u64) -> &mut Database {
        let database = &mut self.databases[db as usize];
        for key in keys {
            if database
                .get(*key)
                .is_some_and(|entry| entry.expires_at.is_some_and(|at| at < now))
            {
                database.remove(*key);
            }
        }
        database
    }

    fn live(&mut self, key: &Bytes, now: u64) -> Option<&mut Entry> {
        self.live_in(self.db, &[key], now).get_mut(key)
    }

    fn insert(&mut self, key: &Bytes, value: Bytes, expires_at: Option<u64>) {
        self.databases[self.db as usize].insert(key.clone(), Entry { value, expires_at });
    }

    fn remove(&mut self, key: &Bytes) {
        self.databases[self.db as usize].remove(key);
    }

    pub(crate) fn apply(&mut self, operation: &Operation, now: u64) -> Value {
        use Operation as O;
        match operation {
            O::Set {
                key,
                value,
                expiry,
                condition,
                get,
            } => self.set(key, value, *expiry, *condition, *get, now),
            O::Setnx(key, value) => {
                let absent = self.live(key, now).is_none();
                if absent {
                    self.insert(key, value.clone(), None);
                }
                Value::Integer(absent.into())
            }
            O::Setex(_, key, _, at, value) => {
                self.insert(key, value.clone(), Some(*at as u64));
                ok()
            }
            O::Get(key) => self.get(key, now),
            O::Getset(key, value) => {
                let old = self.get(key, now);
                self.insert(key, value.clone(), None);
                old
            }
            O::Getdel(key) => {
                let old = self.get(key, now);
                self.remove(key);
                old
            }
            O::Getex(key, expiry) => {
                let old = self.get(key, now);
                if let Some(entry) = self.live(key, now) {
                    match expiry {
                        Expiry::None | Expiry::Keep => {}
                        Expiry::Persist => entry.expires_at = None,
                        Expiry::At(.., at) => entry.expires_at = Some(*at as u64),
                    }
                }
                old
            }
            O::Mget(keys) => Value::Array(keys.iter().map(|key| self.get(key, now)).collect()),
            O::Mset(pairs, absent) => self.mset(pairs, *absent, now),
            O::Append(key, value) => {
                let len = match self.live(key, now) {
                    Some(entry) => {
                        entry.value.extend_from_slice(value);
                        entry.value.len()
                    }
                    None => {
                        self.insert(key, value.clone(), None);
                        value.len()
                    }
                };
                Value::Integer(len as i64)
            }
            O::Strlen(key) => Value::Integer(
                self.live(key, now)
                    .map_or(0, |entry| entry.value.len() as i64),
            ),
            O::Getrange(key, start, end) => self.getrange(key, *start, *end, now),
            O::Setrange(key, at, value) => self.setrange(key, *at as usize, value, now),
            O::Add(_, key, amount) => self.add(key, *amount, now),
            O::AddFloat(key, quarters) => self.add_float(key, *quarters, now),
            O::Count(name, keys) => self.count(name, keys, now),
            O::Type(key) => {
                let exists = self.live(key, now).is_some();
                Value::Simple(if exists {
                    b"string".into()
                } else {
                    b"none".into()
                })
            }
            O::Rename(from, to, absent) => self.rename(from, to, *absent, now),
            O::Copy {
                from,
                to,
                db,
                replace,
            } => Value::Integer(self.copy(from, to, *db, *replace, now).into()),
            O::Move(key, db) => {
                let moved = self.copy(key, key, *db, false, now);
                if moved {
                    self.remove(key);
                }
                Value::Integer(moved.into())
            }
            O::Expire(_, key, _, at, conditions) => self.expire(key, *at, conditions, now),
            O::Persist(key) => {
                let had = self
                    .live(key, now)
                    .is_some_and(|entry| entry.expires_at.take().is_some());
                Value::Integer(had.into())
            }
            O::Ttl(name, key) => self.ttl(name, key, now),
            O::Select(db) => {
                self.db = *db;
                ok()
            }
            O::Swapdb(a, b) => {
                self.databases.swap(*a as usize, *b as usize);
                ok()
            }
            O::Flushdb => {
                self.databases[self.db as usize].clear();
                ok()
            }
        }
    }

    fn get(&mut self, key: &Bytes, now: u64) -> Value {
        bulk(self.live(key, now).map(|entry| entry.value.clone()))
    }

    fn set(
        &mut self,
        key: &Bytes,
        value: &Bytes,
        expiry: Expiry,
        condition: Condition,
        get: bool,
        now: u64,
    ) -> Value {
        let old = self.live(key, now).cloned();
        let allowed = match condition {
            Condition::Always => true,
            Condition::Nx => old.is_none(),
            Condition::Xx => old.is_some(),
        };
        if allowed {
            let expires_at = match expiry {
                Expiry::None | Expiry::Persist => None,
                Expiry::Keep => old.as_ref().and_then(|old| old.expires_at),
                Expiry::At(.., at) => Some(at as u64),
            };
            self.insert(key, value.clone(), expires_at);
        }
        match (get, allowed) {
            (true, _) => bulk(old.map(|old| old.value)),
            (false, true) => ok(),
            (false, false) => Value::NullBulk,
        }
    }

    fn mset(&mut self, pairs: &[(Bytes, Bytes)], absent: bool, now: u64) -> Value {
        let free = pairs.iter().all(|(key, _)| self.live(key, now).is_none());
        if free || !absent {
            for (key, value) in pairs {
                self.insert(key, value.clone(), None);
            }
        }
        if absent {
            Value::Integer(free.into())
        } else {
            ok()
        }
    }

    fn getrange(&mut self, key: &Bytes, start: i64, end: i64, now: u64) -> Value {
        let value = self
            .live(key, now)
            .map(|entry| entry.value.clone())
            .unwrap_or_default();
        if start < 0 && end < 0 && start > end {
            return Value::Bulk(Bytes::new());
        }
        let len = value.len() as i64;
        let index = |index: i64| {
            if index < 0 {
                (index + len).max(0)
            } else {
                index
            }
        };
        let part = (index(start)..=index(end))
            .filter_map(|i| value.get(i as usize))
            .copied();
        Value::Bulk(part.collect())
    }

    fn setrange(&mut self, key: &Bytes, at: usize, value: &Bytes, now: u64) -> Value {
        if value.is_empty() {
            return Value::Integer(
                self.live(key, now)
                    .map_or(0, |entry| entry.value.len() as i64),
            );
        }
        if self.live(key, now).is_none() {
            self.insert(key, Bytes::new(), None);
        }
        let old = &mut self.live(key, now).expect("it was just made").value;
        if old.len() < at + value.len() {
            old.resize(at + value.len(), 0);
        }
        old[at..at + value.len()].copy_from_slice(value);
        Value::Integer(old.len() as i64)
    }

    fn add(&mut self, key: &Bytes, amount: i64, now: u64) -> Value {
        let old = self.live(key, now).cloned();
        let number = match &old {
            None => Some(0),
            Some(entry) => std::str::from_utf8(&entry.value).ok().and_then(|text| {
                text.parse::<i64>()
                    .ok()
                    .filter(|number| number.to_string() == text)
            }),
        };
        let Some(number) = number else {
            return error("ERR value is not an integer or out of range");
        };
        let Some(sum) = number.checked_add(amount) else {
            return error("ERR increment or decrement would overflow");
        };
        self.insert(
            key,
            sum.to_string().into(),
            old.and_then(|old| old.expires_at),
        );
        Value::Integer(sum)
    }

    fn add_float(&mut self, key: &Bytes, quarters: i64, now: u64) -> Value {
        let old = self.live(key, now).cloned();
        let number: f64 = old.as_ref().map_or(0.0, |entry| {
            std::str::from_utf8(&entry.value)
                .unwrap()
                .parse()
                .expect("the drawing asked")
        });
        // Adding zero turns minus zero into zero.
        let text = format!("{}", number + quarters as f64 / 4.0 + 0.0).into_bytes();
        self.insert(key, text.clone(), old.and_then(|old| old.expires_at));
        Value::Bulk(text)
    }

    fn count(&mut self, name: &str, keys: &[Bytes], now: u64) -> Value {
        let mut count = 0;
        for key in keys {
            if self.live(key, now).is_some() {
                count += 1;
                if matches!(name, "DEL" | "UNLINK") {
                    self.remove(key);
                }
            }
        }
        Value::Integer(count)
    }

    fn rename(&mut self, from: &Bytes, to: &Bytes, absent: bool, now: u64) -> Value {
        if self.live(from, now).is_none() {
            return error("ERR no such key");
        }
        let renamed = from != to && self.copy(from, to, self.db, !absent, now);
        if renamed {
            self.remove(from);
        }
        if absent {
            Value::Integer(renamed.into())
        } else {
            ok()
        }
    }

    fn copy(&mut self, from: &Bytes, to: &Bytes, db: u8, replace: bool, now: u64) -> bool {
        let Some(entry) = self.live(from, now).cloned() else {
            return false;
        };
        let target = self.live_in(db, &[to], now);
        if !replace && target.contains_key(to) {
            return false;
        }
        target.insert(to.clone(), entry);
        true
    }

    fn expire(&mut self, key: &Bytes, at: i64, conditions: &[&str], now: u64) -> Value {
        let Some(entry) = self.live(key, now) else {
            return Value::Integer(0);
        };
        let old = entry.expires_at.map(|old| old as i64);
        let allowed = conditions.iter().all(|condition| match *condition {
            "NX" => old.is_none(),
            "XX" => old.is_some(),
            "GT" => old.is_some_and(|old| at > old),
            _ => old.is_none_or(|old| at < old),
        });
        if allowed {
            match u64::try_from(at) {
                Ok(at) if at > now => entry.expires_at = Some(at),
                _ => self.remove(key),
            }
        }
        Value::Integer(allowed.into())
    }

    fn ttl(&mut self, name: &str, key: &Bytes, now: u64) -> Value {
        Value::Integer(match self.live(key, now) {
            None => -2,
            Some(Entry {
                expires_at: None, ..
            }) => -1,
            Some(Entry {
                expires_at: Some(at),
                ..
            }) => {
                let at = *at as i64;
                let ms = if name.ends_with("TIME") {
                    at
                } else {
                    at - now as i64
                };
                if name.starts_with('P') {
                    ms
                } else {
                    (ms + 500) / 1000
                }
            }
        })
    }
}
