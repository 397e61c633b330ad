//! Memory stays within its limit, work per operation stays bounded, and what is left of
//! the memory is used well.

use super::*;
use crate::entry::Full;
use crate::memory::Kind;

fn set_len(store: &Store, key: &str, len: usize) -> Result<(), Full> {
    let key = store.key(0, key.as_bytes());
    let value = std::vec![1; len];
    store.lock(&key).insert(&key, &value, Meta::default(), NOW)
}

#[test]
fn ten_times_the_limit_in_random_sizes_stays_within_the_limit() {
    for (limit, workers, len_max) in [
        (1 << 20, 1, 100),
        (1 << 20, 1, 100_000),
        (9 << 20, 2, 1 << 20),
        (40 << 20, 2, 20_000),
    ] {
        let store = store(limit, workers);
        let mut random = Rng::with_seed(5);
        let mut written = 0;
        while written < 10 * limit {
            let len = 1 + random.usize(..len_max);
            set_len(&store, &name(random.usize(..1 << 30)), len).unwrap();
            assert!(store.budget.used() <= limit);
            written += len;
        }
        store.audit();
        let memory = store.memory();
        assert!(
            memory.live > limit / 2,
            "of {limit} only {} hold objects of up to {len_max} bytes",
            memory.live
        );
    }
}

#[test]
fn no_insert_copies_more_than_a_few_segments() {
    let store = store(4 << 20, 1);
    let segment = store.lock_shard(0).state.log.segment_bytes() as u64;
    let mut random = Rng::with_seed(6);
    let mut copied = 0;
    for i in 0..150_000 {
        set_len(&store, &name(i), random.usize(..150)).unwrap();
        // Everything is hot, so that eviction finds survivors only.
        for back in 0..4 {
            let text = name(i - (i.min(random.usize(..20_000) * back)));
            let key = store.key(0, text.as_bytes());
            store.lock(&key).get(&key, NOW);
        }
        let all = store.lock_shard(0).state.stats.copied_bytes;
        assert!(
            all - copied <= 8 * segment,
            "{} bytes at once",
            all - copied
        );
        copied = all;
    }
    store.audit();
}

#[test]
fn what_is_asked_for_survives_a_flood_of_what_is_not() {
    let store = store(2 << 20, 1);
    let mut hits = 0;
    for flood in 0..200_000 {
        set_len(&store, &std::format!("flood:{flood}"), 64).unwrap();
        if flood % 5 == 0 {
            let text = name(flood / 5 % 2_000);
            let key = store.key(0, text.as_bytes());
            let found = store.lock(&key).get(&key, NOW).is_some();
            if !found {
                set_len(&store, &text, 64).unwrap();
            }
            hits += usize::from(found && flood >= 100_000);
        }
    }
    assert!(hits > 19_000, "{hits} of 20000 popular requests were hits");
}

#[test]
fn an_object_beyond_the_limit_is_refused_and_nothing_is_evicted_for_it() {
    let store = store(2 << 20, 1);
    for i in 0..1_000 {
        set_len(&store, &name(i), 100).unwrap();
    }
    assert_eq!(set_len(&store, "huge", 2 << 20), Err(Full));
    let key = store.key(0, b"key:0000000001");
    assert_eq!(
        store.lock(&key).splice(&key, 2 << 20, 0, b"", NOW),
        Err(Full)
    );
    assert_eq!(store.len(0), 1_000);
    assert_eq!(value(&store, &name(1), NOW).map(|v| v.len()), Some(100));
    store.audit();
}

#[test]
fn objects_nearly_as_large_as_the_store_fit_one_at_a_time() {
    let store = store(6 << 20, 1);
    for i in 0..20 {
        for small in 0..500 {
            set_len(&store, &name(small), 1_000).unwrap();
        }
        set_len(&store, &std::format!("huge:{i}"), 5 << 20).unwrap();
        assert!(store.budget.used() <= 6 << 20);
    }
    store.audit();
}

#[test]
fn a_huge_object_takes_its_memory_from_all_shards() {
    let store = store(64 << 20, 1);
    assert!(store.shards() > 8);
    for i in 0..600_000 {
        set_len(&store, &name(i), 64).unwrap();
    }
    assert!(store.stats().evicted > 0);
    for i in 0..4 {
        set_len(&store, &std::format!("huge:{i}"), 40 << 20).unwrap();
        assert!(value(&store, &std::format!("huge:{i}"), NOW).is_some());
    }
    store.audit();
}

#[test]
fn popular_objects_make_room_for_large_ones() {
    let store = store(64 << 20, 1);
    // What returns after its eviction is in the main queue, of which each hit buys a round.
    for i in (0..900_000).chain(0..900_000) {
        set_len(&store, &name(i), 64).unwrap();
    }
    assert!(store.stats().evicted > 200_000);
    for i in 0..900_000 {
        let text = name(i);
        let key = store.key(0, text.as_bytes());
        for _ in 0..4 {
            store.lock(&key).touch(&key, NOW);
        }
    }
    for i in 0..40 {
        set_len(&store, &std::format!("large:{i}"), 1 << 20).unwrap();
    }
    store.audit();
}

#[test]
fn what_a_large_object_leaves_serves_small_ones_step_by_step() {
    let store = store(64 << 20, 1);
    set_len(&store, "large", 16 << 20).unwrap();
    for i in 0..250_000 {
        set_len(&store, &name(i), 100).unwrap();
    }
    let key = store.key(0, b"large");
    let _ = store.lock(&key).remove(&key, NOW);
    for i in 250_000..500_000 {
        set_len(&store, &name(i), 100).unwrap();
    }
    store.audit();
}

#[test]
fn tiny_objects_in_place_of_large_ones_find_room_for_their_index() {
    let store = store(4 << 20, 1);
    for i in 0..2_000 {
        set_len(&store, &name(i), 30_000).unwrap();
    }
    for i in 0..300_000 {
        set_len(&store, &name(i), 1).unwrap();
    }
    store.audit();
    let objects = store.memory().objects;
    assert!(objects > 60_000, "{objects} tiny objects in 4 MiB");
}

#[test]
fn overwriting_with_other_sizes_evicts_nothing_while_there_is_room() {
    let store = store(8 << 20, 1);
    let mut random = Rng::with_seed(8);
    for _ in 0..200_000 {
        let len = random.usize(..2_000);
        set_len(&store, &name(random.usize(..4_000)), len).unwrap();
    }
    store.audit();
    assert_eq!(store.stats().evicted, 0);
    assert_eq!(store.len(0), 4_000);
    let memory = store.memory();
    assert!(
        memory.segments < memory.live * 3 / 2,
        "{} bytes of segments for {} live bytes",
        memory.segments,
        memory.live
    );
}

#[test]
fn setting_and_removing_one_key_takes_no_memory() {
    let store = store(1 << 20, 1);
    for _ in 0..20_000 {
        set_len(&store, "one", 200).unwrap();
        let key = store.key(0, b"one");
        assert!(store.lock(&key).remove(&key, NOW));
    }
    assert_eq!(store.stats().evicted, 0);
    assert!(store.budget.used_by(Kind::Segment) < 80 << 10);
    store.audit();
}

#[test]
fn removing_everything_gives_the_memory_back() {
    let store = store(64 << 20, 1);
    let before = store.memory().used;
    for i in 0..300_000 {
        set_len(&store, &name(i), 64).unwrap();
    }
    for i in 0..100 {
        set_len(&store, &std::format!("large:{i}"), 50_000).unwrap();
    }
    let full = store.memory().used;
    for i in 0..300_000 {
        let text = name(i);
        let key = store.key(0, text.as_bytes());
        store.lock(&key).remove(&key, NOW);
    }
    for i in 0..100 {
        let text = std::format!("large:{i}");
        let key = store.key(0, text.as_bytes());
        store.lock(&key).remove(&key, NOW);
    }
    store.audit();
    let memory = store.memory();
    assert_eq!(memory.objects, 0);
    let left = memory.used - memory.kept - before;
    assert!(left < full / 10, "{left} of {full} bytes are left");
}

#[test]
fn a_flush_gives_the_memory_back_in_steps() {
    let store = store(16 << 20, 1);
    let before = store.memory().used;
    for i in 0..50_000 {
        set_len(&store, &name(i), 100).unwrap();
    }
    set_len(&store, "large", 1 << 20).unwrap();
    let full = store.memory().used;
    store.flush(Some(0));
    assert_eq!(store.memory().used, full);
    let mut steps = 0;
    while store.shrink_step(NOW) {
        steps += 1;
    }
    assert!((5..40).contains(&steps), "{steps} steps");
    let memory = store.memory();
    assert!(memory.used - memory.kept - before <= 2 * store.shards() * (65 << 10));
    assert_eq!((memory.live, memory.objects, store.len(0)), (0, 0, 0));
    store.audit();
}

#[test]
fn flushing_one_database_over_and_over_leaves_the_others_and_no_garbage() {
    let store = store(8 << 20, 1);
    let stays = store.key(1, b"stays");
    store
        .lock(&stays)
        .insert(&stays, b"v", Meta::default(), NOW)
        .unwrap();
    // More often than there are namespaces.
    for i in 0..70_000 {
        set_len(&store, "same", 10).unwrap();
        if i % 3 == 0 {
            set_len(&store, &name(i), 10).unwrap();
        }
        store.flush(Some(0));
        assert!(value(&store, "same", NOW).is_none());
        if i % 1_000 == 0 {
            for shard in 0..store.shards() {
                store.expire_step(shard, NOW, 10_000);
            }
            store.audit();
        }
    }
    assert_eq!(store.len(0), 0);
    assert_eq!(store.len(1), 1);
    assert!(store.lock(&stays).get(&stays, NOW).is_some());
    assert_eq!(store.stats().evicted, 0);
}

#[test]
#[cfg_attr(miri, ignore = "it flushes 65,000 times")]
fn no_flushed_key_comes_back_in_another_database_when_the_namespaces_start_again() {
    let store = store(16 << 20, 1);
    let put = |db, name: &str| {
        let key = store.key(db, name.as_bytes());
        let mut shard = store.lock(&key);
        shard.insert(&key, b"v", Meta::default(), NOW).unwrap();
    };
    put(0, "keeps the others from being all there is");
    put(7, "a");
    store.flush(Some(7));
    // The database keeps this namespace until the numbers have started again.
    (0..1000).for_each(|i| put(7, &name(i)));
    while store.numbering.lock().last != 1 {
        put(1, "b");
        store.flush(Some(1));
    }
    store.flush(Some(7));
    for _ in 0..40 {
        put(1, "b");
        store.flush(Some(1));
        for old in (0..1000).map(name) {
            let old = store.key(1, old.as_bytes());
            assert!(store.lock(&old).peek(&old, NOW).is_none());
        }
    }
    store.audit();
}

#[test]
fn what_was_flushed_goes_before_anything_else_is_evicted() {
    let store = store(4 << 20, 1);
    let stays: Vec<_> = (0..5_000).map(name).collect();
    for text in &stays {
        let key = store.key(1, text.as_bytes());
        let value = [1; 100];
        let done = store.lock(&key).insert(&key, &value, Meta::default(), NOW);
        done.unwrap();
    }
    for round in 0..20 {
        for i in 0..10_000 {
            set_len(&store, &std::format!("{round}:{i}"), 100).unwrap();
        }
        store.flush(Some(0));
    }
    let kept = stays.iter().filter(|text| {
        let key = store.key(1, text.as_bytes());
        store.lock(&key).peek(&key, NOW).is_some()
    });
    assert_eq!(kept.count(), 5_000);
    store.audit();
}

#[test]
fn a_lowered_limit_is_reached_in_steps() {
    let store = store(32 << 20, 1);
    for i in 0..250_000 {
        set_len(&store, &name(i), 64).unwrap();
    }
    store.set_memory_limit(8 << 20);
    let mut steps = 0;
    while store.shrink_step(NOW) {
        steps += 1;
        assert!(steps < 10_000, "shrinking does not end");
    }
    assert!(store.memory().used <= 8 << 20);
    assert!(store.memory().objects > 20_000);
    store.audit();
    set_len(&store, "more", 100).unwrap();
    store.set_memory_limit(32 << 20);
    for i in 0..100_000 {
        set_len(&store, &name(i), 64).unwrap();
    }
    assert!(store.memory().used > 9 << 20);
    store.audit();
}

#[test]
fn a_value_that_grows_byte_by_byte_moves_rarely() {
    for (len, moves_max) in [(10_000, 40), (300_000, 70)] {
        let store = store(8 << 20, 1);
        set_len(&store, "grows", 0).unwrap();
        let key = store.key(0, b"grows");
        let mut last = core::ptr::null();
        let mut moves = 0;
        for i in 1..=len {
            let mut shard = store.lock(&key);
            shard.splice(&key, i, i - 1, &[i as u8], NOW).unwrap();
            let value = shard.peek(&key, NOW).unwrap().value;
            moves += usize::from(value.as_ptr() != last);
            last = value.as_ptr();
        }
        let value = value(&store, "grows", NOW).unwrap();
        assert!((1..=len).all(|i| value[i - 1] == i as u8));
        assert!(moves < moves_max, "{moves} moves for {len} bytes");
        store.audit();
    }
}
