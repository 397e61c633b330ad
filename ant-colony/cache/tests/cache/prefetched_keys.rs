//! Keys that trails remember: how many, and that those of one hash are not mistaken for each other.

use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use ant_colony::LoadingCache;

use crate::prefetching::{page, riding};
use crate::{Fixed, builder};

/// A key that counts how many of it there are. Only some of its number is hashed.
#[derive(Debug)]
struct Counted {
    number: u64,
    hashed: u64,
    count: Arc<AtomicUsize>,
}

impl Counted {
    fn new(number: u64, hashed: u64, count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        let count = Arc::clone(count);
        Self {
            number,
            hashed,
            count,
        }
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(self.number, self.hashed, &self.count)
    }
}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hashed.hash(state);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.fetch_sub(1, SeqCst);
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Counted {}

fn counted(trails: usize) -> LoadingCache<Counted, u64, Infallible, Fixed> {
    let limits = builder().capacity(64).shards(1);
    let load = |keys: &[Counted]| keys.iter().map(|key| Ok(page(key.number))).collect();
    let cache = limits.loader_many(load).trails(trails).build();
    cache.expect("a cache")
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn the_keys_that_trails_remember_are_as_many_as_were_asked_for() {
    const TRAILS: usize = 200;
    let count = Arc::default();
    let cache = counted(TRAILS);
    let mut most = 0;
    // A scan whose trails fit, and one whose do not.
    for number in (0..20).flat_map(|_| 0..2_000) {
        for (sequence, number) in [number % 150, 10_000 + number].into_iter().enumerate() {
            let key = Counted::new(number, number, &count);
            let loaded = cache.load_in_sequence(sequence, &key);
            assert_eq!(loaded, Ok(page(number)));
        }
        most = most.max(count.load(SeqCst));
    }
    assert!(cache.statistics().prefetches.useful > 1_000);
    // Of the cache's own, some wait to be dropped.
    assert!(most <= TRAILS + 3 * 64, "{most}");
    drop(cache);
    assert_eq!(count.load(SeqCst), 0);
    let bytes = riding(100, 1_000).trails_bytes();
    assert_eq!(bytes, 30 * 1_000);
}

#[test]
#[cfg_attr(miri, ignore = "trails need many requests")]
fn keys_that_collide_get_their_own_values() {
    let count = Arc::default();
    let cache = counted(1_000);
    for number in (0..40).flat_map(|_| 0..300) {
        let key = Counted::new(number, number / 3, &count);
        assert_eq!(cache.load(&key), Ok(page(number)));
    }
    assert!(cache.statistics().prefetches.issued > 0);
}
