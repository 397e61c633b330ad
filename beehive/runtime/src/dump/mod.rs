//! A dump of all tasks: what each is called, what it does or waits for how long, and where the time
//! went.
//!
//! It is off unless [`Builder::task_dump`](crate::Builder::task_dump) turns it on, since it is not
//! free: each spawn then makes a record and enters it into a list under a lock of its worker's own, and
//! each poll reads the clock twice. While it is off, tasks have no record.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! let runtime = beehive::Runtime::builder().workers(1).task_dump(true).build()?;
//! let handle = runtime.handle();
//! runtime.block_on(async {
//!     let options = beehive::TaskOptions::new().name("sleeper");
//!     let task = beehive::spawn_with(options, std::future::pending::<()>());
//!     beehive::yield_now().await;
//!     let dump = handle.tasks().expect("it was turned on above");
//!     println!("{dump}");
//!     assert_eq!(dump.tasks[0].name.as_deref(), Some("sleeper"));
//!     drop(task);
//! });
//! # Ok(())
//! # }
//! ```
//!
//! Not listed are the future of `block_on`, jobs of fork-join, blocking work, and the children of a
//! scope inside a task, which are parts of that task.

pub(crate) mod record;
pub(crate) mod registry;

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use beehive_policy::{Class, WorkerId};

use crate::handle::Handle;
use crate::options::Name;

/// What a task does, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// It is ready and waits for a worker.
    Queued(Duration),
    /// A worker polls it.
    Running(WorkerId, Duration),
    /// It waits for something else; since its last poll.
    Waiting(Duration),
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued(time) => write!(f, "queued for {time:.0?}"),
            Self::Running(worker, time) => {
                write!(f, "running on worker {} for {time:.0?}", worker.index())
            }
            Self::Waiting(time) => write!(f, "waiting for {time:.0?}"),
        }
    }
}

/// One task that has not ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Names the task within its runtime; a later task has a greater number.
    pub id: u64,
    /// The name that it was given, if any.
    pub name: Option<Name>,
    /// Its class.
    pub class: Class,
    /// The type of its future, which for an asynchronous block contains the path of the function around
    /// it.
    pub future: &'static str,
    /// Where it was spawned.
    pub location: &'static Location<'static>,
    /// What it does.
    pub state: TaskState,
    /// Time since it was spawned.
    pub age: Duration,
    /// Polls that have ended.
    pub polls: u64,
    /// Time in these polls.
    pub busy: Duration,
    /// Time that it was ready before these polls.
    pub queued: Duration,
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            future,
            location,
            state,
            polls,
            busy,
            ..
        } = self;
        let name = self.name.as_deref().unwrap_or("-");
        write!(
            f,
            "{id} {name} {state}; {polls} polls, {busy:.0?} busy; {future} from {location}"
        )
    }
}

/// All tasks with one name, or without a name and from one place, that there have been.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskKind {
    /// Their name, if they have one.
    pub name: Option<Name>,
    /// Where they were spawned.
    pub location: &'static Location<'static>,
    /// The type of the future of one of them.
    pub future: &'static str,
    /// How many there are.
    pub alive: u64,
    /// How many have ended.
    pub ended: u64,
    /// Polls that have ended.
    pub polls: u64,
    /// Time in these polls.
    pub busy: Duration,
    /// Time that they were ready before these polls.
    pub queued: Duration,
}

/// All tasks of a runtime at one time, approximately: tasks may change while it is taken.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskDump {
    /// Those that have not ended, by age: the oldest first.
    pub tasks: Vec<TaskInfo>,
    /// Those that there are and have been, by kind: the kind that was busy longest first. Of too many
    /// names (a thousand and more), those that ended last count as nameless.
    pub kinds: Vec<TaskKind>,
}

impl fmt::Display for TaskDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tasks = self.tasks.iter();
        tasks.try_for_each(|task| writeln!(f, "{task}"))
    }
}

impl Handle {
    /// Lists all tasks; `None` if the runtime was built without
    /// [`task_dump`](crate::Builder::task_dump).
    ///
    /// It takes time in proportion to the number of tasks, and holds up who spawns meanwhile, worker by
    /// worker.
    #[must_use]
    pub fn tasks(&self) -> Option<TaskDump> {
        let registry = self.shared().tasks.as_ref();
        registry.map(registry::Registry::dump)
    }

    /// Only the [kinds](TaskDump::kinds) of such a dump, without a list of all tasks.
    #[must_use]
    pub fn task_kinds(&self) -> Option<Vec<TaskKind>> {
        let registry = self.shared().tasks.as_ref();
        registry.map(|registry| registry.kinds(|_| ()))
    }
}
