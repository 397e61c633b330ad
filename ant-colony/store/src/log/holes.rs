//! Dead records in whose places others may be written: values never change in place, so an
//! overwrite leaves its old record behind, and takes one that another overwrite has left.
//!
//! A few are remembered for each size. What is forgotten stays dead until compaction.

use crate::index::Location;

/// Records up to this many words have a group for each size; longer ones share groups, eight
/// between two powers of two.
const EXACT_WORDS: usize = 32;
const GROUPS: usize = EXACT_WORDS + 8 * (14 - 5);
/// Places in each group.
const WAYS: usize = 4;

/// Locations of dead records by size; zero is none.
pub(crate) struct Holes {
    groups: [[Location; WAYS]; GROUPS],
}

impl Default for Holes {
    fn default() -> Self {
        Self {
            groups: [[0; WAYS]; GROUPS],
        }
    }
}

/// The group of records of `words`.
#[inline]
fn group(words: usize) -> usize {
    if words < EXACT_WORDS {
        return words;
    }
    let power = words.ilog2();
    let eighth = words >> (power - 3) & 7;
    EXACT_WORDS + 8 * (power as usize - 5) + eighth
}

impl Holes {
    /// Adds a place. The last one of a full group is forgotten.
    #[inline]
    pub(crate) fn add(&mut self, words: usize, at: Location) {
        let places = &mut self.groups[group(words)];
        let free = places.iter().position(|&place| place == 0);
        places[free.unwrap_or(WAYS - 1)] = at;
    }

    /// Takes a place for a record of `words` that `suits`.
    #[inline]
    pub(crate) fn take(
        &mut self,
        words: usize,
        suits: impl Fn(Location) -> bool,
    ) -> Option<Location> {
        let first = group(words);
        // Somewhat larger ones may be in the next group.
        let last = group(words + words / 8).min(GROUPS - 1);
        self.groups[first..=last]
            .as_flattened_mut()
            .iter_mut()
            .find(|place| **place != 0 && suits(**place))
            .map(core::mem::take)
    }

    /// Removes the places that `gone` is true of.
    pub(crate) fn forget(&mut self, gone: impl Fn(Location) -> bool) {
        for place in self.groups.as_flattened_mut() {
            if *place != 0 && gone(*place) {
                *place = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RECORD_WORDS_MAX;

    #[test]
    fn groups_are_in_order_of_size_and_within_the_table() {
        assert_eq!(group(RECORD_WORDS_MAX), GROUPS - 1);
        assert!((2..RECORD_WORDS_MAX).all(|words| {
            let step = group(words + 1) - group(words);
            step <= 1 && (words >= EXACT_WORDS || group(words) == words)
        }));
    }

    #[test]
    fn places_are_taken_once_and_only_if_they_suit() {
        let mut holes = Holes::default();
        for at in 1..=6 {
            holes.add(100, at);
        }
        assert_eq!(holes.take(100, |at| at == 9), None);
        assert_eq!(holes.take(99, |at| at != 1), Some(2));
        assert_eq!(holes.take(100, |_| true), Some(1));
        holes.forget(|at| at == 3);
        assert_eq!(holes.take(100, |_| true), Some(6));
        assert_eq!(holes.take(100, |_| true), None);
        assert_eq!(holes.take(RECORD_WORDS_MAX, |_| true), None);
    }
}
