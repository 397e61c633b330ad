//! What was ordered and is not used yet: few, in the order of their orders.
//!
//! An order is *under way* until its value has come, and then *there* until somebody asks for it or
//! patience is at an end.

use std::collections::VecDeque;

use super::SEQUENCES;

/// Who is not asked for within so many fetches of its sequence makes room.
const PATIENCE: u64 = 32;
/// Never more than these, however much room there is.
const MOST: usize = 512;

struct Order {
    hash: usize,
    sequence: usize,
    /// How many fetches its sequence had seen.
    since: u64,
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
    fetches: [u64; SEQUENCES],
    most: usize,
    /// What all that are there may weigh.
    weight_most: u64,
    weight: u64,
}

impl Outstanding {
    pub(super) fn new(most: usize, weight_most: u64) -> Self {
        Self {
            orders: VecDeque::new(),
            fetches: [0; SEQUENCES],
            most: most.min(MOST),
            weight_most,
            weight: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(super) fn contains(&self, hash: usize) -> bool {
        self.orders.iter().any(|order| order.hash == hash)
    }

    /// A fetch of a sequence. Those of it that have waited too long.
    pub(super) fn on_fetch(&mut self, sequence: usize) -> Vec<Stale> {
        self.fetches[sequence] += 1;
        let now = self.fetches[sequence];
        let mut stale = Vec::new();
        self.orders.retain(|order| {
            let is_late = order.sequence == sequence && order.since + PATIENCE < now;
            let Some(there) = order.there.filter(|_| is_late) else {
                return true;
            };
            let hash = order.hash;
            stale.push(Stale { hash, there });
            false
        });
        self.forget_weight(&stale);
        stale
    }

    /// How many more may be ordered, if those that are there are given up for them.
    pub(super) fn room(&self) -> usize {
        let there = |order: &&Order| order.there.is_none();
        self.most - self.orders.iter().filter(there).count()
    }

    /// Adds an order, for which there is [room](Self::room). Who has to go for it.
    pub(super) fn add(&mut self, hash: usize, sequence: usize) -> Option<Stale> {
        let oldest = || self.orders.iter().position(|order| order.there.is_some());
        let given_up = (self.orders.len() >= self.most).then(oldest).flatten();
        let given_up = given_up.and_then(|place| self.orders.remove(place));
        self.orders.push_back(Order {
            hash,
            sequence,
            since: self.fetches[sequence],
            there: None,
        });
        let stale = given_up.and_then(|order| {
            let (hash, there) = (order.hash, order.there?);
            Some(Stale { hash, there })
        });
        self.forget_weight(stale.as_slice());
        stale
    }

    /// Whether the value of an order is still wanted, and is not too heavy beside the others. Two that
    /// come at the same time may both be admitted, and be too heavy together.
    pub(super) fn admits(&self, hash: usize, weight: u64) -> bool {
        self.contains(hash) && weight <= self.weight_most.saturating_sub(self.weight)
    }

    /// The value of an order has come.
    pub(super) fn arrive(&mut self, hash: usize, there: There) {
        let mut orders = self.orders.iter_mut();
        if let Some(order) = orders.find(|order| order.hash == hash) {
            order.there = Some(there);
            self.weight = self.weight.saturating_add(there.weight);
        }
    }

    /// Takes an order out: what is known of its value, if that has come.
    pub(super) fn end(&mut self, hash: usize) -> Option<Option<There>> {
        let place = self.orders.iter().position(|order| order.hash == hash)?;
        let order = self.orders.remove(place)?;
        self.weight -= order.there.map_or(0, |there| there.weight);
        Some(order.there)
    }

    fn forget_weight(&mut self, stale: &[Stale]) {
        self.weight -= stale.iter().map(|stale| stale.there.weight).sum::<u64>();
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
        outstanding.add(1, 0);
        outstanding.add(2, 0);
        outstanding.add(3, 1);
        outstanding.arrive(1, there(5, 0));
        outstanding.arrive(3, there(6, 0));
        let mut stale: Vec<Stale> = Vec::new();
        (0..=PATIENCE).for_each(|_| stale.extend(outstanding.on_fetch(0)));
        assert_eq!(
            stale.iter().map(|stale| stale.hash).collect::<Vec<_>>(),
            [1]
        );
        assert!(outstanding.contains(2) && outstanding.contains(3));
    }

    #[test]
    fn new_orders_take_the_room_of_what_is_there_never_of_what_is_under_way() {
        let mut outstanding = Outstanding::new(2, 100);
        assert_eq!((outstanding.room(), outstanding.add(1, 0)), (2, None));
        assert_eq!((outstanding.room(), outstanding.add(2, 0)), (1, None));
        assert_eq!(outstanding.room(), 0);
        outstanding.arrive(2, there(7, 30));
        assert_eq!(outstanding.room(), 1);
        let (hash, there) = (2, there(7, 30));
        assert_eq!(outstanding.add(3, 0), Some(Stale { hash, there }));
        assert_eq!((outstanding.len(), outstanding.weight), (2, 0));
    }

    #[test]
    fn what_is_there_together_weighs_no_more_than_allowed() {
        let mut outstanding = Outstanding::new(10, 100);
        for hash in 1..4 {
            outstanding.add(hash, 0);
        }
        assert!(outstanding.admits(1, 60) && !outstanding.admits(9, 1));
        outstanding.arrive(1, there(1, 60));
        assert!(!outstanding.admits(2, 60));
        assert_eq!(outstanding.end(1), Some(Some(there(1, 60))));
        assert!(outstanding.admits(2, 60));
        assert_eq!(outstanding.end(2), Some(None));
        assert_eq!(outstanding.end(2), None);
    }

    #[test]
    fn those_that_came_together_and_are_too_heavy_admit_no_other() {
        let mut outstanding = Outstanding::new(10, 100);
        for hash in 1..4 {
            outstanding.add(hash, 0);
        }
        assert!(outstanding.admits(1, 60) && outstanding.admits(2, 60));
        outstanding.arrive(1, there(1, 60));
        outstanding.arrive(2, there(2, 60));
        assert!(!outstanding.admits(3, 1));
        outstanding.end(1);
        assert!(outstanding.admits(3, 40));
    }
}
