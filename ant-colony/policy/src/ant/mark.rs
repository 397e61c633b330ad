//! What the mechanism keeps of an object for the policy: four bytes.

use super::age::Tick;
use super::class::Class;

/// When an object was last asked for, about, and its class. The mechanism stores it with the
/// object and hands it back; it means nothing to anyone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u32);

impl Mark {
    /// The time is in the highest bits, the class in the lowest; some between are free.
    const TIME_SHIFT: u32 = u32::BITS - Tick::BITS;

    #[inline]
    pub(crate) const fn new(time: Tick, class: Class) -> Self {
        Self(time.get() << Self::TIME_SHIFT | class.bits())
    }

    /// As [`Mark::to_bits`] gave it. Any other value is a mark too, of some object.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// For storing.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// Ticks from this mark's time to `now`.
    #[inline]
    pub(crate) const fn age(self, now: Tick) -> u32 {
        let latest = Self(now.get() << Self::TIME_SHIFT | ((1 << Self::TIME_SHIFT) - 1));
        latest.0.wrapping_sub(self.0) >> Self::TIME_SHIFT
    }

    #[inline]
    pub(crate) const fn time(self) -> Tick {
        Tick::new(self.0 >> Self::TIME_SHIFT)
    }

    #[inline]
    pub(crate) const fn class(self) -> Class {
        Class::from_bits(self.0)
    }
}

const _: () = assert!(Tick::BITS + Class::BITS <= u32::BITS);
