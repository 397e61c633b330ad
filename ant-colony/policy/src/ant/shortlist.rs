//! The residents that were found worth least of late, so that few need to be looked at per victim.
//!
//! A victim that is the lowest of eight random residents is a poor one; the lowest of the eight and
//! of what eight looked like on earlier occasions is a good one, because few objects are asked for
//! in between (the pool of Redis' approximated LRU works likewise). What was asked for since has
//! another mark by then, and the mechanism passes it over.

use super::mark::Mark;
use super::rank::Rank;

/// What an object earns, to compare: the lowest goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Worth(pub(crate) u32);

impl Worth {
    /// Rank first; among equals, what was asked for longer ago is worth less.
    #[inline]
    pub(crate) fn new(rank: Rank, age: u32) -> Self {
        Self(u32::from(rank.get()) << 16 | (0xffff - age.min(0xffff)))
    }

    /// The same for each byte of an object of so many: where capacities count bytes, what matters is
    /// the rate of hits for the room that is taken, to within a sixteenth.
    #[inline]
    #[must_use]
    pub fn per_byte(self, bytes: u32) -> Self {
        // Of floats the upper halves are their logarithms, nearly, in 1/128 of an octave.
        let logarithm = ((bytes.max(1) as f32).to_bits() - 1f32.to_bits()) & 0xffff_0000;
        let rank = (self.0 & 0xffff_0000).saturating_sub(logarithm);
        Self(rank | self.0 & 0xffff)
    }
}

/// Candidates in order, each with the mark that it had.
///
/// Once it has been full, only what is worth less than the worst of it then is listed, or most of
/// what is offered would be listed for nothing while one place is free; that bar rises with each
/// candidate that is taken, so that the list does not run dry.
#[derive(Debug)]
pub struct Shortlist<T> {
    /// In descending order: the best candidate is the last.
    worths: [u32; LENGTH],
    entries: [(T, Mark); LENGTH],
    len: usize,
    bar: u32,
}

const LENGTH: usize = 8;
/// By how much the bar rises: the 32nd part of an octave.
const RISE: u32 = 4 << 16;

impl<T: Copy + Default> Default for Shortlist<T> {
    fn default() -> Self {
        Self {
            worths: [0; LENGTH],
            entries: [(T::default(), Mark::from_bits(0)); LENGTH],
            len: 0,
            bar: u32::MAX,
        }
    }
}

impl<T: Copy> Shortlist<T> {
    /// Whether an object of this rank may be listed.
    #[inline]
    pub(crate) fn wants(&self, rank: Rank) -> bool {
        u32::from(rank.get()) <= self.bar >> 16
    }

    /// Offers an object; it is listed if it is worth little enough.
    #[inline]
    pub fn offer(&mut self, worth: Worth, object: T, mark: Mark) {
        if worth.0 < self.bar {
            self.list(worth.0, object, mark);
        }
    }

    fn list(&mut self, worth: u32, object: T, mark: Mark) {
        let mut place;
        if self.len == LENGTH {
            // The first one, which is worth more, is dropped.
            place = 0;
            while place + 1 < LENGTH && self.worths[place + 1] > worth {
                self.worths[place] = self.worths[place + 1];
                self.entries[place] = self.entries[place + 1];
                place += 1;
            }
        } else {
            place = self.len;
            while place > 0 && self.worths[place - 1] < worth {
                self.worths[place] = self.worths[place - 1];
                self.entries[place] = self.entries[place - 1];
                place -= 1;
            }
            self.len += 1;
        }
        self.worths[place] = worth;
        self.entries[place] = (object, mark);
        if self.len == LENGTH {
            self.bar = self.worths[0];
        }
    }

    /// Takes the candidate that is worth least. It is a victim only if it is still there and still
    /// has this mark.
    #[inline]
    pub fn pop(&mut self) -> Option<(T, Mark)> {
        let Some(last) = self.len.checked_sub(1) else {
            self.bar = u32::MAX;
            return None;
        };
        self.len = last;
        self.bar = self.bar.saturating_add(RISE);
        Some(self.entries[last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objects_worth_least_of_all_offered_come_first() {
        let mut list = Shortlist::default();
        for i in 0..1_000u32 {
            let worth = i.wrapping_mul(0x9e37_79b9) >> 20;
            list.offer(Worth(worth), worth, Mark::from_bits(i));
        }
        let mut all: Vec<u32> = (0..1_000u32)
            .map(|i| i.wrapping_mul(0x9e37_79b9) >> 20)
            .collect();
        all.sort_unstable();
        let taken: Vec<u32> = core::iter::from_fn(|| list.pop())
            .map(|(worth, _)| worth)
            .collect();
        assert_eq!(taken, all[..LENGTH]);
    }

    #[test]
    fn a_list_that_was_full_takes_better_ones_until_it_runs_dry() {
        let mut list = Shortlist::default();
        let worth = |rank: u32| Worth(rank << 16);
        for rank in 100..100 + LENGTH as u32 {
            list.offer(worth(rank), rank, Mark::from_bits(0));
        }
        assert_eq!(list.pop().map(|(rank, _)| rank), Some(100));
        list.offer(worth(500), 500, Mark::from_bits(0));
        list.offer(worth(50), 50, Mark::from_bits(0));
        let taken: Vec<u32> = core::iter::from_fn(|| list.pop())
            .map(|(rank, _)| rank)
            .collect();
        assert_eq!(taken[0], 50);
        assert_eq!(taken.len(), LENGTH);
        list.offer(worth(500), 500, Mark::from_bits(0));
        assert_eq!(list.pop().map(|(rank, _)| rank), Some(500));
    }

    #[test]
    fn what_takes_eight_times_the_room_must_return_eight_times_as_often() {
        let worth = |rate: f32, bytes| Worth::new(Rank::new(rate), 7).per_byte(bytes);
        for bytes in [1, 3, 100, 70_000, u32::MAX >> 3] {
            assert!(worth(0.08, 8 * bytes) > worth(0.009, bytes), "{bytes}");
            assert!(worth(0.08, 8 * bytes) < worth(0.011, bytes), "{bytes}");
        }
        assert_eq!(worth(0.5, 1), Worth::new(Rank::new(0.5), 7));
        assert_eq!(worth(0.0, 99), Worth::new(Rank::default(), 7));
    }

    use alloc::vec::Vec;
}
