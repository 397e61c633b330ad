//! The word of a bucket that says which slots are taken and by what, and how deep it is split.

use super::bucket::SLOTS;

/// The highest bit of every slot's tag.
const HIGHS: u64 = 0x8080_8080_8080_8080 >> (64 - 8 * SLOTS);

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
        (hash >> (usize::BITS - 8)) as u64 | 0x80
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
pub(super) struct Slots(scan::Bits);

impl Slots {
    #[inline(always)]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The lowest of them.
    #[inline(always)]
    pub(super) fn first(self) -> Option<usize> {
        (self.0 != 0).then(|| self.0.trailing_zeros() as usize / scan::STRIDE)
    }

    /// All but the lowest of them, of which there is at least one. (A search that needs only the first
    /// does not compute it.)
    #[inline(always)]
    pub(super) fn others(self) -> Self {
        Self(self.0 & (self.0 - 1))
    }
}

impl Iterator for Slots {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let slot = self.first()?;
        *self = self.others();
        Some(slot)
    }
}

/// Comparison of all tags at once, by the processor's instruction for it. The result has a bit for each
/// slot, [`STRIDE`](scan::STRIDE) apart.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use self::sse2 as scan;

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
use self::portable as scan;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2 {
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cvtsi32_si128, _mm_cvtsi64_si128, _mm_movemask_epi8,
        _mm_shufflelo_epi16, _mm_unpacklo_epi8,
    };

    use super::SLOTS;

    pub(super) const STRIDE: usize = 1;
    pub(super) type Bits = u64;

    const ALL: Bits = (1 << SLOTS) - 1;

    /// A word's bytes, and nothing above.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn bytes(word: u64) -> __m128i {
        _mm_cvtsi64_si128(word as i64)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn equal_bytes(tags: u64, tag: u64) -> Bits {
        // Twice, then eight times: an instruction that repeats a byte came later.
        let tag = _mm_cvtsi32_si128(tag as i32);
        let wanted = _mm_shufflelo_epi16::<0>(_mm_unpacklo_epi8(tag, tag));
        let same = _mm_cmpeq_epi8(bytes(tags), wanted);
        _mm_movemask_epi8(same) as Bits & ALL
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn high_bits(tags: u64) -> Bits {
        _mm_movemask_epi8(bytes(tags)) as Bits & ALL
    }

    #[inline(always)]
    pub(super) fn equal(tags: u64, tag: u64) -> Bits {
        // SAFETY: this module is compiled only for targets that have the instructions.
        unsafe { equal_bytes(tags, tag) }
    }

    /// The tags whose highest bit is set.
    #[inline(always)]
    pub(super) fn high(tags: u64) -> Bits {
        // SAFETY: as above.
        unsafe { high_bits(tags) }
    }
}

/// The same by arithmetic.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
#[cfg_attr(test, allow(dead_code, reason = "the tests compare what both have"))]
mod portable {
    use super::HIGHS;

    pub(super) const STRIDE: usize = 8;
    /// The highest bits of the slots' bytes.
    pub(super) type Bits = u64;

    /// The lowest bit of every tag.
    const ONES: u64 = HIGHS >> 7;

    #[inline(always)]
    pub(super) const fn equal(tags: u64, tag: u64) -> Bits {
        // A byte that is 0 borrows from its highest bit; so may one that is 1, after a byte that is
        // 0. Those of free slots have their highest bit set in `differs`.
        let differs = tags ^ (tag * ONES);
        differs.wrapping_sub(ONES) & !differs & HIGHS
    }

    /// The tags whose highest bit is set.
    #[inline(always)]
    pub(super) const fn high(tags: u64) -> Bits {
        tags & HIGHS
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

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

    /// Both ways of comparing, where there are two, against a look at each slot.
    #[test]
    fn arithmetic_finds_what_the_instruction_does_and_what_else_it_finds_comes_after() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..if cfg!(miri) { 1_000 } else { 100_000 } {
            let tag = 0x80 | random.u64(..0x80);
            let mut tags = Tags::empty(random.u32(..64));
            for slot in 0..SLOTS {
                match random.u8(..4) {
                    0 => {}
                    1 => tags = tags.with(slot, tag),
                    2 => tags = tags.with(slot, tag ^ 1),
                    _ => tags = tags.with(slot, 0x80 | random.u64(..0x80)),
                }
            }
            let is_equal = |slot: &usize| tags.of(*slot) == tag;
            let wanted: Vec<usize> = (0..SLOTS).filter(is_equal).collect();
            let of = |bits: u64, stride: usize| -> Vec<usize> {
                let bit = |slot: usize| bits >> (slot * stride + stride - 1) & 1 == 1;
                (0..SLOTS).filter(|slot| bit(*slot)).collect()
            };
            let found = of(
                super::portable::equal(tags.word(), tag),
                super::portable::STRIDE,
            );
            assert_eq!(found.first(), wanted.first());
            assert!(wanted.iter().all(|slot| found.contains(slot)));
            assert!(found.iter().all(|slot| tags.of(*slot) != 0));
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            {
                use super::{portable, sse2};
                assert_eq!(of(sse2::equal(tags.word(), tag), sse2::STRIDE), wanted);
                let high = of(sse2::high(tags.word()), sse2::STRIDE);
                assert_eq!(high, of(portable::high(tags.word()), portable::STRIDE));
            }
        }
    }
}
