//! Objects whose time is over are gone for readers at once, and gone from memory soon,
//! without a search through everything.

use super::*;

/// Runs active expiry over all shards until nothing is due.
fn expire(store: &Store, now: Millis) -> usize {
    let mut removed = 0;
    for shard in 0..store.shards() {
        loop {
            let step = store.expire_step(shard, now, 50);
            removed += step.removed;
            if !step.more {
                break;
            }
        }
    }
    removed
}

#[test]
fn an_expired_object_is_absent_even_if_nothing_removed_it() {
    let store = store(1 << 20, 1);
    set_until(&store, "a", NOW + 100, NOW);
    assert!(value(&store, "a", NOW + 100).is_some());
    assert_eq!((store.len(0), store.expires(0)), (1, 1));
    assert!(value(&store, "a", NOW + 101).is_none());
    assert_eq!((store.len(0), store.expires(0)), (0, 0));
    assert_eq!(store.stats().expired, 1);
    store.audit();
}

#[test]
fn short_lives_are_removed_within_a_tenth_of_a_second() {
    let store = store(16 << 20, 1);
    for i in 0..10_000 {
        set_until(&store, &name(i), NOW + 1 + i as u64 % 900, NOW);
    }
    for now in (NOW..NOW + 1_100).step_by(10) {
        expire(&store, now);
        let overdue = now.saturating_sub(NOW + 100).min(900);
        let left = 10_000 - 10_000 * overdue / 900;
        assert!(
            store.len(0) as u64 <= left + 100,
            "{} objects at {} ms",
            store.len(0),
            now - NOW
        );
    }
    assert_eq!(store.len(0), 0);
    store.audit();
}

#[test]
fn long_lives_are_removed_within_a_sixteenth_of_them() {
    let store = store(16 << 20, 1);
    for i in 0..50_000 {
        set_until(&store, &name(i), NOW + 1_000_000, NOW);
    }
    set_until(&store, "other", NOW + 10_000_000, NOW);
    let full = store.memory().segments;
    assert_eq!(expire(&store, NOW + 999_999), 0);
    assert_eq!(expire(&store, NOW + 1_062_501), 50_000);
    assert_eq!(store.len(0), 1);
    assert!(store.memory().segments * 2 < full);
    store.audit();
}

#[test]
fn nothing_is_looked_at_before_it_is_due() {
    let store = store(16 << 20, 1);
    for i in 0..10_000 {
        set_until(&store, &name(i), NOW + 3_600_000, NOW);
        set(&store, &std::format!("{i}"), b"v");
    }
    for shard in 0..store.shards() {
        let step = store.expire_step(shard, NOW + 3_000_000, 1);
        assert_eq!((step.removed, step.more), (0, false));
    }
}

#[test]
fn a_step_stops_when_its_budget_ends_and_goes_on_later() {
    let store = store(1 << 20, 1);
    for i in 0..2_000 {
        set_until(&store, &name(i), NOW + 100, NOW);
    }
    let step = store.expire_step(0, NOW + 1_000, 300);
    assert_eq!((step.removed, step.more), (300, true));
    store.audit();
    // The rest of the segment may change in between.
    for i in 0..500 {
        set_until(&store, &name(i), NOW + 60_000, NOW + 1_000);
    }
    assert_eq!(expire(&store, NOW + 1_000), 1_500);
    assert_eq!(store.len(0), 500);
    store.audit();
}

#[test]
fn a_shortened_life_ends_in_time() {
    let store = store(1 << 20, 1);
    for i in 0..100 {
        set_until(&store, &name(i), NOW + 86_400_000, NOW);
    }
    for i in 0..100 {
        let text = name(i);
        let key = store.key(0, text.as_bytes());
        assert!(store.lock(&key).set_expiry(&key, Some(NOW + 500), NOW));
    }
    assert_eq!(expire(&store, NOW + 600), 100);
    store.audit();
}

#[test]
fn a_life_made_endless_does_not_end() {
    let store = store(1 << 20, 1);
    for i in 0..100 {
        set_until(&store, &name(i), NOW + 500, NOW);
        let text = name(i);
        let key = store.key(0, text.as_bytes());
        assert!(store.lock(&key).set_expiry(&key, None, NOW));
    }
    assert_eq!(store.expires(0), 0);
    assert_eq!(expire(&store, NOW + 1_000_000), 0);
    assert_eq!(store.len(0), 100);
    store.audit();
}

#[test]
fn far_and_odd_expiries_are_kept_exactly() {
    let store = store(1 << 20, 1);
    let key = store.key(0, b"key");
    for at in [NOW + (1 << 40), 9_223_372_036_854_775_807, u64::MAX - 1] {
        set(&store, "key", b"value");
        let mut shard = store.lock(&key);
        assert!(shard.set_expiry(&key, Some(at), NOW));
        let entry = shard.peek(&key, NOW).unwrap();
        assert_eq!((entry.expires_at, entry.value), (Some(at), &b"value"[..]));
        assert!(shard.set_expiry(&key, Some(NOW + 5), NOW));
        assert_eq!(shard.peek(&key, NOW).unwrap().expires_at, Some(NOW + 5));
        assert!(shard.set_expiry(&key, None, NOW));
        assert_eq!(shard.peek(&key, NOW).unwrap().expires_at, None);
    }
    assert_eq!(store.expires(0), 0);
    set_until(&store, "past", NOW - 1, NOW);
    assert!(value(&store, "past", NOW).is_none());
    store.audit();
}

#[test]
fn small_shards_mix_lives_of_all_lengths() {
    let store = store(1 << 20, 1);
    let mut random = Rng::with_seed(3);
    for i in 0..3_000 {
        let life = 1 << random.usize(..30);
        set_until(&store, &name(i), NOW + life, NOW);
    }
    assert_eq!(store.stats().evicted, 0);
    for power in 0..31 {
        let now = NOW + (1 << power) + (1 << power) / 16 + 100;
        expire(&store, now);
        let mut left = 0;
        store.scan(0, 0, usize::MAX, NOW, |_, entry| {
            left += usize::from(entry.expires_at.unwrap() < now - (1 << power) / 16 - 100);
        });
        assert_eq!(left, 0, "after 2^{power} ms");
    }
    assert_eq!(store.len(0), 0);
    store.audit();
}
