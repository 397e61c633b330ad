//! The index of a shard: linear hashing over buckets of two cache lines.
//!
//! Bucket `b` of `n` holds the slots whose hash ends in `b`, read with as many bits as
//! number `n - 1` has, or one bit fewer if that number does not exist yet. Growing by
//! one bucket therefore splits exactly one other (which one is determined by `n`), and
//! no insert ever pays for more than a few moved slots. The bits that decide are part
//! of each slot's tag, so that neither splits nor merges read keys.
//!
//! A bucket holds 15 slots; one bit of the hash says which of its two lines a slot goes
//! to while there is room, so that most look-ups touch one line, and the fullness of
//! two lines varies less than that of one. Full buckets chain to overflow buckets of
//! one line; a removal fills its gap from the end of the chain, so that it shortens.

mod buckets;
mod overflow;
mod slot;
mod walk;

pub(crate) use slot::{Location, Slot};

use crate::memory::{Memory, Span};
use crate::prefetch::prefetch;
use alloc::sync::Arc;
use buckets::Buckets;
use overflow::{Link, Overflow};
use slot::TAG_BITS;
use smallvec::SmallVec;

/// Slots of one chain, gathered for redistribution.
type Chain = SmallVec<[Slot; 32]>;

/// Words of a bucket: 15 slots, and the link to an overflow bucket as the last one.
const BUCKET_WORDS: usize = 16;
/// Words of a cache line.
const LINE_WORDS: usize = 8;
/// The bit of a hash that picks the line of a bucket: the last one that addresses use.
const LINE_BIT: u32 = TAG_BITS - 1;
/// A bucket is added while there are at least this many slots per bucket.
const GROW_SLOTS: usize = 12;
/// With this many, the index refuses slots rather than grow its chains further.
const CROWDED_SLOTS: usize = 16;
/// A bucket is merged away while there are fewer than this many.
const SHRINK_SLOTS: usize = 6;

/// Two full buckets, merged, need this many overflow buckets more than they had.
const MERGE_OVERFLOW_MAX: usize = (BUCKET_WORDS - 1).div_ceil(overflow::OVERFLOW_WORDS - 1);

/// Where a slot lies; valid until the index is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    bucket: Address,
    slot: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    Main(usize),
    Overflow(Link),
}

/// No memory for another bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// Maps hashes to locations.
pub(crate) struct Index {
    main: Buckets<BUCKET_WORDS>,
    overflow: Overflow,
    /// Buckets in use.
    buckets: usize,
    /// All address bits: one less than the power of two at or above `buckets`.
    mask: usize,
    slots: usize,
}

impl Index {
    pub(crate) const fn new() -> Self {
        Self {
            main: Buckets::new(),
            overflow: Overflow::new(),
            buckets: 0,
            mask: 0,
            slots: 0,
        }
    }

    /// Number of used slots.
    pub(crate) fn len(&self) -> usize {
        self.slots
    }

    /// What the index takes from the budget.
    #[cfg(test)]
    pub(crate) fn cost(&self) -> usize {
        self.main.cost() + self.overflow.cost()
    }

    /// Takes memory out of an index that is no shard's any more, which only this may be called for
    /// from then on.
    pub(crate) fn pop_span(&mut self) -> Option<Span> {
        self.main.pop_span().or_else(|| self.overflow.pop_span())
    }

    #[inline]
    fn address(&self, hash: u64) -> usize {
        let bucket = hash as usize & self.mask;
        if bucket < self.buckets {
            bucket
        } else {
            bucket & (self.mask >> 1)
        }
    }

    #[inline]
    fn bucket(&self, address: Address) -> &[u64] {
        match address {
            Address::Main(number) => self.main.get(number),
            Address::Overflow(link) => self.overflow.get(link),
        }
    }

    #[inline]
    fn bucket_mut(&mut self, address: Address) -> &mut [u64] {
        match address {
            Address::Main(number) => self.main.get_mut(number),
            Address::Overflow(link) => self.overflow.get_mut(link),
        }
    }

    /// The line of its bucket where a slot of `hash` is looked for first.
    #[inline]
    fn home_line(hash: u64) -> usize {
        (hash >> LINE_BIT) as usize & 1
    }

    /// Starts loading the bucket of `hash`.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        if self.buckets > 0 {
            let bucket = self.main.get(self.address(hash));
            prefetch(&bucket[0]);
            prefetch(&bucket[LINE_WORDS]);
        }
    }

    /// The first slot of the bucket whose tag fits.
    #[inline]
    pub(crate) fn candidate(&self, hash: u64) -> Option<(Place, Slot)> {
        if self.buckets == 0 {
            return None;
        }
        let number = self.address(hash);
        let bucket = self.main.get(number);
        let home = Self::home_line(hash);
        [home, 1 - home].into_iter().find_map(|line_number| {
            let words = line(bucket, line_number);
            let i = Matches::of(words, hash, line_number).next()?;
            let place = Place {
                bucket: Address::Main(number),
                slot: line_number * LINE_WORDS + i,
            };
            Some((place, Slot(words[i])))
        })
    }

    /// Whether a candidate that was found earlier is still there.
    #[inline]
    pub(crate) fn holds(&self, place: Place, slot: Slot) -> bool {
        match place.bucket {
            Address::Main(number) if number < self.buckets => {
                self.main.get(number)[place.slot] == slot.0
            }
            _ => false,
        }
    }

    /// The slot of `hash` whose location satisfies `is_it`.
    #[inline]
    pub(crate) fn find(
        &self,
        hash: u64,
        mut is_it: impl FnMut(Location) -> bool,
    ) -> Option<(Place, Slot)> {
        if self.buckets == 0 {
            return None;
        }
        let number = self.address(hash);
        let bucket = self.main.get(number);
        let home = Self::home_line(hash);
        for line_number in [home, 1 - home] {
            let words = line(bucket, line_number);
            for i in Matches::of(words, hash, line_number) {
                let slot = Slot(words[i]);
                if is_it(slot.location()) {
                    let place = Place {
                        bucket: Address::Main(number),
                        slot: line_number * LINE_WORDS + i,
                    };
                    return Some((place, slot));
                }
            }
        }
        self.find_in_overflow(Self::next(bucket)?, hash, is_it)
    }

    #[cold]
    fn find_in_overflow(
        &self,
        mut address: Address,
        hash: u64,
        mut is_it: impl FnMut(Location) -> bool,
    ) -> Option<(Place, Slot)> {
        loop {
            let Address::Overflow(link) = address else {
                return None;
            };
            let bucket = self.overflow.get(link);
            for i in Matches::of(bucket, hash, LINE_WITH_LINK) {
                let slot = Slot(bucket[i]);
                if is_it(slot.location()) {
                    let place = Place {
                        bucket: address,
                        slot: i,
                    };
                    return Some((place, slot));
                }
            }
            address = Self::next(bucket)?;
        }
    }

    #[inline]
    fn next(bucket: &[u64]) -> Option<Address> {
        match bucket[bucket.len() - 1] as Link {
            0 => None,
            link => Some(Address::Overflow(link)),
        }
    }

    /// The slot at `place`.
    pub(crate) fn get(&self, place: Place) -> Slot {
        Slot(self.bucket(place.bucket)[place.slot])
    }

    /// Replaces the slot at `place`, which must be in use, by another of the same tag.
    #[inline]
    pub(crate) fn set(&mut self, place: Place, slot: Slot) {
        let word = &mut self.bucket_mut(place.bucket)[place.slot];
        debug_assert_eq!(Slot(*word).tag(), slot.tag());
        *word = slot.0;
    }

    /// Grows if need be and makes sure that a slot of `hash` can be inserted. Fails if
    /// that takes memory which the budget does not grant.
    pub(crate) fn prepare(&mut self, hash: u64, memory: &Arc<Memory>) -> Result<(), NoRoom> {
        self.grow_if_dense(memory);
        if self.slots >= self.buckets * CROWDED_SLOTS {
            return Err(NoRoom);
        }
        let mut address = Address::Main(self.address(hash));
        loop {
            let bucket = self.bucket(address);
            if slots(bucket).contains(&0) {
                return Ok(());
            }
            let Some(next) = Self::next(bucket) else {
                return self.overflow.reserve(1, memory).ok_or(NoRoom);
            };
            address = next;
        }
    }

    /// Adds a slot, which was made with `hash`, after a successful [`Index::prepare`].
    pub(crate) fn insert(&mut self, hash: u64, slot: Slot) {
        self.append(self.address(hash), slot);
        self.slots += 1;
    }

    /// Puts a slot into the first free place of its chain, its home line before the
    /// other one. If an overflow bucket is needed, the caller knows that one is free.
    fn append(&mut self, number: usize, slot: Slot) {
        let bucket = self.main.get_mut(number);
        let home = Self::home_line(slot.tag());
        for (first, last) in [LINES[home], LINES[1 - home]] {
            if let Some(word) = bucket[first..last].iter_mut().find(|word| **word == 0) {
                *word = slot.0;
                return;
            }
        }
        let mut address = Address::Main(number);
        loop {
            address = match Self::next(self.bucket(address)) {
                Some(next) => next,
                None => {
                    let link = self.overflow.take();
                    set_link(self.bucket_mut(address), link);
                    Address::Overflow(link)
                }
            };
            let free = slots_mut(self.bucket_mut(address))
                .iter_mut()
                .find(|word| **word == 0);
            if let Some(word) = free {
                *word = slot.0;
                return;
            }
        }
    }

    /// Removes the slot at `place` of the chain of `hash`. If there is an overflow bucket,
    /// a slot of the last one fills the gap, so that only the end of a chain has holes.
    pub(crate) fn remove(&mut self, hash: u64, place: Place) {
        self.slots -= 1;
        let mut last = Address::Main(self.address(hash));
        let mut before = None;
        while let Some(next) = Self::next(self.bucket(last)) {
            before = Some(last);
            last = next;
        }
        self.bucket_mut(place.bucket)[place.slot] = 0;
        let (Some(before), Address::Overflow(link)) = (before, last) else {
            return;
        };
        let words = slots_mut(self.bucket_mut(last));
        if let Some(moved) = words.iter_mut().rev().find(|word| **word != 0) {
            let moved = core::mem::take(moved);
            self.bucket_mut(place.bucket)[place.slot] = moved;
        }
        if slots(self.bucket(last)).iter().all(|&word| word == 0) {
            set_link(self.bucket_mut(before), 0);
            self.overflow.give_back(link);
            self.overflow.trim();
        }
    }

    /// Adds a bucket if the index is dense and the budget allows; splits one chain.
    fn grow_if_dense(&mut self, memory: &Arc<Memory>) {
        let dense = self.slots >= self.buckets * GROW_SLOTS;
        if !dense || self.buckets == 1 << TAG_BITS {
            return;
        }
        if self.buckets == self.main.len() && !self.main.grow(memory) {
            return;
        }
        let new = self.buckets;
        self.buckets += 1;
        self.mask = self.buckets.next_power_of_two() - 1;
        let split = new & (self.mask >> 1);
        if split != new {
            let chain = self.drain_chain(split);
            self.spread(&chain);
            self.overflow.trim();
        }
    }

    /// Removes a bucket if the index is sparse; merges one chain into another.
    pub(crate) fn shrink_if_sparse(&mut self, memory: &Arc<Memory>) {
        let sparse = self.slots < self.buckets * SHRINK_SLOTS;
        if !sparse || self.buckets <= 1 {
            return;
        }
        if self.overflow.reserve(MERGE_OVERFLOW_MAX, memory).is_none() {
            return;
        }
        let last = self.buckets - 1;
        let chain = self.drain_chain(last);
        self.buckets = last;
        self.mask = self.buckets.next_power_of_two() - 1;
        self.spread(&chain);
        self.overflow.trim();
        // Half a chunk of hysteresis, so that a size at the border does not allocate each time.
        const SLACK: usize = Buckets::<BUCKET_WORDS>::PER_CHUNK * 3 / 2;
        if self.buckets + SLACK <= self.main.len() {
            self.main.shrink_to(self.buckets);
        }
    }

    fn drain_chain(&mut self, bucket: usize) -> Chain {
        let mut chain = Chain::new();
        let mut address = Address::Main(bucket);
        loop {
            let words = self.bucket_mut(address);
            let next = Self::next(words);
            let used = slots(words).iter().map(|&word| Slot(word));
            chain.extend(used.filter(|slot| !slot.is_empty()));
            match address {
                Address::Main(_) => words.fill(0),
                Address::Overflow(link) => self.overflow.give_back(link),
            }
            match next {
                Some(next) => address = next,
                None => return chain,
            }
        }
    }

    /// Puts drained slots where they belong now. A split needs no more overflow buckets
    /// than its chain had; a merge may need a few more, which its caller reserves.
    fn spread(&mut self, chain: &Chain) {
        for &slot in chain {
            self.append(self.address(slot.tag()), slot);
        }
    }
}

/// First and last (exclusive) slot of each line of a bucket.
const LINES: [(usize, usize); 2] = [(0, LINE_WORDS), (LINE_WORDS, BUCKET_WORDS - 1)];
/// The line whose last word is a link; an overflow bucket is like it.
const LINE_WITH_LINK: usize = 1;

/// One of the two lines of a bucket.
#[inline]
fn line(bucket: &[u64; BUCKET_WORDS], number: usize) -> &[u64; LINE_WORDS] {
    let (lines, _) = bucket.as_chunks();
    &lines[number]
}

/// The slots of a bucket of either kind: all words but the link.
#[inline]
fn slots(bucket: &[u64]) -> &[u64] {
    &bucket[..bucket.len() - 1]
}

fn slots_mut(bucket: &mut [u64]) -> &mut [u64] {
    let link = bucket.len() - 1;
    &mut bucket[..link]
}

fn set_link(bucket: &mut [u64], link: Link) {
    bucket[bucket.len() - 1] = u64::from(link);
}

/// The numbers of the slots of a line whose tags fit a hash. All are compared at once,
/// because a branch per slot would be mispredicted.
struct Matches<'l> {
    words: &'l [u64; LINE_WORDS],
    bits: u32,
}

impl<'l> Matches<'l> {
    #[inline]
    fn of(words: &'l [u64; LINE_WORDS], hash: u64, number: usize) -> Self {
        const SLOTS: [u32; 2] = [0xff, 0x7f];
        let mut bits = 0;
        for &word in words.iter().rev() {
            bits = bits << 1 | u32::from(Slot(word).has_tag_of(hash));
        }
        let bits = bits & SLOTS[number];
        Self { words, bits }
    }
}

impl Iterator for Matches<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.bits != 0 {
            let i = self.bits.trailing_zeros() as usize % LINE_WORDS;
            self.bits &= self.bits - 1;
            // An empty slot looks like one of tag zero.
            if self.words[i] != 0 {
                return Some(i);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
