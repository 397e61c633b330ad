//! What a worker notes about itself for those who look at it: see [`metrics`](crate::metrics).
//!
//! Noted once per turn of the loop, not once per task: the time spent in each phase, from readings of
//! the clock that the loop takes anyway; the queues as they are when tasks begin to run, though not
//! more often than every [`LOOK_INTERVAL`], and when there are none.

use std::cell::{Cell, RefCell};

use beehive_policy::{Class, HeadClock, Nanos};

use super::Worker;
use crate::metrics::Phase;
use crate::trace;

/// Time between two looks at the queues while there is always something to run.
const LOOK_INTERVAL: Nanos = Nanos(20_000);

/// What the notes need beside the counters.
#[derive(Default)]
pub(super) struct Account {
    phase: Cell<Phase>,
    /// When the worker last looked at its queues.
    looked: Cell<Nanos>,
    /// Waits in the queues of normal tasks.
    waits: RefCell<Waits>,
}

#[derive(Default)]
struct Waits {
    local: HeadClock,
    stealable: HeadClock,
}

impl Worker {
    /// Changes the phase now; gives the one before.
    pub(super) fn enter(&self, phase: Phase) -> Phase {
        if self.account.phase.get() == phase {
            return phase;
        }
        self.enter_at(phase, self.queues.read_clock())
    }

    #[inline]
    fn enter_at(&self, phase: Phase, now: Nanos) -> Phase {
        let before = self.account.phase.replace(phase);
        self.remote.counters.change_phase(before, phase, now);
        before
    }

    /// Tasks are about to run.
    #[inline]
    pub(super) fn begin_run(&self, now: Nanos) {
        self.enter_at(Phase::Running, now);
        if now.since(self.account.looked.get()) >= LOOK_INTERVAL {
            self.look_at_queues(now);
        }
    }

    /// The quantum is over, or no task is left, or there are some but others things come first.
    #[inline]
    pub(super) fn end_run(&self, busy: bool) {
        let now = if self.quantum_is_over() {
            // The clock was read to find that out.
            self.queues.now()
        } else {
            self.queues.read_clock()
        };
        if busy {
            self.enter_at(Phase::Reactor, now);
        } else {
            self.enter_at(Phase::Searching, now);
            self.look_at_queues(now);
        }
    }

    /// Shows how many tasks are queued and wait here, and measures how long.
    fn look_at_queues(&self, now: Nanos) {
        self.account.looked.set(now);
        let counters = &self.remote.counters;
        counters.queued[Class::Normal.index()].set(self.local.len() as u64);
        for class in [Class::Latency, Class::Background] {
            let queued = self.queues.local_len(class);
            counters.queued[class.index()].set(queued as u64);
        }
        counters.queued_slices.set(self.slices.len() as u64);
        counters.live.set(self.live.borrow().len() as u64);

        let Waits { local, stealable } = &mut *self.account.waits.borrow_mut();
        let length = self.local.len() as u32;
        let oldest = (length > 0).then(|| self.local.taken());
        let of_local = local.measure(now, oldest, length);
        let oldest = self.remote.stealer.oldest();
        let of_stealable = stealable.measure(now, oldest, self.stealable.len() as u32);
        for waited in [of_local, of_stealable].into_iter().flatten() {
            counters.note_wait(waited);
        }
        let since = [local.since(), stealable.since()];
        counters.note_oldest(since.into_iter().flatten().min());
    }

    /// The worker is about to wait for events.
    pub(super) fn begin_park(&self) {
        trace::parks(self.id);
        self.remote.counters.parks.add(1);
        self.enter(Phase::Parked);
    }

    /// The worker has waited.
    pub(super) fn end_park(&self) {
        self.enter(Phase::Reactor);
        let woken = self.remote.wants_attention();
        self.remote.counters.wakes.add(u64::from(woken));
        trace::resumes(self.id, woken);
    }

    /// The worker stops, and has no local tasks any more.
    pub(super) fn end_account(&self) {
        self.enter(Phase::Parked);
        self.look_at_queues(self.queues.now());
    }

    pub(super) fn count_messages(&self, received: usize) {
        if received > 0 {
            self.remote.counters.messages.add(received as u64);
        }
    }

    /// A task of another class than normal runs next, if there was one.
    pub(super) fn count_by_class(&self, class: Class, taken: bool) {
        self.remote.counters.class_polls[class.index()].add(u64::from(taken));
    }

    /// As [`steal`](Self::steal), and counts what it brought.
    pub(super) fn steal_counted(&self) -> bool {
        let queued = || self.stealable.len() + self.remote.others.len();
        let before = queued();
        let found = self.steal();
        if found {
            // Others may have taken some of it since.
            let stolen = queued().saturating_sub(before).max(1);
            self.remote.counters.steals.add(1);
            self.remote.counters.stolen.add(stolen as u64);
            trace::stole(self.id, stolen);
            self.arrived.set(stolen as u32);
        }
        found
    }
}
