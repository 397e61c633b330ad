//! A small generator (xorshift64*): fast, seeded by the caller, good enough to pick victims.

/// Generator state; never zero.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator for the given seed; different seeds give unrelated streams.
    pub(crate) fn new(seed: u64) -> Self {
        // One step of splitmix64 spreads neighbouring seeds; `| 1` excludes the fixed point zero.
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((z ^ (z >> 31)) | 1)
    }

    /// A number below `bound`, which must be neither zero nor above 2³².
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        ((bits * bound as u64) >> 32) as usize
    }

    /// The position of one of the bits that are set in `mask`, if any is.
    pub(crate) fn bit(&mut self, mask: u64) -> Option<usize> {
        let count = mask.count_ones() as usize;
        let skipped = match count {
            0 => return None,
            1 => 0,
            _ => self.below(count),
        };
        let rest = (0..skipped).fold(mask, |mask, _| mask & (mask - 1));
        Some(rest.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_bit_is_chosen_now_and_then_and_no_other() {
        let mut random = Random::new(7);
        let mask = 0b1001_0110_u64;
        let seen = (0..200).fold(0, |seen, _| seen | 1 << random.bit(mask).unwrap());
        assert_eq!(seen, mask);
        assert_eq!(random.bit(0), None);
    }
}
