//! Successor trails in front of a cache, with room that the cache lends for what they fetch.
//!
//! Prefetched objects that nobody has asked for yet stand in a queue apart, of at most a sixteenth
//! of the capacity. On its first use an object leaves the queue and enters the cache as a missed one
//! would, so that the cache's policy sees the same accesses as without trails. A fetch takes no time
//! here: no prefetch is late.

use ant_colony_policy::Trails;

use crate::ant::hash;
use crate::subject::{Outcome, Prefetches, Request, Subject};
use crate::table::{List, Table};

/// A cache that can do with less room for a while.
pub(crate) trait Lender: Subject {
    /// Whether an object is there.
    fn holds(&self, object: u32) -> bool;

    /// Gives the cache so much room from now on. The key of an object that had to leave, if one had.
    fn resize(&mut self, capacity: u64) -> Option<u64>;
}

/// What is known of a prefetched object that is not used yet.
#[derive(Debug, Clone, Copy)]
struct Unused {
    /// How many fetches there had been.
    since: u64,
    /// The hash of what made room for it.
    displaced: Option<u64>,
}

/// A cache with trails.
pub(crate) struct Trailing<C> {
    cache: C,
    capacity: u64,
    trails: Trails<u32>,
    unused: Table<Unused>,
    queue: List,
    /// By object, as of the last access: what a fetch would tell.
    sizes: Vec<u32>,
    /// Demand misses, and first uses of prefetched objects.
    fetches: u64,
}

impl<C: Lender> Trailing<C> {
    /// Unused objects take at most this part of the capacity.
    const SHARE: u64 = 16;
    /// Who is not used within so many fetches makes room before anybody else.
    const PATIENCE: u64 = 32;

    /// Trails in front of an empty cache of this capacity.
    pub(crate) fn new(cache: C, capacity: u64, objects: u32, trails: usize) -> Self {
        Self {
            cache,
            capacity,
            trails: Trails::new(trails, 1),
            unused: Table::new(objects),
            queue: List::new(),
            sizes: vec![0; objects as usize],
            fetches: 0,
        }
    }

    /// Whether the object is an unused one; then it is not any more, and the cache has its room.
    fn use_first(&mut self, object: u32) -> bool {
        let Some(slot) = self.unused.find(object) else {
            return false;
        };
        self.queue.unlink(&mut self.unused, slot);
        self.unused.remove(slot);
        self.trails.on_use();
        self.share_room();
        true
    }

    fn give_up_stale(&mut self) {
        if let Some(oldest) = self.queue.oldest()
            && self.unused[oldest].note.since + Self::PATIENCE < self.fetches
        {
            self.give_up_oldest();
            self.share_room();
        }
    }

    fn give_up_oldest(&mut self) {
        if let Some(oldest) = self.queue.pop(&mut self.unused) {
            self.trails.on_waste(self.unused[oldest].note.displaced);
            self.unused.remove(oldest);
        }
    }

    /// The cache has what the queue does not take. What had to leave for that.
    fn share_room(&mut self) -> Option<u64> {
        self.cache.resize(self.capacity - self.queue.used())
    }

    fn prefetch_after(&mut self, request: Request) {
        let most = self.capacity / Self::SHARE;
        let (cache, unused, sizes) = (&self.cache, &self.unused, &self.sizes);
        let is_unwanted = |object| {
            let fits = u64::from(sizes[object as usize]) <= most;
            !fits || cache.holds(object) || unused.find(object).is_some()
        };
        let key = hash(request.key);
        let next = self.trails.on_fetch(0, key, request.object, is_unwanted);
        let Some(object) = next else { return };
        let size = self.sizes[object as usize];
        while self.queue.used() + u64::from(size) > most {
            self.give_up_oldest();
        }
        let unused = Unused {
            since: self.fetches,
            displaced: None,
        };
        let slot = self.unused.insert(object, size, unused);
        self.queue.push(&mut self.unused, slot);
        self.unused[slot].note.displaced = self.share_room().map(hash);
    }
}

impl<C: Lender> Subject for Trailing<C> {
    fn access(&mut self, request: Request) -> Outcome {
        self.sizes[request.object as usize] = request.size;
        if self.cache.holds(request.object) {
            return self.cache.access(request);
        }
        self.fetches += 1;
        let was_prefetched = self.use_first(request.object);
        if !was_prefetched {
            self.give_up_stale();
        }
        self.cache.access(request);
        self.prefetch_after(request);
        if was_prefetched {
            Outcome::Hit
        } else {
            Outcome::Miss
        }
    }

    fn prefetches(&self) -> Prefetches {
        let account = self.trails.account();
        Prefetches {
            issued: account.issued,
            useful: account.useful,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ant::Colony;

    const OBJECTS: u32 = 2_000;

    fn cache(capacity: u64) -> Trailing<Colony> {
        Trailing::new(Colony::lean(capacity, OBJECTS), capacity, OBJECTS, 10_000)
    }

    fn request(object: u32, size: u32) -> Request {
        Request {
            key: u64::from(object) * 8,
            object,
            size,
        }
    }

    #[test]
    fn the_next_object_of_a_loop_is_there_however_small_the_cache() {
        let mut cache = cache(100);
        let requests: Vec<_> = (0..20_000).map(|i| request(i % OBJECTS, 1)).collect();
        assert!(cache.replay(&requests[..4_000]).requests > 2_000);
        let misses = cache.replay(&requests[4_000..]).requests;
        assert!(misses < 1_000, "{misses}");
        let prefetches = cache.prefetches();
        assert!(
            prefetches.useful * 100 > prefetches.issued * 99,
            "{prefetches:?}"
        );
    }

    #[test]
    fn the_capacity_is_shared_without_rest_and_each_object_is_in_one_place() {
        let mut random = fastrand::Rng::with_seed(7);
        for capacity in [0, 1, 15, 16, 200, 1_000] {
            let mut cache = cache(capacity);
            for i in 0..20_000u32 {
                let object = match random.u32(0..8) {
                    0 => random.u32(0..OBJECTS),
                    _ => i % 700,
                };
                cache.access(request(object, 1 + (object + i / 5_000) % 23));
                let (held, unused) = (cache.cache.used(), cache.queue.used());
                assert!(held + unused <= capacity, "{held} and {unused}");
                assert!(unused <= capacity / Trailing::<Colony>::SHARE);
                assert!(!cache.cache.holds(object) || cache.unused.find(object).is_none());
            }
        }
    }

    #[test]
    fn where_trails_do_not_help_the_queue_is_empty_and_the_cache_has_all_room() {
        let mut cache = cache(100);
        for i in 0..20_000 {
            cache.access(request(i % 500, 1));
        }
        assert!(cache.prefetches().useful > 10_000);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            cache.access(request(random.u32(0..OBJECTS), 1));
        }
        assert_eq!((cache.queue.used(), cache.cache.used()), (0, 100));
    }
}
