//! The word of a bucket that says which slots are taken and by what, and how deep it is split.

use super::bucket::SLOTS;

/// The highest bit of every slot's tag, and the lowest.
const HIGHS: u64 = 0x8080_8080_8080_8080 >> (64 - 8 * SLOTS);
const ONES: u64 = HIGHS >> 7;

/// A tag (8 bits) for each slot, and the depth (8 bits).
///
/// - The tag of a free slot is 0; otherwise it is seven bits of the key's hash under a one.
/// - The depth is how many low bits of the hash, equal to the bucket's own, bring a key here. One
///   store sets it and frees the slots of the keys that it sends elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tags(u64);

impl Tags {
    const TAG: u64 = 0xFF;
    const DEPTH: u32 = 56;

    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(super) const fn word(self) -> u64 {
        self.0
    }

    /// An empty home bucket.
    pub(super) const fn empty(depth: u32) -> Self {
        Self((depth as u64) << Self::DEPTH)
    }

    /// The tag for a hash. Other bits choose the bucket.
    #[inline(always)]
    pub(super) const fn tag(hash: usize) -> u64 {
        (hash >> (usize::BITS - 7)) as u64 | 0x80
    }

    #[inline(always)]
    pub(super) const fn depth(self) -> u32 {
        Self::depth_of(self.0)
    }

    #[inline(always)]
    pub(super) const fn depth_of(tags: u64) -> u32 {
        (tags >> Self::DEPTH) as u32
    }

    /// The bits of the hash that choose this bucket.
    #[inline(always)]
    pub(super) const fn mask(self) -> usize {
        (1 << self.depth()) - 1
    }

    pub(super) const fn deeper(self) -> Self {
        Self(self.0 + (1 << Self::DEPTH))
    }

    /// The slots with this tag, and now and then another one, but never a free one.
    #[inline(always)]
    pub(super) fn matching(self, tag: u64) -> Slots {
        Slots(scan::equal(self.0, tag))
    }

    #[inline(always)]
    pub(super) fn occupied(self) -> Slots {
        Slots(scan::high(self.0))
    }

    pub(super) const fn of(self, slot: usize) -> u64 {
        self.0 >> (8 * slot) & Self::TAG
    }

    pub(super) const fn with(self, slot: usize, tag: u64) -> Self {
        Self(self.without(slot).0 | tag << (8 * slot))
    }

    pub(super) const fn without(self, slot: usize) -> Self {
        Self(self.0 & !(Self::TAG << (8 * slot)))
    }

    /// A free slot.
    pub(super) fn free(self) -> Option<usize> {
        let free = !self.0 & HIGHS;
        (free != 0).then(|| free.trailing_zeros() as usize / 8)
    }
}

/// A set of slots, to go through.
#[derive(Clone, Copy)]
pub(super) struct Slots(u64);

impl Slots {
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Iterator for Slots {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let slot = self.0.trailing_zeros() as usize / scan::STRIDE;
        self.0 &= self.0 - 1;
        Some(slot)
    }
}

/// Comparison of all tags at once, by the processor's instruction for it. The result has a bit for each
/// slot, [`STRIDE`](scan::STRIDE) apart.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod scan {
    use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_cvtsi64_si128, _mm_movemask_epi8};

    use super::{ONES, SLOTS};

    pub(super) const STRIDE: usize = 1;
    const ALL: u64 = (1 << SLOTS) - 1;

    #[inline]
    #[target_feature(enable = "sse2")]
    fn equal_bytes(tags: u64, tag: u64) -> u64 {
        // A multiplication, for an instruction that repeats a byte came later.
        let wanted = _mm_cvtsi64_si128((tag * ONES) as i64);
        let same = _mm_cmpeq_epi8(_mm_cvtsi64_si128(tags as i64), wanted);
        _mm_movemask_epi8(same) as u64 & ALL
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn high_bits(tags: u64) -> u64 {
        _mm_movemask_epi8(_mm_cvtsi64_si128(tags as i64)) as u64 & ALL
    }

    #[inline(always)]
    pub(super) fn equal(tags: u64, tag: u64) -> u64 {
        // SAFETY: this module is compiled only for targets that have the instructions.
        unsafe { equal_bytes(tags, tag) }
    }

    /// The tags whose highest bit is set.
    #[inline(always)]
    pub(super) fn high(tags: u64) -> u64 {
        // SAFETY: as above.
        unsafe { high_bits(tags) }
    }
}

/// The same by arithmetic.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
mod scan {
    use super::{HIGHS, ONES};

    pub(super) const STRIDE: usize = 8;

    #[inline(always)]
    pub(super) const fn equal(tags: u64, tag: u64) -> u64 {
        // A byte that is 0 borrows from its highest bit; so may one that is 1, after a byte that is
        // 0. Those of free slots have their highest bit set in `differs`.
        let differs = tags ^ (tag * ONES);
        differs.wrapping_sub(ONES) & !differs & HIGHS
    }

    /// The tags whose highest bit is set.
    #[inline(always)]
    pub(super) const fn high(tags: u64) -> u64 {
        tags & HIGHS
    }
}

#[cfg(test)]
mod tests {
    use super::{SLOTS, Tags};

    #[test]
    fn matching_slots_are_those_with_the_tag_and_never_free_ones() {
        let step = if cfg!(miri) { 17 } else { 1 };
        for tag in (0x80..=0xFF).step_by(step) {
            for other in (0x80..=0xFF).step_by(step) {
                for free in 0..SLOTS {
                    let mut tags = Tags::empty(3);
                    for slot in (0..SLOTS).filter(|slot| *slot != free) {
                        tags = tags.with(slot, if slot % 2 == 0 { tag } else { other });
                    }
                    for slot in tags.matching(tag) {
                        assert_ne!(slot, free);
                    }
                    for slot in (0..SLOTS).step_by(2).filter(|slot| *slot != free) {
                        assert!(tags.matching(tag).any(|found| found == slot));
                    }
                    assert_eq!(tags.free(), Some(free));
                    assert_eq!(tags.depth(), 3);
                }
            }
        }
    }
}
