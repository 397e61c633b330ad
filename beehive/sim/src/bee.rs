//! Beehive's policy at work: the very crate that the runtime uses decides, this file carries out.

use std::sync::Arc;

use beehive_policy::{
    Config, Elements, Help, Moment, Nanos, Occasion, Policy, Probe, Step, Topology, View, WorkerId,
    signal::has_outgrown,
};

use crate::board::Board;
use crate::costs::Costs;
use crate::machine::{Machine, Scheduler, State};
use crate::workload::Task;

/// Helpers asked at once; a longer queue asks again when its owner starts the next task.
const HELPERS_AT_ONCE: usize = 8;

pub(crate) struct Bee<'a> {
    policies: Vec<Policy>,
    board: Board<'a>,
    /// Where each core is going or has been sent; it holds a claim there.
    target: Vec<Option<WorkerId>>,
    probe: Vec<Option<Probe>>,
}

impl<'a> Bee<'a> {
    pub(crate) fn new(
        topology: &'a Arc<Topology>,
        costs: Costs,
        elements: Elements,
        publish_interval: Nanos,
        seed: u64,
    ) -> Self {
        let cores = topology.workers();
        let policy = |core: usize| {
            Policy::new(&Config {
                seed: seed.wrapping_mul(1 << 16) + core as u64,
                prices: costs.prices,
                elements,
                gather: false,
                balance: false,
                publish_interval,
                ..Config::new(WorkerId::new(core), topology.clone())
            })
        };
        Self {
            policies: (0..cores).map(policy).collect(),
            board: Board::new(topology, costs),
            target: vec![None; cores],
            probe: vec![None; cores],
        }
    }

    /// After a queue has grown: `helped` if somebody has been asked to help with it.
    fn publish_growth(&mut self, machine: &Machine<'_>, core: usize, helped: bool) {
        let shown = self.board.signal(WorkerId::new(core)).queued;
        let grown = has_outgrown(shown, machine.queue(core).length);
        let occasion = if grown && !helped {
            Occasion::Cry
        } else {
            Occasion::Routine
        };
        self.publish(machine, core, occasion);
    }

    fn publish(&mut self, machine: &Machine<'_>, core: usize, occasion: Occasion) {
        if self.policies[core].on_publish(Nanos(machine.now), occasion) {
            self.board.write(machine.now, core, machine.queue(core));
        }
    }

    /// Asks for help with the queue of `owner`; true if somebody was asked.
    fn help(&mut self, machine: &mut Machine<'_>, moment: Moment, by: usize, owner: usize) -> bool {
        let mut found = false;
        for _ in 0..HELPERS_AT_ONCE {
            let mut queue = machine.queue(owner);
            if matches!(machine.cores[owner].state, State::Probing | State::Waking) {
                // It will see to one of them itself, presently.
                queue.length = queue.length.saturating_sub(1);
            }
            let now = Nanos(machine.now);
            let owner = WorkerId::new(owner);
            let policy = &mut self.policies[by];
            match policy.on_help(now, moment, owner, queue, &self.board) {
                None => break,
                Some(Help::Poke(helper)) => self.poke(machine, helper, owner),
                Some(Help::Wake(helper)) => self.wake(machine, helper, owner),
            }
            found = true;
        }
        found
    }

    fn poke(&mut self, machine: &mut Machine<'_>, helper: WorkerId, owner: WorkerId) {
        self.board.set_resting(helper.index(), false);
        self.policies[helper.index()].on_poke(owner);
        self.step(machine, helper.index());
    }

    fn wake(&mut self, machine: &mut Machine<'_>, helper: WorkerId, owner: WorkerId) {
        self.board.set_parked(helper.index(), false);
        if helper != owner {
            self.aim(helper.index(), Some(owner));
        }
        machine.wake(helper.index());
    }

    /// Moves a core's claim.
    fn aim(&mut self, core: usize, at: Option<WorkerId>) {
        if let Some(before) = std::mem::replace(&mut self.target[core], at) {
            self.board.release(before);
        }
        if let Some(victim) = at {
            self.board.claim(victim);
        }
    }

    /// Runs the next task of a core, or lets it search.
    fn proceed(&mut self, machine: &mut Machine<'_>, core: usize, hint: Option<WorkerId>) {
        let queue = machine.queue(core);
        self.board.read_by(core);
        let now = Nanos(machine.now);
        if let Some(older) = self.policies[core].on_turn(now, queue, &self.board) {
            return self.visit(machine, core, older);
        }
        if machine.start(core) {
            self.aim(core, None);
            self.help(machine, Moment::Start, core, core);
            self.publish(machine, core, Occasion::Routine);
        } else {
            self.policies[core].on_idle(Nanos(machine.now), hint);
            self.step(machine, core);
        }
    }

    /// Sends a core to a victim; reading signals took its time.
    fn visit(&mut self, machine: &mut Machine<'_>, core: usize, probe: Probe) {
        self.aim(core, Some(probe.victim));
        self.probe[core] = Some(probe);
        machine.probe(core, probe.victim.index(), self.board.reading_ns());
    }

    fn step(&mut self, machine: &mut Machine<'_>, core: usize) {
        self.board.read_by(core);
        let step = self.policies[core].on_search(Nanos(machine.now), &self.board);
        match step {
            Step::Probe(probe) => self.visit(machine, core, probe),
            Step::Rest(pause) => {
                self.aim(core, None);
                self.board.set_resting(core, true);
                machine.enter(core, State::Resting, pause.0);
            }
            Step::Park => self.park(machine, core),
        }
    }

    /// A last look at the queues of the own domain, then sleep.
    fn park(&mut self, machine: &mut Machine<'_>, core: usize) {
        let domain = machine.topology.domain(WorkerId::new(core));
        let members = machine.topology.members(domain).iter();
        let seen = members
            .filter(|worker| !machine.cores[worker.index()].queue.is_empty())
            .max_by_key(|worker| machine.cores[worker.index()].queue.len());
        if let Some(&victim) = seen {
            self.policies[core].on_idle(Nanos(machine.now), Some(victim));
            return self.step(machine, core);
        }
        self.aim(core, None);
        self.publish(machine, core, Occasion::Parking);
        self.board.set_parked(core, true);
        machine.park(core);
    }

    fn arrived_at_victim(&mut self, machine: &mut Machine<'_>, core: usize, probe: Probe) {
        let victim = probe.victim.index();
        let found = machine.take(core, victim, probe.half);
        if let Some(left) = self.policies[core].on_visit(machine.queue(victim)) {
            self.board.write(machine.now, victim, left);
        }
        self.aim(core, None);
        if found {
            self.help(machine, Moment::Theft, core, victim);
        }
        if machine.start(core) {
            let helped = self.help(machine, Moment::Theft, core, core);
            self.publish_growth(machine, core, helped);
        } else {
            self.step(machine, core);
        }
    }
}

impl Scheduler for Bee<'_> {
    fn arrive(&mut self, machine: &mut Machine<'_>, task: Task) {
        let core = usize::from(task.home);
        machine.push(core, task);
        if machine.cores[core].state == State::Resting {
            self.board.set_resting(core, false);
            return self.proceed(machine, core, None);
        }
        let helped = self.help(machine, Moment::Push, core, core);
        self.publish_growth(machine, core, helped);
    }

    fn finished(&mut self, machine: &mut Machine<'_>, core: usize, task_ns: u64) {
        self.policies[core].on_service(Nanos(task_ns));
        self.proceed(machine, core, None);
    }

    fn elapsed(&mut self, machine: &mut Machine<'_>, core: usize, was: State) {
        match was {
            State::Resting => {
                self.board.set_resting(core, false);
                self.step(machine, core);
            }
            State::Probing => {
                let probe = self.probe[core].take();
                let probe = probe.expect("a probing core has a victim");
                self.arrived_at_victim(machine, core, probe);
            }
            State::Waking => {
                self.publish(machine, core, Occasion::Parking);
                let hint = self.target[core];
                self.proceed(machine, core, hint);
            }
            State::Running { .. } | State::Parked => {
                unreachable!("the machine ends tasks, and a parked core has no event")
            }
        }
    }
}
