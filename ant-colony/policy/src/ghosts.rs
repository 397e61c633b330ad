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
            stamp_every: (slots as u64 / STAMPS_PER_ROUND).max(1),
            horizon: slots as u64,
        }
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
        let now = self.stamp();
        let print = fingerprint(hash);
        let bucket = &mut self.slots[start..start + BUCKET];
        let mut place = 0;
        let mut oldest = 0;
        for (i, &slot) in bucket.iter().enumerate() {
            if slot == 0 || slot >> 16 == print {
                place = i;
                break;
            }
            let age = now.wrapping_sub(slot as u16);
            if age >= oldest {
                oldest = age;
                place = i;
            }
        }
        bucket[place] = print << 16 | u32::from(now);
    }

    /// Forgets `hash`; answers how many insertions ago it was remembered, about, unless
    /// that is beyond the horizon.
    pub(crate) fn take(&mut self, hash: u64) -> Option<u64> {
        // Before anything was evicted, the table is not touched: it may be large.
        let start = self.bucket(hash).filter(|_| self.inserted > 0)?;
        let now = self.stamp();
        let print = fingerprint(hash);
        let slot = self.slots[start..start + BUCKET]
            .iter_mut()
            .find(|slot| **slot >> 16 == print)?;
        let age = u64::from(now.wrapping_sub(*slot as u16)) * self.stamp_every;
        *slot = 0;
        (age < self.horizon).then_some(age)
    }

    fn stamp(&self) -> u16 {
        (self.inserted / self.stamp_every) as u16
    }

    fn bucket(&self, hash: u64) -> Option<usize> {
        let buckets = (self.slots.len() / BUCKET) as u64;
        // The middle bits: a sharded mechanism has spent the top ones on the shard.
        let position = (hash >> 20) & 0xffff_ffff;
        (buckets > 0).then(|| ((position * buckets) >> 32) as usize * BUCKET)
    }
}

/// Never zero, so that a zero slot is an empty one.
fn fingerprint(hash: u64) -> u32 {
    (hash as u32 & 0xffff).max(1)
}

#[cfg(test)]
mod tests {
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
    fn an_empty_table_remembers_nothing() {
        let mut ghosts = Ghosts::new(0);
        ghosts.insert(7);
        assert_eq!(ghosts.take(7), None);
    }
}
