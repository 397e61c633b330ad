//! Trails in a bounded table: by hash, in buckets of eight, each of two bytes and a successor.
//!
//! An entry's two bytes are fourteen bits of the hash and two of confidence. Hashes are not
//! verified: one stranger in 2,000 is taken for an object with a trail. A full bucket gives up the
//! oldest of its least confident trails; now and then all of the bucket lose confidence by that, or
//! what was sure once would stay for ever.

use alloc::boxed::Box;

/// Entries of a bucket.
const BUCKET: usize = 8;
const CONFIDENCE_BITS: u32 = 2;
const CONFIDENCE: u16 = (1 << CONFIDENCE_BITS) - 1;
/// Levels of confidence: by how much more often a trail was confirmed than refuted.
pub(super) const LEVELS: usize = 1 << CONFIDENCE_BITS;
/// One replacement in so many lowers the confidence of its bucket.
const DECAY: u32 = 32;

/// Where an object leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trail<K> {
    pub(super) successor: K,
    /// Below [`LEVELS`].
    pub(super) confidence: u8,
}

/// The trails of all objects that have one.
#[derive(Debug)]
pub(super) struct Table<K> {
    /// Print and confidence; 0 where there is no entry. The youngest of a bucket comes first.
    heads: Box<[u16]>,
    successors: Box<[K]>,
    replaced: u32,
}

impl<K: Copy + Eq + Default> Table<K> {
    pub(super) const fn bytes(trails: usize) -> usize {
        trails.next_multiple_of(BUCKET) * (size_of::<u16>() + size_of::<K>())
    }

    pub(super) fn new(trails: usize) -> Self {
        let entries = trails.next_multiple_of(BUCKET);
        Self {
            heads: alloc::vec![0; entries].into_boxed_slice(),
            successors: alloc::vec![K::default(); entries].into_boxed_slice(),
            replaced: 0,
        }
    }

    pub(super) fn find(&self, hash: u64) -> Option<Trail<K>> {
        let place = self.place(hash)?;
        Some(Trail {
            successor: self.successors[place],
            confidence: (self.heads[place] & CONFIDENCE) as u8,
        })
    }

    /// The object was followed by `successor`: that begins a trail, if it has none.
    pub(super) fn begin(&mut self, hash: u64, successor: K) {
        if self.place(hash).is_none() {
            self.insert(hash, successor);
        }
    }

    /// What the object's trail leads to followed, if it still leads there.
    pub(super) fn confirm(&mut self, hash: u64, successor: K) {
        if let Some(place) = self.place_of(hash, successor) {
            self.heads[place] += u16::from(self.heads[place] & CONFIDENCE < CONFIDENCE);
        }
    }

    /// It did not follow, but `instead`, if that is known.
    pub(super) fn refute(&mut self, hash: u64, successor: K, instead: Option<K>) {
        let Some(place) = self.place_of(hash, successor) else {
            return;
        };
        if self.heads[place] & CONFIDENCE > 0 {
            self.heads[place] -= 1;
        } else if let Some(instead) = instead {
            self.successors[place] = instead;
        }
    }

    fn insert(&mut self, hash: u64, successor: K) {
        let Some(start) = self.bucket(hash) else {
            return;
        };
        let bucket = &mut self.heads[start..start + BUCKET];
        let victim = victim(bucket);
        if bucket[victim] != 0 {
            self.replaced = self.replaced.wrapping_add(1);
            if self.replaced.is_multiple_of(DECAY) {
                weaken(bucket);
            }
        }
        bucket.copy_within(..victim, 1);
        bucket[0] = print(hash);
        let successors = &mut self.successors[start..start + BUCKET];
        successors.copy_within(..victim, 1);
        successors[0] = successor;
    }

    fn place(&self, hash: u64) -> Option<usize> {
        let start = self.bucket(hash)?;
        let print = print(hash);
        let bucket = &self.heads[start..start + BUCKET];
        let place = bucket.iter().position(|head| head & !CONFIDENCE == print)?;
        Some(start + place)
    }

    fn place_of(&self, hash: u64, successor: K) -> Option<usize> {
        let place = self.place(hash)?;
        (self.successors[place] == successor).then_some(place)
    }

    fn bucket(&self, hash: u64) -> Option<usize> {
        let buckets = (self.heads.len() / BUCKET) as u64;
        // The middle bits: a sharded mechanism has spent the top ones on the shard.
        let position = hash >> 20 & 0xffff_ffff;
        (buckets > 0).then(|| ((position * buckets) >> 32) as usize * BUCKET)
    }
}

/// Without confidence, and never zero, so that a zero entry is an empty one.
fn print(hash: u64) -> u16 {
    (hash as u16).max(1 << CONFIDENCE_BITS) & !CONFIDENCE
}

/// An empty entry, or the oldest of those with the least confidence.
fn victim(bucket: &[u16]) -> usize {
    let confidence = |place: usize| match bucket[place] {
        0 => 0,
        head => 1 + (head & CONFIDENCE),
    };
    let places = (0..bucket.len()).rev();
    places.min_by_key(|&place| confidence(place)).unwrap_or(0)
}

fn weaken(bucket: &mut [u16]) {
    for head in bucket {
        *head -= u16::from(*head & CONFIDENCE > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(i: u64) -> u64 {
        let x = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        x ^ (x >> 32)
    }

    fn trail(successor: u32, confidence: u8) -> Option<Trail<u32>> {
        Some(Trail {
            successor,
            confidence,
        })
    }

    #[test]
    fn confidence_comes_by_repetition_and_goes_by_exceptions() {
        let mut table = Table::new(BUCKET);
        table.begin(hash(1), 10);
        for confidence in [0, 1, 2, 3, 3] {
            assert_eq!(table.find(hash(1)), trail(10, confidence));
            table.confirm(hash(1), 10);
        }
        for confidence in [3, 2, 1, 0] {
            assert_eq!(table.find(hash(1)), trail(10, confidence));
            table.refute(hash(1), 10, Some(20));
        }
        assert_eq!(table.find(hash(1)), trail(20, 0));
    }

    #[test]
    fn what_is_said_of_a_successor_does_not_touch_the_trail_to_another() {
        let mut table = Table::new(BUCKET);
        table.begin(hash(1), 10);
        table.begin(hash(1), 20);
        table.confirm(hash(1), 20);
        table.refute(hash(1), 20, Some(30));
        assert_eq!(table.find(hash(1)), trail(10, 0));
    }

    #[test]
    fn a_full_bucket_gives_up_the_oldest_of_the_least_confident() {
        let mut table = Table::new(BUCKET);
        for i in 0..BUCKET as u64 {
            table.begin(hash(i), 0);
        }
        table.confirm(hash(0), 0);
        table.begin(hash(100), 0);
        assert_eq!(table.find(hash(0)), trail(0, 1));
        assert_eq!(table.find(hash(1)), None);
        assert_eq!(table.find(hash(2)), trail(0, 0));
    }

    #[test]
    fn what_was_sure_once_does_not_stay_for_ever() {
        let mut table = Table::new(BUCKET);
        table.begin(hash(0), 0);
        for _ in 0..3 {
            table.confirm(hash(0), 0);
        }
        for i in 1..=u64::from(DECAY) * 4 + BUCKET as u64 * 2 {
            table.begin(hash(i), 0);
        }
        assert_eq!(table.find(hash(0)), None);
    }

    #[test]
    fn strangers_are_rarely_taken_for_somebody() {
        let mut table = Table::new(8_192);
        for i in 0..30_000 {
            table.begin(hash(i), 0u32);
        }
        let strangers = 1_000_000..1_100_000;
        let wrong = strangers.filter(|&i| table.find(hash(i)).is_some()).count();
        assert!(wrong < 100, "{wrong} of 100,000");
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let mut table = Table::new(0);
        table.begin(hash(1), 10u32);
        assert_eq!(table.find(hash(1)), None);
    }
}
