//! One index entry in a word: 29 bits of the key's hash, 3 bits of frequency, and the
//! record's location. Zero is an empty slot: no record lies at location zero.

use ant_colony_policy::Frequency;

/// Where a record starts, in words from the start of the shard's log.
pub(crate) type Location = u32;

/// The bits of a hash that a slot keeps; bucket addresses are taken from these, so
/// that splits and merges need no key.
pub(crate) const TAG_BITS: u32 = 29;
const TAG_SHIFT: u32 = 64 - TAG_BITS;
const FREQUENCY_SHIFT: u32 = 32;
const FREQUENCY_MASK: u64 = 7 << FREQUENCY_SHIFT;

/// A used or empty index slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) u64);

impl Slot {
    #[inline]
    pub(crate) fn new(hash: u64, frequency: Frequency, location: Location) -> Self {
        debug_assert!(location != 0);
        Self(
            hash << TAG_SHIFT | u64::from(frequency.get()) << FREQUENCY_SHIFT | u64::from(location),
        )
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(crate) fn location(self) -> Location {
        self.0 as u32
    }

    /// The low [`TAG_BITS`] of the hash.
    pub(crate) fn tag(self) -> u64 {
        self.0 >> TAG_SHIFT
    }

    #[inline]
    pub(crate) fn frequency(self) -> Frequency {
        Frequency::new((self.0 >> FREQUENCY_SHIFT) as u8 & 7)
    }

    #[inline]
    pub(crate) fn with_frequency(self, frequency: Frequency) -> Self {
        Self(self.0 & !FREQUENCY_MASK | u64::from(frequency.get()) << FREQUENCY_SHIFT)
    }

    pub(crate) fn with_location(self, location: Location) -> Self {
        Self(self.0 & !u64::from(u32::MAX) | u64::from(location))
    }

    /// Whether the tag is that of `hash`. An empty slot has tag zero, too.
    #[inline]
    pub(crate) fn has_tag_of(self, hash: u64) -> bool {
        (self.0 ^ (hash << TAG_SHIFT)) >> TAG_SHIFT == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_its_three_parts_apart() {
        let slot = Slot::new(u64::MAX, Frequency::MAX, 7);
        assert_eq!(slot.tag(), (1 << TAG_BITS) - 1);
        assert_eq!(slot.location(), 7);
        assert_eq!(slot.frequency(), Frequency::MAX);
        let moved = slot.with_location(u32::MAX).with_frequency(Frequency::ZERO);
        assert_eq!(moved.location(), u32::MAX);
        assert_eq!(moved.frequency(), Frequency::ZERO);
        assert_eq!(moved.tag(), slot.tag());
    }

    #[test]
    fn only_the_low_bits_of_a_hash_are_compared() {
        let slot = Slot::new(5, Frequency::MAX, 1);
        assert!(slot.has_tag_of(5 | 1 << 40));
        assert!(!slot.has_tag_of(6));
    }
}
