//! Where tasks wait so much longer than here that fetching them pays.
//!
//! A queue per worker keeps tasks where their data is, but runs them in the order of their queue, not
//! of their age: behind a long task others wait, while the neighbour begins one that has just come. So
//! a worker that is about to begin a task looks at what its neighbours show ([`older_than`]): if the
//! head of one has waited longer by a margin, it fetches that one and runs it first, which brings a
//! domain near to one queue in the order of arrival. If no neighbour's has, it looks at a few other
//! domains, and fetches half a queue from one where tasks wait far longer. A worker that has run out
//! of tasks looks there too, before its neighbours' younger tasks ([`longer_waiting`]).
//!
//! Each move costs time on some core, and near saturation a little time is a long wait for all. So the
//! margin grows with the price and with what already waits here, and between domains tasks only move
//! to where less than half as many wait: otherwise two crowded domains exchange their tasks for ever.
//!
//! [`older_than`]: Context::older_than
//! [`longer_waiting`]: Context::longer_waiting

use crate::search::{Context, Probe};
use crate::signal::Queue;
use crate::topology::{Domain, Tier};
use crate::view::View;
use crate::{Nanos, WorkerId};

/// Other domains read for one decision, one of them in the own node.
const SAMPLE: usize = 3;
/// From one domain to another tasks move if so many times as many wait there.
const DOWNHILL: u64 = 2;

/// How much longer than here somebody else's tasks must have waited.
struct Margin {
    /// For each mean service time that a move costs, so many times the own wait.
    own_waits: u64,
    /// Mean service times.
    means: u64,
    /// Prices of a move.
    prices: u64,
}

const NEAR: Margin = Margin {
    own_waits: 8,
    means: 1,
    prices: 1,
};
const FAR: Margin = Margin {
    own_waits: 4,
    means: 2,
    prices: 2,
};

impl Margin {
    /// The wait in nanoseconds above which a move of this price pays where the oldest task has waited
    /// for `own`.
    fn limit_ns(&self, own: u64, price: u64, mean: u64) -> u64 {
        let relative = u128::from(own) * u128::from(self.own_waits * price) / u128::from(mean);
        let relative = u64::try_from(relative).unwrap_or(u64::MAX);
        let fixed = self.means * mean + self.prices * price;
        own.saturating_add(relative).saturating_add(fixed)
    }
}

impl<V: View + ?Sized> Context<'_, V> {
    /// What a worker should fetch and run before the oldest task of its own queue, if anything.
    pub(crate) fn older_than(&mut self, queue: Queue) -> Option<Probe> {
        let own_wait = self.now.since(queue.head).0;
        if self.elements.pull_near
            && let Some(victim) = self.older_neighbour(own_wait)
        {
            return Some(Probe {
                victim,
                half: false,
            });
        }
        if !self.elements.pull_far {
            return None;
        }
        let domain = self.longer_waiting(own_wait)?;
        let victim = self.best_of(domain)?;
        Some(Probe { victim, half: true })
    }

    /// The neighbour whose head has waited longest, if that pays and nobody else is on the way to it.
    fn older_neighbour(&self, own_wait: u64) -> Option<WorkerId> {
        let price = self.refill_ns(Tier::Llc) + self.probe_ns(Tier::Llc);
        let limit = NEAR.limit_ns(own_wait, price, self.service.mean_ns());
        let members = self.topology.members(self.topology.domain(self.me));
        let mut best = (limit, None);
        for &worker in members.iter().filter(|worker| **worker != self.me) {
            let signal = self.view.signal(worker);
            let Some(head) = signal.waiting_since() else {
                continue;
            };
            let wait = self.now.since(head).0;
            if wait > best.0 && self.unclaimed(worker, &signal) > 0 {
                best = (wait, Some(worker));
            }
        }
        best.1
    }

    /// A sampled domain with more tasks than the own one, in which somebody waits so much longer that a
    /// move pays.
    pub(crate) fn longer_waiting(&mut self, own_wait: u64) -> Option<Domain> {
        let own = self.topology.domain(self.me);
        if self.topology.domains().len() == 1 {
            return None;
        }
        let here = u64::from(self.view.aggregate(own).queued);
        let mut best = (0, None);
        for draw in 0..SAMPLE {
            let Some(domain) = self.other_domain(own, draw == 0) else {
                continue;
            };
            let there = self.view.aggregate(domain);
            let Some(head) = there.head else { continue };
            if self.elements.downhill && u64::from(there.queued) < DOWNHILL * here {
                continue;
            }
            let tier = self.topology.tier_of(self.me, domain);
            let price = self.refill_ns(tier) + self.probe_ns(tier);
            let limit = FAR.limit_ns(own_wait, price, self.service.mean_ns());
            let wait = self.now.since(head).0;
            if wait > limit && wait > best.0 {
                best = (wait, Some(domain));
            }
        }
        best.1
    }

    /// How long the oldest task of a domain has waited.
    pub(crate) fn oldest_wait(&self, domain: Domain) -> u64 {
        let head = self.view.aggregate(domain).head;
        head.map_or(0, |head: Nanos| self.now.since(head).0)
    }
}
