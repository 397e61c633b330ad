//! Whom to ask for help with a queue.
//!
//! Help must be worth its price: what the queue's last task would wait for, against waking a worker
//! and fetching the task's data anew. Within the own domain somebody who rests is always worth
//! asking. Beyond it, moves must save four times what they cost: they eat capacity, and a policy that
//! moves whatever waits is unstable at loads that plain stealing carries.

use crate::random::Random;
use crate::search::other_domain;
use crate::service::Service;
use crate::signal::Queue;
use crate::topology::{Domain, Tier, Topology};
use crate::view::View;
use crate::{Elements, Nanos, Prices, WorkerId};

/// Domains of a tier that are looked at for somebody idle.
const DOMAINS_TRIED: usize = 4;
/// A move to another domain must save so many times its price.
const SAVES: u64 = 4;

/// Whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Help {
    /// A worker that rests: tell it where to look.
    Poke(WorkerId),
    /// A parked worker: wake it and tell it where to look.
    Wake(WorkerId),
}

/// When help is considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A task has been queued.
    Push,
    /// The owner has begun a task, and others wait behind it.
    Start,
    /// A thief has taken part of it.
    Theft,
}

pub(crate) struct Request<'a, V: ?Sized> {
    pub(crate) now: Nanos,
    /// Whose queue it is.
    pub(crate) owner: WorkerId,
    pub(crate) queue: Queue,
    pub(crate) topology: &'a Topology,
    pub(crate) prices: &'a Prices,
    pub(crate) elements: &'a Elements,
    pub(crate) service: &'a Service,
    pub(crate) random: &'a mut Random,
    pub(crate) view: &'a V,
}

impl<V: View + ?Sized> Request<'_, V> {
    /// Decides; to be repeated while it names somebody, for a long queue needs several.
    pub(crate) fn decide(mut self) -> Option<Help> {
        let claims = if self.elements.claims {
            self.view.claims(self.owner)
        } else {
            0
        };
        let need = self.queue.length.checked_sub(claims).filter(|&n| n > 0)?;
        let own = self.topology.domain(self.owner);
        if let Some(worker) = self.member(own, self.view.resting(own)) {
            return Some(Help::Poke(worker));
        }
        if self.view.parked(own) & self.topology.bit(self.owner) != 0 {
            return Some(Help::Wake(self.owner));
        }
        let delay = self.delay_ns(need);
        if let Some(worker) = self.member(own, self.view.parked(own)) {
            let cost = self.prices.wake.0 + self.prices.refill_ns(Tier::Llc);
            return self.worth(delay, cost).then_some(Help::Wake(worker));
        }
        [true, false]
            .into_iter()
            .find_map(|of_node| self.beyond(own, of_node, delay))
    }

    /// How long the last of these tasks would wait: the rest of the running task and those before
    /// it, and at least as long as the first has waited already.
    fn delay_ns(&self, need: u32) -> u64 {
        let before = u64::from(need - 1) * self.service.mean_ns();
        let expected = self.service.residual_ns().saturating_add(before);
        expected.max(self.now.since(self.queue.head).0)
    }

    fn worth(&self, delay: u64, cost: u64) -> bool {
        !self.elements.prices || delay >= cost
    }

    /// Somebody idle in one of a few domains of the own node, or of all.
    fn beyond(&mut self, own: Domain, of_node: bool, delay: u64) -> Option<Help> {
        for _ in 0..DOMAINS_TRIED {
            let domain = other_domain(self.topology, self.random, own, of_node)?;
            let tier = self.topology.tier_of(self.owner, domain);
            let refill = self.prices.refill_ns(tier);
            if self.worth(delay, SAVES * (refill + self.prices.probe_ns(tier)))
                && let Some(worker) = self.member(domain, self.view.resting(domain))
            {
                return Some(Help::Poke(worker));
            }
            if self.worth(delay, SAVES * (refill + self.prices.wake.0))
                && let Some(worker) = self.member(domain, self.view.parked(domain))
            {
                return Some(Help::Wake(worker));
            }
        }
        None
    }

    /// One of the members whose bits are set.
    fn member(&mut self, domain: Domain, mask: u64) -> Option<WorkerId> {
        let members = self.topology.members(domain);
        let position = self.random.bit(mask)?;
        members.get(position).copied()
    }
}

/// Any parked worker, wherever it is; the search begins at the caller's domain, else at a random one.
/// The worker of the very core that the caller runs on is the last resort: one of both would wait.
pub(crate) fn anybody<V: View + ?Sized>(
    topology: &Topology,
    random: &mut Random,
    caller: Option<WorkerId>,
    view: &V,
) -> Option<WorkerId> {
    let domains = topology.domains().len();
    let start = match caller {
        Some(caller) => topology.domain(caller).index(),
        None if domains > 1 => random.below(domains),
        None => 0,
    };
    let place = caller.map(|caller| (topology.domain(caller), topology.bit(caller)));
    let others = (0..domains).find_map(|step| {
        let domain = topology.nth((start + step) % domains);
        let avoided = place.map_or(0, |(home, bit)| if home == domain { bit } else { 0 });
        let position = random.bit(view.parked(domain) & !avoided)?;
        topology.members(domain).get(position).copied()
    });
    let parked = |(domain, bit)| view.parked(domain) & bit != 0;
    others.or(caller.filter(|_| place.is_some_and(parked)))
}
