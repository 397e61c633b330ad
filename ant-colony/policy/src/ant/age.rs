//! Time relative to the cache: ticks, ages and their logarithmic buckets.
//!
//! A tick is the time in which the cache is asked for 1/64 as many objects as it holds, so that
//! curves of caches of different sizes have the same shape. Ages fall into buckets, four to an
//! octave but of a tick at least, up to 2,048 times the cache.

/// Ticks in which as many accesses happen as the cache holds objects.
pub(crate) const TICKS: u32 = 64;
/// Age buckets of a curve.
pub(crate) const BUCKETS: usize = 64;

/// A moment, in ticks, that wraps around after 2,048 times the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick(u32);

impl Tick {
    /// Bits of a tick.
    pub(crate) const BITS: u32 = 17;
    const MASK: u32 = (1 << Self::BITS) - 1;

    #[inline]
    pub(crate) const fn new(ticks: u32) -> Self {
        Self(ticks & Self::MASK)
    }

    #[inline]
    pub(crate) const fn get(self) -> u32 {
        self.0
    }

    /// Ticks since `earlier`. What is older than the wrap-around looks young once.
    #[inline]
    pub(crate) const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0) & Self::MASK
    }
}

/// Turns counts of accesses into ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    objects: u64,
    /// Ticks per access, in 2^-32.
    rate: u64,
    /// Ticks when there was no access yet, in 2^-32.
    base: u64,
}

impl Clock {
    pub(crate) fn new(objects: usize) -> Self {
        let mut clock = Self {
            objects: 0,
            rate: 0,
            base: 0,
        };
        clock.set_objects(objects, 0);
        clock
    }

    /// From now on the cache holds `objects`.
    pub(crate) fn set_objects(&mut self, objects: usize, now: u64) {
        let present = self.scaled(now);
        self.objects = (objects as u64).max(1);
        self.rate = ((u64::from(TICKS) << 32) / self.objects).max(1);
        self.base = present.wrapping_sub(now.wrapping_mul(self.rate));
    }

    pub(crate) fn objects(&self) -> u64 {
        self.objects
    }

    #[inline]
    pub(crate) fn tick(&self, now: u64) -> Tick {
        Tick::new((self.scaled(now) >> 32) as u32)
    }

    /// Exact in the bits that a tick keeps, whatever overflows above them.
    #[inline]
    fn scaled(&self, now: u64) -> u64 {
        self.base.wrapping_add(now.wrapping_mul(self.rate))
    }
}

/// The bucket of an age in ticks: of its float, the exponent and two digits. It is asked for many
/// times per victim, and processors find those of several ages at once.
#[inline]
pub(crate) const fn bucket(age: u32) -> u32 {
    ((age + 4) as i32 as f32).to_bits() / QUARTER - FIRST
}

/// Bits of a float by which it grows in a quarter of an octave.
const QUARTER: u32 = 1 << 21;
const FIRST: u32 = 4f32.to_bits() / QUARTER;
const _: () = assert!(bucket(Tick::MASK) < BUCKETS as u32);

/// The first age of a bucket, in ticks; of `BUCKETS` the end of the last.
pub(crate) const fn first_age(bucket: usize) -> u32 {
    ((4 + (bucket as u32 & 3)) << (bucket / 4)) - 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_where_the_one_before_ends() {
        assert_eq!(first_age(0), 0);
        for b in 1..BUCKETS {
            assert_eq!(bucket(first_age(b)), b as u32);
            assert_eq!(bucket(first_age(b) - 1), b as u32 - 1);
        }
    }

    #[test]
    fn ages_survive_the_wrap_around_of_ticks() {
        let before = Tick::new(Tick::MASK - 2);
        assert_eq!(Tick::new(Tick::MASK + 8).since(before), 10);
    }

    #[test]
    fn sixty_four_ticks_pass_while_as_many_accesses_happen_as_there_are_objects() {
        for objects in [1, 63, 100, 1_000_000] {
            let clock = Clock::new(objects);
            let start = u64::from(u32::MAX) * 5;
            let ticks = clock
                .tick(start + objects as u64 * 10)
                .since(clock.tick(start));
            assert!((639..=641).contains(&ticks), "{ticks} with {objects}");
        }
    }

    #[test]
    fn a_change_of_size_does_not_move_the_present() {
        let mut clock = Clock::new(100);
        let before = clock.tick(12_345);
        clock.set_objects(1_000, 12_345);
        assert_eq!(clock.tick(12_345), before);
    }
}
