//! The residents that were found worth least of late, so that few need to be looked at per victim.
//!
//! A victim that is the lowest of eight random residents is a poor one; the lowest of the eight and
//! of what was found on earlier occasions is a good one, because few objects are asked for in
//! between (the pool of Redis' approximated LRU works likewise). What was asked for since has another
//! mark by then, and the mechanism passes it over.

use super::GROUP;
use super::mark::Mark;
use super::rank::Rank;

/// What an object earns, to compare: the lowest goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Worth(pub(crate) u32);

impl Worth {
    /// Rank first; among equals, what was asked for longer ago is worth less.
    #[inline]
    pub(crate) fn new(rank: Rank, age: u32) -> Self {
        Self(u32::from(rank.get()) << 16 | Self::youth(age))
    }

    /// The lower half, but for the number of a lane.
    #[inline]
    pub(crate) const fn youth(age: u32) -> u32 {
        const MOST: u32 = u16::MAX as u32 >> LANE_BITS;
        let age = if age < MOST { age } else { MOST };
        (MOST - age) << LANE_BITS
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

/// Candidates in lanes, each with the mark that it had.
///
/// An object that is offered stays in its lane until one that is worth less is offered there, or it
/// is taken. So nothing branches on what cannot be foreseen, and several lanes are compared at once.
///
/// What was just stored word by word cannot be read at once as a whole, and processors wait for it
/// if it is. Therefore a group joins the lanes when the next is offered, and who is offered alone
/// gets the lane of the next victim, if he is none himself.
#[derive(Debug, Default)]
pub struct Shortlist {
    lanes: [Lanes; 2],
    /// Those that were offered last: as a group, and alone.
    waiting: Group,
    newest: Candidate,
    /// The half to which the next group is offered.
    turn: usize,
    /// The lane for the newest if others are offered before a victim is taken.
    lane: usize,
}

/// Somebody in no lane.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// As those of lanes, without a number.
    worth: u32,
    name: u32,
    mark: u32,
}

impl Default for Candidate {
    fn default() -> Self {
        Self {
            worth: VACANT,
            name: 0,
            mark: 0,
        }
    }
}

/// Half of all candidates.
#[derive(Debug)]
#[repr(align(32))]
struct Lanes {
    /// With the number of the lane in the lowest bits. As floats they are ordered as before, and of
    /// floats any processor finds the lesser of several pairs at once.
    worths: [f32; GROUP],
    names: [u32; GROUP],
    marks: [u32; GROUP],
}

/// Objects that are offered together, named from `first` on.
#[derive(Debug)]
#[repr(align(32))]
struct Group {
    /// As those of the lanes that they will be offered to.
    worths: [f32; GROUP],
    first: u32,
    marks: [Mark; GROUP],
}

impl Default for Group {
    fn default() -> Self {
        Self {
            worths: [f32::from_bits(VACANT); GROUP],
            first: 0,
            marks: [Mark::from_bits(0); GROUP],
        }
    }
}

const LANES: usize = 2 * GROUP;
const LANE_BITS: u32 = LANES.ilog2();
/// The numbers of each half.
const NUMBERS: [[u32; GROUP]; 2] = [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15]];
/// Above the worth of any object, and a number whatever the lowest bits are.
const VACANT: u32 = f32::MAX.to_bits() & 0xffff_0000;

impl Default for Lanes {
    fn default() -> Self {
        Self {
            worths: [f32::from_bits(VACANT); GROUP],
            names: [0; GROUP],
            marks: [0; GROUP],
        }
    }
}

impl Lanes {
    /// Offers an object to each lane. Compiled apart, and each column by itself, or they would be
    /// compared one by one.
    #[inline(never)]
    fn offer(&mut self, group: &Group) {
        let listed = self.worths;
        let mut lower = [0; GROUP];
        for (lane, lower) in lower.iter_mut().enumerate() {
            *lower = if group.worths[lane] < listed[lane] {
                u32::MAX
            } else {
                0
            };
        }
        for (lane, worth) in self.worths.iter_mut().enumerate() {
            *worth = lesser(group.worths[lane], *worth);
        }
        for (lane, name) in self.names.iter_mut().enumerate() {
            *name = (group.first + lane as u32) & lower[lane] | *name & !lower[lane];
        }
        for (lane, mark) in self.marks.iter_mut().enumerate() {
            *mark = group.marks[lane].to_bits() & lower[lane] | *mark & !lower[lane];
        }
    }
}

/// Of floats, processors find the lesser of several pairs at once.
#[inline]
fn lesser(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

impl Shortlist {
    /// Offers an object, which the mechanism calls by this name.
    #[inline]
    pub fn offer(&mut self, worth: Worth, name: u32, mark: Mark) {
        if self.newest.worth != VACANT {
            self.give_lane();
        }
        self.newest = Candidate {
            worth: worth.0,
            name,
            mark: mark.to_bits(),
        };
    }

    /// The newest competes for the next lane.
    fn give_lane(&mut self) {
        let number = self.lane % LANES;
        self.lane = number + 1;
        let worth = f32::from_bits(self.newest.worth | number as u32);
        let (lanes, lane) = (&mut self.lanes[number / GROUP], number % GROUP);
        if worth < lanes.worths[lane] {
            lanes.worths[lane] = worth;
            lanes.names[lane] = self.newest.name;
            lanes.marks[lane] = self.newest.mark;
        }
    }

    /// Offers several at once, named from `first` on.
    #[inline]
    pub(crate) fn offer_group(&mut self, worths: [u32; GROUP], first: u32, marks: &[Mark; GROUP]) {
        let turn = self.turn % 2;
        self.turn = 1 - turn;
        self.lanes[turn].offer(&self.waiting);
        let mut numbered = [0.0; GROUP];
        for (lane, number) in NUMBERS[self.turn].into_iter().enumerate() {
            numbered[lane] = f32::from_bits(worths[lane] | number);
        }
        self.waiting = Group {
            worths: numbered,
            first,
            marks: *marks,
        };
    }

    /// Takes the candidate that is worth least. It is a victim only if it is still there and still
    /// has this mark.
    #[inline]
    pub fn pop(&mut self) -> Option<(u32, Mark)> {
        let least = self.least();
        let number = least % LANES as u32;
        let (lanes, lane) = {
            let number = number as usize;
            (&mut self.lanes[number / GROUP], number % GROUP)
        };
        // Who of the two is taken, cannot be foreseen.
        let newest = core::mem::take(&mut self.newest);
        let listed_is_taken = 0_u32.wrapping_sub(u32::from(least < newest.worth));
        let order = |listed: u32, newest: u32| {
            let taken = newest ^ ((listed ^ newest) & listed_is_taken);
            (taken, taken ^ listed ^ newest)
        };
        let (worth, stays) = order(least, newest.worth);
        lanes.worths[lane] = f32::from_bits(stays | number);
        let (name, stays) = order(lanes.names[lane], newest.name);
        lanes.names[lane] = stays;
        let (mark, stays) = order(lanes.marks[lane], newest.mark);
        lanes.marks[lane] = stays;
        (worth < VACANT).then_some((name, Mark::from_bits(mark)))
    }

    /// The least worth of all lanes.
    #[inline]
    fn least(&self) -> u32 {
        let [some, others] = &self.lanes;
        let mut least = [0; GROUP];
        for (lane, least) in least.iter_mut().enumerate() {
            *least = (some.worths[lane].to_bits() as i32).min(others.worths[lane].to_bits() as i32);
        }
        let [a, b, c, d, e, f, g, h] = least;
        (a.min(b)).min(c.min(d)).min(e.min(f).min(g.min(h))) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(rank: u32) -> Worth {
        Worth(rank << 16)
    }

    fn group(ranks: [u32; GROUP]) -> [u32; GROUP] {
        ranks.map(|rank| worth(rank).0)
    }

    const MARKS: [Mark; GROUP] = [Mark::from_bits(7); GROUP];

    #[test]
    fn the_object_worth_least_of_all_offered_comes_first_with_its_mark() {
        let mut list = Shortlist::default();
        let ranks = (0..1_000u32).map(|i| i.wrapping_mul(0x9e37_79b9) >> 20);
        for (i, rank) in ranks.clone().enumerate() {
            list.offer(worth(rank), rank, Mark::from_bits(i as u32));
        }
        let (i, least) = ranks
            .enumerate()
            .min_by_key(|&(_, rank)| rank)
            .expect("many");
        assert_eq!(list.pop(), Some((least, Mark::from_bits(i as u32))));
    }

    #[test]
    fn candidates_come_in_order_and_each_once() {
        let mut list = Shortlist::default();
        for rank in (0..LANES as u32).rev() {
            list.offer(worth(rank), rank, Mark::from_bits(0));
        }
        let taken: Vec<u32> = core::iter::from_fn(|| list.pop())
            .map(|(name, _)| name)
            .collect();
        assert!(taken.iter().copied().eq(0..LANES as u32), "{taken:?}");
    }

    #[test]
    fn a_candidate_stays_until_one_that_is_worth_less_is_offered_to_its_lane() {
        let mut list = Shortlist::default();
        let mut low = [50; GROUP];
        low[3] = 10;
        // The last two groups wait.
        for (first, ranks) in [
            (100, low),
            (200, low),
            (300, [40; GROUP]),
            (400, [9; GROUP]),
        ] {
            list.offer_group(group(ranks), first, &MARKS);
        }
        list.offer_group(group([60; GROUP]), 500, &MARKS);
        let mut taken: Vec<u32> = core::iter::from_fn(|| list.pop())
            .map(|(name, _)| name)
            .collect();
        taken.sort_unstable();
        let kept = [103]
            .into_iter()
            .chain((300..308).filter(|name| *name != 303));
        assert!(taken.iter().copied().eq(kept.chain(400..408)), "{taken:?}");
    }

    #[test]
    fn who_is_offered_alone_gets_the_lane_of_the_next_victim_or_is_it() {
        let mut list = Shortlist::default();
        for first in [0, 100, 200] {
            list.offer_group(group([10, 11, 12, 13, 14, 15, 16, 17]), first, &MARKS);
        }
        list.offer(worth(500), 500, Mark::from_bits(0));
        list.offer_group(group([600; GROUP]), 600, &MARKS);
        assert_eq!(list.pop().map(|(name, _)| name % 100), Some(0));
        list.offer(worth(1), 1, Mark::from_bits(0));
        assert_eq!(list.pop().map(|(name, _)| name), Some(1));
        let last = core::iter::from_fn(|| list.pop()).last();
        assert_eq!(last.map(|(name, _)| name), Some(500));
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
