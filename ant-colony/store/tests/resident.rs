//! What the process really takes: resident memory against the limit, and per key.
//!
//! One test, because everything in a process shares its resident memory.

use ant_colony_store::{Config, Meta, Store};

const NOW: u64 = 1_750_000_000_000;
const MIB: usize = 1 << 20;

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages = statm.split_whitespace().nth(1).expect("the second field");
    pages.parse::<usize>().expect("a number of pages") * 4096
}

fn store(memory: usize) -> Store {
    Store::new(Config {
        memory,
        workers: 2,
        seed: 7,
    })
    .expect("the limit is large enough")
}

fn random(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 31)) as usize
}

/// Writes `bytes` in values of 1 byte to `len_max`, under ever new keys.
fn fill(store: &Store, seed: u64, bytes: usize, len_max: usize) {
    let value = vec![9; len_max];
    let mut state = seed;
    let mut written = 0;
    while written < bytes {
        let text = format!("{seed}:{}", random(&mut state));
        let len = 1 + random(&mut state) % len_max;
        let key = store.key(0, text.as_bytes());
        let done = store
            .lock(&key)
            .insert(&key, &value[..len], Meta::default(), NOW);
        done.expect("eviction makes room");
        written += len;
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn resident_memory_is_what_the_limit_says() {
    let before = resident();
    let small = store(256 * MIB);
    for i in 0..500_000 {
        let text = format!("key:{i:012}");
        let key = small.key(0, text.as_bytes());
        let meta = Meta {
            expires_at: Some(NOW + 3_600_000),
            raw: false,
        };
        let done = small.lock(&key).insert(&key, &[7; 64], meta, NOW);
        done.expect("there is room");
    }
    let per_key = (resident() - before) as f64 / 500_000.0;
    assert!(per_key <= 125.0, "{per_key} bytes per key");
    let used = small.memory().used;
    while small.collapse_pages(1) > 0 {}
    let per_key = (resident() - before) as f64 / 500_000.0;
    assert!(per_key <= 125.0, "{per_key} bytes per key in huge pages");
    let memory = small.memory();
    assert_eq!(memory.used, used, "huge pages are no memory of their own");
    assert!(memory.huge <= used);
    drop(small);

    for (limit, len_max) in [(48 * MIB, MIB), (24 * MIB, 1000)] {
        let before = resident();
        let store = store(limit);
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let store = &store;
                scope.spawn(move || fill(store, seed, limit * 10 / 4, len_max));
            }
            scope.spawn(|| {
                for _ in 0..100 {
                    store.collapse_pages(2);
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            });
        });
        let taken = resident().saturating_sub(before);
        let allowed = limit * 21 / 20 + 3 * MIB;
        assert!(taken <= allowed, "{taken} resident bytes for {limit}");
        store.flush(None);
        while store.shrink_step(NOW) {}
        let left = resident().saturating_sub(before);
        assert!(
            left < limit / 4,
            "{left} of {taken} bytes remain after a flush"
        );
    }
}
