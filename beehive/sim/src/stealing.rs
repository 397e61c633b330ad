//! Rivals with a queue per core: they place a task when it arrives, and some steal afterwards.
//!
//! Stealing is as in tokio: one pass over all others from a random start, at most half of the cores
//! search at a time, a queued task wakes one parked core if nobody searches, and the last searcher
//! that finds something wakes the next.

use std::sync::Arc;

use beehive_policy::Topology;
use fastrand::Rng;

use crate::machine::{Machine, Scheduler, State};
use crate::workload::Task;

/// Prices that an auction asks for before it sells a task.
const BIDS: usize = 8;

/// Where a task is queued when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Placing {
    Home,
    /// The shorter of two random queues.
    TwoFresh,
    /// The same by lengths that are refreshed now and then.
    TwoStale,
    /// The shortest of all by lengths that are refreshed now and then.
    AllStale,
    /// Tasks bid for cores: the core at home and some others ask their price, which is what is
    /// queued there by stale lengths, plus what has just been sold, plus the cost of the move.
    Auction,
}

/// What a thief takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stealing {
    Nothing,
    One,
    Half,
    /// Half, and the longer of two random queues is visited first (as in BWoS, OSDI'23).
    HalfOfLonger,
}

pub(crate) struct Rival {
    placing: Placing,
    stealing: Stealing,
    random: Rng,
    /// Parked cores, and where each stands among them.
    parked: Vec<u32>,
    position: Vec<u32>,
    searching: usize,
    /// For each searching core, the next victim and how many are left.
    pass: Vec<(u32, u32)>,
    published: Vec<u32>,
    refresh: (u64, u64),
}

const NOT_PARKED: u32 = u32::MAX;

impl Rival {
    pub(crate) fn new(
        topology: &Arc<Topology>,
        placing: Placing,
        stealing: Stealing,
        staleness_ns: u64,
        seed: u64,
    ) -> Self {
        let cores = topology.workers();
        Self {
            placing,
            stealing,
            random: Rng::with_seed(seed ^ 0x5EED),
            parked: (0..cores as u32).collect(),
            position: (0..cores as u32).collect(),
            searching: 0,
            pass: vec![(0, 0); cores],
            published: vec![0; cores],
            refresh: (0, staleness_ns),
        }
    }

    fn unpark(&mut self, machine: &mut Machine<'_>, core: usize) {
        let at = self.position[core] as usize;
        self.parked.swap_remove(at);
        if let Some(&moved) = self.parked.get(at) {
            self.position[moved as usize] = at as u32;
        }
        self.position[core] = NOT_PARKED;
        machine.wake(core);
    }

    fn park(&mut self, machine: &mut Machine<'_>, core: usize) {
        self.position[core] = self.parked.len() as u32;
        self.parked.push(core as u32);
        machine.park(core);
    }

    /// Wakes one core to search, if nobody does.
    fn notify(&mut self, machine: &mut Machine<'_>) {
        if self.stealing != Stealing::Nothing && self.searching == 0 && !self.parked.is_empty() {
            let chosen = self.random.usize(..self.parked.len());
            let core = self.parked[chosen] as usize;
            self.searching += 1;
            self.pass[core] = (0, u32::MAX);
            self.unpark(machine, core);
        }
    }

    fn proceed(&mut self, machine: &mut Machine<'_>, core: usize) {
        if machine.start(core) {
            return;
        }
        let cores = machine.cores.len();
        if self.stealing == Stealing::Nothing || cores == 1 || 2 * self.searching >= cores {
            return self.park(machine, core);
        }
        self.searching += 1;
        self.search(machine, core);
    }

    fn search(&mut self, machine: &mut Machine<'_>, core: usize) {
        let cores = machine.cores.len();
        let start = self.random.usize(..cores) as u32;
        self.pass[core] = (start, cores as u32);
        if self.stealing == Stealing::HalfOfLonger {
            let mut draw = || (core + 1 + self.random.usize(..cores - 1)) % cores;
            let (one, other) = (draw(), draw());
            let length = |core: usize| machine.cores[core].queue.len();
            let longer = if length(one) < length(other) {
                other
            } else {
                one
            };
            self.pass[core] = (longer as u32, cores as u32);
        }
        self.visit_next(machine, core);
    }

    fn visit_next(&mut self, machine: &mut Machine<'_>, core: usize) {
        let cores = machine.cores.len() as u32;
        let (mut victim, mut left) = self.pass[core];
        if victim as usize == core {
            victim = (victim + 1) % cores;
            left = left.saturating_sub(1);
        }
        if left == 0 {
            self.searching -= 1;
            self.park(machine, core);
            if machine.queued > 0 {
                self.notify(machine);
            }
            return;
        }
        self.pass[core] = (victim, left - 1);
        machine.probe(core, victim as usize, 0);
    }

    fn arrived_at_victim(&mut self, machine: &mut Machine<'_>, core: usize) {
        let (victim, left) = self.pass[core];
        let half = self.stealing != Stealing::One;
        if machine.take(core, victim as usize, half) || !machine.cores[core].queue.is_empty() {
            self.searching -= 1;
            self.notify(machine);
            machine.start(core);
        } else {
            self.pass[core] = ((victim + 1) % machine.cores.len() as u32, left);
            self.visit_next(machine, core);
        }
    }

    fn place(&mut self, machine: &Machine<'_>, home: usize) -> usize {
        let cores = machine.cores.len();
        let length = |core: usize| {
            let running = u32::from(machine.cores[core].state != State::Parked);
            machine.cores[core].queue.len() as u32 + running
        };
        if self.placing > Placing::TwoFresh && machine.now >= self.refresh.0 {
            self.published = (0..cores).map(length).collect();
            self.refresh.0 = machine.now + self.refresh.1;
        }
        match self.placing {
            Placing::Home => home,
            Placing::TwoFresh => {
                let (one, other) = (self.random.usize(..cores), self.random.usize(..cores));
                if length(other) < length(one) {
                    other
                } else {
                    one
                }
            }
            Placing::TwoStale => {
                let (one, other) = (self.random.usize(..cores), self.random.usize(..cores));
                if self.published[other] < self.published[one] {
                    other
                } else {
                    one
                }
            }
            Placing::AllStale => {
                let start = self.random.usize(..cores);
                let order = (start..cores).chain(0..start);
                order
                    .min_by_key(|&core| self.published[core])
                    .unwrap_or(home)
            }
            Placing::Auction => {
                let random = &mut self.random;
                let others = (0..BIDS).map(|_| random.usize(..cores));
                let price = |core: usize| {
                    let queued = u64::from(self.published[core]) * crate::MEAN_SERVICE_NS;
                    queued + machine.costs.refill(machine.tier(home, core))
                };
                let sold = std::iter::once(home)
                    .chain(others)
                    .min_by_key(|&core| price(core));
                let sold = sold.unwrap_or(home);
                self.published[sold] += 1;
                sold
            }
        }
    }
}

impl Scheduler for Rival {
    fn arrive(&mut self, machine: &mut Machine<'_>, task: Task) {
        let core = self.place(machine, usize::from(task.home));
        machine.push(core, task);
        if machine.cores[core].state == State::Parked {
            // Not as a searcher: it has a task.
            self.pass[core] = (0, 0);
            self.unpark(machine, core);
        } else {
            self.notify(machine);
        }
    }

    fn finished(&mut self, machine: &mut Machine<'_>, core: usize, _task_ns: u64) {
        self.proceed(machine, core);
    }

    fn elapsed(&mut self, machine: &mut Machine<'_>, core: usize, was: State) {
        match was {
            State::Probing => self.arrived_at_victim(machine, core),
            State::Waking if self.pass[core].1 == u32::MAX => {
                // Woken to search, and counted already.
                if machine.cores[core].queue.is_empty() {
                    self.search(machine, core);
                } else {
                    self.searching -= 1;
                    self.notify(machine);
                    machine.start(core);
                }
            }
            State::Waking => self.proceed(machine, core),
            State::Resting | State::Running { .. } | State::Parked => {
                unreachable!("this scheduler never rests, and the machine ends tasks")
            }
        }
    }
}
