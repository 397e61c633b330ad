//! The simulated machine: cores with queues of their own, and the costs of what schedulers do.
//!
//! A core runs a task, is on its way to another core's queue, rests, wakes up or is parked. Probes
//! of one victim come one after the other, as its lines can be in one cache at a time. A task that
//! runs away from home pays for fetching its data.

use std::collections::VecDeque;

use beehive_policy::{Nanos, Queue, Tier, Topology, WorkerId};

use crate::agenda::{Agenda, NEVER};
use crate::costs::Costs;
use crate::tally::Tally;
use crate::workload::{Task, Workload};

/// What a core does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Running { task_ns: u64 },
    Probing,
    Resting,
    Waking,
    Parked,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) state: State,
    pub(crate) queue: VecDeque<Task>,
    running: Option<Task>,
    /// Until when thieves occupy its queue.
    visited_until: u64,
}

/// The machine and the clock.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) now: u64,
    pub(crate) topology: &'a Topology,
    pub(crate) costs: Costs,
    pub(crate) cores: Vec<Core>,
    pub(crate) tally: Tally,
    agenda: Agenda,
    /// Tasks in all queues.
    pub(crate) queued: usize,
}

/// What decides on a machine.
pub(crate) trait Scheduler {
    /// A task has arrived.
    fn arrive(&mut self, machine: &mut Machine<'_>, task: Task);

    /// A core has finished a task that took so long, and has nothing to do yet.
    fn finished(&mut self, machine: &mut Machine<'_>, core: usize, task_ns: u64);

    /// What a core did (probing, resting, waking) is over.
    fn elapsed(&mut self, machine: &mut Machine<'_>, core: usize, was: State);
}

/// Runs a number of tasks from their arrival to their end.
pub(crate) fn run(
    scheduler: &mut impl Scheduler,
    mut machine: Machine<'_>,
    mut workload: Workload,
    tasks: usize,
) -> Tally {
    let arrivals = machine.cores.len();
    let mut next = workload.next();
    let mut arrived = 0;
    machine.agenda.set(arrivals, next.arrived);
    while machine.tally.completed < tasks {
        let (slot, time) = machine.agenda.next();
        assert!(time != NEVER, "tasks are queued and no core will run them");
        machine.now = time;
        if slot == arrivals {
            scheduler.arrive(&mut machine, next);
            arrived += 1;
            next = workload.next();
            let time = if arrived < tasks { next.arrived } else { NEVER };
            machine.agenda.set(arrivals, time);
            continue;
        }
        let was = machine.cores[slot].state;
        if let State::Running { task_ns } = was {
            machine.end_task(slot);
            scheduler.finished(&mut machine, slot, task_ns);
        } else {
            scheduler.elapsed(&mut machine, slot, was);
        }
    }
    machine.tally
}

impl<'a> Machine<'a> {
    pub(crate) fn new(topology: &'a Topology, costs: Costs, tally: Tally) -> Self {
        let core = || Core {
            state: State::Parked,
            queue: VecDeque::new(),
            running: None,
            visited_until: 0,
        };
        Self {
            now: 0,
            topology,
            costs,
            cores: (0..topology.workers()).map(|_| core()).collect(),
            tally,
            agenda: Agenda::new(topology.workers() + 1),
            queued: 0,
        }
    }

    pub(crate) fn tier(&self, a: usize, b: usize) -> Tier {
        self.topology.tier(WorkerId::new(a), WorkerId::new(b))
    }

    pub(crate) fn push(&mut self, core: usize, task: Task) {
        self.queued += 1;
        self.cores[core].queue.push_back(task);
    }

    /// Length and age of a core's queue, as it is.
    pub(crate) fn queue(&self, core: usize) -> Queue {
        let queue = &self.cores[core].queue;
        Queue {
            length: queue.len() as u32,
            head: Nanos(queue.front().map_or(self.now, |task| task.arrived)),
        }
    }

    /// Starts the oldest task of a core; false if it has none.
    pub(crate) fn start(&mut self, core: usize) -> bool {
        let Some(task) = self.cores[core].queue.pop_front() else {
            return false;
        };
        self.queued -= 1;
        let refill = self.costs.refill(self.tier(core, usize::from(task.home)));
        let task_ns = u64::from(task.service) + refill;
        self.cores[core].running = Some(task);
        self.enter(core, State::Running { task_ns }, task_ns);
        true
    }

    fn end_task(&mut self, core: usize) {
        let task = self.cores[core].running.take();
        let task = task.expect("a running core has a task");
        self.tally.complete(&task, self.now);
    }

    /// A core does something for so long.
    pub(crate) fn enter(&mut self, core: usize, state: State, duration: u64) {
        self.cores[core].state = state;
        self.agenda.set(core, self.now + duration);
    }

    pub(crate) fn park(&mut self, core: usize) {
        self.cores[core].state = State::Parked;
        self.agenda.set(core, NEVER);
    }

    pub(crate) fn wake(&mut self, core: usize) {
        self.tally.wakes += 1;
        self.enter(core, State::Waking, self.costs.wake());
    }

    /// Sends a core to look at a victim, which takes effect when the way and those before it are
    /// over; `delay` is what it spends first.
    pub(crate) fn probe(&mut self, thief: usize, victim: usize, delay: u64) {
        self.tally.probes += 1;
        let cost = self.costs.probe(self.tier(thief, victim));
        let begin = (self.now + delay).max(self.cores[victim].visited_until);
        let end = begin + cost;
        self.cores[victim].visited_until = end;
        self.enter(thief, State::Probing, end - self.now);
    }

    /// Takes half of the victim's queue, or one task, before what the thief has; true if there was
    /// something.
    pub(crate) fn take(&mut self, thief: usize, victim: usize, half: bool) -> bool {
        let length = self.cores[victim].queue.len();
        let count = if half {
            length.div_ceil(2)
        } else {
            length.min(1)
        };
        if self.tier(thief, victim) > Tier::Llc {
            self.tally.moves += count as u64;
        }
        for place in 0..count {
            let task = self.cores[victim].queue.pop_front();
            let task = task.expect("no more are taken than there are");
            self.cores[thief].queue.insert(place, task);
        }
        count > 0
    }
}
