//! The policy of one worker: its decisions, each a function of its state and its arguments.

use alloc::sync::Arc;

use crate::balance::{Balance, Here, Meter, Move};
use crate::counters::{Moves, Sample};
use crate::help::{self, Help, Moment, Request};
use crate::random::Random;
use crate::search::{Context, Probe, Search, Step};
use crate::service::Service;
use crate::signal::{LoadSignal, Occasion, Publisher, Queue};
use crate::view::View;
use crate::wait::{Activity, Gather, Wait};
use crate::{Elements, Nanos, Prices, Topology, WorkerId};

/// What a policy is built from.
#[derive(Debug, Clone)]
pub struct Config {
    /// The worker that decides.
    pub me: WorkerId,
    /// Where all workers are.
    pub topology: Arc<Topology>,
    /// Seed of its random choices.
    pub seed: u64,
    /// What moves and wakes cost.
    pub prices: Prices,
    /// Parts that can be switched off, for comparison.
    pub elements: Elements,
    /// Whether waits are prolonged when many connections are active.
    pub gather: bool,
    /// Whether connections that can move are gathered on as few workers as their load needs.
    pub balance: bool,
    /// Shortest time between two publications of an ordinary change.
    pub publish_interval: Nanos,
}

impl Config {
    /// Defaults for one of several workers.
    #[must_use]
    pub fn new(me: WorkerId, topology: Arc<Topology>) -> Self {
        Self {
            me,
            topology,
            seed: me.index() as u64,
            prices: Prices::NEAR_IS_FREE,
            elements: Elements::ALL,
            gather: true,
            balance: true,
            publish_interval: Nanos(50_000),
        }
    }
}

/// No task is left alone for longer because its move is dear.
const LONE_WAIT_MAX: Nanos = Nanos(10_000);

/// One worker's decisions.
#[derive(Debug, Clone)]
pub struct Policy {
    me: WorkerId,
    topology: Arc<Topology>,
    /// What was configured, and what decides: where moves have been measured, they may be dearer.
    usual_prices: Prices,
    prices: Prices,
    elements: Elements,
    random: Random,
    service: Service,
    search: Search,
    publisher: Publisher,
    gather: Gather,
    meter: Meter,
    moves: Moves,
    /// `None` if connections stay where they are.
    balance: Option<Balance>,
    /// Connections of the last events.
    active: u32,
}

impl Policy {
    /// A policy in its initial state.
    ///
    /// # Panics
    ///
    /// If the topology does not hold the worker.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let workers = config.topology.workers();
        assert!(
            config.me.index() < workers,
            "worker {} is not in a topology of {workers}",
            config.me.index()
        );
        Self {
            me: config.me,
            topology: config.topology.clone(),
            usual_prices: config.prices,
            prices: config.prices,
            elements: config.elements,
            random: Random::new(config.seed),
            service: Service::default(),
            search: Search::new(Nanos(0), None, &config.elements),
            publisher: Publisher::new(config.publish_interval, config.elements.cry),
            gather: Gather::new(config.gather),
            meter: Meter::new(),
            moves: Moves::default(),
            balance: (config.balance && workers > 1).then(|| Balance::new(config.me, workers)),
            active: 0,
        }
    }

    /// A task has run for so long, or several have on average.
    pub fn on_service(&mut self, service: Nanos) {
        self.service.observe(service);
    }

    /// The worker has nothing to run and begins to search; `hint` is where it has been sent, or
    /// where tasks have been seen.
    pub fn on_idle(&mut self, now: Nanos, hint: Option<WorkerId>) {
        self.search = Search::new(now, hint, &self.elements);
    }

    /// Somebody asks the worker to look at `hint` while it searches.
    pub fn on_poke(&mut self, hint: WorkerId) {
        self.search.poke(self.elements.hints.then_some(hint));
    }

    /// The worker is about to begin the oldest task of its queue: from whom it should fetch an older
    /// one, or several, and run them first, if from anybody. To be asked once for each task.
    pub fn on_turn(
        &mut self,
        now: Nanos,
        queue: Queue,
        view: &(impl View + ?Sized),
    ) -> Option<Probe> {
        if !self.elements.signals || queue.length == 0 {
            return None;
        }
        self.context(now, view).older_than(queue)
    }

    /// The next step of the search. To be asked again after each step that brought no task.
    pub fn on_search(&mut self, now: Nanos, view: &(impl View + ?Sized)) -> Step {
        let mut search = self.search;
        let step = search.step(self.context(now, view));
        self.search = search;
        step
    }

    fn context<'a, V: View + ?Sized>(&'a mut self, now: Nanos, view: &'a V) -> Context<'a, V> {
        Context {
            now,
            me: self.me,
            topology: &self.topology,
            prices: &self.prices,
            elements: &self.elements,
            service: &self.service,
            random: &mut self.random,
            view,
        }
    }

    /// The worker has been at a victim and left its queue in this state: what it should write into
    /// the victim's signal, if anything, so that others do not follow in vain.
    pub fn on_visit(&mut self, left: Queue) -> Option<Queue> {
        (self.elements.signals && self.elements.write_back).then_some(left)
    }

    /// Tasks wait in the queue of `owner`, which is this worker or one it has stolen from: whom to
    /// ask for help, if anybody. To be asked again, with what has changed, while it names somebody.
    pub fn on_help(
        &mut self,
        now: Nanos,
        moment: Moment,
        owner: WorkerId,
        queue: Queue,
        view: &(impl View + ?Sized),
    ) -> Option<Help> {
        let domain = self.topology.domain(owner);
        let asleep = view.parked(domain) & self.topology.bit(owner) != 0;
        if moment == Moment::Theft && !self.elements.fan_out && !asleep {
            return None;
        }
        let request = Request {
            now,
            owner,
            queue,
            topology: &self.topology,
            prices: &self.prices,
            elements: &self.elements,
            service: &self.service,
            random: &mut self.random,
            view,
        };
        request.decide()
    }

    /// Tasks wait in a queue that has no owner, or somewhere: a parked worker to wake, if there is
    /// one. `caller` is the worker bound to the core that the caller runs on, if it is not a worker
    /// itself.
    pub fn on_unowned(
        &mut self,
        caller: Option<WorkerId>,
        view: &(impl View + ?Sized),
    ) -> Option<WorkerId> {
        help::anybody(&self.topology, &mut self.random, caller, view)
    }

    /// Whether the worker should publish its signal now.
    pub fn on_publish(&mut self, now: Nanos, occasion: Occasion) -> bool {
        self.elements.signals && self.publisher.decide(now, occasion)
    }

    /// A visit to the reactor has ended and brought this; the worker has waited for `waited` of
    /// the time since the last call.
    pub fn on_events(&mut self, now: Nanos, waited: Nanos, activity: Activity) {
        self.gather.observe(now, activity);
        self.meter.waited(waited);
        self.active = activity.active;
    }

    /// The worker is about to wait for IO.
    pub fn on_wait(&mut self, now: Nanos) -> Wait {
        self.gather.decide(now)
    }

    /// Asked once per turn: where connections that become active should go, if something was done
    /// lately for so many ([`Working`](crate::Working)). `Some` is a new answer, which holds until the
    /// next one.
    pub fn on_balance(
        &mut self,
        now: Nanos,
        working: u32,
        read: impl Fn(WorkerId) -> LoadSignal,
    ) -> Option<Option<Move>> {
        if !self.meter.observe(now) {
            return None;
        }
        let here = Here {
            busy_permille: self.meter.busy_permille(),
            service_ns: self.service_ns(),
            active: self.active,
            working,
        };
        Some(self.balance.as_mut()?.decide(now, here, read))
    }

    /// Something was counted while the worker ran tasks. Once that tells what a move costs, decisions
    /// about moves to other caches reckon with it.
    pub fn on_counted(&mut self, sample: &Sample) {
        self.moves.observe(sample);
        if let Some(price) = self.moves.price() {
            self.prices = self.usual_prices.with_measured(price);
        }
    }

    /// How long a task that is alone in its worker's queue is left to it before another one takes it:
    /// what it would lose by moving. `None` if that is not known.
    #[must_use]
    pub fn lone_wait(&self) -> Option<Nanos> {
        let price = self.moves.price()?;
        Some(price.min(LONE_WAIT_MAX))
    }

    /// How busy this worker was lately, in thousandths of its time.
    #[must_use]
    pub fn busy_permille(&self) -> u32 {
        self.meter.busy_permille()
    }

    /// The average time of one poll of a task, in nanoseconds.
    #[must_use]
    pub fn service_ns(&self) -> u32 {
        u32::try_from(self.service.mean_ns()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters;

    #[test]
    fn a_lone_task_is_left_alone_for_as_long_as_its_move_would_cost() {
        let topology = Arc::new(Topology::uniform(8));
        let mut policy = Policy::new(&Config::new(WorkerId::new(0), topology));
        assert_eq!(policy.lone_wait(), None);
        let mut count = |cache_misses, moved| {
            policy.on_counted(&Sample {
                polls: 1,
                cache_misses: Some(cache_misses),
                moved,
                ..Sample::default()
            });
            policy.lone_wait()
        };
        let samples = counters::SAMPLES_MIN as usize;
        let mut at_home = (0..samples).map(|_| count(10, 0));
        assert!(at_home.all(|wait| wait.is_none()));
        let moves = [(30, 20 * counters::MISS.0), (100_000, LONE_WAIT_MAX.0)];
        for (misses, expected) in moves {
            let last = (0..10 * samples).map(|_| count(misses, 1)).last();
            let wait = last.flatten().expect("enough was counted").0;
            assert!(wait.abs_diff(expected) <= counters::MISS.0, "{wait} ns");
        }
    }
}
