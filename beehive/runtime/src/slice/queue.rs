//! One worker's slices: the measure of the one that runs, and the tasks that wait for another.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use beehive_policy::Nanos;
use beehive_policy::slice::{Attained, LEVELS, Pick, SliceConfig, Slicing};

use crate::fiber::stacks::Stacks;
use crate::options::Task;
use crate::ticks;

/// After so much time with slices the worker visits its reactor and its timers, however many tasks
/// of its quantum are left.
const TURN_MAX: Nanos = Nanos(20_000);

/// Slices of one worker.
pub(crate) struct Slices {
    policy: RefCell<Slicing>,
    levels: RefCell<[VecDeque<Waiting>; LEVELS]>,
    /// How many tasks wait at all levels.
    waiting: Cell<usize>,
    /// When the first slice of this turn of the worker began.
    turn_start: Cell<Option<Nanos>>,
    /// When the last slice ended.
    last_end: Cell<Nanos>,
    pub(crate) stacks: Rc<Stacks>,
}

struct Waiting {
    task: Task,
    since: Nanos,
}

/// A slice that runs.
pub(crate) struct Slice {
    start: u64,
    end: u64,
}

impl Slice {
    /// In ticks.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }
}

impl Slices {
    pub(crate) fn new() -> Self {
        Self {
            policy: RefCell::new(Slicing::new(SliceConfig::default())),
            levels: RefCell::default(),
            waiting: Cell::new(0),
            turn_start: Cell::new(None),
            last_end: Cell::default(),
            stacks: Stacks::new(),
        }
    }

    /// A slice that begins now.
    pub(crate) fn begin(&self, task: Attained) -> Slice {
        let start = ticks::now();
        if self.turn_start.get().is_none() {
            self.turn_start.set(Some(ticks::to_nanos(start)));
        }
        let length = self.policy.borrow().slice(task);
        let end = start.saturating_add(ticks::from_nanos(length));
        Slice { start, end }
    }

    /// The slice has ended, with the task or before it. Returns the level at which the task waits.
    pub(crate) fn end(&self, slice: &Slice, task: &mut Attained) -> u8 {
        let end = ticks::now();
        let now = ticks::to_nanos(end);
        let ran = ticks::to_nanos(end.saturating_sub(slice.start));
        self.last_end.set(now);
        self.policy.borrow_mut().on_run(now, task, ran) as u8
    }

    /// How long the slice took that ended last.
    pub(crate) fn length(&self, slice: &Slice) -> Nanos {
        self.last_end.get().since(ticks::to_nanos(slice.start))
    }

    /// How many tasks wait for a slice.
    pub(crate) fn len(&self) -> usize {
        self.waiting.get()
    }

    /// Queues a task whose slice has just ended.
    pub(crate) fn push(&self, level: usize, task: Task) {
        let since = self.last_end.get();
        self.levels.borrow_mut()[level].push_back(Waiting { task, since });
        self.waiting.set(self.waiting.get() + 1);
    }

    /// Whether no task waits for a slice.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.get() == 0
    }

    /// The task whose turn it is, if it is not that of fresh work.
    pub(crate) fn take(&self, fresh: bool) -> Option<Task> {
        if self.is_empty() {
            return None;
        }
        let now = ticks::to_nanos(ticks::now());
        let mut levels = self.levels.borrow_mut();
        let heads = levels
            .each_ref()
            .map(|level| level.front().map(|waiting| waiting.since));
        match self.policy.borrow_mut().on_pick(now, fresh, &heads)? {
            Pick::Fresh => None,
            Pick::Level(level) => self.pop(levels.get_mut(level)?),
        }
    }

    /// Any task that waits, for a worker that ends.
    pub(crate) fn take_any(&self) -> Option<Task> {
        let mut levels = self.levels.borrow_mut();
        levels.iter_mut().find_map(|level| self.pop(level))
    }

    fn pop(&self, level: &mut VecDeque<Waiting>) -> Option<Task> {
        let waiting = level.pop_front()?;
        self.waiting.set(self.waiting.get() - 1);
        Some(waiting.task)
    }

    /// The worker begins a turn.
    pub(crate) fn begin_turn(&self) {
        self.turn_start.set(None);
    }

    /// Whether slices have taken as much time as a turn may have.
    pub(crate) fn turn_is_over(&self) -> bool {
        let start = self.turn_start.get();
        start.is_some_and(|start| self.last_end.get().since(start) >= TURN_MAX)
    }
}
