//! Tasks of one class that several threads share: in the order in which they are due, under a lock.
//!
//! An order by deadline and stealing from either end do not go together without a lock. It is held
//! for a few instructions; whether there is anything to take, and when it is due, is known without
//! it. There is no bound, so no task needs another place.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use beehive_policy::{DeadlineQueue, Nanos};
use parking_lot::{Mutex, MutexGuard};

use crate::options::Task;

/// Most tasks that a thief takes at once.
const STOLEN_MAX: usize = 32;
/// Stands for a due time where there is no task.
const NOTHING: u64 = u64::MAX;

/// A queue by due time that several threads share.
pub(crate) struct SharedQueue {
    tasks: Mutex<DeadlineQueue<Task>>,
    /// When the first task is due, and how many there are: written under the lock.
    first_due: AtomicU64,
    len: AtomicU32,
}

impl SharedQueue {
    pub(crate) fn new() -> Self {
        Self {
            tasks: Mutex::new(DeadlineQueue::new()),
            first_due: AtomicU64::new(NOTHING),
            len: AtomicU32::new(0),
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
        let due = tasks.first_due().map_or(NOTHING, |due| due.0);
        self.first_due.store(due, Relaxed);
        self.len.store(tasks.len() as u32, Relaxed);
    }

    /// When the first task is due; approximate while others push or pop.
    pub(crate) fn first_due(&self) -> Option<Nanos> {
        let due = self.first_due.load(Relaxed);
        (due != NOTHING).then_some(Nanos(due))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> u32 {
        self.len.load(Relaxed)
    }
}
