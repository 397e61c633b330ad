//! The list of all tasks of a runtime, while task dumps are on.
//!
//! A task enters when it is spawned. It does not leave when it ends, which would take a lock and a
//! search; instead, whoever finds a part of the list twice as long as it was when it was last cleaned
//! cleans it. So the list keeps at most about as many cells of tasks that have ended as there are
//! tasks, and the work per task is constant. What has ended is added up by kind.
//!
//! Nothing of others runs under a lock: what is cleaned away is dropped afterwards.

use std::any::type_name;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

use beehive_policy::WorkerId;
use beehive_task::cell::TaskRef;
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use super::record::{Origin, Record, Sums};
use super::{TaskDump, TaskInfo, TaskKind};
use crate::clock::Clock;
use crate::options::{Name, Task, TaskMeta};
use crate::shared::Shared;
use crate::worker;

/// A part of the list is not cleaned before it has so many tasks.
const LEN_MIN: usize = 64;
/// Different names that are told apart in one part once their tasks have ended.
const NAMES_MAX: usize = 1_024;

type Tasks = Vec<TaskRef<TaskMeta>>;

/// All tasks, in one part per worker to spread the locks.
pub(crate) struct Registry {
    parts: Box<[CachePadded<Mutex<Part>>]>,
    next_id: AtomicU64,
    clock: Clock,
    /// No task enters any more.
    closed: AtomicBool,
}

#[derive(Default)]
struct Part {
    tasks: Tasks,
    /// How many tasks were left when it was cleaned.
    cleaned_len: usize,
    ended: Kinds,
}

impl Registry {
    pub(crate) fn new(workers: usize, clock: &Clock) -> Self {
        Self {
            parts: (0..workers).map(|_| CachePadded::default()).collect(),
            next_id: AtomicU64::new(1),
            clock: clock.clone(),
            closed: AtomicBool::new(false),
        }
    }

    /// Gives a task that is about to be spawned its record.
    #[cold]
    fn describe(&self, meta: &mut TaskMeta, origin: Origin) {
        let id = self.next_id.fetch_add(1, Relaxed);
        meta.attach(Arc::new(Record::new(id, origin, &self.clock)));
    }

    /// Enters a task.
    #[cold]
    fn enter(&self, task: &Task) {
        let here = worker::worker_id().map_or(0, WorkerId::index);
        // A worker of another runtime, with more workers, may be spawning.
        let mut part = self.parts[here % self.parts.len()].lock();
        if self.closed.load(SeqCst) {
            return;
        }
        part.tasks.push(task.reference());
        let ended = if part.tasks.len() >= 2 * part.cleaned_len.max(LEN_MIN) {
            part.clean()
        } else {
            Tasks::new()
        };
        drop(part);
        drop(ended);
    }

    pub(crate) fn dump(&self) -> TaskDump {
        let mut tasks = Vec::new();
        let kinds = self.kinds(|task| tasks.extend(look(task)));
        tasks.sort_unstable_by_key(|task| task.id);
        TaskDump { tasks, kinds }
    }

    /// The sums by kind; shows each task that has not ended.
    pub(crate) fn kinds(&self, mut show: impl FnMut(&TaskRef<TaskMeta>)) -> Vec<TaskKind> {
        let mut kinds = Kinds::default();
        for part in &self.parts {
            let mut part = part.lock();
            let ended = part.clean();
            kinds.add_all(&part.ended);
            for task in &part.tasks {
                kinds.add_task(task, true);
                show(task);
            }
            drop(part);
            drop(ended);
        }
        kinds.into_sorted()
    }

    /// Forgets all tasks. Their cells may hold the runtime.
    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
        for part in &self.parts {
            let tasks = std::mem::take(&mut part.lock().tasks);
            drop(tasks);
        }
    }
}

impl Shared {
    /// Gives a task that is about to be spawned its record, if task dumps are on.
    #[inline]
    pub(crate) fn describe<F>(&self, meta: &mut TaskMeta, location: &'static Location<'static>) {
        if let Some(tasks) = &self.tasks {
            let future = type_name::<F>;
            tasks.describe(meta, Origin { future, location });
        }
    }

    /// Lists a task that is about to be spawned, if task dumps are on.
    #[inline]
    pub(crate) fn list(&self, task: &Task) {
        if let Some(tasks) = &self.tasks {
            tasks.enter(task);
        }
    }
}

impl Part {
    /// Takes out the tasks that have ended.
    fn clean(&mut self) -> Tasks {
        let ended: Tasks = self.tasks.extract_if(.., |task| task.has_ended()).collect();
        ended
            .iter()
            .for_each(|task| self.ended.add_task(task, false));
        self.cleaned_len = self.tasks.len();
        ended
    }
}

fn look(task: &TaskRef<TaskMeta>) -> Option<TaskInfo> {
    let meta = task.metadata();
    let record = meta.record()?;
    let state = record.state(task.is_owned());
    let Sums {
        polls,
        busy,
        queued,
    } = record.sums();
    Some(TaskInfo {
        id: record.id,
        name: meta.full_name().cloned(),
        class: meta.class(),
        future: (record.origin.future)(),
        location: record.origin.location,
        state,
        age: record.age(),
        polls,
        busy,
        queued,
    })
}

/// Tasks with the same name are of one kind, and tasks without one that come from the same place.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Name(Name),
    Place(&'static Location<'static>),
}

/// Sums by kind.
#[derive(Default)]
struct Kinds {
    table: HashMap<Key, TaskKind>,
    names: usize,
}

impl Kinds {
    fn add_task(&mut self, task: &TaskRef<TaskMeta>, alive: bool) {
        let meta = task.metadata();
        let Some(record) = meta.record() else { return };
        let Sums {
            polls,
            busy,
            queued,
        } = record.sums();
        self.add(&TaskKind {
            name: meta.full_name().cloned(),
            location: record.origin.location,
            future: (record.origin.future)(),
            alive: u64::from(alive),
            ended: u64::from(!alive),
            polls,
            busy,
            queued,
        });
    }

    fn add_all(&mut self, others: &Self) {
        others.table.values().for_each(|kind| self.add(kind));
    }

    fn add(&mut self, more: &TaskKind) {
        let place = Key::Place(more.location);
        let key = match more.name.clone().map(Key::Name) {
            Some(name) if self.names < NAMES_MAX || self.table.contains_key(&name) => name,
            _ => place,
        };
        let named = matches!(key, Key::Name(_));
        let known = self.table.entry(key).or_insert_with(|| {
            self.names += usize::from(named);
            TaskKind {
                name: more.name.clone().filter(|_| named),
                alive: 0,
                ended: 0,
                polls: 0,
                busy: std::time::Duration::ZERO,
                queued: std::time::Duration::ZERO,
                ..*more
            }
        });
        known.alive += more.alive;
        known.ended += more.ended;
        known.polls += more.polls;
        known.busy += more.busy;
        known.queued += more.queued;
    }

    fn into_sorted(self) -> Vec<TaskKind> {
        let mut kinds: Vec<_> = self.table.into_values().collect();
        kinds.sort_unstable_by_key(|kind| std::cmp::Reverse(kind.busy));
        kinds
    }
}
