//! The largest value that a Redis client may send, 512 MiB, among small ones.

use ant_colony_store::{Config, Full, Meta, Store};

const NOW: u64 = 1_750_000_000_000;
const MIB: usize = 1 << 20;

fn set(store: &Store, name: &str, value: &[u8]) -> Result<(), Full> {
    let key = store.key(0, name.as_bytes());
    store.lock(&key).insert(&key, value, Meta::default(), NOW)
}

#[test]
#[cfg_attr(miri, ignore = "it copies gigabytes")]
fn a_value_of_512_mib_is_stored_replaced_and_freed_in_steps() {
    let store = Store::new(Config {
        memory: 700 * MIB,
        workers: 2,
        seed: 1,
    })
    .expect("the limit is large enough");
    for i in 0..100_000 {
        set(&store, &format!("small {i}"), &[1; 100]).expect("there is room");
    }
    let mut value = vec![7; 512 * MIB];
    value[512 * MIB - 1] = 8;
    set(&store, "huge", &value).expect("there is room beside the small ones");
    assert_eq!(store.len(0), 100_001);
    let key = store.key(0, b"huge");
    let is_whole = |value: &[u8]| {
        let found = store.lock(&key).get(&key, NOW).map(|e| e.value == value);
        found == Some(true)
    };
    assert!(is_whole(&value));
    value[0] = 9;
    set(&store, "huge", &value).expect("the old one makes room");
    assert!(is_whole(&value));
    assert!(store.memory().used <= store.memory().limit);
    assert!(store.lock(&key).remove(&key, NOW));
    let (mut steps, mut used) = (0, store.memory().used);
    while store.shrink_step(NOW) {
        let left = store.memory().used;
        assert!(used - left <= 2 * MIB, "{} bytes in a step", used - left);
        (steps, used) = (steps + 1, left);
    }
    assert!(steps > 100, "{steps} steps");
    assert!(used < 100 * MIB, "{used} bytes are left");
    assert!(store.len(0) <= 100_000);
}
