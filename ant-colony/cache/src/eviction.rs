//! Which entry of a shard leaves next: the one place that knows the policy.
//!
//! The mechanism enters and removes entries here and asks for victims; another policy would be
//! another `Eviction`. What the policy decides is only a matter of hits: the search for a victim
//! ends whatever it says, and names an entry that is there.

use ant_colony_policy::{Fate, Policy, Queue};

use crate::entry::Mark;
use crate::slots::{Id, Slots, Used};

/// The limit that has to be met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Count(usize),
    Weight(u64),
}

pub(crate) struct Eviction {
    policy: Policy,
    /// How many the policy remembers of those that left; none before the first has.
    ghosts: usize,
    slots: Slots,
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
            slots: Slots::new(),
            hand: 0,
        }
    }

    pub(crate) const fn slots(&self) -> &Slots {
        &self.slots
    }

    pub(crate) fn used(&self) -> Used {
        self.slots.used_in_all()
    }

    /// A new entry.
    pub(crate) fn enter(&mut self, hash: u64, weight: u64) -> Id {
        let queue = self.policy.on_insert(hash);
        self.slots.add(hash, weight, queue)
    }

    /// Another value for an entry.
    pub(crate) fn renew(&mut self, id: Id, weight: u64) -> Id {
        self.slots.renew(id, weight)
    }

    /// An entry has left.
    pub(crate) fn leave(&mut self, id: Id) {
        self.slots.remove(id);
    }

    /// The next to leave, with its hash, if there is an entry. `with_mark` calls the function with the
    /// entry's mark; if it says none, the entry leaves at once.
    pub(crate) fn victim(
        &mut self,
        limit: Limit,
        mut with_mark: impl FnMut(u64, Id, &mut dyn FnMut(&Mark) -> Fate) -> Option<Fate>,
    ) -> Option<(u64, Id)> {
        self.remember_enough();
        let mut looks = 0;
        loop {
            let queue = self.next_queue(limit);
            let (hash, id) = (self.slots.oldest(queue)).or_else(|| {
                let other = match queue {
                    Queue::Small => Queue::Main,
                    Queue::Main => Queue::Small,
                };
                self.slots.oldest(other)
            })?;
            let pressure = (looks / Self::LOOKS).min(usize::from(Policy::PRESSURE_MAX));
            looks += 1;
            let policy = &mut self.policy;
            let fate = with_mark(hash, id, &mut |mark| {
                let fate = policy.on_reclaim(queue, mark.get(), hash, pressure as u8);
                if let Fate::Keep { frequency, .. } = fate {
                    mark.set(frequency);
                }
                fate
            });
            let pressed = pressure == usize::from(Policy::PRESSURE_MAX);
            match fate {
                Some(Fate::Keep { queue, .. }) if !pressed => self.slots.requeue(id, queue),
                _ => return Some((hash, id)),
            }
        }
    }

    /// Lets the policy remember as many as there are entries. Where only their number is limited, that
    /// happens once: there are never more than when the first leaves. Where the weight is, they may
    /// become lighter and so more; what the policy knew is lost then, each time that they are twice as
    /// many.
    fn remember_enough(&mut self) {
        if self.slots.len() > self.ghosts {
            let doubled = if self.ghosts == 0 { 0 } else { 2 * self.ghosts };
            self.ghosts = self.slots.len().max(doubled);
            self.policy = Policy::new(self.ghosts);
        }
    }

    /// The entry in the next slot in turn, with its hash, if there is one.
    pub(crate) fn next_in_turn(&mut self) -> Option<(u64, Id)> {
        self.hand = (self.hand + 1) % self.slots.len().max(1);
        self.slots.at(self.hand)
    }

    fn next_queue(&self, limit: Limit) -> Queue {
        let (small, main) = (self.slots.used(Queue::Small), self.slots.used(Queue::Main));
        match limit {
            Limit::Count(capacity) => self.policy.next_victim(small.count, main.count, capacity),
            Limit::Weight(bound) => {
                let units = |weight: u64| usize::try_from(weight).unwrap_or(usize::MAX);
                (self.policy).next_victim(units(small.weight), units(main.weight), units(bound))
            }
        }
    }
}
