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
//!
//! Readers may search at any time (`view`). So a slot that moves is in both places at first;
//! then the sequence is advanced, and then the old place is cleared.

mod buckets;
mod growth;
mod overflow;
mod slot;
mod walk;

pub(crate) use overflow::{Link, OVERFLOW_WORDS};
pub(crate) use slot::{Location, Slot};

use crate::memory::{Memory, Span};
use crate::prefetch::prefetch;
use crate::view::{Array, View, fill, publish};
use alloc::sync::Arc;
use buckets::Buckets;
use core::sync::atomic::AtomicU64;
use overflow::Overflow;
use slot::TAG_BITS;

/// Words of a bucket: 15 slots, and the link to an overflow bucket as the last one.
pub(crate) const BUCKET_WORDS: usize = 16;
/// Words of a cache line.
pub(crate) const LINE_WORDS: usize = 8;
/// The bit of a hash that picks the line of a bucket: the last one that addresses use.
const LINE_BIT: u32 = TAG_BITS - 1;
/// With this many, the index refuses slots rather than grow its chains further.
const CROWDED_SLOTS: usize = 16;

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
    shape: Shape,
    slots: usize,
    view: Arc<View>,
}

/// How many buckets there are, and which one a hash belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Buckets in use.
    buckets: usize,
    /// All address bits: one less than the power of two at or above `buckets`.
    mask: usize,
}

impl Shape {
    #[inline]
    pub(crate) fn of(buckets: usize) -> Self {
        Self {
            buckets,
            mask: buckets.next_power_of_two() - 1,
        }
    }

    #[inline]
    pub(crate) fn address(self, hash: u64) -> usize {
        let bucket = hash as usize & self.mask;
        if bucket < self.buckets {
            bucket
        } else {
            bucket & (self.mask >> 1)
        }
    }
}

impl Index {
    /// An empty index, which readers see by way of `view` from now on.
    pub(crate) fn new(view: Arc<View>) -> Self {
        view.set_buckets(0);
        Self {
            main: Buckets::new(Array::Main),
            overflow: Overflow::new(),
            shape: Shape::of(0),
            slots: 0,
            view,
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
        self.shape.address(hash)
    }

    #[inline]
    fn bucket(&self, address: Address) -> &[u64] {
        match address {
            Address::Main(number) => self.main.get(number),
            Address::Overflow(link) => self.overflow.get(link),
        }
    }

    #[inline]
    fn cells(&mut self, address: Address) -> &[AtomicU64] {
        match address {
            Address::Main(number) => self.main.cells(number),
            Address::Overflow(link) => self.overflow.cells(link),
        }
    }

    #[inline]
    fn cell(&mut self, place: Place) -> &AtomicU64 {
        &self.cells(place.bucket)[place.slot]
    }

    fn link(&mut self, bucket: Address, link: Link) {
        let cells = self.cells(bucket);
        publish(&cells[cells.len() - 1], u64::from(link));
    }

    /// Starts loading the bucket of `hash`.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        if self.shape.buckets > 0 {
            let bucket = self.main.get(self.address(hash));
            prefetch(&bucket[0]);
            prefetch(&bucket[LINE_WORDS]);
        }
    }

    /// The first slot of the bucket whose tag fits.
    #[inline]
    pub(crate) fn candidate(&self, hash: u64) -> Option<(Place, Slot)> {
        if self.shape.buckets == 0 {
            return None;
        }
        let number = self.address(hash);
        let bucket = self.main.get(number);
        lines_of(hash).into_iter().find_map(|line_number| {
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
            Address::Main(number) if number < self.shape.buckets => {
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
        if self.shape.buckets == 0 {
            return None;
        }
        let number = self.address(hash);
        let bucket = self.main.get(number);
        for line_number in lines_of(hash) {
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
        debug_assert_eq!(self.get(place).tag(), slot.tag());
        publish(self.cell(place), slot.0);
    }

    /// Grows if need be and makes sure that a slot of `hash` can be inserted. Fails if
    /// that takes memory which the budget does not grant.
    pub(crate) fn prepare(&mut self, hash: u64, memory: &Arc<Memory>) -> Result<(), NoRoom> {
        self.grow_if_dense(memory);
        if self.slots >= self.shape.buckets * CROWDED_SLOTS {
            return Err(NoRoom);
        }
        let mut address = Address::Main(self.address(hash));
        loop {
            let bucket = self.bucket(address);
            if slots(bucket).contains(&0) {
                return Ok(());
            }
            let Some(next) = Self::next(bucket) else {
                let reserved = self.overflow.reserve(1, memory, &self.view);
                return reserved.ok_or(NoRoom);
            };
            address = next;
        }
    }

    /// Adds a slot, which was made with `hash`, after a successful [`Index::prepare`].
    pub(crate) fn insert(&mut self, hash: u64, slot: Slot) {
        self.append(self.address(hash), slot);
        self.slots += 1;
    }

    /// Puts a slot into the first free place of the chain of bucket `number`. If an overflow
    /// bucket is needed, the caller knows that one is free.
    fn append(&mut self, number: usize, slot: Slot) {
        if let Some(free) = self.free_in_main(number, slot) {
            return publish(self.cell(free), slot.0);
        }
        let mut bucket = Address::Main(number);
        loop {
            bucket = match Self::next(self.bucket(bucket)) {
                Some(next) => next,
                None => {
                    let link = self.overflow.take();
                    self.link(bucket, link);
                    Address::Overflow(link)
                }
            };
            if let Some(free) = self.free_in(bucket) {
                return publish(self.cell(free), slot.0);
            }
        }
    }

    /// A free place for `slot` in bucket `number`, in its home line if possible.
    fn free_in_main(&self, number: usize, slot: Slot) -> Option<Place> {
        let bucket = self.main.get(number);
        lines_of(slot.tag()).into_iter().find_map(|line| {
            let (first, last) = LINES[line];
            let free = bucket[first..last].iter().position(|&word| word == 0)?;
            Some(Place {
                bucket: Address::Main(number),
                slot: first + free,
            })
        })
    }

    fn free_in(&self, bucket: Address) -> Option<Place> {
        let free = slots(self.bucket(bucket))
            .iter()
            .position(|&word| word == 0);
        free.map(|slot| Place { bucket, slot })
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
        let (Some(before), Address::Overflow(link)) = (before, last) else {
            return publish(self.cell(place), 0);
        };
        let filler = slots(self.bucket(last)).iter().rposition(|&word| word != 0);
        let filler = filler.map(|slot| Place { bucket: last, slot });
        match filler.filter(|&filler| filler != place) {
            Some(filler) => {
                let moved = self.get(filler);
                publish(self.cell(place), moved.0);
                self.clear(&[filler]);
            }
            None => publish(self.cell(place), 0),
        }
        if slots(self.bucket(last)).iter().all(|&word| word == 0) {
            self.link(before, 0);
            self.overflow.give_back(link);
            self.overflow.trim(&self.view);
        }
    }

    /// Clears the old places of slots that are found in their new ones already.
    fn clear(&mut self, places: &[Place]) {
        if places.is_empty() {
            return;
        }
        self.view.sequence().advance();
        for &place in places {
            fill(self.cell(place), 0);
        }
    }
}

/// The lines of a bucket in the order in which a slot of `hash` is looked for.
#[inline]
pub(crate) fn lines_of(hash: u64) -> [usize; 2] {
    let home = (hash >> LINE_BIT) as usize & 1;
    [home, 1 - home]
}

/// The slots of a line whose tags fit `hash`.
#[inline]
pub(crate) fn matching(
    words: &[u64; LINE_WORDS],
    hash: u64,
    number: usize,
) -> impl Iterator<Item = Slot> {
    Matches::of(words, hash, number).map(|i| Slot(words[i]))
}

/// First and last (exclusive) slot of each line of a bucket.
const LINES: [(usize, usize); 2] = [(0, LINE_WORDS), (LINE_WORDS, BUCKET_WORDS - 1)];
/// The line whose last word is a link; an overflow bucket is like it.
pub(crate) const LINE_WITH_LINK: usize = 1;

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
