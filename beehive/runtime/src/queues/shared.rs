//! Tasks of one class that several threads share: in the order in which they are due, under a lock.
//!
//! An order by deadline and stealing from either end do not go together without a lock. It is held
//! for a few instructions; whether there is anything to take, and when it is due, is known without
//! it, by the protocol of [`beehive_task::glance`]. There is no bound, so no task needs another place.

use beehive_policy::{DeadlineQueue, Nanos};
use beehive_task::glance::Glance;
use parking_lot::{Mutex, MutexGuard};

use crate::options::Task;

/// Most tasks that a thief takes at once.
const STOLEN_MAX: usize = 32;

/// A queue by due time that several threads share.
pub(crate) struct SharedQueue {
    tasks: Mutex<DeadlineQueue<Task>>,
    glance: Glance,
}

impl SharedQueue {
    pub(crate) fn new() -> Self {
        Self {
            tasks: Mutex::new(DeadlineQueue::new()),
            glance: Glance::new(),
        }
    }

    pub(crate) fn push(&self, now: Nanos, task: Task) {
        let deadline = task.metadata().deadline();
        let mut tasks = self.tasks.lock();
        tasks.push(now, deadline, task);
        self.note(&tasks);
    }

    pub(crate) fn pop(&self) -> Option<Task> {
        if self.is_empty() {
            return None;
        }
        let mut tasks = self.tasks.lock();
        let task = tasks.pop();
        self.note(&tasks);
        task
    }

    /// Moves half of the tasks, those that are due first; true if there were any.
    pub(crate) fn steal_half(&self, into: &Self) -> bool {
        let count = (self.len() as usize).div_ceil(2).min(STOLEN_MAX);
        self.move_first(count, into)
    }

    /// Moves up to `count` tasks, those that are due first; true if there were any.
    pub(crate) fn move_first(&self, count: usize, into: &Self) -> bool {
        if self.is_empty() {
            return false;
        }
        // Never both locks at once: two thieves might steal from each other.
        let mut moved = DeadlineQueue::new();
        let mut tasks = self.tasks.lock();
        tasks.move_first(count, &mut moved);
        self.note(&tasks);
        drop(tasks);
        let found = !moved.is_empty();
        let mut tasks = into.tasks.lock();
        moved.move_first(count, &mut tasks);
        into.note(&tasks);
        found
    }

    fn note(&self, tasks: &MutexGuard<'_, DeadlineQueue<Task>>) {
        let due = tasks.first_due().map(|due| due.0);
        self.glance.note(due, tasks.len());
    }

    /// When the first task is due; approximate while others push or pop.
    pub(crate) fn first_due(&self) -> Option<Nanos> {
        self.glance.first_due().map(Nanos)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.glance.is_empty()
    }

    pub(crate) fn len(&self) -> u32 {
        self.glance.len()
    }
}
