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
#[derive(Debug, Default)]
pub struct Shortlist {
    lanes: [Lanes; 2],
    /// What was offered last. It joins the others one group later: what was just stored word by word
    /// cannot be read at once as a whole.
    waiting: Group,
    /// Those to which the next group is offered.
    turn: usize,
    /// The lane that was vacated last, for who is offered alone.
    lane: usize,
}

/// Half of all candidates.
#[derive(Debug)]
struct Lanes {
    /// With the number of the lane in the lowest bits.
    worths: [i32; GROUP],
    names: [u32; GROUP],
    marks: [u32; GROUP],
}

/// Objects that are offered together, named from `first` on.
#[derive(Debug)]
struct Group {
    worths: [i32; GROUP],
    first: u32,
    marks: [Mark; GROUP],
}

impl Default for Group {
    fn default() -> Self {
        Self {
            worths: [VACANT; GROUP],
            first: 0,
            marks: [Mark::from_bits(0); GROUP],
        }
    }
}

const LANES: usize = 2 * GROUP;
const LANE_BITS: u32 = LANES.ilog2();
/// Above the worth of any object.
const VACANT: i32 = i32::MAX;

impl Default for Lanes {
    fn default() -> Self {
        Self {
            worths: [VACANT; GROUP],
            names: [0; GROUP],
            marks: [0; GROUP],
        }
    }
}

impl Lanes {
    /// Offers an object to each lane. Compiled apart, or they would be compared one by one.
    #[inline(never)]
    fn offer(&mut self, group: &Group, first_lane: usize) {
        for lane in 0..GROUP {
            let number = (first_lane + lane) as i32;
            let (worth, listed) = (group.worths[lane] | number, self.worths[lane]);
            let lower = 0_u32.wrapping_sub(u32::from(worth < listed));
            let choose = |new: u32, old: u32| (new & lower) | (old & !lower);
            self.worths[lane] = choose(worth as u32, listed as u32) as i32;
            self.names[lane] = choose(group.first + lane as u32, self.names[lane]);
            self.marks[lane] = choose(group.marks[lane].to_bits(), self.marks[lane]);
        }
    }
}

impl Shortlist {
    /// Offers an object, which the mechanism calls by this name.
    #[inline]
    pub fn offer(&mut self, worth: Worth, name: u32, mark: Mark) {
        let number = self.lane % LANES;
        self.lane = number + 1;
        let worth = worth.0 as i32 | number as i32;
        let (lanes, lane) = (&mut self.lanes[number / GROUP], number % GROUP);
        if worth < lanes.worths[lane] {
            lanes.worths[lane] = worth;
            lanes.names[lane] = name;
            lanes.marks[lane] = mark.to_bits();
        }
    }

    /// Offers several at once, named from `first` on.
    #[inline]
    pub(crate) fn offer_group(&mut self, worths: [i32; GROUP], first: u32, marks: &[Mark; GROUP]) {
        let turn = self.turn % 2;
        self.turn = turn + 1;
        self.lanes[turn].offer(&self.waiting, turn * GROUP);
        self.waiting = Group {
            worths,
            first,
            marks: *marks,
        };
    }

    /// Takes the candidate that is worth least. It is a victim only if it is still there and still
    /// has this mark.
    #[inline]
    pub fn pop(&mut self) -> Option<(u32, Mark)> {
        let number = self.least()?;
        let (lanes, lane) = (&mut self.lanes[number / GROUP], number % GROUP);
        lanes.worths[lane] = VACANT;
        self.lane = number;
        Some((lanes.names[lane], Mark::from_bits(lanes.marks[lane])))
    }

    /// The lane of the candidate that is worth least.
    #[inline]
    fn least(&self) -> Option<usize> {
        let [some, others] = &self.lanes;
        let mut least = [VACANT; GROUP / 2];
        for (i, least) in least.iter_mut().enumerate() {
            let of_lane = |i: usize| some.worths[i].min(others.worths[i]);
            *least = of_lane(i).min(of_lane(i + GROUP / 2));
        }
        let least = least[0].min(least[1]).min(least[2].min(least[3]));
        (least != VACANT).then_some(least as usize % LANES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(rank: u32) -> Worth {
        Worth(rank << 16)
    }

    fn group(ranks: [u32; GROUP]) -> [i32; GROUP] {
        ranks.map(|rank| worth(rank).0 as i32)
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
    fn who_is_offered_alone_gets_the_lane_that_was_vacated() {
        let mut list = Shortlist::default();
        for rank in 10..10 + LANES as u32 {
            list.offer(worth(rank), rank, Mark::from_bits(0));
        }
        assert_eq!(list.pop().map(|(name, _)| name), Some(10));
        list.offer(worth(500), 500, Mark::from_bits(0));
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
