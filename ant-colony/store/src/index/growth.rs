//! Growing and shrinking by one bucket: splits and merges of chains.
//!
//! Readers may be on their way through any chain. So slots are copied to where they belong, then
//! the number of buckets is published, then the sequence is advanced, and then the old places are
//! cleared.

use super::buckets::Buckets;
use super::overflow::{Link, OVERFLOW_WORDS};
use super::slot::TAG_BITS;
use super::{Address, BUCKET_WORDS, Index, LINE_WORDS, Place, Shape, Slot, lines_of, slots};
use crate::memory::Memory;
use crate::view::{fill, publish};
use alloc::sync::Arc;
use smallvec::SmallVec;

/// Slots of one chain, and where they are.
type Chain = SmallVec<[(Place, Slot); 32]>;
/// The overflow buckets of one chain.
type Links = SmallVec<[Link; 8]>;

/// A bucket is added while there are at least this many slots per bucket.
const GROW_SLOTS: usize = 12;
/// A bucket is merged away while there are fewer than this many.
const SHRINK_SLOTS: usize = 6;

impl Index {
    /// Adds a bucket if the index is dense and the budget allows; splits one chain.
    pub(super) fn grow_if_dense(&mut self, memory: &Arc<Memory>) {
        let new = self.shape.buckets;
        let dense = self.slots >= new * GROW_SLOTS;
        if !dense || new == 1 << TAG_BITS {
            return;
        }
        if new == self.main.len() && !self.main.grow(memory, &self.view) {
            return;
        }
        let shape = Shape::of(new + 1);
        let split = new & (shape.mask >> 1);
        if split == new {
            return self.reshape(shape);
        }
        let mut leaving = self.chain(split);
        leaving.retain(|(_, slot)| shape.address(slot.tag()) == new);
        // The new bucket is empty.
        let surplus = leaving.len().saturating_sub(BUCKET_WORDS - 1);
        if self.reserve_overflow(surplus, memory).is_none() {
            return;
        }
        for (_, slot) in &leaving {
            self.append(new, *slot);
        }
        self.reshape(shape);
        let left: SmallVec<[Place; 32]> = leaving.iter().map(|(place, _)| *place).collect();
        self.clear(&left);
        self.send_home(split);
        self.shorten(split);
    }

    /// Removes a bucket if the index is sparse; merges one chain into another.
    pub(crate) fn shrink_if_sparse(&mut self, memory: &Arc<Memory>) {
        let sparse = self.slots < self.shape.buckets * SHRINK_SLOTS;
        if !sparse || self.shape.buckets <= 1 {
            return;
        }
        let last = self.shape.buckets - 1;
        let shape = Shape::of(last);
        let chain = self.chain(last);
        let target = self.main.get(shape.address(last as u64));
        let free = slots(target).iter().filter(|&&word| word == 0).count();
        if self
            .reserve_overflow(chain.len().saturating_sub(free), memory)
            .is_none()
        {
            return;
        }
        for (_, slot) in &chain {
            self.append(shape.address(slot.tag()), *slot);
        }
        self.reshape(shape);
        self.view.sequence().advance();
        let links = self.links(last);
        self.main.cells(last).iter().for_each(|word| fill(word, 0));
        for link in links {
            self.overflow.give_back(link);
        }
        self.overflow.trim(&self.view);
        // Half a chunk of hysteresis, so that a size at the border does not allocate each time.
        const SLACK: usize = Buckets::<BUCKET_WORDS>::PER_CHUNK * 3 / 2;
        if last + SLACK <= self.main.len() {
            self.main.shrink_to(last);
        }
    }

    /// Makes sure that there are overflow buckets for `count` slots.
    fn reserve_overflow(&mut self, count: usize, memory: &Arc<Memory>) -> Option<()> {
        let buckets = count.div_ceil(OVERFLOW_WORDS - 1);
        self.overflow.reserve(buckets, memory, &self.view)
    }

    fn reshape(&mut self, shape: Shape) {
        self.shape = shape;
        self.view.set_buckets(shape.buckets);
    }

    fn chain(&self, bucket: usize) -> Chain {
        let mut chain = Chain::new();
        let mut next = Some(Address::Main(bucket));
        while let Some(bucket) = next {
            let words = self.bucket(bucket);
            let used = slots(words)
                .iter()
                .enumerate()
                .filter(|(_, word)| **word != 0);
            chain.extend(used.map(|(slot, &word)| (Place { bucket, slot }, Slot(word))));
            next = Self::next(words);
        }
        chain
    }

    fn links(&self, bucket: usize) -> Links {
        let first = Self::next(self.main.get(bucket));
        let all = core::iter::successors(first, |&bucket| Self::next(self.bucket(bucket)));
        all.filter_map(|bucket| match bucket {
            Address::Overflow(link) => Some(link),
            Address::Main(_) => None,
        })
        .collect()
    }

    /// Moves the slots of a bucket that are not in their home lines there, as far as there is
    /// room, so that most look-ups touch one line.
    fn send_home(&mut self, number: usize) {
        let mut left: SmallVec<[Place; BUCKET_WORDS]> = SmallVec::new();
        for i in 0..BUCKET_WORDS - 1 {
            let slot = Slot(self.main.get(number)[i]);
            let [home, _] = lines_of(slot.tag());
            if slot.is_empty() || i / LINE_WORDS == home {
                continue;
            }
            let free = self.free_in_main(number, slot);
            if let Some(free) = free.filter(|free| free.slot / LINE_WORDS == home) {
                publish(self.cell(free), slot.0);
                let bucket = Address::Main(number);
                left.push(Place { bucket, slot: i });
            }
        }
        self.clear(&left);
    }

    /// Moves slots from the end of a chain to where there is room before, and gives back the
    /// overflow buckets that this empties.
    fn shorten(&mut self, number: usize) {
        let mut links = self.links(number);
        let mut left: SmallVec<[Place; 16]> = SmallVec::new();
        'links: for (i, &link) in links.iter().enumerate().rev() {
            let bucket = Address::Overflow(link);
            for slot in 0..OVERFLOW_WORDS - 1 {
                let moved = Slot(self.bucket(bucket)[slot]);
                if moved.is_empty() {
                    continue;
                }
                let earlier = links[..i].iter().map(|&link| Address::Overflow(link));
                let free = self
                    .free_in_main(number, moved)
                    .or_else(|| earlier.into_iter().find_map(|bucket| self.free_in(bucket)));
                let Some(free) = free else { break 'links };
                publish(self.cell(free), moved.0);
                left.push(Place { bucket, slot });
            }
        }
        self.clear(&left);
        while let Some(&link) = links.last()
            && slots(self.overflow.get(link)).iter().all(|&word| word == 0)
        {
            links.pop();
            let before = links.last().map(|&link| Address::Overflow(link));
            self.link(before.unwrap_or(Address::Main(number)), 0);
            self.overflow.give_back(link);
        }
        self.overflow.trim(&self.view);
    }
}
