//! A saturating access counter small enough to live in spare bits of an index slot.

/// How often an object was asked for since it entered its queue, saturating.
///
/// Two bits are enough for S3-FIFO: more would only delay the eviction of what was
/// popular once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frequency(u8);

impl Frequency {
    /// Bits that a mechanism must keep for the counter.
    pub const BITS: u32 = 2;
    /// The counter of an object that was never asked for.
    pub const ZERO: Self = Self(0);
    /// The value at which the counter saturates.
    pub const MAX: Self = Self((1 << Self::BITS) - 1);

    /// The counter with the given value, cut to [`Frequency::MAX`].
    #[must_use]
    pub const fn new(value: u8) -> Self {
        if value > Self::MAX.0 {
            Self::MAX
        } else {
            Self(value)
        }
    }

    /// The counter as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The counter after one more access.
    #[must_use]
    pub const fn hit(self) -> Self {
        Self::new(self.0 + 1)
    }

    /// The counter after one more round through the main queue.
    #[must_use]
    pub const fn decay(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_saturates_in_both_directions() {
        let mut frequency = Frequency::ZERO.decay();
        assert_eq!(frequency, Frequency::ZERO);
        for _ in 0..300 {
            frequency = frequency.hit();
        }
        assert_eq!(frequency, Frequency::MAX);
        assert_eq!(frequency.decay().hit(), Frequency::MAX);
        assert_eq!(Frequency::new(200), Frequency::MAX);
    }
}
