//! What cannot be built, and what the default is.

use std::time::Duration;

use ant_colony::{BuildError, Cache, TooHeavy};

#[test]
fn a_cache_without_a_limit_or_with_a_limit_of_nothing_is_an_error_that_says_so() {
    let builder = Cache::<u64, u64>::builder;
    let error = |builder: ant_colony::Builder<u64, u64>| builder.build().expect_err("no cache");
    assert_eq!(error(builder()), BuildError::NoLimit);
    assert_eq!(error(builder().capacity(0)), BuildError::ZeroCapacity);
    assert_eq!(error(builder().weight(0, |_, _| 1)), BuildError::ZeroWeight);
    let brief = builder().capacity(1).time_to_live(Duration::ZERO);
    assert_eq!(error(brief), BuildError::ZeroTime);
    let odd = builder().capacity(100).shards(3);
    assert_eq!(error(odd), BuildError::BadShards(3));
    let many = builder().capacity(100).shards(128);
    assert_eq!(error(many), BuildError::TooManyShards { shards: 128 });
    assert!(BuildError::NoLimit.to_string().contains("capacity"));
}

#[test]
#[should_panic(expected = "at least 1 entry")]
fn the_short_way_to_a_cache_panics_at_a_capacity_of_zero() {
    drop(Cache::<u64, u64>::new(0));
}

#[test]
fn an_entry_above_the_bound_is_an_error_and_leaves_no_outdated_value() {
    let cache = Cache::builder()
        .weight(10, |_: &&str, weight: &u64| *weight)
        .build();
    let cache = cache.expect("a cache");
    assert_eq!(cache.insert("a", 10), Ok(()));
    let error = TooHeavy {
        weight: 11,
        limit: 10,
    };
    assert_eq!(cache.insert("a", 11), Err(error));
    assert_eq!((cache.get("a"), cache.len(), cache.weight()), (None, 0, 0));
    assert_eq!(cache.get_or_insert_with("a", || 12), 12);
    assert_eq!(cache.get("a"), None);
    assert_eq!(cache.statistics().too_heavy, 2);
}

#[test]
fn any_capacity_is_a_bound_not_an_allocation() {
    let cache = Cache::new(usize::MAX);
    cache.insert(1, 2).expect("no weigher");
    assert_eq!(cache.get(&1), Some(2));
}

#[test]
fn a_cache_of_sendable_and_shareable_things_can_be_sent_and_shared() {
    fn check<T: Send + Sync>() {}
    check::<Cache<String, Vec<u8>>>();
    check::<Cache<u64, u64, std::hash::RandomState>>();
}
