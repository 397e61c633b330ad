//! How a runtime is described, and how its reactor is chosen.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use beehive_policy::{Config, Elements, Topology, Weights, WorkerId};
use beehive_task::JoinError;

use crate::blocking::Limits;
use crate::driver::{Driver, Reactor};
use crate::panic::{PanicPolicy, Panics};
use crate::reactor::epoll::Epoll;
use crate::reactor::uring::Uring;
use crate::remote::Remote;
use crate::runtime::Runtime;
use crate::stall::{Hook, Stall};
use crate::thread::{Affinity, allowed_cores};

/// A poll that lasts so long counts as a stall: a thousand times what most take.
const STALL_THRESHOLD: Duration = Duration::from_millis(10);
/// Looking more often than twice in this time would cost too much.
const STALL_THRESHOLD_MIN: Duration = Duration::from_millis(1);

/// Which reactor to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Io {
    /// io_uring where the kernel offers all that is needed, else epoll.
    #[default]
    Auto,
    /// io_uring, or an error that says why it cannot be used.
    IoUring,
    /// epoll.
    Epoll,
}

/// The reactor that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Completion based: submissions and completions in shared rings.
    IoUring,
    /// Readiness based.
    Epoll,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        })
    }
}

impl Backend {
    /// Makes the driver of one worker; to be called on its thread.
    pub(crate) fn driver(self, remote: &Arc<Remote>) -> io::Result<Driver> {
        let reactor = match self {
            Self::Epoll => Reactor::Epoll(Epoll::new(remote.wake_fd())?),
            Self::IoUring => Reactor::Uring(Box::new(Uring::new(remote.wake_fd())?)),
        };
        Ok(Driver::new(reactor, remote.clone()))
    }
}

/// Describes a runtime before it is built.
#[derive(Debug, Clone)]
pub struct Builder {
    workers: Option<usize>,
    io: Io,
    pin: bool,
    gather: bool,
    balance: bool,
    signals: bool,
    counters: bool,
    blocking: Limits,
    stall_threshold: Option<Duration>,
    on_stall: Hook,
    /// Of latency, normal and background.
    class_weights: Option<Weights>,
    panics: Panics,
    task_dump: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            workers: None,
            io: Io::Auto,
            pin: true,
            gather: true,
            balance: true,
            signals: true,
            counters: false,
            blocking: Limits::default(),
            stall_threshold: Some(STALL_THRESHOLD),
            on_stall: Hook::default(),
            class_weights: Some(Weights::default()),
            panics: Panics::default(),
            task_dump: false,
        }
    }
}

impl Builder {
    /// How many workers; by default one for each core that the process may use.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many threads may run blocking work ([`spawn_blocking`](crate::spawn_blocking), files,
    /// names) at once, at least one; 512 by default. They are started as needed.
    #[must_use]
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking.threads_max = threads;
        self
    }

    /// How long a thread for blocking work stays without any; ten seconds by default.
    #[must_use]
    pub fn blocking_keep_alive(mut self, keep_alive: Duration) -> Self {
        self.blocking.keep_alive = keep_alive;
        self
    }

    /// Which reactor; by default the best that works.
    #[must_use]
    pub fn io(mut self, io: Io) -> Self {
        self.io = io;
        self
    }

    /// Whether workers may be bound to cores, which happens when there are as many of both. On by
    /// default.
    #[must_use]
    pub fn pin(mut self, pin: bool) -> Self {
        self.pin = pin;
        self
    }

    /// Whether a worker with many active connections waits a moment (up to 100 µs) for several
    /// events before it works on them. It saves much CPU time and costs some latency under load; a
    /// lone request is never delayed. On by default.
    #[must_use]
    pub fn gather(mut self, gather: bool) -> Self {
        self.gather = gather;
        self
    }

    /// Whether connections that can move (see
    /// [`TcpStream::relocation`](crate::net::local::TcpStream::relocation)) are gathered on as few workers
    /// as their load needs. It saves the CPU time of waits that bring little. On by default.
    #[must_use]
    pub fn balance(mut self, balance: bool) -> Self {
        self.balance = balance;
        self
    }

    /// Whether workers publish load signals and steal by them. On by default; off for comparison.
    #[must_use]
    pub fn signals(mut self, signals: bool) -> Self {
        self.signals = signals;
        self
    }

    /// Whether workers count cache misses and the time that they have a core (see
    /// [`counters`](crate::counters)), and decide by it. Off by default: where the figures have to be
    /// asked for by system calls, each run of tasks that is measured costs two or more of them.
    ///
    /// It never fails: [`counters::probe`](crate::counters::probe) tells what this machine has.
    #[must_use]
    pub fn counters(mut self, counters: bool) -> Self {
        self.counters = counters;
        self
    }

    /// How long a poll may last before it counts as a stall (see [`stall`](crate::stall)), or `None`
    /// to do without the thread that looks for them. 10 ms by default, at least 1 ms.
    #[must_use]
    pub fn stall_threshold(mut self, threshold: Option<Duration>) -> Self {
        self.stall_threshold = threshold.map(|threshold| threshold.max(STALL_THRESHOLD_MIN));
        self
    }

    /// What to do when a poll has lasted too long; by default, a warning by `tracing`. It is called on
    /// the monitor's thread, once per stall, and should be quick: no other stall is seen meanwhile. If it
    /// panics, the monitor goes on.
    #[must_use]
    pub fn on_stall(mut self, hook: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.on_stall = Hook::new(hook);
        self
    }

    /// How each worker's time is divided among its classes of tasks while all of them have some: in
    /// proportion to these weights. 16 to 4 to 1 by default.
    ///
    /// Time that a class does not need goes to the others; that it slept gives it no credit. None
    /// starves: one that has waited for a second goes first, whatever the weights.
    #[must_use]
    pub fn class_weights(mut self, latency: u16, normal: u16, background: u16) -> Self {
        self.class_weights = Weights::new(latency, normal, background);
        self
    }

    /// What a panic of a task does beside ending the task. By default nothing.
    #[must_use]
    pub fn panic_policy(mut self, policy: PanicPolicy) -> Self {
        self.panics.policy = policy;
        self
    }

    /// Calls `hook` with the panic of each task, on its worker, before the task's handle has it: so
    /// also panics of tasks that nobody awaits are heard of. By default there is no hook; the process's
    /// own panic hook runs in any case.
    ///
    /// Not for [`spawn_preemptible`](crate::spawn_preemptible) functions that are unwound because
    /// they were cancelled.
    #[must_use]
    pub fn on_panic(mut self, hook: impl Fn(&JoinError) + Send + Sync + 'static) -> Self {
        self.panics.hook = Some(Arc::new(hook));
        self
    }

    /// Whether the runtime keeps a list of all its tasks, for [`Handle::tasks`](crate::Handle::tasks).
    /// Off by default, since spawns and polls then cost a little more; see [`dump`](crate::dump).
    #[must_use]
    pub fn task_dump(mut self, on: bool) -> Self {
        self.task_dump = on;
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// If the number of workers is not between 1 and 65,536, if a class has weight zero, if no reactor
    /// of the wanted kind can be used (the message says which, why, and what to do), or if a thread
    /// cannot be started.
    pub fn build(self) -> io::Result<Runtime> {
        self.build_with(crate::probe::probe)
    }

    fn build_with(self, probe: impl FnOnce() -> crate::probe::Report) -> io::Result<Runtime> {
        let workers = self.workers.unwrap_or_else(|| allowed_cores().len().max(1));
        if !(1..=usize::from(u16::MAX) + 1).contains(&workers) {
            let text = format!(
                "a runtime needs 1 to 65,536 workers, not {workers}; without a number it has one for \
                 each core"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let Some(class_weights) = self.class_weights else {
            let text = "a class of weight zero would never run; give each at least 1";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        };
        let affinity = if self.pin {
            Affinity::for_workers(workers)
        } else {
            Affinity::default()
        };
        let backend = probe().choose(self.io)?;
        if self.blocking.threads_max == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a runtime needs at least one thread for blocking work; files and names use it",
            ));
        }
        let (gather, balance, signals) = (self.gather, self.balance, self.signals);
        let stalls = self.stall_threshold.map(|after| (after, self.on_stall));
        Runtime::start(Settings {
            workers,
            backend,
            topology: Arc::new(affinity.topology(workers)),
            affinity,
            gather,
            balance,
            signals,
            counters: self.counters,
            blocking: self.blocking,
            stalls,
            class_weights,
            panics: self.panics,
            task_dump: self.task_dump,
        })
    }
}

/// A description with everything decided.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) backend: Backend,
    pub(crate) affinity: Affinity,
    pub(crate) topology: Arc<Topology>,
    gather: bool,
    balance: bool,
    signals: bool,
    pub(crate) counters: bool,
    pub(crate) blocking: Limits,
    /// From when on a poll counts as a stall, and who is told.
    pub(crate) stalls: Option<(Duration, Hook)>,
    pub(crate) class_weights: Weights,
    pub(crate) panics: Panics,
    pub(crate) task_dump: bool,
}

impl Settings {
    /// The policy's configuration for one worker.
    pub(crate) fn policy(&self, me: WorkerId) -> Config {
        Config {
            elements: Elements {
                signals: self.signals,
                // A look at the neighbours before each task is as long as many a task, and where polls
                // are cut off and resumed, fetching older ones made short tasks wait for long ones.
                pull_near: false,
                pull_far: false,
                ..Elements::ALL
            },
            gather: self.gather,
            // Without signals nothing is known of the other workers.
            balance: self.balance && self.signals,
            ..Config::new(me, self.topology.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Report, Unavailable};

    fn refused() -> Report {
        let refusal = Unavailable::new("forbidden by a test".into(), "run it elsewhere");
        Report {
            io_uring: Err(refusal),
            epoll: Ok(()),
        }
    }

    #[test]
    fn auto_falls_back_to_epoll_when_io_uring_is_refused() {
        let runtime = Builder::default().workers(1).build_with(refused).unwrap();
        assert_eq!(runtime.backend(), Backend::Epoll);
        assert_eq!(runtime.block_on(async { 7 }), 7);
    }

    #[test]
    fn a_refused_io_uring_is_an_error_that_names_cause_and_remedy() {
        let Err(error) = Builder::default().io(Io::IoUring).build_with(refused) else {
            panic!("built without a reactor")
        };
        let text = error.to_string();
        assert!(text.contains("io_uring"), "{text}");
        assert!(text.contains("forbidden by a test"), "{text}");
        assert!(text.contains("run it elsewhere"), "{text}");
    }

    #[test]
    fn a_class_without_weight_is_refused() {
        let refused = Builder::default().workers(1).class_weights(1, 1, 0).build();
        let Err(error) = refused else {
            panic!("built with a class that starves")
        };
        assert!(error.to_string().contains("at least 1"), "{error}");
    }

    #[test]
    fn a_runtime_without_workers_is_refused() {
        assert!(Builder::default().workers(0).build().is_err());
    }
}
