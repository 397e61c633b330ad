//! How a worker parks, and what becomes of its duty to search. See `shared` for the protocol.

use std::time::Duration;

use beehive_policy::{Occasion, Wait};

use super::Worker;
use crate::metrics::Phase;

/// How long a worker waits before it looks again at a task that it left alone to another worker: so
/// much longer than necessary may a task wait there.
const WATCH: Duration = Duration::from_micros(50);

impl Worker {
    /// Waits for IO, a timer or a message. See `remote` and `shared` for the order of the steps.
    ///
    /// If the search has left a task alone that still waits, or again, this worker is not to be woken
    /// for shared work (each task of a chain would wake it) but looks again by itself in a while.
    pub(super) fn park(&self) {
        let mut waiting = Waiting::begin(self);
        let quiet = self.remote.park();
        let idle = quiet && !self.shared.work_visible();
        let watches = quiet && !idle && self.left_alone.take() && waiting.leave_set();
        if idle || watches {
            // Who watches has seen something: if it gets something else to run, others are to look.
            self.owes_look.set(watches);
            let now = self.now();
            self.publish(now, Occasion::Parking);
            self.wait_start.set(Some(now));
            // A watch is too short to gather events.
            let wait = if watches {
                Wait::FIRST
            } else {
                self.policy.borrow_mut().on_wait(now)
            };
            let watch = watches.then_some(WATCH);
            let timeout = [self.time_to_next_timer(now), watch];
            self.remote.watch.pause();
            self.begin_park();
            self.collect_events(timeout.into_iter().flatten().min(), wait);
            self.end_park();
            self.shared.alarm.worker_resumes(&self.remote.watch);
        } else {
            self.enter(Phase::Reactor);
            self.owes_look.set(true);
            self.hint.set(self.shared.loaded());
            self.collect_events(Some(Duration::ZERO), Wait::FIRST);
        }
        drop(waiting);
        // Only now: what these queue is offered to others, of which this worker must not be one.
        self.wake_ready();
    }

    /// Leaves the parked set; false if another thread has chosen this worker to search.
    fn leave_parked(&self) -> bool {
        let unchosen = self.shared.leave_parked(self.id);
        if !unchosen {
            self.sent.set(true);
        }
        unchosen
    }

    /// If this worker has got something to run before it could take its last look, it takes it now, and
    /// if there is something to take, another worker is to search.
    pub(super) fn settle_look(&self) {
        if self.owes_look.get() && self.has_tasks() {
            self.owes_look.set(false);
            self.pass_on();
        }
    }

    /// The future of `block_on` is about to be polled: what this worker owes must not wait for that.
    pub(crate) fn begin_main_poll(&self) {
        if self.owes_look.take() {
            self.pass_on();
        }
    }

    /// Passes on what this worker owes to the others: its duty to search, and its stealable tasks.
    pub(super) fn hand_over(&self) {
        if self.sent.take() {
            self.shared.idle.end_search();
        }
        if self.shared.work_visible() {
            self.shared.offer_any(&mut self.policy.borrow_mut());
        }
    }
}

/// A worker on its way into its wait and out of it. Ends the wait when dropped, also if the reactor
/// panics: a worker that is gone must not be chosen.
struct Waiting<'a> {
    worker: &'a Worker,
    /// It is in the parked set, or was chosen from there.
    listed: bool,
}

impl<'a> Waiting<'a> {
    /// Enters the parked set, unless there is nobody to choose from it.
    fn begin(worker: &'a Worker) -> Self {
        let listed = worker.shared.remotes.len() > 1;
        if listed {
            worker.shared.enter_parked(worker.id);
        }
        Self { worker, listed }
    }

    /// Leaves the parked set early; false if another thread has chosen this worker to search.
    fn leave_set(&mut self) -> bool {
        self.listed = false;
        self.worker.leave_parked()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.worker.remote.unpark();
        if self.listed {
            self.worker.leave_parked();
        }
    }
}
