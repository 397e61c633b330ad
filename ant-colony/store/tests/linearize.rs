//! Whether the operations on single keys are linearizable, readers without locks included, while
//! strangers are inserted, evicted, removed and flushed beside them: so segments are reclaimed,
//! holes filled, and the index grows and shrinks.
//!
//! An eviction may take any key at any time. So the model lets a key become absent when it is seen
//! to be; what was absent must not come back, and what is there must be what was written last.

#[path = "../../../lockfree/tests/linearize/mod.rs"]
mod linearize;
mod random;

use ant_colony_store::{Config, Meta, Part, Store};
use linearize::{Model, Recorder};
use random::Random;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;

const NOW: u64 = 1_750_000_000_000;
const KEYS: usize = 4;
const THREADS: usize = 3;
/// Calls of each thread on all keys together.
const CALLS: usize = if cfg!(miri) { 30 } else { 400 };
const ROUNDS: u64 = if cfg!(miri) { 1 } else { 12 };
/// Strangers that come and go, so that the index grows and shrinks.
const STRANGERS: usize = if cfg!(miri) { 60 } else { 6_000 };

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Call {
    Get,
    Len,
    Insert(Vec<u8>),
    Append(Vec<u8>),
    /// Writes the last byte over, once more.
    Patch,
    Increment,
    Remove,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Value(Option<Vec<u8>>),
    Len(Option<usize>),
    There(bool),
    Done,
}

/// A call, and what it saw: that decides whether the key was evicted before.
#[derive(Clone, Debug)]
struct Op(Call, Arc<OnceLock<Seen>>);

/// The value of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Key(Option<Vec<u8>>);

impl Key {
    fn is_absent(seen: &Seen) -> bool {
        matches!(
            seen,
            Seen::Value(None) | Seen::Len(None) | Seen::There(false)
        )
    }
}

impl Model for Key {
    type Op = Op;
    type Ret = Seen;

    fn apply(&mut self, Op(call, seen): &Op) -> Seen {
        let seen = seen.get().expect("the call has returned");
        if Self::is_absent(seen) {
            self.0 = None;
        }
        match call {
            Call::Get => Seen::Value(self.0.clone()),
            Call::Len => Seen::Len(self.0.as_ref().map(Vec::len)),
            Call::Insert(value) => {
                self.0 = Some(value.clone());
                Seen::Done
            }
            Call::Remove => Seen::There(self.0.take().is_some()),
            Call::Append(_) | Call::Patch | Call::Increment => {
                // These show what they found; absent counts as empty.
                let old = Seen::Value(self.0.clone());
                self.0 = Some(changed(call, self.0.as_deref()));
                old
            }
        }
    }
}

/// What a call makes of a value.
fn changed(call: &Call, old: Option<&[u8]>) -> Vec<u8> {
    let mut value = old.unwrap_or_default().to_vec();
    match call {
        Call::Append(tail) => value.extend_from_slice(tail),
        Call::Patch => {
            value.pop();
            value.push(b'!');
        }
        _ => match value.first_chunk_mut::<8>() {
            Some(count) => *count = (u64::from_le_bytes(*count) + 1).to_le_bytes(),
            None => value = 1_u64.to_le_bytes().to_vec(),
        },
    }
    value
}

impl Random {
    fn call(&mut self) -> Call {
        match self.below(16) {
            0..6 => Call::Get,
            6 => Call::Len,
            7..10 => {
                // Each value says in all its parts which one it is.
                let words = 1 + self.below(20);
                Call::Insert(self.next().to_le_bytes().repeat(words))
            }
            10..12 => Call::Append(self.next().to_le_bytes()[..1 + self.below(8)].to_vec()),
            12 => Call::Patch,
            13..15 => Call::Increment,
            _ => Call::Remove,
        }
    }
}

/// Does a call on the store.
fn run(store: &Store, name: &[u8], call: &Call, batch: bool) -> Seen {
    let key = store.key(0, name);
    match call {
        Call::Get => {
            let mut out = Vec::new();
            let mut there = false;
            let frame = |_: &mut Vec<u8>, part| there |= part == Part::After;
            if batch {
                store.get_each_into(&[key], NOW, &mut out, frame);
            } else {
                store.get_into(&key, NOW, &mut out, frame);
            }
            Seen::Value(there.then_some(out))
        }
        Call::Len => Seen::Len(store.get_brief(&key, NOW).map(|brief| brief.value_len)),
        Call::Insert(value) => {
            let done = store.lock(&key).insert(&key, value, Meta::default(), NOW);
            done.expect("there is room");
            Seen::Done
        }
        Call::Remove => Seen::There(store.lock(&key).remove(&key, NOW)),
        Call::Append(_) | Call::Patch | Call::Increment => {
            let mut shard = store.lock(&key);
            let old = shard.peek(&key, NOW).map(|entry| entry.value.to_vec());
            let new = changed(call, old.as_deref());
            let len = old.as_ref().map_or(0, Vec::len);
            let done = match (call, &old) {
                (Call::Append(tail), Some(_)) => shard.splice(&key, new.len(), len, tail, NOW),
                (Call::Patch, Some(_)) if len > 0 => shard.splice(&key, len, len - 1, b"!", NOW),
                _ => shard.insert(&key, &new, Meta::default(), NOW),
            };
            done.expect("there is room");
            Seen::Value(old)
        }
    }
}

fn name(i: usize) -> Vec<u8> {
    format!("key {i}").into_bytes()
}

/// Keeps the store full and changing.
fn disturb(store: &Store, running: &AtomicUsize, seed: u64) {
    let mut random = Random(seed);
    let mut turn = 0;
    while running.load(Relaxed) > 0 {
        turn += 1;
        let growing = (turn / STRANGERS).is_multiple_of(2);
        let text = format!("stranger {}", random.below(STRANGERS));
        let key = store.key((turn % 2) as u8, text.as_bytes());
        if growing || random.below(3) == 0 {
            let value = vec![7; random.below(200)];
            let _ = store.lock(&key).insert(&key, &value, Meta::default(), NOW);
        } else {
            store.lock(&key).remove(&key, NOW);
        }
        match random.below(3_000) {
            0 => store.flush(Some(1)),
            1 => store.swap(1, 2),
            2 => drop(store.expire_step(0, NOW, 100)),
            3 => store.set_memory_limit((700 << 10) + random.below(300 << 10)),
            _ => {
                store.shrink_step(NOW);
            }
        }
        if cfg!(miri) {
            thread::yield_now();
        }
    }
}

fn check(seed: u64) {
    let store = Store::new(Config {
        memory: 1 << 20,
        workers: 1,
        seed,
    });
    let store = store.expect("the limit is large enough");
    let recorders: Vec<Recorder<Key>> = (0..KEYS).map(|_| Recorder::new()).collect();
    let running = AtomicUsize::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (store, recorders, running) = (&store, &recorders, &running);
            scope.spawn(move || {
                let mut random = Random(seed << 8 | thread);
                for _ in 0..CALLS {
                    let i = random.below(KEYS);
                    let call = random.call();
                    let batch = random.below(2) == 0;
                    let seen = Arc::new(OnceLock::new());
                    recorders[i].call(Op(call.clone(), Arc::clone(&seen)), || {
                        let ret = run(store, &name(i), &call, batch);
                        seen.set(ret.clone()).expect("it returns once");
                        ret
                    });
                }
                running.fetch_sub(1, Relaxed);
            });
        }
        scope.spawn(|| disturb(&store, &running, seed));
    });
    for recorder in recorders {
        recorder.check(Key::default());
    }
}

#[test]
fn operations_on_one_key_happen_in_an_order_that_all_agree_on() {
    (0..ROUNDS).for_each(check);
}
