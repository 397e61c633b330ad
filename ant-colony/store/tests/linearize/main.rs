//! Whether the store's operations are linearizable, on one key and on several at once, readers
//! without locks included: values of all sizes, expiry, flushes and swaps of databases, while
//! strangers are inserted, evicted, removed and flushed beside them, so that segments are
//! reclaimed, holes filled, and the index grows and shrinks. `world` is what they must look like.

#[path = "../../../../lockfree/tests/linearize/mod.rs"]
mod linearize;
mod world;

use ant_colony_store::{Config, Meta, Millis, Part, Store};
use fastrand::Rng;
use linearize::Recorder;
use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;
use world::{Bytes, Call, Change, DATABASES, Key, NAMES, Op, Seen, World};

const START: Millis = 1_750_000_000_000;
const THREADS: u64 = 3;
/// Calls of each thread.
const CALLS: usize = if cfg!(miri) { 6 } else { 600 };
const ROUNDS: u64 = if cfg!(miri) { 1 } else { 16 };
/// Strangers that come and go, so that the index grows and shrinks.
const STRANGERS: usize = if cfg!(miri) { 60 } else { 6_000 };
/// So much makes two shards.
const MEMORY: usize = 8 << 20;
/// What is left of it to stores that are to evict.
const LITTLE: usize = 1 << 20;
/// Words of a value that lies outside of the log's segments.
const TOO_LONG: usize = 1_024;
/// Words of the longest that lie in them, about; few for an interpreter, which takes long to copy them.
const LONG: usize = if cfg!(miri) { 80 } else { 800 };

/// A store, the time, and what its callers did.
struct Stage {
    store: Store,
    names: [String; NAMES],
    clock: AtomicU64,
    recorder: Recorder<World>,
    evicts: bool,
    running: AtomicUsize,
}

impl Stage {
    fn new(seed: u64, evicts: bool) -> Self {
        let config = Config {
            memory: MEMORY,
            workers: 1,
            seed,
        };
        let store = Store::new(config).expect("the limit is large enough");
        if evicts {
            store.set_memory_limit(LITTLE);
        }
        Self {
            store,
            names: std::array::from_fn(|i| format!("name {i}")),
            clock: AtomicU64::new(START),
            recorder: Recorder::new(),
            evicts,
            running: AtomicUsize::new(THREADS as usize),
        }
    }

    fn now(&self) -> Millis {
        self.clock.load(Relaxed)
    }

    fn keys(&self, keys: &[Key]) -> Vec<ant_colony_store::Key<'_>> {
        let key = |key: &Key| {
            let name = self.names[key.name].as_bytes();
            self.store.key(key.db as u8, name)
        };
        keys.iter().map(key).collect()
    }

    /// Makes random calls and records them.
    fn call(&self, seed: u64) {
        let mut random = Rng::with_seed(seed);
        for _ in 0..CALLS {
            if random.u8(..8) == 0 {
                self.get_each(&some_keys(&mut random));
                continue;
            }
            let now = self.now();
            let call = any_call(&mut random, now);
            let op = Op { call, now };
            self.recorder.call(op.clone(), || self.run(&op));
        }
        self.running.fetch_sub(1, Relaxed);
    }

    /// Looks keys up in one batch, which are as many calls: each begins when the one before it ends.
    fn get_each(&self, keys: &[Key]) {
        let mut left = keys.iter();
        let mut called = self.recorder.begin();
        let now = self.now();
        let record = |out: &mut Vec<u8>, part| {
            let value = match part {
                Part::Before(_) => return,
                Part::After => Some(Bytes(mem::take(out).into())),
                Part::Absent => None,
            };
            let call = Call::Get(left.next().into_iter().copied().collect());
            let seen = Seen::Values(vec![value]);
            self.recorder.end(called, Op { call, now }, seen);
            called = self.recorder.begin();
        };
        let keys = self.keys(keys);
        self.store
            .get_each_into(&keys, now, &mut Vec::new(), record);
    }

    fn run(&self, &Op { ref call, now }: &Op) -> Seen {
        let Self { store, clock, .. } = self;
        match call {
            Call::Tick => {
                clock.fetch_add(1, Relaxed);
                Seen::Done
            }
            Call::Get(keys) => Seen::Values(self.get(keys, now)),
            &Call::Brief(key) => {
                let brief = store.get_brief(&self.keys(&[key])[0], now);
                Seen::Brief(brief.map(|brief| (brief.value_len, brief.expires_at)))
            }
            Call::Insert(keys, value, expires_at) => {
                let meta = Meta {
                    expires_at: *expires_at,
                    raw: false,
                };
                self.insert(&self.keys(keys), &value.0, meta, now);
                Seen::Done
            }
            Call::Change(key, change) => Seen::Values(vec![self.change(*key, change, now)]),
            &Call::SetExpiry(key, expires_at) => {
                let key = self.keys(&[key])[0];
                Seen::There(store.lock(&key).set_expiry(&key, expires_at, now))
            }
            &Call::Remove(key) => {
                let key = self.keys(&[key])[0];
                Seen::There(store.lock(&key).remove(&key, now))
            }
            Call::Flush(db) => {
                store.flush(db.map(|db| db as u8));
                Seen::Done
            }
            Call::Swap => {
                store.swap(0, 1);
                Seen::Done
            }
        }
    }

    fn get(&self, keys: &[Key], now: Millis) -> Vec<Option<Bytes>> {
        let mut values = Vec::new();
        match &self.keys(keys)[..] {
            [key] => {
                let mut out = Vec::new();
                let there = self.store.get_into(key, now, &mut out, |_, _| ());
                values.push(there.then(|| Bytes(out.into())));
            }
            keys => self.store.get_many(keys, now, |value| {
                values.push(value.map(|value| Bytes(value.into())));
            }),
        }
        values
    }

    fn insert(&self, keys: &[ant_colony_store::Key<'_>], value: &[u8], meta: Meta, now: Millis) {
        let mut done = Ok(());
        if let [key] = keys {
            done = self.store.lock(key).insert(key, value, meta, now);
        } else {
            let mut set = self.store.lock_many(keys);
            for key in keys {
                done = done.and(set.shard(key).insert(key, value, meta, now));
            }
        }
        done.expect("there is room");
    }

    /// Answers what was there before.
    fn change(&self, key: Key, change: &Change, now: Millis) -> Option<Bytes> {
        let key = self.keys(&[key])[0];
        let mut shard = self.store.lock(&key);
        let old = shard.peek(&key, now);
        let expires_at = old.and_then(|old| old.expires_at);
        let old = old.map(|old| Bytes(old.value.into()));
        let bytes = old.as_ref().map_or(&[][..], |old| &old.0);
        let (new, len) = (change.of(bytes), bytes.len());
        let done = match change {
            Change::Append(tail) => shard.splice(&key, new.len(), len, tail, now),
            Change::Patch => shard.splice(&key, new.len(), new.len() - 1, b"!", now),
            Change::Increment => {
                let meta = Meta {
                    expires_at,
                    raw: false,
                };
                shard.insert(&key, &new, meta, now)
            }
        };
        done.expect("there is room");
        old
    }

    /// Keeps the store changing, and full if it is to evict.
    fn disturb(&self, seed: u64) {
        let mut random = Rng::with_seed(seed);
        let strangers = if self.evicts {
            STRANGERS
        } else {
            STRANGERS / 8
        };
        let mut turn = 0;
        while self.running.load(Relaxed) > 0 {
            turn += 1;
            let growing = (turn / strangers).is_multiple_of(2);
            let text = format!("stranger {}", random.usize(..strangers));
            let key = self.store.key(2 + (turn % 2) as u8, text.as_bytes());
            let now = self.now();
            if growing || random.u8(..3) == 0 {
                let value = vec![7; random.usize(..200)];
                // Otherwise the expiring ones have segments to themselves, which soon are empty.
                let expires = self.evicts && random.u8(..4) == 0;
                let expires_at = expires.then(|| now + random.u64(..20));
                let meta = Meta {
                    expires_at,
                    raw: false,
                };
                let _ = self.store.lock(&key).insert(&key, &value, meta, now);
            } else {
                self.store.lock(&key).remove(&key, now);
            }
            self.maintain(&mut random, now);
            if cfg!(miri) {
                thread::yield_now();
            }
        }
    }

    fn maintain(&self, random: &mut Rng, now: Millis) {
        match random.u32(..3_000) {
            0 => self.store.flush(Some(3)),
            1 => self.store.swap(3, 4),
            2 if self.evicts => {
                let limit = LITTLE - random.usize(..300 << 10);
                self.store.set_memory_limit(limit);
            }
            3..1_000 => drop(self.store.expire_step(random.usize(..2), now, 100)),
            _ => drop(self.store.shrink_step(now)),
        }
    }
}

/// One key, or several in any order.
fn some_keys(random: &mut Rng) -> Vec<Key> {
    let all = (0..DATABASES).flat_map(|db| (0..NAMES).map(move |name| Key { db, name }));
    let mut keys: Vec<Key> = all.collect();
    random.shuffle(&mut keys);
    let several = random.bool();
    keys.truncate(if several { random.usize(2..=4) } else { 1 });
    keys
}

/// A value that says in all its parts which one it is.
fn some_value(random: &mut Rng) -> Bytes {
    let words = match random.u8(..8) {
        0 => random.usize(TOO_LONG..2 * TOO_LONG),
        // It takes long to copy, and fits where another one of these was.
        1..5 => random.usize(LONG..LONG + LONG / 8),
        _ => random.usize(1..20),
    };
    Bytes(random.u64(..).to_le_bytes().repeat(words).into())
}

/// Some bytes, or so many that a value becomes too long for a segment.
fn some_tail(random: &mut Rng) -> Vec<u8> {
    let word = random.u64(..).to_le_bytes();
    match random.bool() {
        true => word.repeat(random.usize(LONG / 8..LONG / 2)),
        false => word[..random.usize(1..=8)].to_vec(),
    }
}

fn some_expiry(random: &mut Rng, now: Millis) -> Option<Millis> {
    random.bool().then(|| now + random.u64(..3))
}

fn any_call(random: &mut Rng, now: Millis) -> Call {
    let keys = some_keys(random);
    let key = keys[0];
    match random.u8(..64) {
        0..4 => Call::Tick,
        4..26 => Call::Get(keys),
        26..30 => Call::Brief(key),
        30..42 => Call::Insert(keys, some_value(random), some_expiry(random, now)),
        42..48 => Call::Change(key, Change::Append(some_tail(random))),
        48..51 => Call::Change(key, Change::Patch),
        51..55 => Call::Change(key, Change::Increment),
        55..58 => Call::SetExpiry(key, some_expiry(random, now)),
        58..61 => Call::Remove(key),
        61 => Call::Flush(Some(random.usize(..DATABASES))),
        62 => Call::Flush(None),
        _ => Call::Swap,
    }
}

fn check(seed: u64, evicts: bool) {
    let stage = Stage::new(seed, evicts);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let stage = &stage;
            scope.spawn(move || stage.call(seed << 8 | thread));
        }
        scope.spawn(|| stage.disturb(seed << 8 | THREADS));
    });
    let evicted = stage.store.stats().evicted;
    assert!(evicts || evicted == 0, "{evicted} objects were evicted");
    stage.recorder.check(World::new(START, evicts));
}

#[test]
fn operations_happen_in_an_order_that_all_agree_on() {
    (0..ROUNDS).for_each(|seed| check(seed, true));
}

#[test]
fn nothing_is_lost_that_need_not_be_evicted() {
    (0..ROUNDS).for_each(|seed| check(seed, false));
}
