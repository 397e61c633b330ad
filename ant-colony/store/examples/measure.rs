//! Measures the store: CPU time per operation, and memory per key.
//!
//! ```text
//! cargo run --release -p ant-colony-store --example measure -- [speed [KEYS] | readers [KEYS] | memory | bound | growth]
//! ```
//!
//! Figures are CPU time of one thread, the best of five runs; most of a `get` among many
//! keys is waiting for memory. Not for comparisons with other caches.

use ant_colony_store::{Config, Meta, Part, Store};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

const NOW: u64 = 1_750_000_000_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let subject = arguments.next();
    let keys = arguments
        .next()
        .map(|text| text.parse().expect("KEYS is a number"));
    let all = subject.is_none();
    let wants = |name: &str| all || subject.as_deref() == Some(name);
    if wants("speed") {
        speed(keys.unwrap_or(100_000));
    }
    if wants("readers") {
        readers(keys.unwrap_or(100_000));
    }
    if wants("memory") {
        memory_per_key(None);
        memory_per_key(Some(NOW + 3_600_000));
    }
    if wants("bound") {
        memory_bound();
    }
    if wants("growth") {
        growth(4 << 30);
        growth(64 << 20);
    }
}

fn new_store(memory: usize) -> Store {
    Store::new(Config {
        memory,
        workers: 2,
        seed: 1,
    })
    .expect("the limit is large enough")
}

fn key(i: usize) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = i;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^ (x >> 31)
    }
}

fn timed(what: &str, operations: usize, mut run: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = cpu_ns();
        run();
        best = best.min((cpu_ns() - start) as f64 / operations as f64);
    }
    println!("{what:<44} {best:8.1} ns/op");
}

fn speed(keys: usize) {
    println!("{keys} keys of 16 bytes, values of 64 bytes");
    let store = new_store(1 << 30);
    let value = [7; 64];
    let set = |i: usize| {
        let bytes = key(i);
        let key = store.key(0, &bytes);
        let done = store.lock(&key).insert(&key, &value, Meta::default(), NOW);
        done.expect("there is room");
    };
    let start = cpu_ns();
    (0..keys).for_each(set);
    let each = (cpu_ns() - start) as f64 / keys as f64;
    println!("{:<44} {each:8.1} ns/op", "insert, new keys");
    let order: Vec<usize> = {
        let mut random = Random(1);
        (0..1_000_000)
            .map(|_| random.next() as usize % keys)
            .collect()
    };
    timed("make key only", order.len(), || {
        for &i in &order {
            let bytes = key(i);
            black_box(store.key(0, &bytes));
        }
    });
    timed("get, random order", order.len(), || {
        for &i in &order {
            let bytes = key(i);
            let key = store.key(0, &bytes);
            let mut shard = store.lock(&key);
            assert_eq!(shard.get(&key, NOW).map(|entry| entry.value[0]), Some(7));
        }
    });
    timed("get, always the same key", order.len(), || {
        let bytes = key(0);
        for _ in 0..order.len() {
            let key = store.key(0, black_box(&bytes));
            let mut shard = store.lock(&key);
            assert_eq!(shard.get(&key, NOW).map(|entry| entry.value[0]), Some(7));
        }
    });
    timed("get_many of 16, random order", order.len(), || {
        for batch in order.chunks_exact(16) {
            let bytes: [_; 16] = std::array::from_fn(|i| key(batch[i]));
            let keys: [_; 16] = std::array::from_fn(|i| store.key(0, &bytes[i]));
            store.get_many(&keys, NOW, |value| {
                assert_eq!(value.map(|value| value[0]), Some(7));
            });
        }
    });
    timed("insert over the old value", order.len(), || {
        order.iter().copied().for_each(set);
    });
    timed("get, absent keys", order.len(), || {
        for &i in &order {
            let bytes = key(i + keys);
            let key = store.key(0, &bytes);
            assert!(store.lock(&key).get(&key, NOW).is_none());
        }
    });
    let small = new_store(16 << 20);
    let mut next = 0;
    timed("insert of new keys with eviction", order.len(), || {
        for _ in 0..order.len() {
            let bytes = key(next);
            next += 1;
            let key = small.key(0, &bytes);
            let done = small.lock(&key).insert(&key, &value, Meta::default(), NOW);
            done.expect("there is room");
        }
    });
}

/// Appends the value of one key; whether there was one.
fn read(store: &Store, i: usize, now: u64, out: &mut Vec<u8>) -> bool {
    let bytes = key(i);
    out.clear();
    store.get_into(&store.key(0, &bytes), now, out, |_, _| ())
}

/// Reads without a lock, alone, by two threads, and beside a thread that overwrites.
fn readers(keys: usize) {
    println!("{keys} keys of 16 bytes, values of 64 bytes, read without a lock");
    let store = new_store(1 << 30);
    let set = |i: usize, value: u8| {
        let bytes = key(i);
        let key = store.key(0, &bytes);
        let done = store
            .lock(&key)
            .insert(&key, &[value; 64], Meta::default(), NOW);
        done.expect("there is room");
    };
    (0..keys).for_each(|i| set(i, 7));
    let order = |seed| -> Vec<usize> {
        let mut random = Random(seed);
        (0..1_000_000)
            .map(|_| random.next() as usize % keys)
            .collect()
    };
    let orders = [order(1), order(2)];
    let read_all = |order: &[usize], now: u64| {
        let mut out = Vec::new();
        for &i in order {
            assert!(read(&store, i, now, &mut out) && out.len() == 64);
        }
    };
    let read_all_locked = |order: &[usize], now: u64| {
        let mut out = Vec::new();
        for &i in order {
            let bytes = key(i);
            let key = store.key(0, &bytes);
            out.clear();
            let mut shard = store.lock(&key);
            let entry = shard.get(&key, now).expect("the key is there");
            out.extend_from_slice(entry.value);
        }
    };
    let count = orders[0].len();
    timed("get_into, random order", count, || {
        read_all(&orders[0], NOW);
    });
    let mut now = NOW;
    timed("get_into, each access to be marked", count, || {
        now += 1000;
        let mut out = Vec::new();
        for (n, &i) in orders[0].iter().enumerate() {
            let now = now + 1000 * (n as u64 % 2);
            assert!(read(&store, i, now, &mut out));
        }
    });
    timed("get_each_into of 16, random order", count, || {
        let mut out = Vec::new();
        for batch in orders[0].chunks_exact(16) {
            let bytes: [_; 16] = std::array::from_fn(|i| key(batch[i]));
            let keys: [_; 16] = std::array::from_fn(|i| store.key(0, &bytes[i]));
            out.clear();
            store.get_each_into(&keys, now, &mut out, |_, part| {
                assert_ne!(part, Part::Absent);
            });
        }
    });
    timed("lock, get and copy, random order", count, || {
        read_all_locked(&orders[0], now);
    });
    let two = |what: &str, run: &(dyn Fn(usize) + Sync)| {
        let mut best = f64::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            thread::scope(|scope| {
                scope.spawn(|| run(0));
                run(1);
            });
            best = best.min(start.elapsed().as_nanos() as f64 / (2 * count) as f64);
        }
        println!("{what:<44} {best:8.1} ns/op");
    };
    two("get_into by 2 threads", &|thread| {
        read_all(&orders[thread], now);
    });
    two("lock, get and copy by 2 threads", &|thread| {
        read_all_locked(&orders[thread], now);
    });
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                orders[1].iter().for_each(|&i| set(i, 9));
            }
        });
        timed("get_into beside a thread that overwrites", count, || {
            read_all(&orders[0], now);
        });
        stop.store(true, Relaxed);
    });
}

fn memory_per_key(expires_at: Option<u64>) {
    const KEYS: usize = 500_000;
    let before = resident();
    let store = new_store(256 << 20);
    for i in 0..KEYS {
        let bytes = key(i);
        let key = store.key(0, &bytes);
        let meta = Meta {
            expires_at,
            raw: false,
        };
        let done = store.lock(&key).insert(&key, &[7; 64], meta, NOW);
        done.expect("there is room");
    }
    let resident = resident() - before;
    let memory = store.memory();
    println!(
        "{KEYS} keys, expiring: {:<5} {:6.1} bytes resident per key, {:6.1} charged ({:.1} index)",
        expires_at.is_some(),
        resident as f64 / KEYS as f64,
        (memory.used - memory.ghosts - memory.fixed) as f64 / KEYS as f64,
        memory.index as f64 / KEYS as f64,
    );
}

fn memory_bound() {
    for limit in [16 << 20, 100 << 20] {
        let before = resident();
        let store = new_store(limit);
        let mut random = Random(3);
        let value = vec![5; 1 << 20];
        let mut written = 0;
        let mut full = 0;
        let start = cpu_ns();
        let faults_before = faults();
        let mut inserts = 0;
        let mut worst = 0.0f64;
        while written < 10 * limit {
            let bytes = key(random.next() as usize);
            let len = 1 + random.next() as usize % (1 << 20);
            let key = store.key(0, &bytes);
            let one = Instant::now();
            let done = store
                .lock(&key)
                .insert(&key, &value[..len], Meta::default(), NOW);
            worst = worst.max(one.elapsed().as_secs_f64() * 1e6);
            full += usize::from(done.is_err());
            written += len;
            inserts += 1;
        }
        let each = (cpu_ns() - start) as f64 / 1000.0 / f64::from(inserts);
        let faults = (faults() - faults_before) as f64 / f64::from(inserts);
        let memory = store.memory();
        println!(
            "limit {} MiB, 10x written: resident {:.1} MiB, used {:.1} MiB, refused {full}, {each:.0} µs and {faults:.0} page faults each, worst {worst:.0} µs",
            limit >> 20,
            (resident() - before) as f64 / (1 << 20) as f64,
            memory.used as f64 / (1 << 20) as f64,
        );
    }
}

/// How long single inserts take while a store grows to its limit, and beyond it.
fn growth(limit: usize) {
    const KEYS: usize = 4_000_000;
    let store = new_store(limit);
    let mut times: Vec<u64> = (0..KEYS)
        .map(|i| {
            let bytes = key(i);
            let start = cpu_ns();
            let key = store.key(0, &bytes);
            let done = store
                .lock(&key)
                .insert(&key, &[7; 64], Meta::default(), NOW);
            done.expect("there is room");
            cpu_ns() - start
        })
        .collect();
    times.sort_unstable();
    let at = |part: f64| times[(part * (KEYS - 1) as f64) as usize] as f64 / 1000.0;
    println!(
        "limit {} MiB, {KEYS} inserts: half within {:.1} µs, 99.99% within {:.1} µs, worst {:.0} µs",
        limit >> 20,
        at(0.5),
        at(0.9999),
        at(1.0),
    );
}

/// CPU time of this thread.
fn cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Page faults of this process.
fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let field = stat.split_whitespace().nth(9);
    field.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Resident bytes of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|text| text.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
