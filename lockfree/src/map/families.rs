//! Which bucket a hash belongs to.
//!
//! A table begins with as many *families* as it has buckets, or with one if they are a power of two. All
//! bits of a hash together choose its family, for good; as many of its low bits as the family is deep
//! choose the bucket there. First come the first buckets of all families, then the second ones. So a level
//! of [growth](super::grow) is complete when there are twice as many buckets as when the last one was,
//! and all are equally full then; above all, they are at the beginning.
//!
//! With one family only, a table with room for 1.5 times a power of two would begin in the middle of a
//! level, where half of the keys are in buckets that are twice as full as the others: of the keys of a
//! full one, 3.6% would be in overflow buckets instead of 1.5%.

/// An odd factor, as hashes are multiplied by it, whose bits have no pattern: that of the golden ratio.
const SCATTER: usize = (0x9E37_79B9_7F4A_7C15_u64 >> (64 - usize::BITS)) as usize | 1;

/// How many families there are.
#[derive(Clone, Copy)]
pub(super) struct Families(usize);

/// How a bucket comes to be.
pub(super) struct Origin {
    /// The index of the bucket that it is split off.
    pub(super) index: usize,
    /// The low bits of that one, and how many.
    pub(super) low: usize,
    pub(super) depth: u32,
}

impl Families {
    /// Those of a table that begins with so many buckets, at least one; and how deep they are.
    pub(super) const fn of_table(buckets: usize) -> (Self, u32) {
        if buckets.is_power_of_two() {
            (Self(1), buckets.ilog2())
        } else {
            (Self(buckets), 0)
        }
    }

    /// True if all buckets are of one family.
    #[inline(always)]
    pub(super) const fn are_one(self) -> bool {
        self.0 == 1
    }

    /// The family of a hash. If its highest bits are always the same, as they are for small numbers,
    /// the others must be enough: hence the multiplication.
    #[inline(always)]
    pub(super) const fn of(self, hash: usize) -> usize {
        let fraction = hash.wrapping_mul(SCATTER) as u128;
        ((fraction * self.0 as u128) >> usize::BITS) as usize
    }

    /// The index of the bucket of a family that these low bits choose.
    #[inline(always)]
    pub(super) const fn index(self, family: usize, low: usize) -> usize {
        family + self.0 * low
    }

    /// How many buckets there are when all families are so deep.
    #[inline(always)]
    pub(super) const fn buckets(self, depth: u32) -> usize {
        self.0 << depth
    }

    /// How deep all families are, where there are so many buckets.
    pub(super) const fn depth(self, buckets: usize) -> u32 {
        (buckets / self.0).ilog2()
    }

    /// The low bits of a bucket.
    pub(super) const fn low(self, index: usize) -> usize {
        index / self.0
    }

    /// What the bucket `new`, which is not there from the beginning, is split off.
    pub(super) const fn origin(self, new: usize) -> Origin {
        let depth = self.depth(new);
        let index = new - self.buckets(depth);
        Origin {
            index,
            low: self.low(index),
            depth,
        }
    }
}
