//! Classes of objects: those of one class are expected to return alike.

use super::age::TICKS;

/// What is told apart: how often an object was asked for, how long ago before the last time, and
/// (in full detail) the interval before that and how many strangers the cache met lately. What was
/// asked for once has no interval, but always a context: scans are strangers among strangers.
///
/// Laid out in ten bits: earlier interval, context, count, interval (or the context of a stranger).
/// What full detail adds stands above, so that a class is a row of the tables at either detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(u16);

/// How finely objects are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// By count and last interval: 39 classes, of which the tables stay in the first cache level.
    Lean,
    /// Also by the interval before the last and by what was asked for lately: 592 classes.
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

    /// Rows of a table by class.
    pub(crate) const fn rows(self) -> usize {
        match self {
            Self::Lean => Class::KINDS,
            Self::Full => 1 << Class::BITS,
        }
    }

    /// All classes that objects can have.
    pub(crate) fn classes(self) -> impl Iterator<Item = Class> {
        (0..self.rows() as u16)
            .map(Class)
            .filter(move |class| self.has(*class))
    }

    fn has(self, class: Class) -> bool {
        if class.count() == 0 {
            return class.interval() <= CONTEXTS && class.above() == 0;
        }
        class.count() < self.levels() && class.interval() < INTERVALS && class.context() < CONTEXTS
    }
}

/// Different intervals.
pub(crate) const INTERVALS: u32 = 7;
/// Different contexts.
pub(crate) const CONTEXTS: u32 = 3;

impl Class {
    pub(crate) const BITS: u32 = 10;
    /// The first objects of a cache until it is full, in place of another context. The prior has
    /// them as if they had been asked for again after long: what is asked for again soon ranks
    /// higher, and later strangers have to displace them, or a loop longer than the cache would not
    /// be hit in its second round, and a scan would carry off the first hot objects.
    const PIONEER: Self = Self(CONTEXTS as u16);

    /// A class that no object has.
    pub(crate) const NOBODY: Self = Self(Self::KINDS as u16 - 1);

    /// The class with these bits, as [`Class::bits`] gave them.
    #[inline]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits as u16 & ((1 << Self::BITS) - 1))
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// The row of a table by class.
    #[inline]
    pub(crate) const fn row(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn count(self) -> u32 {
        self.0 as u32 >> 3 & 7
    }

    const fn interval(self) -> u32 {
        self.0 as u32 & 7
    }

    const fn context(self) -> u32 {
        self.above() & 3
    }

    /// What full detail adds.
    const fn above(self) -> u32 {
        self.0 as u32 >> 6
    }

    /// Count and interval (or context of a stranger): the more general class that this one belongs
    /// to, below [`Class::KINDS`].
    pub(crate) const fn kind(self) -> usize {
        self.0 as usize & (Self::KINDS - 1)
    }

    /// The kind of the first objects, and the one whose prior they have.
    pub(crate) const PIONEERS: [usize; 2] = [Self::PIONEER.kind(), 8 + 6];
    /// How many kinds there are.
    pub(crate) const KINDS: usize = 64;
    /// How many levels a count can have.
    pub(crate) const COUNTS: usize = 8;

    /// The kinds with this level of the count.
    pub(crate) const fn kinds_of_count(count: usize) -> core::ops::Range<usize> {
        count * 8..count * 8 + 8
    }

    /// Of an object that is not known, after `strangers` of the last eight accesses.
    pub(crate) const fn of_stranger(strangers: u32) -> Self {
        Self(context(strangers))
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
        let kind = count << 3 | interval(age);
        let earlier = match (detail, self.count()) {
            (Detail::Lean, _) => return Self(kind),
            (Detail::Full, 0) => 3,
            (Detail::Full, _) => (self.interval() / 2) as u16,
        };
        Self(kind | context(strangers) << 6 | earlier << 8)
    }
}

const fn context(strangers: u32) -> u16 {
    match strangers {
        0..=1 => 0,
        2..=5 => 1,
        _ => 2,
    }
}

/// From below 1/16 of the cache, by octaves from a quarter of it on, to beyond four times the
/// cache.
fn interval(age: u32) -> u16 {
    const WINDOW: u32 = TICKS / 16;
    match age {
        0..WINDOW => 0,
        _ => (age / WINDOW).ilog2().clamp(1, INTERVALS - 1) as u16,
    }
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
                        assert!(detail.has(Class::of_stranger(strangers)));
                    }
                }
            }
            assert!(detail.has(Class::of_pioneer()));
            assert!(!detail.has(Class::NOBODY));
        }
    }

    #[test]
    fn there_are_as_many_classes_as_documented() {
        assert_eq!(Detail::Lean.classes().count(), 39);
        assert_eq!(Detail::Full.classes().count(), 592);
    }

    #[test]
    fn intervals_are_told_apart_by_octaves_around_the_size_of_the_cache() {
        let ages = [3, 4, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, u32::MAX];
        let expected = [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6];
        assert_eq!(ages.map(interval), expected);
    }

    #[test]
    fn the_count_grows_ever_more_rarely() {
        let mut class = Class::of_stranger(0);
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
