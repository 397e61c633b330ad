//! The worth of keeping an object: a Gittins index over its class's curve.
//!
//! Let S(a) be the share of a class's objects that are still waited for at age a. Keeping one of
//! age a until age T earns S(a) - S(T) hits and occupies the cache for the integral of S from a to
//! T. The rank is the best such rate over all T: what the object earns if it is given up at the
//! best moment (Gittins, *Bandit processes and dynamic allocation indices*, 1979; LHD, NSDI 2018,
//! takes the whole future instead).
//!
//! In the plane of (integral of S, S) the rate is a downward slope, so that the best T is the next
//! corner of the lower convex hull, and one pass from old to young finds all ranks.

use super::age::{BUCKETS, first_age};

/// Hits per tick of occupation, a float without its lower half: enough to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(u16);

impl Rank {
    pub(crate) fn new(rate: f32) -> Self {
        Self((rate.max(0.0).to_bits() >> 16) as u16)
    }

    /// Floats above zero are ordered as their bits are.
    #[inline]
    pub(crate) const fn get(self) -> u16 {
        self.0
    }
}

/// By age bucket, the share of the objects that reached it which return within it.
pub(crate) type Hazards = [f32; BUCKETS];

/// The ranks at each age of a class with these hazards.
pub(crate) fn ranks(hazards: &Hazards) -> [Rank; BUCKETS] {
    let Curve {
        survival,
        occupation,
    } = Curve::new(hazards);
    // From each age to the next corner of its hull: which that is, hits, ticks of occupation.
    let mut corner = [BUCKETS; BUCKETS + 1];
    let mut hits = [0.0; BUCKETS + 1];
    let mut ticks = [1.0; BUCKETS + 1];
    for age in (0..BUCKETS).rev() {
        let mut to = age + 1;
        loop {
            hits[age] = survival[age] - survival[to];
            ticks[age] = occupation[to] - occupation[age];
            // What lies above the line to the corner after it is none.
            if hits[age] * ticks[to] >= hits[to] * ticks[age] {
                break;
            }
            to = corner[to];
        }
        corner[age] = to;
    }
    // Apart, so that several are divided at once.
    let rates: [f32; BUCKETS] = core::array::from_fn(|age| hits[age] / ticks[age]);
    rates.map(Rank::new)
}

/// Ticks of each bucket.
const WIDTHS: [f32; BUCKETS] = {
    let mut widths = [0.0; BUCKETS];
    let mut b = 0;
    while b < BUCKETS {
        widths[b] = (first_age(b + 1) - first_age(b)) as f32;
        b += 1;
    }
    widths
};

struct Curve {
    survival: [f32; BUCKETS + 1],
    occupation: [f32; BUCKETS + 1],
}

impl Curve {
    /// A curve never falls to nothing, or ages beyond would have no rank.
    const HAZARD_MAX: f32 = 0.999;

    fn new(hazards: &Hazards) -> Self {
        let mut survival = [1.0; BUCKETS + 1];
        let mut occupation = [0.0; BUCKETS + 1];
        for (b, (hazard, ticks)) in hazards.iter().zip(&WIDTHS).enumerate() {
            survival[b + 1] = survival[b] * (1.0 - hazard.clamp(0.0, Self::HAZARD_MAX));
            let mean = 0.5 * (survival[b] + survival[b + 1]);
            occupation[b + 1] = occupation[b] + ticks * mean;
        }
        Self {
            survival,
            occupation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, by trying every age to stop at.
    fn tried(hazards: &Hazards, age: usize) -> Rank {
        let curve = Curve::new(hazards);
        let rates = (age + 1..=BUCKETS).map(|stop| {
            let hits = curve.survival[age] - curve.survival[stop];
            hits / (curve.occupation[stop] - curve.occupation[age])
        });
        Rank::new(rates.fold(0.0, f32::max))
    }

    #[test]
    fn the_hull_finds_the_best_age_to_stop_at() {
        let mut seed = 7u32;
        for _ in 0..200 {
            let hazards = core::array::from_fn(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / (1 << 25) as f32
            });
            let ranks = ranks(&hazards);
            for (age, rank) in ranks.iter().enumerate() {
                let best = tried(&hazards, age);
                assert!(rank.get().abs_diff(best.get()) <= 1, "at {age}");
            }
        }
    }

    #[test]
    fn what_returns_at_a_certain_age_is_worth_more_the_nearer_that_age_is() {
        let mut hazards = [0.0; BUCKETS];
        hazards[30] = 0.9;
        let ranks = ranks(&hazards);
        assert!(ranks[..=30].is_sorted());
        assert!(ranks[31] < ranks[0]);
    }

    #[test]
    fn constant_hopes_are_worth_less_the_rarer_they_are() {
        assert!(ranks(&[0.01; BUCKETS])[20] < ranks(&[0.02; BUCKETS])[20]);
    }
}
