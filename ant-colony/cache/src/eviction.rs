//! Which entry of a shard leaves next: the one place that knows the policy.
//!
//! The mechanism enters and removes entries here and asks for victims; another policy would be
//! another `Eviction`. What the policy decides is only a matter of hits: the search for a victim
//! ends whatever it says, and names an entry that is there.

use ant_colony_policy::{Fate, Policy, Queue};
use hallows_lockfree::slab_map::Slot;

use crate::entry::Mark;
use crate::places::{Places, Used};

/// The limit that has to be met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Count(usize),
    Weight(u64),
}

/// An entry that leaves, or may.
#[derive(Clone, Copy)]
pub(crate) struct Victim {
    pub(crate) place: u32,
    pub(crate) hash: u64,
    pub(crate) weight: u64,
    /// Where its value is, if it has got one.
    pub(crate) slot: Option<Slot>,
}

#[repr(C)]
pub(crate) struct Eviction {
    places: Places,
    policy: Policy,
    /// How many the policy remembers of those that left; none before the first has.
    ghosts: usize,
    /// Where the search for what has expired goes on.
    hand: usize,
}

impl Eviction {
    /// Entries looked at before the policy is pressed once more to let go of one.
    const LOOKS: usize = 128;

    pub(crate) fn new() -> Self {
        Self {
            policy: Policy::new(0),
            ghosts: 0,
            places: Places::new(),
            hand: 0,
        }
    }

    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    pub(crate) fn used(&self) -> Used {
        self.places.used_in_all()
    }

    /// What is known of the entry in a place, if there is one.
    pub(crate) fn at(&self, place: u32) -> Option<Victim> {
        self.places
            .at(place as usize)
            .map(|it| self.places.victim(it))
    }

    /// The queue that a new entry is to enter; an entry that nobody has asked for yet enters the small
    /// one, and the policy does not hear of it.
    #[inline(always)]
    pub(crate) fn queue_of(&mut self, hash: u64) -> Queue {
        self.policy.on_insert(hash)
    }

    /// A new entry, whose value will be in `slot`; its place.
    #[inline(always)]
    pub(crate) fn enter(&mut self, queue: Queue, hash: u64, weight: u64, slot: Slot) -> u32 {
        self.places.add(hash, weight, queue, slot)
    }

    /// Now somebody has: it is as if it had come just now.
    pub(crate) fn use_first(&mut self, place: u32) {
        let queue = self.policy.on_insert(self.places.hash(place));
        self.places.requeue(place, queue);
    }

    /// An entry has a value of this weight.
    pub(crate) fn reweigh(&mut self, place: u32, weight: u64) {
        self.places.reweigh(place, weight);
    }

    /// An entry has another value, in another slot.
    pub(crate) fn settle(&mut self, place: u32, slot: Slot) {
        self.places.set_slot(place, slot);
    }

    /// An entry has left. Who is next in its queue, if that was the oldest: hash and slot.
    #[inline(always)]
    pub(crate) fn leave(&mut self, place: u32) -> Option<(u64, Slot)> {
        self.places.remove(place)
    }

    /// The next that may leave, if there is an entry.
    #[inline(always)]
    pub(crate) fn candidate(&mut self, limit: Limit) -> Option<(Queue, Victim)> {
        self.remember_enough();
        let first = self.next_queue(limit);
        let place = self.places.oldest(first);
        let (queue, place) = match place {
            Some(place) => (first, place),
            None => self.oldest_but(first)?,
        };
        Some((queue, self.places.victim(place)))
    }

    #[cold]
    fn oldest_but(&self, queue: Queue) -> Option<(Queue, u32)> {
        let other = match queue {
            Queue::Small => Queue::Main,
            Queue::Main => Queue::Small,
        };
        Some((other, self.places.oldest(other)?))
    }

    /// Whether a candidate leaves, after so many that did not; else it has a new place in the queues.
    #[inline(always)]
    pub(crate) fn lets_go(
        &mut self,
        (queue, candidate): (Queue, Victim),
        mark: &Mark,
        kept: usize,
    ) -> bool {
        let pressure = (kept / Self::LOOKS).min(usize::from(Policy::PRESSURE_MAX)) as u8;
        match (self.policy).on_reclaim(queue, mark.get(), candidate.hash, pressure) {
            Fate::Keep { queue, frequency } if pressure < Policy::PRESSURE_MAX => {
                mark.set(frequency);
                self.places.requeue(candidate.place, queue);
                false
            }
            _ => true,
        }
    }

    /// Lets the policy remember as many as there are entries. Where only their number is limited, that
    /// happens once: there are never more than when the first leaves. Where the weight is, they may
    /// become lighter and so more.
    #[inline]
    fn remember_enough(&mut self) {
        if self.places.len() > self.ghosts {
            self.remember(self.places.len().max(2 * self.ghosts));
        }
    }

    #[cold]
    fn remember(&mut self, ghosts: usize) {
        self.ghosts = ghosts;
        self.policy.grow(ghosts);
    }

    /// The entry in the next place in turn, if there is one.
    pub(crate) fn next_in_turn(&mut self) -> Option<u32> {
        self.hand = (self.hand + 1) % self.places.len().max(1);
        self.places.at(self.hand)
    }

    fn next_queue(&self, limit: Limit) -> Queue {
        let (small, main) = (
            self.places.used(Queue::Small),
            self.places.used(Queue::Main),
        );
        match limit {
            Limit::Count(capacity) => self.policy.next_victim(small.count, main.count, capacity),
            Limit::Weight(bound) => {
                let units = |weight: u64| usize::try_from(weight).unwrap_or(usize::MAX);
                (self.policy).next_victim(units(small.weight), units(main.weight), units(bound))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ant_colony_policy::Frequency;

    use super::*;

    /// Lets the oldest go that nobody has asked for.
    fn evict(eviction: &mut Eviction) -> u64 {
        let mark = Mark::new(Frequency::ZERO);
        let limit = Limit::Weight(1_000);
        let candidate = eviction.candidate(limit).expect("an entry");
        assert!(eviction.lets_go(candidate, &mark, 0));
        let (_, victim) = candidate;
        eviction.leave(victim.place);
        victim.hash
    }

    #[test]
    fn what_has_left_is_known_also_when_more_and_lighter_entries_have_come() {
        let mut eviction = Eviction::new();
        let slots: Vec<_> = {
            let (mut writer, _) = hallows_lockfree::slab_map::slab_map(&Default::default());
            (0..1_000_u64)
                .map(|i| writer.insert(i as usize, i, (), |i, ()| *i as usize))
                .collect()
        };
        let hash = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let enter = |eviction: &mut Eviction, number: u64, weight| {
            let queue = eviction.queue_of(hash(number));
            eviction.enter(queue, hash(number), weight, slots[number as usize]);
        };
        (0..10).for_each(|number| enter(&mut eviction, number, 100));
        let left = evict(&mut eviction);
        (10..1_000).for_each(|number| enter(&mut eviction, number, 1));
        // Now far more ghosts are kept.
        evict(&mut eviction);
        assert_eq!(eviction.queue_of(left), Queue::Main);
    }
}
