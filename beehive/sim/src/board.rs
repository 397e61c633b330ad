//! What simulated workers publish: signals, an aggregate per domain, claims and masks.

use std::cell::Cell;

use beehive_policy::{Aggregate, Domain, LoadSignal, Nanos, Queue, Topology, View, WorkerId};

use crate::costs::Costs;

#[derive(Debug)]
pub(crate) struct Board<'a> {
    topology: &'a Topology,
    costs: Costs,
    signals: Vec<LoadSignal>,
    aggregates: Vec<Aggregate>,
    claims: Vec<u32>,
    parked: Vec<u64>,
    resting: Vec<u64>,
    /// Who reads, and what reading has cost since the last question.
    reader: Cell<usize>,
    reading_ns: Cell<u64>,
}

impl<'a> Board<'a> {
    pub(crate) fn new(topology: &'a Topology, costs: Costs) -> Self {
        let domains = topology.domains().len();
        let mut board = Self {
            topology,
            costs,
            signals: vec![LoadSignal::default(); topology.workers()],
            aggregates: vec![Aggregate::default(); domains],
            claims: vec![0; topology.workers()],
            parked: vec![0; domains],
            resting: vec![0; domains],
            reader: Cell::new(0),
            reading_ns: Cell::new(0),
        };
        (0..topology.workers()).for_each(|core| board.set_parked(core, true));
        board
    }

    /// Writes a queue's state into the signal of its owner.
    pub(crate) fn write(&mut self, now: u64, core: usize, queue: Queue) {
        self.signals[core] = LoadSignal {
            queued: queue.length,
            head: queue.head,
            stamp: Nanos(now),
            ..LoadSignal::default()
        };
        let domain = self.topology.domain(WorkerId::new(core));
        let members = self.topology.members(domain).iter();
        let signals = members.map(|worker| self.signals[worker.index()]);
        self.aggregates[domain.index()] = Aggregate::of(signals);
    }

    pub(crate) fn set_parked(&mut self, core: usize, on: bool) {
        set(self.topology, &mut self.parked, core, on);
    }

    pub(crate) fn set_resting(&mut self, core: usize, on: bool) {
        set(self.topology, &mut self.resting, core, on);
    }

    pub(crate) fn claim(&mut self, victim: WorkerId) {
        self.claims[victim.index()] += 1;
    }

    pub(crate) fn release(&mut self, victim: WorkerId) {
        self.claims[victim.index()] -= 1;
    }

    /// From now on this core reads, and pays for it.
    pub(crate) fn read_by(&self, core: usize) {
        self.reader.set(core);
        self.reading_ns.set(0);
    }

    /// What the reader has paid.
    pub(crate) fn reading_ns(&self) -> u64 {
        self.reading_ns.get()
    }
}

fn set(topology: &Topology, masks: &mut [u64], core: usize, on: bool) {
    let worker = WorkerId::new(core);
    let mask = &mut masks[topology.domain(worker).index()];
    if on {
        *mask |= topology.bit(worker);
    } else {
        *mask &= !topology.bit(worker);
    }
}

impl View for Board<'_> {
    fn signal(&self, worker: WorkerId) -> LoadSignal {
        self.signals[worker.index()]
    }

    fn aggregate(&self, domain: Domain) -> Aggregate {
        let reader = WorkerId::new(self.reader.get());
        let tier = self.topology.tier(reader, self.topology.members(domain)[0]);
        self.reading_ns
            .set(self.reading_ns.get() + self.costs.read(tier));
        self.aggregates[domain.index()]
    }

    fn claims(&self, worker: WorkerId) -> u32 {
        self.claims[worker.index()]
    }

    fn parked(&self, domain: Domain) -> u64 {
        self.parked[domain.index()]
    }

    fn resting(&self, domain: Domain) -> u64 {
        self.resting[domain.index()]
    }
}
