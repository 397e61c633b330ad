//! The entrance: tasks for any worker that come from other threads, and those that found no room in a
//! worker's own queue. It has no bound.
//!
//! Threads add to a list without waiting for anybody. A worker takes all that has arrived, under a
//! lock that only workers take, keeps its share and leaves the rest in order for the next one.
//!
//! The look of a worker that is about to park must not fall between the two places: it looks at what
//! has arrived first, then at what waits; who moves tasks says that some wait before they leave the
//! list, and what is true when it is done.

use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};

use beehive_task::list::{Batch, TaskList};
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use crate::options::{Task, TaskMeta};

/// Tasks that no worker has taken yet.
pub(crate) struct Entrance {
    arrived: CachePadded<TaskList<TaskMeta>>,
    /// Whether the batch holds tasks, or may soon.
    waits: CachePadded<AtomicBool>,
    waiting: Mutex<Batch<TaskMeta>>,
}

impl Entrance {
    pub(crate) fn new() -> Self {
        Self {
            arrived: CachePadded::default(),
            waits: CachePadded::default(),
            waiting: Mutex::default(),
        }
    }

    /// Adds a task.
    pub(crate) fn push(&self, task: Task) {
        self.arrived.push(task);
    }

    /// Whether there is nothing to take.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.arrived.is_empty() && !self.waits.load(Acquire)
    }

    /// How many tasks there are, at least: those that have arrived since a worker looked count as one.
    pub(crate) fn len_at_least(&self) -> usize {
        self.waiting.lock().len() + usize::from(!self.arrived.is_empty())
    }

    /// Takes the share of one in `workers` of all that is there, at most `taken_max`, the oldest first.
    pub(crate) fn take(&self, workers: usize, taken_max: usize) -> Batch<TaskMeta> {
        let mut share = Batch::new();
        if self.is_empty() {
            return share;
        }
        let mut waiting = self.waiting.lock();
        self.waits.store(true, Release);
        waiting.append(self.arrived.take_all());
        let share_len = waiting.len().div_ceil(workers).min(taken_max);
        while share.len() < share_len
            && let Some(task) = waiting.pop()
        {
            share.push(task);
        }
        self.waits.store(!waiting.is_empty(), Release);
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Runtime;
    use crate::home::Anywhere;

    #[test]
    fn each_worker_gets_its_share_and_leaves_the_rest() {
        let runtime = Runtime::builder().workers(1).build().unwrap();
        let entrance = Entrance::new();
        assert!(entrance.is_empty());
        assert!(entrance.take(2, 100).is_empty());
        let handle = runtime.handle();
        let task = || {
            let home = Anywhere::new(&handle.shared);
            let future = async { Ok(()) };
            beehive_task::cell::shared(TaskMeta::default(), future, home).0
        };
        (0..10).for_each(|_| entrance.push(task()));
        assert_eq!(entrance.take(2, 3).len(), 3);
        assert_eq!(entrance.take(2, 100).len(), 4);
        assert!(!entrance.is_empty());
        entrance.push(task());
        assert_eq!(entrance.take(1, usize::MAX).len(), 4);
        assert!(entrance.is_empty());
    }
}
