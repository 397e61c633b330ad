//! The residents that were found worth least of late, so that few need to be looked at per victim.
//!
//! A victim that is the lowest of eight random residents is a poor one; the lowest of the eight and
//! of what eight looked like on earlier occasions is a good one, because few objects are asked for
//! in between (the pool of Redis' approximated LRU works likewise). What was asked for since has
//! another mark by then, and the mechanism passes it over.

use super::mark::Mark;

/// What an object earns, to compare: the lowest goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Worth(pub(crate) u32);

/// Candidates in order, each with the mark that it had.
#[derive(Debug)]
pub struct Shortlist<T> {
    /// The best candidate is the last.
    entries: [(Worth, T, Mark); LENGTH],
    len: usize,
}

const LENGTH: usize = 16;

impl<T: Copy + Default> Default for Shortlist<T> {
    fn default() -> Self {
        Self {
            entries: [(Worth::default(), T::default(), Mark::from_bits(0)); LENGTH],
            len: 0,
        }
    }
}

impl<T: Copy> Shortlist<T> {
    /// Offers an object; it is listed if it is worth less than one that is.
    pub fn offer(&mut self, worth: Worth, object: T, mark: Mark) {
        let after =
            |entries: &[(Worth, T, Mark)]| entries.iter().filter(|entry| entry.0 > worth).count();
        let mut place = after(&self.entries[..self.len]);
        if self.len == LENGTH {
            if place == 0 {
                return;
            }
            self.entries.copy_within(1..place, 0);
            place -= 1;
        } else {
            self.entries.copy_within(place..self.len, place + 1);
            self.len += 1;
        }
        self.entries[place] = (worth, object, mark);
    }

    /// Takes the candidate that is worth least. It is a victim only if it is still there and still
    /// has this mark.
    pub fn pop(&mut self) -> Option<(T, Mark)> {
        self.len = self.len.checked_sub(1)?;
        let (_, object, mark) = self.entries[self.len];
        Some((object, mark))
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

    use alloc::vec::Vec;
}
