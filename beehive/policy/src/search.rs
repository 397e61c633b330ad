//! How a worker without tasks looks for some at others.
//!
//! Naively going to the most loaded by stale signals is worse than chance: all thieves go to the
//! same victim, and find it empty. What helps is this order, each stage when the one before has
//! found nothing:
//!
//! 0. *Hint*: where somebody asked for help.
//! 1. *Near*: the own domain, by length and age of its queues as signalled, less the thieves that
//!    are on their way; or another of three sampled domains, if tasks wait there far longer (see
//!    `pull`).
//! 2. *Far*, once it has been idle for half the price of a far move: a domain of a sample, with a
//!    probability that grows with what waits there and falls with the price, at most twice; then
//!    one worker at random, whatever signals say: with that floor no work is out of sight for good.
//! 3. *Linger*: look at the own domain's signals now and then, for twice the time a wake takes.
//! 4. Park. The mechanism then looks once more at the queues themselves, and gives what it sees as
//!    a hint.
//!
//! Each stage reads a bounded number of signals, at any number of workers. Without signals it is
//! plain random stealing: each other worker once, from a random start.

use crate::random::Random;
use crate::service::Service;
use crate::topology::{Domain, Tier, Topology};
use crate::view::View;
use crate::{Elements, LoadSignal, Nanos, Prices, WorkerId};

/// Visits to the own domain in a row.
const NEAR_TRIES: u8 = 4;
/// Visits to other domains by their aggregates.
const FAR_TRIES: u8 = 2;
/// Domains read for one visit of the far stage, half of them in the own node.
const FAR_SAMPLE: usize = 8;
/// A domain of the own node is so many times as likely as one beyond it.
const NODE_BIAS: u64 = 4;
/// While lingering, signals are read this many times in the time that a wake takes.
const READS_PER_WAKE: u64 = 10;

/// What an idle worker should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Try to take tasks from this worker.
    Probe(Probe),
    /// Do nothing for so long, or until a hint comes.
    Rest(Nanos),
    /// Park, after a last look at the queues themselves.
    Park,
}

/// A visit to a victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Where to look.
    pub victim: WorkerId,
    /// Whether to take half of what is there, rather than one task.
    pub half: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Near,
    Far,
    Linger,
    /// Without signals: each other worker from here, and how many are left.
    Pass {
        cursor: usize,
        left: usize,
    },
}

/// One search, from the last task to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    stage: Stage,
    since: Nanos,
    hint: Option<WorkerId>,
    near_left: u8,
    far_left: u8,
    pull: bool,
    far_done: bool,
}

/// What all stages decide with.
pub(crate) struct Context<'a, V: ?Sized> {
    pub(crate) now: Nanos,
    pub(crate) me: WorkerId,
    pub(crate) topology: &'a Topology,
    pub(crate) prices: &'a Prices,
    pub(crate) elements: &'a Elements,
    pub(crate) service: &'a Service,
    pub(crate) random: &'a mut Random,
    pub(crate) view: &'a V,
}

impl Search {
    /// Begins a search; `hint` is where tasks have been seen.
    pub(crate) fn new(now: Nanos, hint: Option<WorkerId>, elements: &Elements) -> Self {
        let stage = if elements.signals {
            Stage::Near
        } else {
            Stage::Pass {
                cursor: 0,
                left: usize::MAX,
            }
        };
        Self {
            stage,
            since: now,
            hint,
            near_left: NEAR_TRIES,
            far_left: FAR_TRIES,
            pull: elements.age_pull,
            far_done: false,
        }
    }

    /// Somebody asks for help while the worker rests.
    pub(crate) fn poke(&mut self, hint: Option<WorkerId>) {
        self.hint = hint;
        self.near_left = NEAR_TRIES;
        if self.stage == Stage::Linger {
            self.stage = Stage::Near;
        }
    }

    pub(crate) fn step<V: View + ?Sized>(&mut self, mut context: Context<'_, V>) -> Step {
        if context.topology.workers() == 1 {
            return Step::Park;
        }
        if let Some(victim) = self.hint.take().filter(|hint| *hint != context.me) {
            return context.probe(victim);
        }
        loop {
            match self.stage {
                Stage::Near => {
                    if let Some(victim) = self.near(&mut context) {
                        return context.probe(victim);
                    }
                    let far_due = !self.far_done && context.far_is_due(self.since);
                    self.stage = if far_due { Stage::Far } else { Stage::Linger };
                }
                Stage::Far => return self.far(&mut context),
                Stage::Linger => {
                    let left = context.linger_ns(self.since);
                    if left > 0 {
                        self.stage = Stage::Near;
                        self.near_left = NEAR_TRIES;
                        let pause = context.prices.wake.0 / READS_PER_WAKE;
                        return Step::Rest(Nanos(pause.clamp(1, left)));
                    }
                    if self.far_done {
                        return Step::Park;
                    }
                    self.stage = Stage::Far;
                }
                Stage::Pass { cursor, left } => {
                    let Some(victim) = self.pass(&mut context, cursor, left) else {
                        return Step::Park;
                    };
                    return context.probe(victim);
                }
            }
        }
    }

    fn near<V: View + ?Sized>(&mut self, context: &mut Context<'_, V>) -> Option<WorkerId> {
        self.near_left = self.near_left.checked_sub(1)?;
        let own = context.topology.domain(context.me);
        if core::mem::take(&mut self.pull)
            && let own_wait = context.oldest_wait(own)
            && let Some(domain) = context.longer_waiting(own_wait)
            && let Some(victim) = context.best_of(domain)
        {
            return Some(victim);
        }
        context.best_of(own)
    }

    /// A visit by aggregate while there are any left, then one at random.
    fn far<V: View + ?Sized>(&mut self, context: &mut Context<'_, V>) -> Step {
        while context.elements.far && self.far_left > 0 {
            self.far_left -= 1;
            let domain = context.promising_domain();
            if let Some(victim) = domain.and_then(|domain| context.best_of(domain)) {
                return context.probe(victim);
            }
        }
        self.far_done = true;
        self.stage = Stage::Near;
        self.near_left = 1;
        let workers = context.topology.workers();
        let step = 1 + context.random.below(workers - 1);
        context.probe(WorkerId::new((context.me.index() + step) % workers))
    }

    fn pass<V: View + ?Sized>(
        &mut self,
        context: &mut Context<'_, V>,
        cursor: usize,
        left: usize,
    ) -> Option<WorkerId> {
        let workers = context.topology.workers();
        let (mut cursor, mut left) = if left == usize::MAX {
            (context.random.below(workers), workers)
        } else {
            (cursor, left)
        };
        if left > 0 && cursor == context.me.index() {
            cursor = (cursor + 1) % workers;
            left -= 1;
        }
        let next = Stage::Pass {
            cursor: (cursor + 1) % workers,
            left: left.checked_sub(1)?,
        };
        self.stage = next;
        Some(WorkerId::new(cursor))
    }
}

impl<V: View + ?Sized> Context<'_, V> {
    fn probe(&self, victim: WorkerId) -> Step {
        let near = self.topology.tier(self.me, victim) <= Tier::Llc;
        let half = !near || self.elements.near_half;
        Step::Probe(Probe { victim, half })
    }

    pub(crate) fn refill_ns(&self, tier: Tier) -> u64 {
        if self.elements.prices {
            self.prices.refill_ns(tier)
        } else {
            0
        }
    }

    pub(crate) fn probe_ns(&self, tier: Tier) -> u64 {
        if self.elements.prices {
            self.prices.probe_ns(tier)
        } else {
            0
        }
    }

    fn far_is_due(&self, since: Nanos) -> bool {
        self.now.since(since).0 >= self.refill_ns(Tier::Far) / 2
    }

    /// How long the worker still stays awake.
    fn linger_ns(&self, since: Nanos) -> u64 {
        let linger = if self.elements.linger {
            2 * self.prices.wake.0
        } else {
            0
        };
        linger.saturating_sub(self.now.since(since).0)
    }

    /// A wait of so long, expressed as queued work: where service varies much, it tells more than
    /// the length of the queue.
    fn age_as_work(&self, age: Nanos) -> u64 {
        if !self.elements.age_key {
            return 0;
        }
        let residual = self.service.residual_ns();
        (u128::from(age.0) * u128::from(residual) / u128::from(self.service.mean_ns()))
            .min(u128::from(u64::MAX / 4)) as u64
    }

    /// Tasks of a worker to which nobody is on the way yet.
    pub(crate) fn unclaimed(&self, worker: WorkerId, signal: &LoadSignal) -> u32 {
        let claims = if self.elements.claims {
            self.view.claims(worker)
        } else {
            0
        };
        signal.queued.saturating_sub(claims)
    }

    /// What a signal promises; zero if others are on their way to all of it.
    fn promise(&self, worker: WorkerId, signal: &LoadSignal) -> u64 {
        let queued = u64::from(self.unclaimed(worker, signal));
        if queued == 0 {
            return 0;
        }
        let age = self.age_as_work(self.now.since(signal.head));
        self.decayed(queued * self.service.mean_ns() + age, signal.stamp)
    }

    fn decayed(&self, promise: u64, stamp: Nanos) -> u64 {
        match self.elements.half_life {
            None => promise,
            Some(half_life) => {
                let lives = self.now.since(stamp).0 / half_life.0.max(1);
                (promise >> lives.min(63)).max(1)
            }
        }
    }

    /// The member of a domain that promises most; `None` if none shows work.
    pub(crate) fn best_of(&mut self, domain: Domain) -> Option<WorkerId> {
        let members = self.topology.members(domain);
        let start = self.random.below(members.len());
        let mut best = (0, None);
        for step in 0..members.len() {
            let worker = members[(start + step) % members.len()];
            if worker != self.me {
                let promise = self.promise(worker, &self.view.signal(worker));
                if promise > best.0 {
                    best = (promise, Some(worker));
                }
            }
        }
        best.1
    }

    /// Another domain, of the own node or of all.
    pub(crate) fn other_domain(&mut self, own: Domain, of_node: bool) -> Option<Domain> {
        other_domain(self.topology, self.random, own, of_node)
    }

    /// One of a sample of other domains, drawn by what waits there less what moving it costs.
    fn promising_domain(&mut self) -> Option<Domain> {
        let own = self.topology.domain(self.me);
        let mut chosen = None;
        let mut total = 0;
        for draw in 0..FAR_SAMPLE {
            let Some(domain) = self.other_domain(own, draw % 2 == 0) else {
                continue;
            };
            let aggregate = self.view.aggregate(domain);
            let Some(head) = aggregate.head else { continue };
            let tier = self.topology.tier_of(self.me, domain);
            let waits = u64::from(aggregate.queued) * self.service.mean_ns()
                + self.age_as_work(self.now.since(head));
            let price = 4 * (self.refill_ns(tier) + 2 * self.probe_ns(tier));
            let bias = if tier < Tier::Far { NODE_BIAS } else { 1 };
            // In units of 2¹⁰ ns, and bounded, so that the sum fits the generator.
            let weight = (bias * (waits.saturating_sub(price) >> 10)).min(1 << 28) as usize;
            total += weight;
            if weight > 0 && self.random.below(total) < weight {
                chosen = Some(domain);
            }
        }
        chosen
    }
}

/// Another domain than `own`, of its node or of all, at random; `None` if there is none.
pub(crate) fn other_domain(
    topology: &Topology,
    random: &mut Random,
    own: Domain,
    of_node: bool,
) -> Option<Domain> {
    let range = if of_node {
        topology.node(own)
    } else {
        0..topology.domains().len()
    };
    if range.len() < 2 {
        return None;
    }
    let step = 1 + random.below(range.len() - 1);
    let index = range.start + (own.index() - range.start + step) % range.len();
    Some(topology.nth(index))
}
