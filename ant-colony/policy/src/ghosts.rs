//! Fingerprints of recently evicted objects, in a table of fixed size.
//!
//! An entry is 4 bytes: a 16-bit fingerprint and a 16-bit insertion stamp. It lives
//! in the one bucket of 8 that its hash names and is valid while fewer than
//! `horizon` others were inserted after it, which makes the table behave like a FIFO
//! list of `horizon` hashes without links. A full bucket drops its oldest entry.
//!
//! Errors are harmless by design: a fingerprint that matches by chance (about 8 in
//! 65,536 look-ups) puts one new object into the wrong queue.

use alloc::vec;
use alloc::vec::Vec;

const BUCKET: usize = 8;
/// Stamps advance this many times over one table's worth of insertions, so that a
/// stamp wraps only after 16 such rounds, when its entry has long been overwritten.
const STAMPS_PER_ROUND: u64 = 4096;

/// A bounded memory of hashes that left the cache.
#[derive(Debug)]
pub(crate) struct Ghosts {
    slots: Vec<u32>,
    inserted: u64,
    /// The stamp of what is inserted now.
    now: u16,
    /// Insertions until the next stamp.
    left: u64,
    stamp_every: u64,
    horizon: u64,
}

impl Ghosts {
    /// Memory that a table for `capacity` hashes takes.
    pub(crate) const fn bytes(capacity: usize) -> usize {
        capacity.next_multiple_of(BUCKET) * size_of::<u32>()
    }

    /// A table for `capacity` hashes, rounded up to whole buckets. Zero remembers nothing.
    pub(crate) fn new(capacity: usize) -> Self {
        let slots = capacity.next_multiple_of(BUCKET);
        Self {
            slots: vec![0; slots],
            inserted: 0,
            now: 0,
            left: stamp_every(slots),
            stamp_every: stamp_every(slots),
            horizon: slots as u64,
        }
    }

    /// Makes the table one for `capacity` hashes or more, if it is smaller. What it remembers it still
    /// does. (Where in a bucket's share of the hashes one was is not known: so each part of the share
    /// gets all that the bucket had, and what is foreign there is the oldest some day.)
    pub(crate) fn grow(&mut self, capacity: usize) {
        if self.slots.is_empty() {
            *self = Self::new(capacity);
        }
        let parts = capacity
            .div_ceil(self.slots.len().max(1))
            .next_power_of_two();
        if parts == 1 {
            return;
        }
        let slots = self.slots.len() * parts;
        let (before, after) = (self.stamp_every, stamp_every(slots));
        let restamp = |slot: u32| {
            let age = u64::from(self.now.wrapping_sub(slot as u16)) * before / after;
            let stamp = self.now.wrapping_sub(age as u16);
            let is_free = slot == 0;
            if is_free {
                0
            } else {
                slot >> 16 << 16 | u32::from(stamp)
            }
        };
        let buckets = self.slots.chunks(BUCKET);
        let copies = buckets.flat_map(|bucket| core::iter::repeat_n(bucket, parts));
        self.slots = copies.flatten().map(|slot| restamp(*slot)).collect();
        (self.stamp_every, self.left) = (after, after);
    }

    /// Forget what left the cache more than `insertions` insertions ago.
    pub(crate) fn set_horizon(&mut self, insertions: usize) {
        self.horizon = insertions as u64;
    }

    /// Remember `hash`, in place of the oldest entry of a full bucket.
    pub(crate) fn insert(&mut self, hash: u64) {
        let Some(start) = self.bucket(hash) else {
            return;
        };
        self.inserted += 1;
        self.left -= 1;
        if self.left == 0 {
            self.now = self.now.wrapping_add(1);
            self.left = self.stamp_every;
        }
        let now = self.now;
        let print = fingerprint(hash);
        let bucket = self.bucket_at(start);
        // A free slot and the same fingerprint are as old as can be: older than any other.
        let age = |slot: u32| match slot == 0 || slot >> 16 == print {
            true => 1 << 16,
            false => u32::from(now.wrapping_sub(slot as u16)),
        };
        // Without a branch for each: which one it is cannot be foretold.
        let oldest = (0..BUCKET).map(|i| age(bucket[i]) << 3 | i as u32).max();
        let place = oldest.unwrap_or(0) as usize % BUCKET;
        bucket[place] = print << 16 | u32::from(now);
    }

    /// Forgets `hash`; answers how many insertions ago it was remembered, about, unless
    /// that is beyond the horizon.
    pub(crate) fn take(&mut self, hash: u64) -> Option<u64> {
        // Before anything was evicted, the table is not touched: it may be large.
        let start = self.bucket(hash).filter(|_| self.inserted > 0)?;
        let now = self.now;
        let print = fingerprint(hash);
        let bucket = self.bucket_at(start);
        let matching = (0..BUCKET).map(|i| usize::from(bucket[i] >> 16 == print) << i);
        // Mostly there is none: one branch says so.
        let matching: usize = matching.sum();
        if matching == 0 {
            return None;
        }
        let slot = &mut bucket[matching.trailing_zeros() as usize];
        let stamp = core::mem::take(slot) as u16;
        let age = u64::from(now.wrapping_sub(stamp)) * self.stamp_every;
        (age < self.horizon).then_some(age)
    }

    fn bucket_at(&mut self, start: usize) -> &mut [u32; BUCKET] {
        let bucket = self.slots[start..].first_chunk_mut();
        bucket.expect("buckets are whole")
    }

    fn bucket(&self, hash: u64) -> Option<usize> {
        let buckets = (self.slots.len() / BUCKET) as u64;
        // Each bit from two: some are the same in all hashes of a sharded mechanism's part.
        let position = u64::from((hash >> 20) as u32 ^ hash as u32);
        (buckets > 0).then(|| ((position * buckets) >> 32) as usize * BUCKET)
    }
}

/// Insertions that get the same stamp, in a table of so many slots.
fn stamp_every(slots: usize) -> u64 {
    (slots as u64 / STAMPS_PER_ROUND).max(1)
}

/// Never zero, so that a zero slot is an empty one.
fn fingerprint(hash: u64) -> u32 {
    (hash as u32 & 0xffff).max(1)
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    fn hash(i: u64) -> u64 {
        let mut x = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x ^= x >> 32;
        x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
        x ^ (x >> 32)
    }

    #[test]
    fn most_of_the_last_capacity_hashes_are_remembered() {
        let mut ghosts = Ghosts::new(4096);
        for i in 0..100_000 {
            ghosts.insert(hash(i));
        }
        let hits = (100_000 - 2048..100_000)
            .filter(|&i| ghosts.take(hash(i)).is_some())
            .count();
        assert!(hits > 1950, "{hits} of the newest 2048 were remembered");
    }

    #[test]
    fn hashes_beyond_the_horizon_are_forgotten() {
        let mut ghosts = Ghosts::new(4096);
        ghosts.set_horizon(100);
        for i in 0..4000 {
            ghosts.insert(hash(i));
        }
        let old = (0..3800)
            .filter(|&i| ghosts.take(hash(i)).is_some())
            .count();
        assert!(old < 10, "{old} ghosts beyond the horizon were found");
        assert!((3950..4000).all(|i| ghosts.take(hash(i)).is_some()));
    }

    #[test]
    fn a_ghost_is_found_once() {
        let mut ghosts = Ghosts::new(64);
        ghosts.insert(hash(1));
        assert!(ghosts.take(hash(1)).is_some());
        assert_eq!(ghosts.take(hash(1)), None);
    }

    #[test]
    fn strangers_rarely_match() {
        let mut ghosts = Ghosts::new(8192);
        for i in 0..20_000 {
            ghosts.insert(hash(i));
        }
        let wrong = (1_000_000..1_100_000)
            .filter(|&i| ghosts.take(hash(i)).is_some())
            .count();
        assert!(wrong < 50, "{wrong} of 100,000 strangers matched");
    }

    #[test]
    fn a_table_that_grows_remembers_what_it_did_and_when() {
        for capacity in [8, 4096, 100_000] {
            let mut ghosts = Ghosts::new(capacity);
            let count = capacity as u64;
            (0..count).for_each(|i| ghosts.insert(hash(i)));
            let newest = (count - count / 8..count).map(hash);
            let before = newest.clone().filter(|&i| {
                let mut copy = Ghosts {
                    slots: ghosts.slots.clone(),
                    ..ghosts
                };
                copy.take(i).is_some()
            });
            let before = before.count();
            ghosts.grow(5 * capacity);
            ghosts.set_horizon(5 * capacity);
            assert_eq!(ghosts.slots.len(), 8 * capacity);
            let ages: Vec<u64> = newest.filter_map(|i| ghosts.take(i)).collect();
            assert_eq!(ages.len(), before);
            let bound = count / 8 + 2 * stamp_every(8 * capacity);
            assert!(ages.iter().all(|&age| age <= bound), "{ages:?}");
        }
    }

    #[test]
    fn all_buckets_are_used_whichever_bits_are_the_same_in_all_hashes() {
        let buckets = 4096;
        let ghosts = Ghosts::new(buckets * BUCKET);
        // Up to 1,024 parts by any bits in a row; or a hash of half the bits.
        let parts = (0..=54).map(|shift| 0x3ff << shift);
        for same in parts.chain([u64::MAX << 32]) {
            let of = |i| ghosts.bucket(hash(i) & !same | 0x5555_5555_5555_5555 & same);
            let used = (0..8 * buckets as u64)
                .filter_map(of)
                .collect::<BTreeSet<_>>();
            assert!(used.len() > buckets * 99 / 100, "{same:x}: {}", used.len());
        }
    }

    #[test]
    fn an_empty_table_remembers_nothing() {
        let mut ghosts = Ghosts::new(0);
        ghosts.insert(7);
        assert_eq!(ghosts.take(7), None);
    }
}
