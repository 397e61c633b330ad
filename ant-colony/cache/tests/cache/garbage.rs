//! How much of what has left is still in memory when an operation returns, with nobody reading.

use std::sync::Arc;
use std::time::Duration;

use ant_colony::{Builder, Cache};

use crate::FakeClock;

/// A value of a weight, which others can count.
#[derive(Clone)]
struct Counted(
    u64,
    #[expect(dead_code, reason = "its clones are counted")] Arc<()>,
);

/// Counts all values, of the cache and of what has left.
struct Counter(Arc<()>);

impl Counter {
    fn new() -> Counter {
        Counter(Arc::new(()))
    }

    fn value(&self, weight: u64) -> Counted {
        Counted(weight, Arc::clone(&self.0))
    }

    fn count(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

type Kind = fn(Builder<u64, Counted>) -> Builder<u64, Counted>;

/// Without a listener, what leaves is retired at once, with one after it was read.
const KINDS: [Kind; 2] = [|builder| builder, |builder| builder.listener(|_, _, _| ())];

const BOUND: u64 = if cfg!(miri) { 300 } else { 20_000 };
/// Operations on a small cache: under Miri, a look at all that is being read takes long.
const ROUNDS: u64 = if cfg!(miri) { 50 } else { 1_000 };

fn by_weight(kind: Kind) -> Cache<u64, Counted> {
    let builder = Cache::builder().weight(BOUND, |_, value: &Counted| value.0);
    kind(builder.shards(1)).build().expect("a cache")
}

#[test]
fn one_heavy_value_leaves_nothing_of_the_light_ones_that_it_drives_out() {
    for kind in KINDS {
        let (cache, counter) = (by_weight(kind), Counter::new());
        for key in 0..BOUND {
            cache.insert(key, counter.value(1)).expect("light");
        }
        cache.insert(BOUND, counter.value(BOUND)).expect("allowed");
        assert_eq!((cache.len(), counter.count()), (1, 1));
    }
}

#[test]
fn what_waits_weighs_at_most_an_eighth_of_the_bound() {
    for kind in KINDS {
        for weight in [BOUND, BOUND / 3, BOUND / 20] {
            let (cache, counter) = (by_weight(kind), Counter::new());
            for round in 0..ROUNDS / 5 {
                let written = cache.insert(round / 2, counter.value(weight));
                written.expect("allowed");
                let waits = (counter.count() - cache.len()) as u64 * weight;
                assert!(waits <= BOUND / 8, "{waits} of {weight} each");
            }
        }
    }
}

#[test]
fn of_a_small_cache_no_more_waits_than_twice_what_it_may_hold() {
    for kind in KINDS {
        let cache = kind(Cache::builder().capacity(10)).build();
        let (cache, counter) = (cache.expect("a cache"), Counter::new());
        for key in 0..ROUNDS {
            cache.insert(key, counter.value(0)).expect("no weigher");
            assert!(counter.count() <= 10 + 20 + 1);
        }
    }
}

#[test]
fn removals_of_many_leave_nothing_in_memory() {
    for kind in KINDS {
        let (clock, counter) = (FakeClock::default(), Counter::new());
        let cache = Cache::builder()
            .capacity(1_000)
            .shards(4)
            .time_to_live(Duration::from_secs(1))
            .clock(clock.clone());
        let cache = kind(cache).build().expect("a cache");
        let removals: [&dyn Fn(); 3] = [
            &|| cache.invalidate_all(),
            &|| cache.invalidate_if(|_, _| true),
            &|| cache.remove_expired(),
        ];
        for removal in removals {
            for key in 0..ROUNDS / 5 {
                cache.insert(key, counter.value(0)).expect("no weigher");
            }
            clock.advance(Duration::from_secs(1));
            removal();
            assert_eq!(counter.count(), 0);
        }
    }
}
