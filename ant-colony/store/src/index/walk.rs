//! Walking the index while it grows and shrinks.
//!
//! The cursor is a position in the space of *bit-reversed* hashes, cut to 32 bits. In
//! that order each bucket is one interval, whatever the number of buckets, because a
//! bucket is named by the low bits of its hashes. A walk visits the bucket that covers
//! its position and moves to the end of that bucket's interval, so every slot that
//! exists throughout the walk is covered by some visited bucket, however the index was
//! split or merged in between. Slots may be seen twice after a merge.

use super::{Address, Index, Slot, slots};

impl Index {
    /// Visits the chain at `position`; answers the next position, or none at the end.
    pub(crate) fn walk(&self, position: u32, mut visit: impl FnMut(Slot)) -> Option<u32> {
        if self.shape.buckets == 0 {
            return None;
        }
        let bucket = self.address(u64::from(position.reverse_bits()));
        self.visit_chain(bucket, &mut visit);
        let bits = self.address_bits(bucket);
        let start = u64::from((bucket as u32).reverse_bits());
        u32::try_from(start + (1 << (32 - bits))).ok()
    }

    /// Visits the chain that holds `hash`.
    pub(crate) fn visit_hash(&self, hash: u64, mut visit: impl FnMut(Slot)) {
        if self.shape.buckets > 0 {
            self.visit_chain(self.address(hash), &mut visit);
        }
    }

    fn visit_chain(&self, bucket: usize, visit: &mut impl FnMut(Slot)) {
        let mut address = Address::Main(bucket);
        loop {
            let words = self.bucket(address);
            slots(words)
                .iter()
                .map(|&word| Slot(word))
                .filter(|slot| !slot.is_empty())
                .for_each(&mut *visit);
            match Self::next(words) {
                Some(next) => address = next,
                None => return,
            }
        }
    }

    /// How many low bits of a hash name `bucket`: one fewer than the longest address if
    /// the bucket has not been split in this round.
    fn address_bits(&self, bucket: usize) -> u32 {
        let all = self.shape.mask.count_ones();
        let half = self.shape.mask / 2 + 1;
        let unsplit = all > 0 && bucket < half && bucket + half >= self.shape.buckets;
        all - u32::from(unsplit)
    }
}
