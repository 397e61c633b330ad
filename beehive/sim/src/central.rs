//! Rivals with a dispatcher that knows all: a central queue, bounded queues per core (JBSQ), and
//! cores reserved for short kinds of tasks (DARC). Dispatching itself is free.

use std::collections::VecDeque;

use beehive_policy::Topology;

use crate::agenda::{Agenda, NEVER};
use crate::costs::Costs;
use crate::law::{Kind, MEAN_SERVICE_NS};
use crate::tally::Tally;
use crate::workload::{Task, Workload};

/// Which dispatcher.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Discipline {
    /// First come, first served, by whichever core is free; the nearest if several are.
    Fcfs,
    /// Each core holds at most two tasks, the one it runs included (nanoPU, R2P2).
    Bounded,
    /// Shorter kinds may use the cores of longer ones, not the other way round (Perséphone,
    /// SOSP'21).
    Reserved(&'static [Kind]),
}

struct Central<'a> {
    discipline: Discipline,
    topology: &'a Topology,
    costs: Costs,
    /// One per kind where kinds are told apart, else one.
    queues: Vec<VecDeque<Task>>,
    /// For each core, what it runs and what waits at it.
    running: Vec<Option<Task>>,
    waiting: Vec<Option<Task>>,
    free: usize,
    /// The shortest kind that may run on each core.
    reserved: Vec<u8>,
    agenda: Agenda,
    tally: Tally,
    now: u64,
}

/// Runs a number of tasks from their arrival to their end.
pub(crate) fn run(
    discipline: Discipline,
    topology: &Topology,
    costs: Costs,
    mut workload: Workload,
    tasks: usize,
    tally: Tally,
) -> Tally {
    let cores = topology.workers();
    let kinds: &[Kind] = match discipline {
        Discipline::Reserved(kinds) => kinds,
        Discipline::Fcfs | Discipline::Bounded => &[],
    };
    let mut central = Central {
        discipline,
        topology,
        costs,
        queues: vec![VecDeque::new(); kinds.len().max(1)],
        running: vec![None; cores],
        waiting: vec![None; cores],
        free: cores,
        reserved: reserve(kinds, cores),
        agenda: Agenda::new(cores + 1),
        tally,
        now: 0,
    };
    let mut next = workload.next();
    let mut arrived = 0;
    central.agenda.set(cores, next.arrived);
    while central.tally.completed < tasks {
        let (slot, time) = central.agenda.next();
        central.now = time;
        if slot == cores {
            central.arrive(next);
            arrived += 1;
            next = workload.next();
            let time = if arrived < tasks { next.arrived } else { NEVER };
            central.agenda.set(cores, time);
        } else {
            central.finish(slot);
        }
    }
    central.tally
}

/// The shortest kind that each core may run: cores are given to kinds by their share of the work,
/// at least one to each while there are enough.
fn reserve(kinds: &[Kind], cores: usize) -> Vec<u8> {
    let mut reserved = Vec::with_capacity(cores);
    let mut work = 0.0;
    for (kind, Kind { share, service }) in kinds.iter().enumerate() {
        work += share * service;
        let end = (work * cores as f64).round() as usize;
        let end = end.max(reserved.len() + 1).min(cores);
        reserved.resize(end.max(reserved.len()), kind as u8);
    }
    let last = kinds.len().saturating_sub(1) as u8;
    reserved.resize(cores, last);
    // With fewer cores than kinds, the last one is for all.
    reserved[cores - 1] = last;
    reserved
}

impl Central<'_> {
    fn arrive(&mut self, task: Task) {
        match self.discipline {
            Discipline::Fcfs => match self.nearest_free(&task) {
                Some(core) => self.start(core, task),
                None => self.queues[0].push_back(task),
            },
            Discipline::Bounded => match self.nearest_free(&task) {
                Some(core) => self.start(core, task),
                None => match self.place_behind(&task) {
                    Some(core) => self.waiting[core] = Some(task),
                    None => self.queues[0].push_back(task),
                },
            },
            Discipline::Reserved(_) => {
                let free = (0..self.running.len())
                    .find(|&core| self.running[core].is_none() && self.may_run(core, task.kind));
                match free {
                    Some(core) => self.start(core, task),
                    None => self.queues[usize::from(task.kind)].push_back(task),
                }
            }
        }
    }

    /// A task may run on the cores of its own kind and on those of longer ones.
    fn may_run(&self, core: usize, kind: u8) -> bool {
        self.reserved[core] >= kind
    }

    fn finish(&mut self, core: usize) {
        let task = self.running[core].take();
        self.tally
            .complete(&task.expect("a busy core has a task"), self.now);
        self.free += 1;
        self.agenda.set(core, NEVER);
        let next = self.waiting[core].take().or_else(|| match self.discipline {
            Discipline::Fcfs | Discipline::Bounded => self.queues[0].pop_front(),
            Discipline::Reserved(_) => {
                let kinds = 0..=usize::from(self.reserved[core]);
                kinds
                    .into_iter()
                    .find_map(|kind| self.queues[kind].pop_front())
            }
        });
        if let Some(task) = next {
            self.start(core, task);
        }
        if matches!(self.discipline, Discipline::Bounded) {
            self.waiting[core] = self.queues[0].pop_front();
        }
    }

    fn start(&mut self, core: usize, task: Task) {
        let refill = self.costs.refill(self.tier(core, &task));
        self.running[core] = Some(task);
        self.free -= 1;
        self.agenda
            .set(core, self.now + u64::from(task.service) + refill);
    }

    fn tier(&self, core: usize, task: &Task) -> beehive_policy::Tier {
        use beehive_policy::WorkerId;
        self.topology
            .tier(WorkerId::new(core), WorkerId::new(usize::from(task.home)))
    }

    /// The free core that is nearest to the task's home.
    fn nearest_free(&self, task: &Task) -> Option<usize> {
        if self.free == 0 {
            return None;
        }
        let free = |core: usize| self.running[core].is_none();
        outward(self.running.len(), usize::from(task.home)).find(|&core| free(core))
    }

    /// The nearest core with room behind its running task.
    fn place_behind(&self, task: &Task) -> Option<usize> {
        if !self.queues[0].is_empty() {
            return None;
        }
        let room = |core: usize| self.waiting[core].is_none();
        outward(self.waiting.len(), usize::from(task.home)).find(|&core| room(core))
    }
}

/// All cores in the order of their numbers' distance, which is also that of their tiers: caches and
/// nodes are aligned blocks of a power of two.
fn outward(cores: usize, home: usize) -> impl Iterator<Item = usize> {
    let end = cores.next_power_of_two();
    (0..end)
        .map(move |distance| home ^ distance)
        .filter(move |&core| core < cores)
}

/// Processor sharing: all tasks that are there run at once and share the cores equally, none
/// faster than on a core of its own. Nothing moves.
///
/// With equal shares all tasks progress alike, so one clock of progress does for all: a task ends
/// when the clock has gone on by its service time.
pub(crate) fn share(cores: usize, mut workload: Workload, tasks: usize, mut tally: Tally) -> Tally {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    let mut running: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut present = std::collections::HashMap::new();
    let (mut now, mut progress) = (0.0_f64, 0.0_f64);
    let mut next = workload.next();
    let mut arrived = 0_u64;
    while tally.completed < tasks {
        let count = running.len();
        let speed = (cores as f64 / count.max(1) as f64).min(1.0);
        let ends = running.peek().map_or(f64::INFINITY, |Reverse((at, _))| {
            now + (f64::from_bits(*at) - progress).max(0.0) / speed
        });
        let comes = if arrived < tasks as u64 {
            next.arrived as f64
        } else {
            f64::INFINITY
        };
        let time = ends.min(comes);
        if count > 0 {
            progress += (time - now) * speed;
        }
        now = time;
        if comes <= ends {
            // The bits of positive floats are in the order of the floats.
            let end = progress + f64::from(next.service);
            running.push(Reverse((end.to_bits(), arrived)));
            present.insert(arrived, next);
            arrived += 1;
            next = workload.next();
        } else if let Some(Reverse((_, number))) = running.pop() {
            let task: Option<Task> = present.remove(&number);
            tally.complete(
                &task.expect("a task that runs is present"),
                now.ceil() as u64,
            );
        }
    }
    tally
}

/// When a stream of this load has brought a tenth of its tasks: what came before is not counted.
pub(crate) fn warm_from(tasks: usize, cores: usize, load: f64) -> u64 {
    (0.1 * tasks as f64 * MEAN_SERVICE_NS as f64 / (load * cores as f64)) as u64
}
