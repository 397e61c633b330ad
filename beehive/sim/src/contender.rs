//! Who can be simulated: Beehive's policy and its rivals, by name, and one run of each.

use std::sync::Arc;

use beehive_policy::{Elements, Nanos};
use serde::Serialize;

use crate::bee::Bee;
use crate::central::{self, Discipline};
use crate::costs::{self, Costs};
use crate::law::{Law, MEAN_SERVICE_NS};
use crate::machine::{self, Machine};
use crate::stealing::{Placing, Rival, Stealing};
use crate::tally::{Outcome, Tally};
use crate::workload::{Arrivals, Workload};

/// The conditions of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cell {
    /// Cores, 8 to a last-level cache and 32 to a memory node.
    pub cores: usize,
    /// Part of the cores' time that the tasks would need on warm caches.
    pub load: f64,
    /// How long tasks run.
    pub law: Law,
    /// When and where they come.
    pub arrivals: Arrivals,
    /// Shortest time between two publications of a signal, in mean service times.
    pub staleness: f64,
    /// What a task loses by a move to another memory node, in mean service times. A move within
    /// the node costs 0.4 of it, one within a cache 0.1.
    pub migration_cost: f64,
}

/// A way to schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Contender {
    /// Beehive's policy with these elements.
    Bee(Elements),
    /// Steal half of a random victim's queue, as tokio does.
    StealHalf,
    /// Steal one task.
    StealOne,
    /// Steal half, the longer of two random victims first.
    StealLonger,
    /// One queue for all, moves cost nothing.
    CentralFcfs,
    /// One queue for all, a task that runs away from home pays for it.
    CentralFcfsPaying,
    /// All tasks share all cores.
    ProcessorSharing,
    /// Each task goes to the shorter of two random queues.
    PowerOfTwo,
    /// The same by stale lengths.
    PowerOfTwoStale,
    /// Each task goes to the shortest queue by stale lengths.
    StaleJsq,
    /// A central queue before queues of at most two.
    Jbsq2,
    /// Cores reserved for short kinds of tasks.
    Darc,
    /// Every task stays where it came.
    Static,
    /// Tasks bid for cores when they come; half is stolen afterwards.
    Auction,
}

impl Contender {
    /// All, Beehive's policy first.
    pub const ALL: [Self; 14] = [
        Self::Bee(Elements::ALL),
        Self::StealHalf,
        Self::StealOne,
        Self::StealLonger,
        Self::CentralFcfs,
        Self::CentralFcfsPaying,
        Self::ProcessorSharing,
        Self::PowerOfTwo,
        Self::PowerOfTwoStale,
        Self::StaleJsq,
        Self::Jbsq2,
        Self::Darc,
        Self::Static,
        Self::Auction,
    ];

    /// The name, as flags and results spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bee(_) => "bee",
            Self::StealHalf => "steal-half",
            Self::StealOne => "steal-one",
            Self::StealLonger => "steal-longer",
            Self::CentralFcfs => "central-fcfs",
            Self::CentralFcfsPaying => "central-fcfs-paying",
            Self::ProcessorSharing => "processor-sharing",
            Self::PowerOfTwo => "power-of-two",
            Self::PowerOfTwoStale => "power-of-two-stale",
            Self::StaleJsq => "stale-jsq",
            Self::Jbsq2 => "jbsq-2",
            Self::Darc => "darc",
            Self::Static => "static",
            Self::Auction => "auction",
        }
    }

    /// Simulates `tasks` tasks, of which the first tenth only warms up. The same seed brings the
    /// same tasks to every contender.
    ///
    /// # Panics
    ///
    /// If the cell has no core, more than 65,536, or no load.
    #[must_use]
    pub fn run(self, cell: &Cell, tasks: usize, seed: u64) -> Outcome {
        assert!(cell.load > 0.0, "a load of {} brings no task", cell.load);
        self.run_with(cell, Costs::new(cell.migration_cost), tasks, seed)
    }

    pub(crate) fn run_with(self, cell: &Cell, costs: Costs, tasks: usize, seed: u64) -> Outcome {
        let topology = Arc::new(costs::topology(cell.cores));
        let workload = Workload::new(cell.cores, cell.load, cell.law, cell.arrivals, seed);
        let tally = Tally::new(tasks, central::warm_from(tasks, cell.cores, cell.load));
        let staleness = (cell.staleness * MEAN_SERVICE_NS as f64) as u64;
        let dispatched = |discipline, costs, tally| {
            central::run(discipline, &topology, costs, workload.clone(), tasks, tally)
        };
        let (placing, stealing) = match self {
            Self::Bee(elements) => {
                let mut bee = Bee::new(&topology, costs, elements, Nanos(staleness), seed);
                let machine = Machine::new(&topology, costs, tally);
                return machine::run(&mut bee, machine, workload, tasks).outcome();
            }
            Self::ProcessorSharing => {
                return central::share(cell.cores, workload, tasks, tally).outcome();
            }
            Self::CentralFcfs => {
                return dispatched(Discipline::Fcfs, Costs::new(0.0), tally).outcome();
            }
            Self::CentralFcfsPaying => return dispatched(Discipline::Fcfs, costs, tally).outcome(),
            Self::Jbsq2 => return dispatched(Discipline::Bounded, costs, tally).outcome(),
            Self::Darc => {
                let reserved = Discipline::Reserved(cell.law.kinds());
                return dispatched(reserved, costs, tally).outcome();
            }
            Self::StealHalf => (Placing::Home, Stealing::Half),
            Self::StealOne => (Placing::Home, Stealing::One),
            Self::StealLonger => (Placing::Home, Stealing::HalfOfLonger),
            Self::PowerOfTwo => (Placing::TwoFresh, Stealing::Nothing),
            Self::PowerOfTwoStale => (Placing::TwoStale, Stealing::Nothing),
            Self::StaleJsq => (Placing::AllStale, Stealing::Nothing),
            Self::Static => (Placing::Home, Stealing::Nothing),
            Self::Auction => (Placing::Auction, Stealing::Half),
        };
        let mut rival = Rival::new(&topology, placing, stealing, staleness, seed);
        let machine = Machine::new(&topology, costs, tally);
        machine::run(&mut rival, machine, workload, tasks).outcome()
    }
}

#[cfg(test)]
mod tests;
