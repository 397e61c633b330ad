//! The index: which slots may hold the entry with a hash.
//!
//! A bucket is a cache line: tags, and the numbers of slots. Only the writer writes, so a word is
//! changed by a load and a store. An entry stays in its place until it is removed or moves to a larger
//! table. If its home bucket is full, it goes to the next one that is not; each bucket counts the
//! entries that have passed it, and who searches goes on only where that is not 0.

use alloc::boxed::Box;

use crate::map::prefetch;
use crate::sync::MODELLED;
use crate::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// Places of a bucket: with their tags, a cache line.
const PLACES: usize = if MODELLED { 1 } else { 12 };
/// Entries per bucket at which a table is full.
const FULL: usize = if MODELLED { 1 } else { 8 };
/// Buckets of the first table.
const FIRST: usize = if MODELLED { 1 } else { 8 };
/// Buckets that one insertion moves.
const STEP: usize = 2;

/// Tags of a word.
const TAGS: usize = 8;
const ONES: u64 = 0x0101_0101_0101_0101;
/// From this bit on, the second word counts the entries that have passed.
const PASSED: u32 = 32;

/// The highest bit of each tag in a word.
const fn highs(word: usize) -> u64 {
    let tags = PLACES.saturating_sub(word * TAGS);
    let all = if tags >= TAGS {
        u64::MAX
    } else {
        (1 << (8 * tags)) - 1
    };
    (ONES << 7) & all
}

/// Seven bits of the hash under a one; a free place has 0. Other bits choose the bucket.
#[inline(always)]
const fn tag(hash: usize) -> u64 {
    (hash >> (usize::BITS - 7)) as u64 | 0x80
}

/// The places of a bucket whose bits are set in a word.
#[inline(always)]
fn places(word: usize, mut bits: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        (bits != 0).then(|| {
            let place = bits.trailing_zeros() as usize / 8;
            bits &= bits - 1;
            word * TAGS + place
        })
    })
}

/// The places of a word of tags with this one, now and then another one, but never a free one.
#[inline(always)]
fn matching(word: usize, tags: u64, tag: u64) -> impl Iterator<Item = usize> {
    // A byte that is 0 borrows from its highest bit; so may one that is 1, after a byte that is 0.
    // Those of free places have their highest bit set in `differs`.
    let differs = tags ^ (tag * ONES);
    places(word, differs.wrapping_sub(ONES) & !differs & highs(word))
}

#[repr(align(64))]
struct Bucket {
    words: [AtomicU64; 2],
    /// 0 in free places.
    slots: [AtomicU32; PLACES],
}

impl Bucket {
    #[cfg(any(feature = "loom", feature = "shuttle"))]
    fn new() -> Self {
        Self {
            words: core::array::from_fn(|_| AtomicU64::new(0)),
            slots: core::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    fn own(&self, word: usize) -> u64 {
        self.words[word].load(Relaxed)
    }

    fn taken(&self) -> impl Iterator<Item = usize> + use<> {
        let taken = |word: usize| places(word, self.own(word) & highs(word));
        taken(0).chain(taken(1))
    }

    /// The place of the entry in `slot`, which has this tag.
    #[inline]
    fn place_of(&self, tag: u64, slot: u32) -> Option<usize> {
        let is = |place: &usize| self.slots[*place].load(Relaxed) == slot;
        let in_word = |word: usize| matching(word, self.own(word), tag).find(is);
        in_word(0).or_else(|| in_word(1))
    }

    #[inline]
    fn free(&self) -> Option<usize> {
        let free = |word: usize| places(word, !self.own(word) & highs(word)).next();
        free(0).or_else(|| free(1))
    }

    #[inline]
    fn set_tag(&self, place: usize, tag: u64) {
        let (word, shift) = (place / TAGS, 8 * (place % TAGS));
        let others = self.own(word) & !(0xff << shift);
        self.words[word].store(others | tag << shift, Release);
    }

    fn passed(&self) -> u64 {
        self.own(1) >> PASSED
    }

    #[inline]
    fn clear(&self, place: usize) {
        self.slots[place].store(0, Release);
        self.set_tag(place, 0);
    }

    /// An entry goes by.
    fn pass(&self) {
        self.set_passed(self.passed() + 1);
    }

    /// One that went by is gone. (Not below 0, if who asks for its removal gives a wrong hash.)
    fn unpass(&self) {
        self.set_passed(self.passed().saturating_sub(1));
    }

    fn set_passed(&self, passed: u64) {
        let tags = self.own(1) & ((1 << PASSED) - 1);
        self.words[1].store(tags | passed << PASSED, Release);
    }
}

/// Buckets, and those of the smaller table that is being moved here.
pub(super) struct Table {
    /// As many as a power of two.
    buckets: Box<[Bucket]>,
    /// Null when all of it has been moved.
    pub(super) previous: AtomicPtr<Table>,
}

/// What the home bucket says of a hash at first sight.
pub(super) enum First<'t> {
    /// If there is an entry, it is most likely here.
    At(&'t AtomicU32),
    /// There is none in this table.
    Nowhere,
    /// That takes a search.
    Unclear,
}

/// Where an entry is. It stays there until the writer changes something.
pub(super) struct Spot<'t> {
    bucket: &'t Bucket,
    place: usize,
    /// The buckets of a table that it has passed: from its home on, so many. None if it is at home.
    passed: Option<(&'t Table, usize, usize)>,
}

impl Spot<'_> {
    /// Puts another slot in the place of the entry's.
    #[inline]
    pub(super) fn replace(&self, by: u32) {
        self.bucket.slots[self.place].store(by, Release);
    }

    /// Removes the entry.
    #[inline(always)]
    pub(super) fn clear(self) {
        self.bucket.clear(self.place);
        if let Some((table, hash, steps)) = self.passed {
            table.path(hash).take(steps).for_each(Bucket::unpass);
        }
    }
}

impl Table {
    pub(super) fn first() -> Box<Self> {
        Self::new(FIRST, core::ptr::null_mut())
    }

    /// A table of twice the size, to which this one is to be moved.
    pub(super) fn next(previous: *mut Self, buckets: usize) -> Box<Self> {
        Self::new(2 * buckets, previous)
    }

    fn new(buckets: usize, previous: *mut Self) -> Box<Self> {
        assert!(buckets.is_power_of_two());
        #[cfg(any(feature = "loom", feature = "shuttle"))]
        let buckets = (0..buckets).map(|_| Bucket::new()).collect();
        // Zeros that the allocator has at hand: a large table is not touched before it is used.
        #[cfg(not(any(feature = "loom", feature = "shuttle")))]
        // SAFETY: a bucket is integers.
        let buckets = unsafe { Box::<[Bucket]>::new_zeroed_slice(buckets).assume_init() };
        Box::new(Self {
            buckets,
            previous: AtomicPtr::new(previous),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// True if `entries` are more than are wanted here.
    pub(super) fn is_full(&self, entries: usize) -> bool {
        entries > self.len() * FULL
    }

    /// The bucket that many steps after the home bucket.
    #[inline(always)]
    fn bucket(&self, hash: usize, step: usize) -> &Bucket {
        let mask = self.buckets.len() - 1;
        // SAFETY: the length is a power of two, so `mask` and what is masked are less than it.
        unsafe { self.buckets.get_unchecked(hash.wrapping_add(step) & mask) }
    }

    #[inline]
    pub(super) fn prefetch(&self, hash: usize) {
        prefetch(self.bucket(hash, 0), 1);
    }

    /// The buckets that an entry may be in, in order.
    fn path(&self, hash: usize) -> impl Iterator<Item = &Bucket> {
        (0..self.len()).map(move |step| self.bucket(hash, step))
    }

    /// A look at the home bucket alone.
    #[inline(always)]
    pub(super) fn glance(&self, hash: usize) -> First<'_> {
        let (home, tag) = (self.bucket(hash, 0), tag(hash));
        let at = |place: usize| First::At(&home.slots[place]);
        if let Some(place) = matching(0, home.words[0].load(Acquire), tag).next() {
            return at(place);
        }
        let second = home.words[1].load(Acquire);
        match matching(1, second, tag).next() {
            Some(place) => at(place),
            None if second >> PASSED == 0 => First::Nowhere,
            None => First::Unclear,
        }
    }

    /// Calls `look` with the slots of the entries with this hash, and perhaps others, until it finds
    /// something.
    pub(super) fn find<R>(
        &self,
        hash: usize,
        mut look: impl FnMut(&AtomicU32) -> Option<R>,
    ) -> Option<R> {
        let tag = tag(hash);
        for bucket in self.path(hash) {
            for place in matching(0, bucket.words[0].load(Acquire), tag) {
                if let Some(found) = look(&bucket.slots[place]) {
                    return Some(found);
                }
            }
            let second = bucket.words[1].load(Acquire);
            for place in matching(1, second, tag) {
                if let Some(found) = look(&bucket.slots[place]) {
                    return Some(found);
                }
            }
            if second >> PASSED == 0 {
                break;
            }
        }
        None
    }

    /// Adds an entry, which is in no bucket. To be called by the writer.
    #[inline]
    pub(super) fn insert(&self, hash: usize, slot: u32) {
        let mut steps = 0;
        let (bucket, place) = loop {
            let bucket = self.bucket(hash, steps);
            if let Some(place) = bucket.free() {
                break (bucket, place);
            }
            // First, so that nobody who comes after the entry turns back here.
            bucket.pass();
            steps += 1;
            assert!(steps < self.len(), "a table grows before it is full");
        };
        bucket.slots[place].store(slot, Release);
        bucket.set_tag(place, tag(hash));
    }

    /// Where the entry in `slot` is. To be called by the writer.
    #[inline(always)]
    pub(super) fn locate(&self, hash: usize, slot: u32) -> Option<Spot<'_>> {
        // Nearly all are at home.
        let bucket = self.bucket(hash, 0);
        match bucket.place_of(tag(hash), slot) {
            Some(place) => Some(Spot {
                bucket,
                place,
                passed: None,
            }),
            None => self.locate_afar(hash, slot),
        }
    }

    #[cold]
    fn locate_afar(&self, hash: usize, slot: u32) -> Option<Spot<'_>> {
        for step in 1..self.len() {
            if self.bucket(hash, step - 1).passed() == 0 {
                break;
            }
            let bucket = self.bucket(hash, step);
            if let Some(place) = bucket.place_of(tag(hash), slot) {
                return Some(Spot {
                    bucket,
                    place,
                    passed: Some((self, hash, step)),
                });
            }
        }
        None
    }

    /// Moves the buckets of `old` that are next, `moved` of which have been; returns how many have
    /// been now. To be called by the writer.
    pub(super) fn take_from(
        &self,
        old: &Self,
        moved: usize,
        hash_of: impl Fn(u32) -> usize,
    ) -> usize {
        let end = old.len().min(moved + STEP);
        for bucket in &old.buckets[moved..end] {
            for place in bucket.taken() {
                let slot = bucket.slots[place].load(Relaxed);
                let hash = hash_of(slot);
                // In this order: it is never in neither.
                self.insert(hash, slot);
                // Here, wherever a wrong hash may lead: that may also be past it.
                bucket.clear(place);
                let passed = |it: &&Bucket| !core::ptr::eq(*it, bucket) && it.passed() > 0;
                old.path(hash).take_while(passed).for_each(Bucket::unpass);
            }
        }
        end
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn found(table: &Table, hash: usize) -> Vec<u32> {
        let mut slots = Vec::new();
        table.find(hash, |slot| {
            slots.push(slot.load(Relaxed));
            None::<()>
        });
        slots
    }

    #[test]
    fn entries_that_pass_a_full_bucket_are_found_until_they_are_removed() {
        let table = Table::first();
        // All with one home, the last of the table, so that the path goes around its end.
        let home = FIRST - 1;
        let slots: Vec<u32> = (1..=30).collect();
        slots.iter().for_each(|&slot| table.insert(home, slot));
        assert_eq!(found(&table, home), slots);
        for &slot in &slots {
            table.locate(home, slot).expect("there").clear();
            assert!(table.locate(home, slot).is_none());
            assert_eq!(found(&table, home), (slot + 1..=30).collect::<Vec<_>>());
        }
        assert!(table.buckets.iter().all(|bucket| bucket.own(1) == 0));
    }

    #[test]
    fn a_larger_table_takes_over_all_entries_and_none_twice() {
        let mut old = Table::first();
        let hash = |slot: u32| (slot as usize).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let slots: Vec<u32> = (1..=60).collect();
        slots.iter().for_each(|&slot| old.insert(hash(slot), slot));
        let new = Table::next(&raw mut *old, old.len());
        let mut moved = 0;
        while moved < old.len() {
            moved = new.take_from(&old, moved, hash);
            for &slot in &slots {
                let of = |table: &Table| found(table, hash(slot)).contains(&slot);
                assert!(of(&old) != of(&new), "{slot}");
            }
        }
        assert!(
            slots
                .iter()
                .all(|&slot| found(&new, hash(slot)).contains(&slot))
        );
        assert!(
            old.buckets
                .iter()
                .all(|bucket| bucket.own(0) | bucket.own(1) == 0)
        );
    }

    #[test]
    fn a_bucket_is_a_cache_line() {
        assert_eq!(size_of::<Bucket>(), 64);
    }
}
