//! Classes of objects: those of one class are expected to return alike.

use super::age::TICKS;

/// What is told apart: how often an object was asked for, how long ago before the last time, and
/// (in full detail) the interval before that and how many strangers the cache met lately. Lean
/// classes have the mean interval instead, where the latest weighs one half. What was
/// asked for once has no interval, but always a context: scans are strangers among strangers.
///
/// Laid out in ten bits: earlier interval, context, count, interval (or the context of a stranger).
/// What full detail adds stands above, so that a class is a row of the tables at either detail.
///
/// Above those ten are four bits that tell no classes apart: how far the count, a logarithm, is on
/// its way to the next level. A count that grows by chance instead blurs all classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(u16);

/// How finely objects are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// By count and mean interval: 39 classes, of which the tables stay in the first cache level.
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
            Self::Full => 1 << Class::ROW_BITS,
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
    /// With the progress of the count.
    pub(crate) const BITS: u32 = Self::ROW_BITS + Self::PROGRESS_BITS;
    const ROW_BITS: u32 = 10;
    const PROGRESS_BITS: u32 = 4;
    /// The first objects of a cache until it is full, in place of another context. Most of what is
    /// asked for often is among them: later strangers have to displace them, or a loop longer than
    /// the cache would not be hit in its second round, and a scan would carry off the hot objects.
    const PIONEER: Self = Self(CONTEXTS as u16);

    /// A class that no object has.
    pub(crate) const NOBODY: Self = Self(Self::KINDS as u16 - 1);

    /// The class with these bits, as [`Class::bits`] gave them.
    #[inline]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits as u16 & ((1 << Self::BITS) - 1))
    }

    #[inline]
    pub(crate) const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// The row of a table by class.
    #[inline]
    pub(crate) const fn row(self) -> usize {
        self.0 as usize & ((1 << Self::ROW_BITS) - 1)
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
        self.row() as u32 >> 6
    }

    /// Count and interval (or context of a stranger): the more general class that this one belongs
    /// to, below [`Class::KINDS`].
    pub(crate) const fn kind(self) -> usize {
        self.0 as usize & (Self::KINDS - 1)
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
    pub(crate) const fn of_stranger(strangers: u32) -> Self {
        Self(context(strangers))
    }

    /// Of an object that is not known and enters a cache that never was full.
    pub(crate) const fn of_pioneer() -> Self {
        Self::PIONEER
    }

    /// Of an object that had this class and is asked for again at `age`; `luck` gives random bits.
    pub(crate) fn again(
        self,
        detail: Detail,
        age: u32,
        strangers: u32,
        luck: impl FnOnce() -> u64,
    ) -> Self {
        let (count, progress) = self.counted(detail, luck);
        let counted = (count << 3 | progress << Self::ROW_BITS) as u16;
        let latest = interval(age);
        let first = 0_u16.wrapping_sub(u16::from(self.count() == 0));
        let choose = |of_first: u16, other: u16| of_first & first | other & !first;
        let earlier = self.interval() as u16;
        let special = match detail {
            Detail::Lean => (latest + choose(latest, earlier)) / 2,
            Detail::Full => latest | context(strangers) << 6 | choose(3, earlier / 2) << 8,
        };
        Self(counted | special)
    }

    /// Count and progress after one more access. A level is twice as long as the one before; where
    /// the progress has too few bits to count it out, only some accesses make any.
    fn counted(self, detail: Detail, luck: impl FnOnce() -> u64) -> (u32, u32) {
        let count = self.count();
        let last = count + 1 == detail.levels();
        let skipped = count.saturating_sub(Self::PROGRESS_BITS) * u32::from(!last);
        let counts = skipped == 0 || luck() & ((1 << skipped) - 1) == 0;
        let progress = self.progress() + u32::from(counts);
        // Arithmetic, because a branch could not be foreseen.
        let complete = progress >> (count - skipped) != 0;
        let goes_on = u32::from(!complete & !last);
        (count + u32::from(complete & !last), progress * goes_on)
    }

    /// Progress in the middle of the level: of an object of which no more than the class is known.
    pub(crate) fn halfway(self) -> Self {
        let steps = 1 << self.count().min(Self::PROGRESS_BITS);
        Self(self.row() as u16 | (steps / 2) << Self::ROW_BITS)
    }

    const fn progress(self) -> u32 {
        self.0 as u32 >> Self::ROW_BITS
    }
}

const fn context(strangers: u32) -> u16 {
    // Arithmetic, because a branch could not be foreseen.
    (strangers > 1) as u16 + (strangers > 5) as u16
}

/// From below 1/16 of the cache, by octaves from a quarter of it on, to beyond four times the
/// cache.
fn interval(age: u32) -> u16 {
    const WINDOW: u32 = TICKS / 16;
    let octave = ((age / WINDOW) | 1).ilog2().clamp(1, INTERVALS - 1) as u16;
    octave * u16::from(age >= WINDOW)
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
                            let next = class.again(detail, age, strangers, || luck);
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
    fn the_count_is_the_logarithm_of_the_accesses_while_progress_has_bits_for_it() {
        for detail in [Detail::Lean, Detail::Full] {
            let mut class = Class::of_stranger(0);
            for accesses in 1..=32_u32 {
                let expected = accesses.ilog2().min(detail.levels() - 1);
                assert_eq!(class.count(), expected, "after {accesses}");
                class = class.again(detail, 1, 0, || 0);
            }
        }
    }

    #[test]
    fn beyond_that_luck_decides_which_accesses_count() {
        let mut class = Class::of_stranger(0);
        let mut accesses = 1_u64;
        while class.count() < 7 {
            let luck = accesses.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            class = class.again(Detail::Full, 1, 0, || luck);
            accesses += 1;
        }
        assert!((100..170).contains(&accesses), "{accesses}");
    }
}
