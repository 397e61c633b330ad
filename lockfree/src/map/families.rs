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

/// What hashes are multiplied by: odd, and as a part of 2^64 close to no fraction with a denominator that a
/// number of families could be; nor is its product with 3 or 5, nor with what usual hashers multiply keys
/// by. (That of the golden ratio is what such a hasher may have used: its square is near a multiple of
/// 1/12,161, and among as many families three quarters of the keys would be in overflow buckets.)
const SCATTER: usize = (0xE303_4CD6_65A7_8AD7_u64 >> (64 - usize::BITS)) as usize | 1;

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

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use alloc::vec;

    use super::Families;

    /// How many families a table has that begins with so many buckets.
    fn families(buckets: usize) -> Families {
        Families::of_table(buckets).0
    }

    #[test]
    fn a_bucket_is_split_off_the_one_that_its_keys_were_in() {
        for begin in [2, 3, 5, 6, 8, 13] {
            let families = families(begin);
            for new in begin..10 * begin {
                let origin = families.origin(new);
                let before = 1 << origin.depth;
                assert!(origin.low < before && families.depth(new) == origin.depth);
                let family = origin.index - families.index(0, origin.low);
                assert!(family < families.buckets(0));
                assert_eq!(families.index(family, origin.low), origin.index);
                assert_eq!(families.index(family, origin.low | before), new);
                assert_eq!(families.low(new), origin.low | before);
            }
        }
    }

    #[test]
    fn every_hash_has_a_family() {
        for buckets in [3, 5, 4_095, (1 << 24) - 1] {
            for hash in [0, 1, usize::MAX / 2, usize::MAX - 1, usize::MAX] {
                assert!(families(buckets).of(hash) < buckets);
            }
        }
    }

    #[test]
    fn families_are_filled_equally_whatever_odd_number_keys_were_multiplied_by() {
        let (golden, fx) = (0x9E37_79B9_7F4A_7C15_u64, 0x517C_C1B7_2722_0A95_u64);
        let many: &[usize] = if cfg!(miri) {
            &[80]
        } else {
            &[80, 100, 500, 1_018, 12_161, 17_770, 28_657, 250_001]
        };
        for &many in many {
            for factor in [1, golden, golden >> 32, fx] {
                let mut keys = vec![0_usize; many];
                for key in 0..many * 37 / 10 {
                    let hash = key.wrapping_mul(factor as usize);
                    keys[families(many).of(hash)] += 1;
                }
                let over: usize = keys.iter().map(|keys| keys.saturating_sub(7)).sum();
                assert!(over < many / 4, "{over} of {many} by {factor:x}");
            }
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn the_models_are_right_about_the_families_of_their_keys() {
        let of_each = [&[0, 6, 7, 8][..], &[3, 4, 5], &[1, 2]];
        for (family, keys) in of_each.into_iter().enumerate() {
            assert!(keys.iter().all(|key| families(3).of(*key) == family));
        }
    }
}
