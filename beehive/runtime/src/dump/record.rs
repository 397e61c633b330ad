//! What is noted about one task while task dumps are on.
//!
//! Who has the task's runnable writes: when it queues the task, and when it polls it. After a poll
//! that left the task waiting, another worker may poll it already while the first one still notes its
//! own; so sums are added atomically, and the end of a poll is noted only if no other has begun.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use beehive_policy::{Nanos, WorkerId};

use super::TaskState;
use crate::clock::Clock;
use crate::options::TaskMeta;

/// Stands for a time where no poll is going on.
const NEVER: u64 = u64::MAX;

/// Where a task comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) future: fn() -> &'static str,
    pub(crate) location: &'static Location<'static>,
}

/// Notes about one task.
#[derive(Debug)]
pub(crate) struct Record {
    pub(super) id: u64,
    pub(super) origin: Origin,
    clock: Clock,
    spawned: Nanos,
    /// When it was last queued.
    ready: AtomicU64,
    /// When the poll in progress began, and where.
    polled: AtomicU64,
    worker: AtomicU32,
    /// When the last poll ended.
    paused: AtomicU64,
    polls: AtomicU64,
    busy_ns: AtomicU64,
    queued_ns: AtomicU64,
}

/// What the polls of tasks add up to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) polls: u64,
    pub(super) busy: Duration,
    pub(super) queued: Duration,
}

impl Record {
    pub(super) fn new(id: u64, origin: Origin, clock: &Clock) -> Self {
        let now = clock.now();
        Self {
            id,
            origin,
            clock: clock.clone(),
            spawned: now,
            ready: AtomicU64::new(now.0),
            polled: AtomicU64::new(NEVER),
            worker: AtomicU32::new(0),
            paused: AtomicU64::new(now.0),
            polls: AtomicU64::new(0),
            busy_ns: AtomicU64::new(0),
            queued_ns: AtomicU64::new(0),
        }
    }

    /// The task is queued.
    pub(crate) fn note_ready(&self) {
        self.ready.store(self.clock.now().0, Relaxed);
    }

    fn begin_poll(&self, worker: WorkerId) -> Nanos {
        let now = self.clock.now();
        let queued = now.since(Nanos(self.ready.load(Relaxed)));
        self.queued_ns.fetch_add(queued.0, Relaxed);
        self.worker.store(worker.index() as u32, Relaxed);
        self.polled.store(now.0, Relaxed);
        now
    }

    fn end_poll(&self, began: Nanos) {
        let now = self.clock.now();
        self.polls.fetch_add(1, Relaxed);
        self.busy_ns.fetch_add(now.since(began).0, Relaxed);
        self.paused.store(now.0, Relaxed);
        let _ = self
            .polled
            .compare_exchange(began.0, NEVER, Relaxed, Relaxed);
    }

    /// What the task does, if it has not ended; `owned` says whether it is ready or runs.
    pub(super) fn state(&self, owned: bool) -> TaskState {
        let now = self.clock.now();
        let since = |word: &AtomicU64| duration(now.since(Nanos(word.load(Relaxed))));
        let polled = self.polled.load(Relaxed);
        if polled != NEVER {
            let worker = WorkerId::new(self.worker.load(Relaxed) as usize);
            TaskState::Running(worker, duration(now.since(Nanos(polled))))
        } else if owned {
            TaskState::Queued(since(&self.ready))
        } else {
            TaskState::Waiting(since(&self.paused))
        }
    }

    /// Time since the task was spawned.
    pub(super) fn age(&self) -> Duration {
        duration(self.clock.now().since(self.spawned))
    }

    pub(super) fn sums(&self) -> Sums {
        Sums {
            polls: self.polls.load(Relaxed),
            busy: Duration::from_nanos(self.busy_ns.load(Relaxed)),
            queued: Duration::from_nanos(self.queued_ns.load(Relaxed)),
        }
    }
}

fn duration(time: Nanos) -> Duration {
    Duration::from_nanos(time.0)
}

/// A poll of a task that has a record; noted as ended when dropped.
pub(crate) struct NotedPoll {
    record: Arc<Record>,
    began: Nanos,
}

impl NotedPoll {
    /// The task is about to be polled; `None` if it has no record.
    #[inline]
    pub(crate) fn begin(task: &TaskMeta, worker: WorkerId) -> Option<Self> {
        let record = task.record()?.clone();
        let began = record.begin_poll(worker);
        Some(Self { record, began })
    }
}

impl Drop for NotedPoll {
    fn drop(&mut self) {
        self.record.end_poll(self.began);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TaskOptions;

    fn record(clock: &Clock) -> Record {
        let origin = Origin {
            future: || "future",
            location: Location::caller(),
        };
        Record::new(1, origin, clock)
    }

    #[test]
    fn the_times_of_a_task_are_those_between_its_events() {
        let time = Arc::new(AtomicU64::new(1_000));
        let clock = Clock::fake(time.clone());
        let record = Arc::new(record(&clock));
        let mut meta = TaskOptions::new().into_meta(&clock);
        meta.attach(record.clone());
        let ns = Duration::from_nanos;
        time.store(1_010, Relaxed);
        assert_eq!(record.state(true), TaskState::Queued(ns(10)));
        let worker = WorkerId::new(3);
        let poll = NotedPoll::begin(&meta, worker);
        time.store(1_030, Relaxed);
        assert_eq!(record.state(true), TaskState::Running(worker, ns(20)));
        drop(poll);
        time.store(1_070, Relaxed);
        assert_eq!(record.state(false), TaskState::Waiting(ns(40)));
        record.note_ready();
        time.store(1_075, Relaxed);
        assert_eq!(record.state(true), TaskState::Queued(ns(5)));
        drop(NotedPoll::begin(&meta, worker));
        let sums = record.sums();
        assert_eq!((sums.polls, sums.busy, sums.queued), (2, ns(20), ns(15)));
        assert_eq!(record.age(), ns(75));
    }

    #[test]
    fn the_late_end_of_a_poll_does_not_hide_the_next_one() {
        let time = Arc::new(AtomicU64::new(10));
        let record = record(&Clock::fake(time.clone()));
        let first = record.begin_poll(WorkerId::new(0));
        time.store(20, Relaxed);
        let second = record.begin_poll(WorkerId::new(1));
        record.end_poll(first);
        let running = |state| matches!(state, TaskState::Running(worker, _) if worker.index() == 1);
        assert!(running(record.state(true)));
        record.end_poll(second);
        assert!(!running(record.state(true)));
    }
}
