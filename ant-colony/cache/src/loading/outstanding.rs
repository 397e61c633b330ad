//! What was ordered and is not used yet: few, in the order of their orders.
//!
//! An order is *under way* until its value has come, and then *there* until somebody asks for it or
//! patience is at an end.

use std::collections::VecDeque;

use super::SEQUENCES;

/// Who is not asked for within so many fetches of its sequence makes room.
const PATIENCE: u64 = 32;
/// An order whose value has not come within so many fetches of all sequences is lost: whoever had it to
/// load has stopped for ever, or nobody will need it.
const LOST: u64 = 1 << 16;
/// Never more than these, however much room there is.
const MOST: usize = 512;

struct Order {
    /// A key may be ordered again before who had the first order knows.
    number: u64,
    hash: usize,
    sequence: usize,
    /// How many fetches its sequence had seen.
    since: u64,
    /// How many fetches all had seen.
    since_in_all: u64,
    /// None while it is under way.
    there: Option<There>,
}

/// A value that has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct There {
    /// Its entry's [place](crate::places).
    pub(crate) place: u32,
    pub(crate) weight: u64,
    /// The hash of what made room for it.
    pub(crate) displaced: Option<usize>,
}

/// An order that ends unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stale {
    pub(super) hash: usize,
    pub(super) there: There,
}

pub(super) struct Outstanding {
    orders: VecDeque<Order>,
    begun: u64,
    fetches: [u64; SEQUENCES],
    fetches_in_all: u64,
    most: usize,
    /// What all that are there may weigh.
    weight_most: u64,
    weight: u64,
}

impl Outstanding {
    pub(super) fn new(most: usize, weight_most: u64) -> Self {
        Self {
            orders: VecDeque::new(),
            begun: 0,
            fetches: [0; SEQUENCES],
            fetches_in_all: 0,
            most: most.min(MOST),
            weight_most,
            weight: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    #[cfg(test)]
    pub(super) fn there(&self) -> usize {
        let there = |order: &&Order| order.there.is_some();
        self.orders.iter().filter(there).count()
    }

    pub(super) fn contains(&self, hash: usize) -> bool {
        self.orders.iter().any(|order| order.hash == hash)
    }

    /// A fetch of a sequence. Adds those of it that have waited too long; and how many were lost.
    pub(super) fn on_fetch(&mut self, sequence: usize, stale: &mut Vec<Stale>) -> u64 {
        self.fetches[sequence] += 1;
        self.fetches_in_all += 1;
        let (now, now_in_all) = (self.fetches[sequence], self.fetches_in_all);
        let (known, mut lost) = (stale.len(), 0);
        self.orders.retain(|order| {
            if order.there.is_none() && order.since_in_all + LOST < now_in_all {
                lost += 1;
                return false;
            }
            let is_late = order.sequence == sequence && order.since + PATIENCE < now;
            let Some(there) = order.there.filter(|_| is_late) else {
                return true;
            };
            let hash = order.hash;
            stale.push(Stale { hash, there });
            false
        });
        self.forget_weight(&stale[known..]);
        lost
    }

    /// How many more may be ordered, if those that are there are given up for them.
    pub(super) fn room(&self) -> usize {
        let there = |order: &&Order| order.there.is_none();
        self.most - self.orders.iter().filter(there).count()
    }

    /// Adds an order, for which there is [room](Self::room): its number, and who has to go for it.
    pub(super) fn add(&mut self, hash: usize, sequence: usize) -> (u64, Option<Stale>) {
        let oldest = || self.orders.iter().position(|order| order.there.is_some());
        let given_up = (self.orders.len() >= self.most).then(oldest).flatten();
        let given_up = given_up.and_then(|place| self.orders.remove(place));
        self.begun += 1;
        self.orders.push_back(Order {
            number: self.begun,
            hash,
            sequence,
            since: self.fetches[sequence],
            since_in_all: self.fetches_in_all,
            there: None,
        });
        let stale = given_up.and_then(|order| order.stale());
        self.forget_weight(stale.as_slice());
        (self.begun, stale)
    }

    /// Whether the value of an order is still wanted, and is not too heavy beside the others. Those of
    /// others that have waited for as many fetches of all sequences as one of their own may last make
    /// room for it: theirs may have fallen silent. Two that come at the same time may both be
    /// admitted, and be too heavy together.
    pub(super) fn admits(&mut self, number: u64, weight: u64, stale: &mut Vec<Stale>) -> bool {
        if weight > self.weight_most || !self.orders.iter().any(|order| order.number == number) {
            return false;
        }
        while weight > self.weight_most.saturating_sub(self.weight) {
            let now = self.fetches_in_all;
            let is_old =
                |order: &Order| order.there.is_some() && order.since_in_all + PATIENCE < now;
            let oldest = self.orders.iter().position(is_old);
            let oldest = oldest.and_then(|place| self.orders.remove(place)?.stale());
            let Some(oldest) = oldest else {
                return false;
            };
            self.forget_weight(&[oldest]);
            stale.push(oldest);
        }
        true
    }

    /// The value of an order has come.
    pub(super) fn arrive(&mut self, number: u64, there: There) {
        let mut orders = self.orders.iter_mut();
        if let Some(order) = orders.find(|order| order.number == number) {
            order.there = Some(there);
            self.weight = self.weight.saturating_add(there.weight);
        }
    }

    /// Takes the order of a key out: what is known of its value, if that has come.
    pub(super) fn end_of(&mut self, hash: usize) -> Option<Option<There>> {
        self.end_if(|order| order.hash == hash)
    }

    /// The same for the order with this number.
    pub(super) fn end(&mut self, number: u64) -> Option<Option<There>> {
        self.end_if(|order| order.number == number)
    }

    fn end_if(&mut self, is: impl Fn(&Order) -> bool) -> Option<Option<There>> {
        let place = self.orders.iter().position(is)?;
        let order = self.orders.remove(place)?;
        self.forget_weight(order.stale().as_slice());
        Some(order.there)
    }

    /// (The sum may have been saturated.)
    fn forget_weight(&mut self, stale: &[Stale]) {
        let weights = stale.iter().map(|stale| stale.there.weight);
        self.weight = weights.fold(self.weight, u64::saturating_sub);
    }
}

impl Order {
    /// None if it is under way.
    fn stale(&self) -> Option<Stale> {
        let (hash, there) = (self.hash, self.there?);
        Some(Stale { hash, there })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(place: u32, weight: u64) -> There {
        There {
            place,
            weight,
            displaced: None,
        }
    }

    #[test]
    fn patience_counts_fetches_of_the_same_sequence_and_begins_when_the_value_is_there() {
        let mut outstanding = Outstanding::new(10, 100);
        let [first, _, third] =
            [(1, 0), (2, 0), (3, 1)].map(|(hash, of)| outstanding.add(hash, of).0);
        outstanding.arrive(first, there(5, 0));
        outstanding.arrive(third, there(6, 0));
        let mut stale: Vec<Stale> = Vec::new();
        (0..=PATIENCE).for_each(|_| assert_eq!(outstanding.on_fetch(0, &mut stale), 0));
        assert_eq!(
            stale.iter().map(|stale| stale.hash).collect::<Vec<_>>(),
            [1]
        );
        assert!(outstanding.contains(2) && outstanding.contains(3));
    }

    #[test]
    #[cfg_attr(miri, ignore = "it takes many fetches")]
    fn what_does_not_come_is_lost_in_the_end() {
        let mut outstanding = Outstanding::new(10, 100);
        let (lost, _) = outstanding.add(1, 0);
        let mut stale = Vec::new();
        let fetches = (0..=LOST).map(|_| outstanding.on_fetch(1, &mut stale));
        assert_eq!(fetches.sum::<u64>(), 1);
        assert!(!outstanding.admits(lost, 0, &mut stale) && stale.is_empty());
        assert_eq!(outstanding.room(), 10);
    }

    #[test]
    fn new_orders_take_the_room_of_what_is_there_never_of_what_is_under_way() {
        let mut outstanding = Outstanding::new(2, 100);
        assert_eq!((outstanding.room(), outstanding.add(1, 0)), (2, (1, None)));
        assert_eq!((outstanding.room(), outstanding.add(2, 0)), (1, (2, None)));
        assert_eq!(outstanding.room(), 0);
        outstanding.arrive(2, there(7, 30));
        assert_eq!(outstanding.room(), 1);
        let (hash, there) = (2, there(7, 30));
        assert_eq!(outstanding.add(3, 0), (3, Some(Stale { hash, there })));
        assert_eq!((outstanding.len(), outstanding.weight), (2, 0));
    }

    /// With orders of the keys 1 to 3, numbered so, which together may weigh 100.
    fn three() -> Outstanding {
        let mut outstanding = Outstanding::new(10, 100);
        (1..4).for_each(|hash| assert_eq!(outstanding.add(hash, 0), (hash as u64, None)));
        outstanding
    }

    /// Whether a value is admitted though no other one makes room for it.
    fn fits(outstanding: &mut Outstanding, number: u64, weight: u64) -> bool {
        let mut stale = Vec::new();
        let fits = outstanding.admits(number, weight, &mut stale);
        assert_eq!(stale, []);
        fits
    }

    #[test]
    fn what_is_there_together_weighs_no_more_than_allowed() {
        let mut outstanding = three();
        assert!(fits(&mut outstanding, 1, 60) && !fits(&mut outstanding, 9, 1));
        outstanding.arrive(1, there(1, 60));
        assert!(!fits(&mut outstanding, 2, 60));
        assert_eq!(outstanding.end_of(1), Some(Some(there(1, 60))));
        assert!(fits(&mut outstanding, 2, 60));
        assert_eq!(outstanding.end(2), Some(None));
        assert_eq!(outstanding.end(2), None);
    }

    #[test]
    fn those_that_came_together_and_are_too_heavy_admit_no_other() {
        let mut outstanding = three();
        assert!(fits(&mut outstanding, 1, 60) && fits(&mut outstanding, 2, 60));
        outstanding.arrive(1, there(1, 60));
        outstanding.arrive(2, there(2, 60));
        assert!(!fits(&mut outstanding, 3, 1));
        outstanding.end(1);
        assert!(fits(&mut outstanding, 3, 40));
    }

    #[test]
    fn what_has_waited_long_makes_room_for_what_is_heavy_also_if_its_sequence_is_silent() {
        let mut outstanding = three();
        outstanding.arrive(1, there(1, 30));
        outstanding.arrive(2, there(2, 60));
        let mut stale = Vec::new();
        (0..=PATIENCE).for_each(|_| assert_eq!(outstanding.on_fetch(1, &mut stale), 0));
        assert!(fits(&mut outstanding, 3, 10) && !fits(&mut outstanding, 3, 101));
        assert!(outstanding.admits(3, 40, &mut stale));
        assert_eq!(
            stale.iter().map(|stale| stale.hash).collect::<Vec<_>>(),
            [1]
        );
        assert_eq!(outstanding.weight, 60);
    }

    #[test]
    fn who_has_an_order_that_ended_can_say_nothing_of_another_one_of_its_key() {
        let mut outstanding = three();
        assert_eq!(outstanding.end_of(1), Some(None));
        let (again, _) = outstanding.add(1, 0);
        outstanding.arrive(1, there(1, 60));
        assert!(outstanding.end(1).is_none() && !fits(&mut outstanding, 1, 1));
        assert_eq!(outstanding.weight, 0);
        assert_eq!(outstanding.end(again), Some(None));
    }
}
