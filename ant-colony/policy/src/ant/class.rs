//! Classes of objects: those of one class are expected to return alike.

use super::age::TICKS;

/// What is told apart: how often an object was asked for, how long ago before the last time, and
/// (in full detail) the interval before that and how many strangers the cache met lately.
///
/// Laid out in ten bits: count, interval, earlier interval, context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(u16);

/// How finely objects are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// By count and last interval: 36 classes, of which the tables stay in the first cache level.
    Lean,
    /// Also by the interval before the last and by what was asked for lately: 591 classes.
    Full,
}

impl Detail {
    /// Levels of the count.
    const fn levels(self) -> u32 {
        match self {
            Self::Lean => 6,
            Self::Full => 8,
        }
    }

    /// Bits of a class that are always zero, so that tables need not have them.
    pub(crate) const fn unused_bits(self) -> u32 {
        match self {
            Self::Lean => 4,
            Self::Full => 0,
        }
    }

    /// Rows of a table by class.
    pub(crate) const fn rows(self) -> usize {
        1 << (Class::BITS - self.unused_bits())
    }

    /// All classes that objects can have.
    pub(crate) fn classes(self) -> impl Iterator<Item = Class> {
        (0..self.rows() as u16)
            .map(move |row| Class(row << self.unused_bits()))
            .filter(move |class| self.has(*class))
    }

    fn has(self, class: Class) -> bool {
        let known = class.count() < self.levels() && class.interval() < INTERVALS;
        let context = class.0 & 3;
        known && context < 3 && (class.count() > 0 || class.0 >> 2 == 0)
    }
}

/// Different intervals.
const INTERVALS: u32 = 7;

impl Class {
    pub(crate) const BITS: u32 = 10;
    /// The first objects of a cache until it is full: later ones have to displace them, as if
    /// they had been asked for twice, or a loop longer than the cache would never be hit.
    const PIONEER: Self = Self(1 << 7 | 3 << 4);

    /// The class with these bits, as [`Class::bits`] gave them.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits as u16 & ((1 << Self::BITS) - 1))
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// The row of a table by class.
    pub(crate) const fn row(self, detail: Detail) -> usize {
        (self.0 >> detail.unused_bits()) as usize
    }

    pub(crate) const fn count(self) -> u32 {
        self.0 as u32 >> 7
    }

    const fn interval(self) -> u32 {
        self.0 as u32 >> 4 & 7
    }

    /// Count and interval: the more general class that this one belongs to, below
    /// [`Class::KINDS`].
    pub(crate) const fn kind(self) -> usize {
        self.0 as usize >> 4
    }

    /// How many kinds there are.
    pub(crate) const KINDS: usize = 64;
    /// How many levels a count can have.
    pub(crate) const COUNTS: usize = 8;

    /// The kinds with this level of the count.
    pub(crate) const fn kinds_of_count(count: usize) -> core::ops::Range<usize> {
        count * 8..count * 8 + 8
    }

    /// Of an object that is not known, after `strangers` of the last eight accesses.
    pub(crate) fn of_stranger(detail: Detail, strangers: u32) -> Self {
        Self(context(detail, strangers))
    }

    /// Of an object that is not known and enters a cache that never was full.
    pub(crate) const fn of_pioneer() -> Self {
        Self::PIONEER
    }

    /// Of an object that had this class and is asked for again at `age`. The count is a logarithm:
    /// `luck` decides whether it grows, half as often at each level.
    pub(crate) fn again(self, detail: Detail, age: u32, strangers: u32, luck: u64) -> Self {
        let count = self.count();
        let grows = luck & ((1 << count) - 1) == 0 && count + 1 < detail.levels();
        let count = (count + u32::from(grows)) as u16;
        let earlier = match detail {
            Detail::Lean => 0,
            Detail::Full if self.count() == 0 => 3,
            Detail::Full => (self.interval() / 2) as u16,
        };
        let context = context(detail, strangers);
        Self(count << 7 | interval(age) << 4 | earlier << 2 | context)
    }
}

fn context(detail: Detail, strangers: u32) -> u16 {
    match (detail, strangers) {
        (Detail::Lean, _) | (Detail::Full, 0..=1) => 0,
        (Detail::Full, 2..=5) => 1,
        (Detail::Full, _) => 2,
    }
}

/// From below 1/16 of the cache to beyond four times the cache.
fn interval(age: u32) -> u16 {
    const BOUNDS: [u32; 6] = [
        TICKS / 16,
        TICKS / 4,
        TICKS / 2,
        TICKS,
        2 * TICKS,
        4 * TICKS,
    ];
    BOUNDS.iter().filter(|&&bound| age >= bound).count() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_happens_an_object_has_one_of_the_listed_classes() {
        for detail in [Detail::Lean, Detail::Full] {
            for class in detail.classes() {
                for age in [0, 5, 100, u32::MAX] {
                    for strangers in 0..=8 {
                        for luck in [0, 1, u64::MAX] {
                            let next = class.again(detail, age, strangers, luck);
                            assert!(detail.has(next), "{class:?} led to {next:?}");
                        }
                        assert!(detail.has(Class::of_stranger(detail, strangers)));
                    }
                }
            }
            assert!(detail.has(Class::of_pioneer()));
        }
    }

    #[test]
    fn there_are_as_many_classes_as_documented() {
        assert_eq!(Detail::Lean.classes().count(), 36);
        assert_eq!(Detail::Full.classes().count(), 591);
    }

    #[test]
    fn the_count_grows_ever_more_rarely() {
        let mut class = Class::of_stranger(Detail::Full, 0);
        let mut accesses = 0u64;
        while class.count() < 6 {
            accesses += 1;
            class = class.again(
                Detail::Full,
                1,
                0,
                accesses.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40,
            );
        }
        assert!(accesses > 20, "{accesses}");
    }
}
