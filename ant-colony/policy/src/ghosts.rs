//! Fingerprints of recently evicted objects, in a table of fixed size.
//!
//! An entry is 4 bytes: a 16-bit fingerprint and a 16-bit insertion stamp. It lives
//! in the one bucket of 8 that its hash names and is valid while fewer than
//! `horizon` others were inserted after it, which makes the table behave like a FIFO
//! list of `horizon` hashes without links. A full bucket drops its oldest entry.
//!
//! A bucket is in order of age, so that it is a shift to insert, and it is compared four at a time.
//!
//! Errors are harmless by design: a fingerprint that matches by chance (about 8 in
//! 65,536 look-ups) puts one new object into the wrong queue.

use alloc::vec;
use alloc::vec::Vec;

/// Entries of a bucket.
const BUCKET: usize = 2 * LANES;
/// Fingerprints, or stamps, in a word.
const LANES: usize = 4;
const LANE: u32 = 16;
/// The lowest bit of each lane.
const ONES: u64 = 0x0001_0001_0001_0001;
/// Stamps advance this many times over one table's worth of insertions, so that a
/// stamp wraps only after 16 such rounds, when its entry has long been overwritten.
const STAMPS_PER_ROUND: u64 = 4096;

/// Eight numbers of 16 bits, the youngest in the lowest place.
#[derive(Clone, Copy, Debug, Default)]
struct Lanes([u64; 2]);

impl Lanes {
    /// Adds a number; the oldest is gone.
    #[inline]
    fn push(&mut self, number: u16) {
        let [young, old] = self.0;
        self.0 = [
            young << LANE | u64::from(number),
            old << LANE | young >> (u64::BITS - LANE),
        ];
    }

    /// The place of the youngest of these numbers, if there is one.
    #[inline]
    fn place_of(&self, number: u16) -> Option<usize> {
        // The highest bit of lanes that are equal; above these, perhaps of others.
        let equal = |word: u64| {
            let differs = word ^ (u64::from(number) * ONES);
            differs.wrapping_sub(ONES) & !differs & ONES << (LANE - 1)
        };
        let (young, old) = (equal(self.0[0]), equal(self.0[1]));
        // Mostly there is none: one branch says so.
        if young | old == 0 {
            return None;
        }
        let place = |equal: u64| (equal.trailing_zeros() / LANE) as usize;
        Some(match young {
            0 => LANES + place(old),
            _ => place(young),
        })
    }

    /// Takes the number in a place out; those that are older come after it, and a 0 at last.
    fn remove(&mut self, place: usize) -> u16 {
        let number = self.get(place);
        let [young, old] = &mut self.0;
        let close = |word: u64, lane: usize| {
            let younger = (1 << (lane as u32 * LANE)) - 1;
            word & younger | word >> LANE & !younger
        };
        if place < LANES {
            *young = close(*young, place) & u64::MAX >> LANE | *old << (u64::BITS - LANE);
            *old >>= LANE;
        } else {
            *old = close(*old, place - LANES) & u64::MAX >> LANE;
        }
        number
    }

    fn get(&self, place: usize) -> u16 {
        (self.0[place / LANES] >> (place % LANES * LANE as usize)) as u16
    }
}

/// Free places, which come last, have 0 for a fingerprint.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    prints: Lanes,
    stamps: Lanes,
}

/// A bucket as it is in the table: fingerprints, then stamps.
type Words = [u64; WORDS];
const WORDS: usize = 4;

impl Bucket {
    #[inline(always)]
    fn of(&[young, old, stamps_young, stamps_old]: &Words) -> Self {
        Self {
            prints: Lanes([young, old]),
            stamps: Lanes([stamps_young, stamps_old]),
        }
    }

    #[inline(always)]
    fn words(self) -> Words {
        let (Lanes([young, old]), Lanes([stamps_young, stamps_old])) = (self.prints, self.stamps);
        [young, old, stamps_young, stamps_old]
    }

    /// Takes an entry out; its stamp.
    #[cold]
    fn remove(&mut self, place: usize) -> u16 {
        self.prints.remove(place);
        self.stamps.remove(place)
    }
}

/// So many buckets. They are integers that are zero, so that no memory is touched before it is used; and
/// the first one begins where none lies across cache lines.
#[derive(Clone, Debug)]
struct Table {
    words: Vec<u64>,
    start: usize,
    len: usize,
}

impl Table {
    fn new(len: usize) -> Self {
        let spare = (WORDS - 1).min(len);
        let words = vec![0; len * WORDS + spare];
        let start = words.as_ptr().align_offset(size_of::<Words>());
        Self {
            start: start.min(spare),
            words,
            len,
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Words> {
        self.words[self.start..].as_chunks().0.iter().take(self.len)
    }

    fn set(&mut self, index: usize, bucket: Bucket) {
        if let Some(words) = self.get_mut(index) {
            *words = bucket.words();
        }
    }

    #[inline(always)]
    fn get_mut(&mut self, index: usize) -> Option<&mut Words> {
        let words = self.words.get_mut(self.start + index * WORDS..)?;
        words.first_chunk_mut()
    }
}

/// A bounded memory of hashes that left the cache.
#[derive(Debug)]
pub(crate) struct Ghosts {
    table: Table,
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
        capacity.div_ceil(BUCKET) * size_of::<Words>()
    }

    /// A table for `capacity` hashes, rounded up to whole buckets. Zero remembers nothing.
    pub(crate) fn new(capacity: usize) -> Self {
        let table = Table::new(capacity.div_ceil(BUCKET));
        let stamp_every = stamp_every(table.len);
        Self {
            inserted: 0,
            now: 0,
            left: stamp_every,
            stamp_every,
            horizon: (table.len * BUCKET) as u64,
            table,
        }
    }

    /// Makes the table one for `capacity` hashes or more, if it is smaller. What it remembers it still
    /// does. (Where in a bucket's share of the hashes one was is not known: so each part of the share
    /// gets all that the bucket had, and what is foreign there is the oldest some day.)
    pub(crate) fn grow(&mut self, capacity: usize) {
        if self.table.len == 0 {
            *self = Self::new(capacity);
        }
        let slots = (self.table.len * BUCKET).max(1);
        let parts = capacity.div_ceil(slots).next_power_of_two();
        if parts == 1 {
            return;
        }
        let mut table = Table::new(self.table.len * parts);
        let (before, after) = (self.stamp_every, stamp_every(table.len));
        let restamp = |stamp: u16| {
            let age = u64::from(self.now.wrapping_sub(stamp)) * before / after;
            self.now.wrapping_sub(age as u16)
        };
        for (index, words) in self.table.iter().enumerate() {
            let mut bucket = Bucket::of(words);
            let stamps = bucket.stamps;
            let oldest_first = (0..BUCKET).rev();
            oldest_first.for_each(|place| bucket.stamps.push(restamp(stamps.get(place))));
            for part in index * parts..(index + 1) * parts {
                table.set(part, bucket);
            }
        }
        self.table = table;
        (self.stamp_every, self.left) = (after, after);
    }

    /// Forget what left the cache more than `insertions` insertions ago.
    pub(crate) fn set_horizon(&mut self, insertions: usize) {
        self.horizon = insertions as u64;
    }

    /// Remember `hash`, in place of the oldest entry of a full bucket.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64) {
        let index = self.index(hash);
        let Some(words) = self.table.get_mut(index) else {
            return;
        };
        self.inserted += 1;
        self.left -= 1;
        if self.left == 0 {
            self.now = self.now.wrapping_add(1);
            self.left = self.stamp_every;
        }
        let mut bucket = Bucket::of(words);
        bucket.prints.push(fingerprint(hash));
        bucket.stamps.push(self.now);
        *words = bucket.words();
    }

    /// Forgets `hash`; answers how many insertions ago it was remembered, about, unless
    /// that is beyond the horizon.
    #[inline(always)]
    pub(crate) fn take(&mut self, hash: u64) -> Option<u64> {
        // Before anything was evicted, the table is not touched: it may be large.
        if self.inserted == 0 {
            return None;
        }
        let index = self.index(hash);
        let words = self.table.get_mut(index)?;
        let mut bucket = Bucket::of(words);
        let place = bucket.prints.place_of(fingerprint(hash))?;
        let stamp = bucket.remove(place);
        *words = bucket.words();
        let age = u64::from(self.now.wrapping_sub(stamp)) * self.stamp_every;
        (age < self.horizon).then_some(age)
    }

    /// Where the bucket of `hash` is, if there is any.
    #[inline]
    fn index(&self, hash: u64) -> usize {
        // Each bit from two: some are the same in all hashes of a sharded mechanism's part.
        let position = u64::from((hash >> 20) as u32 ^ hash as u32);
        ((position * self.table.len as u64) >> 32) as usize
    }
}

/// Insertions that get the same stamp, in a table of so many buckets.
fn stamp_every(buckets: usize) -> u64 {
    ((buckets * BUCKET) as u64 / STAMPS_PER_ROUND).max(1)
}

/// Never zero, so that a place with zero is free.
fn fingerprint(hash: u64) -> u16 {
    (hash as u16).max(1)
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
                    table: ghosts.table.clone(),
                    ..ghosts
                };
                copy.take(i).is_some()
            });
            let before = before.count();
            ghosts.grow(5 * capacity);
            ghosts.set_horizon(5 * capacity);
            assert_eq!(ghosts.table.len * BUCKET, 8 * capacity);
            let ages: Vec<u64> = newest.filter_map(|i| ghosts.take(i)).collect();
            assert_eq!(ages.len(), before);
            let bound = count / 8 + 2 * stamp_every(ghosts.table.len);
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
            let of = |i| ghosts.index(hash(i) & !same | 0x5555_5555_5555_5555 & same);
            let used = (0..8 * buckets as u64).map(of).collect::<BTreeSet<_>>();
            assert!(used.len() > buckets * 99 / 100, "{same:x}: {}", used.len());
        }
    }

    #[test]
    fn a_bucket_is_a_list_in_order_of_age() {
        let mut lanes = Lanes::default();
        let mut model = alloc::collections::VecDeque::from([0_u16; BUCKET]);
        for i in 0..10_000 {
            // Neighbours in a word that differ by one, equal ones, and all bits.
            let number = [1, 2, 3, 0xffff, 0x8000, 0x8001][hash(i) as usize % 6];
            if hash(i) >> 40 & 1 == 0 {
                lanes.push(number);
                model.push_front(number);
                model.pop_back();
            } else {
                let place = model.iter().position(|it| *it == number);
                assert_eq!(lanes.place_of(number), place);
                if let Some(place) = place {
                    assert_eq!(lanes.remove(place), number);
                    model.remove(place);
                    model.push_back(0);
                }
            }
            assert!((0..BUCKET).all(|place| lanes.get(place) == model[place]));
        }
    }

    #[test]
    fn an_empty_table_remembers_nothing() {
        let mut ghosts = Ghosts::new(0);
        ghosts.insert(7);
        assert_eq!(ghosts.take(7), None);
    }
}
