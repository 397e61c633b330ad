//! A worker's quantum: which task runs next, and when to look around.

use std::ptr::null;

use beehive_policy::Class;

use super::Worker;
use super::current::POLLED;
use crate::dump::record::NotedPoll;
use crate::options::{Task, TaskMeta};
use crate::panic;

impl Worker {
    pub(super) fn begin_quantum(&self) {
        let now = self.queues.read_clock();
        self.begin_run(now);
        self.stride.set(self.quantum.borrow_mut().begin(now));
    }

    pub(super) fn quantum_is_over(&self) -> bool {
        self.stride.get() == 0
    }

    #[inline]
    fn begin_poll(&self, class: Class) {
        self.budget.begin(class);
        if class == Class::Latency {
            self.latency_poll_start.set(self.shared.clock.now());
        }
    }

    /// A poll of a latency task, the one that has just begun, has ended.
    pub(crate) fn note_latency_poll(&self, task: &TaskMeta) {
        let lasted = self.shared.clock.now().since(self.latency_poll_start.get());
        task.note_poll(lasted);
    }

    /// Accounts for a poll of this quantum.
    #[inline]
    pub(super) fn count_poll(&self) {
        let left = self.stride.get().saturating_sub(1);
        self.stride.set(left);
        if left == 0 {
            let next = self
                .quantum
                .borrow_mut()
                .end_stride(self.queues.read_clock());
            self.stride.set(next.unwrap_or(0));
        }
    }

    /// Runs tasks until the quantum is over, no task is left, or another thread has sent something;
    /// says how many polls that were.
    pub(super) fn run_tasks(&self) -> u32 {
        let measured = self.begin_measured();
        let mut polls = 0;
        let mut poll = || {
            while !self.quantum_is_over()
                && let Some(task) = self.next_task(polls)
            {
                polls += 1;
                self.begin_poll(task.metadata().class());
                self.remote.watch.begin_task(task.metadata());
                let noted = NotedPoll::begin(task.metadata(), self.id);
                POLLED.set(task.id());
                task.run();
                POLLED.set(null());
                drop(noted);
                self.count_poll();
                if self.is_called() || self.slices.turn_is_over() {
                    break;
                }
            }
        };
        // A task's own panics are its result. What arrives here is the panic of a value that nobody
        // wanted, in its drop, or of a waker; it has been reported.
        if !panic::contained(&mut poll) {
            POLLED.set(null());
            self.count_poll();
        }
        self.remote.counters.polls.add(u64::from(polls));
        if let Some(run) = measured {
            self.end_measured(&run, polls);
        }
        polls
    }

    /// Tasks that wait here or are queued here (those of other classes than normal count as one), and
    /// polls before this call of [`run_tasks`](Self::run_tasks).
    pub(crate) fn census(&self) -> (usize, u64) {
        let queued = self.local.len() + self.stealable.len() + usize::from(self.queues.has_tasks());
        (
            queued + self.live.borrow().len(),
            self.remote.counters.polls.get(),
        )
    }

    /// Takes the task that comes next.
    #[inline]
    fn next_task(&self, turn: u32) -> Option<Task> {
        if !self.slices.is_empty()
            && let Some(task) = self.slices.take(self.has_fresh_tasks())
        {
            // Slices have an account of their own.
            self.queues.pause(self.has_normal_tasks());
            self.remote.counters.slices.add(1);
            return Some(task);
        }
        if self.queues.is_mixed() {
            self.next_by_class(turn)
        } else {
            self.next_normal_task(turn)
        }
    }

    /// Takes a task of the class whose turn it is.
    #[inline(never)]
    fn next_by_class(&self, turn: u32) -> Option<Task> {
        loop {
            let task = match self.queues.choose(self.has_normal_tasks()) {
                None => return self.next_normal_task(turn),
                Some(Class::Normal) => {
                    let ahead = self.queues.pop_ahead(Class::Normal);
                    ahead.or_else(|| self.next_normal_task(turn))
                }
                Some(class) => {
                    let task = self.queues.pop(class);
                    self.count_by_class(class, task.is_some());
                    task
                }
            };
            // A thief may have been faster; then something else is ready, or nothing.
            if task.is_some() {
                return task;
            }
        }
    }

    /// Takes a task; the two queues have precedence in turn, so that neither starves the other.
    #[inline]
    fn next_normal_task(&self, turn: u32) -> Option<Task> {
        if turn.is_multiple_of(2) {
            self.pop_local().or_else(|| self.pop_stealable())
        } else {
            self.pop_stealable().or_else(|| self.pop_local())
        }
    }

    #[inline]
    fn pop_stealable(&self) -> Option<Task> {
        let task = self.stealable.pop_front()?;
        self.shared_work.set(true);
        Some(task)
    }

    #[inline]
    fn pop_local(&self) -> Option<Task> {
        let task = self.local.pop()?;
        self.offer_waiting();
        Some(task)
    }
}
