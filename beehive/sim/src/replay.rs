//! One stream of events gives the same decisions wherever the policy runs.
//!
//! A [`Recorder`] drives a policy and writes down each event, everything that the policy read of
//! others meanwhile, and what it decided. [`replay`] gives the events and readings to a fresh
//! policy. The runtime's tests record real workers and compare.

use std::cell::RefCell;

use beehive_policy::counters::Sample;
use beehive_policy::{
    Activity, Aggregate, Config, Domain, Help, LoadSignal, Moment, Move, Nanos, Occasion, Policy,
    Probe, Queue, Step, View, Wait, WorkerId,
};

/// What a policy is told or asked; see the method of [`Policy`] that is named after it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(
    missing_docs,
    reason = "the arguments are those of the policy's methods"
)]
pub enum Event {
    Service(Nanos),
    Counted(Sample),
    Idle(Nanos, Option<WorkerId>),
    Poke(WorkerId),
    Turn(Nanos, Queue),
    Search(Nanos),
    Visit(Queue),
    Help(Nanos, Moment, WorkerId, Queue),
    Unowned(Option<WorkerId>),
    Publish(Nanos, Occasion),
    Events(Nanos, Nanos, Activity),
    Wait(Nanos),
    Balance(Nanos, u32),
}

/// What a policy has read while it decided.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reading {
    Signal(LoadSignal),
    Aggregate(Aggregate),
    Claims(u32),
    Mask(u64),
}

/// What a policy has decided.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the values are those of the policy's methods")]
pub enum Decision {
    Noted,
    Turn(Option<Probe>),
    Step(Step),
    Visit(Option<Queue>),
    Help(Option<Help>),
    Unowned(Option<WorkerId>),
    Publish(bool),
    Wait(Wait),
    Balance(Option<Option<Move>>),
}

/// An event, what was read, and the decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    event: Event,
    readings: Vec<Reading>,
    decision: Decision,
}

impl Record {
    /// What was decided.
    #[must_use]
    pub fn decision(&self) -> Decision {
        self.decision
    }
}

/// A policy whose decisions are written down.
#[derive(Debug)]
pub struct Recorder {
    config: Config,
    policy: Policy,
    records: Vec<Record>,
}

impl Recorder {
    /// Begins with a fresh policy.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            policy: Policy::new(config),
            records: Vec::new(),
        }
    }

    /// The policy, for what is not decided.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Passes an event to the policy.
    pub fn decide(&mut self, event: Event, view: &(impl View + ?Sized)) -> Decision {
        let log = Log {
            view,
            readings: RefCell::default(),
        };
        let decision = decide(&mut self.policy, event, &log);
        self.records.push(Record {
            event,
            readings: log.readings.into_inner(),
            decision,
        });
        decision
    }

    /// What the policy was made from, and all that was recorded.
    #[must_use]
    pub fn finish(self) -> (Config, Vec<Record>) {
        (self.config, self.records)
    }
}

/// What a fresh policy decides about a recorded stream.
///
/// # Panics
///
/// If it reads other things, or in another order, than were recorded: then it has not decided the
/// same already.
#[must_use]
pub fn replay(config: &Config, records: &[Record]) -> Vec<Decision> {
    let mut policy = Policy::new(config);
    let decide_again = |record: &Record| {
        let script = Script {
            left: RefCell::new(record.readings.iter()),
        };
        let decision = decide(&mut policy, record.event, &script);
        assert_eq!(script.left.borrow().len(), 0, "it reads less than recorded");
        decision
    };
    records.iter().map(decide_again).collect()
}

fn decide(policy: &mut Policy, event: Event, view: &impl View) -> Decision {
    match event {
        Event::Service(service) => {
            policy.on_service(service);
            Decision::Noted
        }
        Event::Counted(sample) => {
            policy.on_counted(&sample);
            Decision::Noted
        }
        Event::Idle(now, hint) => {
            policy.on_idle(now, hint);
            Decision::Noted
        }
        Event::Poke(hint) => {
            policy.on_poke(hint);
            Decision::Noted
        }
        Event::Turn(now, queue) => Decision::Turn(policy.on_turn(now, queue, view)),
        Event::Search(now) => Decision::Step(policy.on_search(now, view)),
        Event::Visit(left) => Decision::Visit(policy.on_visit(left)),
        Event::Help(now, moment, owner, queue) => {
            Decision::Help(policy.on_help(now, moment, owner, queue, view))
        }
        Event::Unowned(caller) => Decision::Unowned(policy.on_unowned(caller, view)),
        Event::Publish(now, occasion) => Decision::Publish(policy.on_publish(now, occasion)),
        Event::Events(now, waited, activity) => {
            policy.on_events(now, waited, activity);
            Decision::Noted
        }
        Event::Wait(now) => Decision::Wait(policy.on_wait(now)),
        Event::Balance(now, working) => {
            let read = |worker| view.signal(worker);
            Decision::Balance(policy.on_balance(now, working, read))
        }
    }
}

/// Passes readings on and writes them down.
struct Log<'a, V: ?Sized> {
    view: &'a V,
    readings: RefCell<Vec<Reading>>,
}

impl<V: ?Sized> Log<'_, V> {
    fn note<T: Copy>(&self, value: T, reading: impl Fn(T) -> Reading) -> T {
        self.readings.borrow_mut().push(reading(value));
        value
    }
}

impl<V: View + ?Sized> View for Log<'_, V> {
    fn signal(&self, worker: WorkerId) -> LoadSignal {
        self.note(self.view.signal(worker), Reading::Signal)
    }

    fn aggregate(&self, domain: Domain) -> Aggregate {
        self.note(self.view.aggregate(domain), Reading::Aggregate)
    }

    fn claims(&self, worker: WorkerId) -> u32 {
        self.note(self.view.claims(worker), Reading::Claims)
    }

    fn parked(&self, domain: Domain) -> u64 {
        self.note(self.view.parked(domain), Reading::Mask)
    }

    fn resting(&self, domain: Domain) -> u64 {
        self.note(self.view.resting(domain), Reading::Mask)
    }
}

/// Gives recorded readings again.
struct Script<'a> {
    left: RefCell<std::slice::Iter<'a, Reading>>,
}

impl Script<'_> {
    fn next(&self) -> Reading {
        let next = self.left.borrow_mut().next();
        *next.expect("it reads more than recorded")
    }
}

impl View for Script<'_> {
    fn signal(&self, _: WorkerId) -> LoadSignal {
        match self.next() {
            Reading::Signal(signal) => signal,
            other => panic!("it reads a signal, recorded was {other:?}"),
        }
    }

    fn aggregate(&self, _: Domain) -> Aggregate {
        match self.next() {
            Reading::Aggregate(aggregate) => aggregate,
            other => panic!("it reads an aggregate, recorded was {other:?}"),
        }
    }

    fn claims(&self, _: WorkerId) -> u32 {
        match self.next() {
            Reading::Claims(claims) => claims,
            other => panic!("it reads claims, recorded was {other:?}"),
        }
    }

    fn parked(&self, _: Domain) -> u64 {
        self.mask()
    }

    fn resting(&self, _: Domain) -> u64 {
        self.mask()
    }
}

impl Script<'_> {
    fn mask(&self) -> u64 {
        match self.next() {
            Reading::Mask(mask) => mask,
            other => panic!("it reads a mask, recorded was {other:?}"),
        }
    }
}
