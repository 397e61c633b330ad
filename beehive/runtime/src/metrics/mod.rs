//! What the workers do: how their time passes, what waits where, and what they take from each other.
//!
//! [`Handle::metrics`] reads figures that each worker keeps on cache lines which only it writes, by
//! plain loads and stores; nothing is added up, locked or sent for it on the path of a task. So a
//! snapshot may be taken at any time from any thread, also while a worker is stuck. Its figures are
//! not of one instant: each is right, two of them may be some microseconds apart.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! let runtime = beehive::Runtime::builder().workers(1).build()?;
//! runtime.block_on(async { beehive::spawn(async {}).await }).ok();
//! let metrics = runtime.handle().metrics();
//! let worker = &metrics.workers[0];
//! assert!(worker.polls() >= 1 && worker.times.total() <= metrics.uptime);
//! # Ok(())
//! # }
//! ```
//!
//! Counts begin at zero when the runtime is built and only grow; rates and shares over an interval are
//! the differences of two snapshots.

mod counters;
mod figure;

pub(crate) use counters::Counters;

use std::time::Duration;

use beehive_policy::{Class, LoadSignal, Nanos, WorkerId};

use crate::handle::Handle;
use crate::remote::Remote;
use crate::shared::Shared;

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Phase {
    /// It runs tasks, or jobs of fork-join, or takes messages.
    Running,
    /// It asks the kernel for events and passes them on, and fires timers.
    Reactor,
    /// It has nothing to run and looks for something at the other workers.
    Searching,
    /// It waits for events. So it does while worker 0 is outside of `block_on`.
    #[default]
    Parked,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// All of them, by index.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Running, Self::Reactor, Self::Searching, Self::Parked];

    /// Its place in tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// In lower case, as in exported metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Reactor => "reactor",
            Self::Searching => "searching",
            Self::Parked => "parked",
        }
    }
}

/// How long a worker has been in each phase since the runtime was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PhaseTimes([Duration; Phase::COUNT]);

impl PhaseTimes {
    /// Time in one phase.
    #[must_use]
    pub const fn of(&self, phase: Phase) -> Duration {
        self.0[phase.index()]
    }

    /// Time in all of them.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }
}

/// What a worker has done for tasks of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct KindMetrics {
    /// Polls.
    pub polls: u64,
    /// Time spent on them. That of the normal class includes whatever happens between its polls.
    pub time: Duration,
    /// Tasks that are ready and stay on this worker, when it last looked: before a quantum, every 20 µs
    /// at most, and when it has nothing to do.
    pub queued_local: usize,
    /// Tasks that are ready and may be taken by other workers, now.
    pub queued_stealable: usize,
}

/// One worker's figures.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Which worker.
    pub worker: WorkerId,
    /// What it is doing, and for how long.
    pub phase: Phase,
    /// How long it has been in this phase.
    pub phase_age: Duration,
    /// All its time, by phase.
    pub times: PhaseTimes,
    classes: [KindMetrics; Class::COUNT],
    /// Preemptible tasks that have used a slice; before, they count in their class.
    pub slices: KindMetrics,
    /// Searches at other workers for something to run.
    pub searches: u64,
    /// Searches that brought tasks.
    pub steals: u64,
    /// Tasks that they brought.
    pub stolen: u64,
    /// Jobs of fork-join that were another worker's.
    pub jobs: u64,
    /// Waits for events.
    pub parks: u64,
    /// Those of them that another thread has ended.
    pub wakes: u64,
    /// Tasks that other threads have sent it because they belong to it, and timers that they
    /// cancelled.
    pub messages: u64,
    /// Tasks that it took of those that other threads queued for any worker.
    pub injected: u64,
    /// Connections that it has sent to another worker because of their load.
    pub moved: u64,
    /// Waits of normal tasks in this worker's queues that were measured: one at a time in each of its
    /// two queues.
    pub waits: u64,
    /// Sum of these waits. Each counts until the worker looked at its queues after it had ended: at most
    /// 20 µs and a quantum too much.
    pub wait_time: Duration,
    /// How long the normal task that has been ready longest here has waited at least.
    pub oldest_wait: Duration,
    /// Local tasks that wait for something, or have waited and run or are ready again.
    pub live: usize,
    /// Polls that lasted too long; see [`stall`](crate::stall).
    pub stalls: u64,
    /// What it last told the others about its load.
    pub signal: LoadSignal,
    /// How long ago that was; all the time if it never was.
    pub signal_age: Duration,
}

impl WorkerMetrics {
    /// What it has done for tasks of a class.
    #[must_use]
    pub const fn class(&self, class: Class) -> &KindMetrics {
        &self.classes[class.index()]
    }

    /// Polls of all tasks.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.classes.iter().map(|class| class.polls).sum::<u64>() + self.slices.polls
    }

    /// Tasks of all classes that are ready here.
    #[must_use]
    pub fn queued(&self) -> usize {
        let kinds = self.classes.iter().chain([&self.slices]);
        kinds
            .map(|kind| kind.queued_local + kind.queued_stealable)
            .sum()
    }

    fn read(worker: WorkerId, remote: &Remote, now: Nanos) -> Self {
        let counters = &remote.counters;
        let (phase, since, times) = counters.phases(now);
        let running = times[Phase::Running.index()];
        let (waits, wait_time) = counters.waits();
        let oldest_wait = counters.oldest().map_or(Nanos(0), |since| now.since(since));
        Self {
            worker,
            phase,
            phase_age: duration(now.since(since)),
            times: PhaseTimes(times.map(duration)),
            classes: Class::ALL.map(|class| {
                let (time, polls) = counters.class(class, running, now);
                KindMetrics {
                    polls,
                    time: duration(time),
                    queued_local: counters.queued[class.index()].get() as usize,
                    queued_stealable: match class {
                        Class::Normal => remote.stealer.len(),
                        _ => remote.others.len_of(class),
                    },
                }
            }),
            slices: KindMetrics {
                polls: counters.slices.get(),
                time: Duration::from_nanos(counters.slice_ns.get()),
                queued_local: counters.queued_slices.get() as usize,
                queued_stealable: 0,
            },
            searches: counters.searches.get(),
            steals: counters.steals.get(),
            stolen: counters.stolen.get(),
            jobs: counters.jobs.get(),
            parks: counters.parks.get(),
            wakes: counters.wakes.get(),
            messages: counters.messages.get(),
            injected: counters.injected.get(),
            moved: counters.moved.get(),
            waits,
            wait_time: duration(wait_time),
            oldest_wait: duration(oldest_wait),
            live: counters.live.get() as usize,
            stalls: counters.stalls.get(),
            signal: LoadSignal::default(),
            signal_age: Duration::ZERO,
        }
    }
}

/// A runtime's figures.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RuntimeMetrics {
    /// Time since the runtime was built.
    pub uptime: Duration,
    /// Of each worker, by its number.
    pub workers: Vec<WorkerMetrics>,
    /// Tasks of any class that are ready and that no worker has taken yet, at least: of those that
    /// have just been queued from other threads, only whether there are any is known.
    pub entrance: usize,
    /// Shared tasks that wait for something, or have waited and run or are ready again. Local ones are
    /// counted by their workers.
    pub live: usize,
    /// Blocking work that is queued or going on, at least.
    pub blocking: usize,
}

impl RuntimeMetrics {
    /// Tasks, shared and local, that wait for something, or have waited and run or are ready again.
    #[must_use]
    pub fn live_tasks(&self) -> usize {
        self.live + self.workers.iter().map(|worker| worker.live).sum::<usize>()
    }
}

impl Handle {
    /// The figures of this runtime, as they are now.
    ///
    /// It takes some microseconds per worker, and locks nothing that a running task needs for longer
    /// than it takes to read a length.
    #[must_use]
    pub fn metrics(&self) -> RuntimeMetrics {
        let shared = self.shared();
        let now = shared.clock.now();
        let since_start = shared.start.elapsed();
        let workers = self.workers().map(|worker| {
            let signal = shared.signal(worker);
            WorkerMetrics {
                signal_age: since_start.saturating_sub(duration(signal.stamp)),
                signal,
                ..WorkerMetrics::read(worker, &shared.remotes[worker.index()], now)
            }
        });
        RuntimeMetrics {
            uptime: duration(now),
            workers: workers.collect(),
            entrance: entrance(shared),
            live: shared.live.iter().map(|set| set.lock().len()).sum(),
            blocking: shared.blocking.busy(),
        }
    }
}

fn entrance(shared: &Shared) -> usize {
    shared.entrance.len_at_least() + shared.others.len()
}

fn duration(time: Nanos) -> Duration {
    Duration::from_nanos(time.0)
}
