//! The runtime: its workers' threads, how they start and end.

use std::any::Any;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle as ThreadHandle;
use std::time::{Duration, Instant};

use beehive_policy::WorkerId;
use hallows_lockfree::deque::Worker as Deque;
use parking_lot::{Condvar, Mutex};

use crate::blocking::Pool;
use crate::builder::{Backend, Builder, Settings};
use crate::counters::Counters;
use crate::driver;
use crate::dump::registry::Registry;
use crate::fork;
use crate::handle::Handle;
use crate::panic;
use crate::policy::Policy;
use crate::queues::ClassQueues;
use crate::remote::Remote;
use crate::scope::{self, Scope};
use crate::shared::Shared;
use crate::shutdown;
use crate::stall::monitor::Monitor;
use crate::worker::{self, Kept, Worker};

/// Stealable tasks in a worker's own queue; more go to the shared one.
const STEALABLE_MAX: usize = 256;

/// A set of workers. Worker 0 runs on the thread that calls [`block_on`](Self::block_on), while it
/// does; the others have threads of their own.
///
/// Dropping it stops the workers and drops all tasks; it waits for blocking work that has begun
/// ([`spawn_blocking`](crate::spawn_blocking)) and drops what has not. If one of its own tasks drops
/// it, that happens on another thread.
pub struct Runtime {
    shared: Arc<Shared>,
    settings: Settings,
    first: Arc<First>,
    threads: Vec<ThreadHandle<()>>,
    /// Looks for polls that last too long.
    monitor: Option<Monitor>,
    /// Whether its threads may not be waited for, since some are stuck.
    abandoned: bool,
}

/// What `block_on` panics with under [`PanicPolicy::Shutdown`](crate::PanicPolicy::Shutdown).
const FAILED: &str = "a task panicked, and the runtime's panic policy is to shut down; its message was printed before";

impl Runtime {
    /// Begins to describe a runtime.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn start(settings: Settings) -> io::Result<Self> {
        let (mut remotes, mut kept) = (Vec::new(), Vec::new());
        for _ in 0..settings.workers {
            let stealable = Deque::new(STEALABLE_MAX);
            let (remote, inbox) = Remote::new(stealable.stealer())?;
            remotes.push(Arc::new(remote));
            kept.push(Kept::new(stealable, inbox));
        }
        let outside = settings.policy(WorkerId::new(0));
        let blocking = Pool::new(settings.blocking);
        let mut shared = Shared::new(
            remotes,
            settings.topology.clone(),
            Policy::new(&outside),
            outside.balance,
            blocking,
        );
        shared.monitored = settings.stalls.is_some();
        shared.affinity = settings.affinity.clone();
        shared.panics = settings.panics.clone();
        shared.tasks = settings
            .task_dump
            .then(|| Registry::new(settings.workers, &shared.clock));
        let shared = Arc::new(shared);
        let mut workers = kept.into_iter();
        let first = Arc::new(First::new(workers.next()));
        let mut runtime = Self {
            shared,
            settings,
            first,
            threads: Vec::new(),
            monitor: None,
            abandoned: false,
        };
        for (index, kept) in workers.enumerate() {
            runtime.start_worker(WorkerId::new(index + 1), kept)?;
        }
        if let Some((threshold, hook)) = runtime.settings.stalls.clone() {
            runtime.monitor = Some(Monitor::start(&runtime.shared, threshold, hook)?);
        }
        Ok(runtime)
    }

    fn start_worker(&mut self, id: WorkerId, kept: Kept) -> io::Result<()> {
        let (shared, settings) = (self.shared.clone(), self.settings.clone());
        // The reactor is made on its thread (io_uring insists), so its errors come by message.
        let (report, started) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(format!("beehive-{}", id.index()))
            .spawn(move || {
                let _adopted = settings.affinity.adopt(id);
                match make_worker(id, &shared, &settings, kept) {
                    Ok(worker) => {
                        let _ = report.send(Ok(()));
                        let ((), kept, _driver) = worker.run(|_| shared.stopping().then_some(()));
                        kept.end();
                    }
                    Err(refused) => drop(report.send(Err(refused.0))),
                }
            })?;
        self.threads.push(thread);
        let ended = || {
            Err(io::Error::other(
                "a worker ended before it began; see its panic",
            ))
        };
        started.recv().unwrap_or_else(|_| ended())
    }

    /// Runs a future on the calling thread as worker 0, until it completes. Local tasks of this
    /// worker that are left then are dropped.
    ///
    /// # Panics
    ///
    /// If another thread is inside `block_on` of this runtime, if the calling thread is a worker, if
    /// the kernel refuses a reactor although `build` could make one, or if a task panics and the
    /// [policy](crate::PanicPolicy) is to shut the runtime down.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.drive(future, Shared::has_failed)
    }

    /// As [`block_on`](Self::block_on), which also ends when `failed` says so, with a panic.
    fn drive<F: Future>(&self, future: F, failed: impl Fn(&Shared) -> bool) -> F::Output {
        refuse_worker("`Runtime::block_on` or `Runtime::scope`");
        let kept = self.first.take();
        let kept = kept.expect("`block_on` is running on another thread already");
        self.run_first_unless(failed, kept, future)
    }

    /// Runs a future on the calling thread as worker 0, of which this remained.
    pub(crate) fn run_first<F: Future>(&self, kept: Kept, future: F) -> F::Output {
        self.run_first_unless(|_| false, kept, future)
    }

    fn run_first_unless<F: Future>(
        &self,
        failed: impl Fn(&Shared) -> bool,
        kept: Kept,
        future: F,
    ) -> F::Output {
        let id = WorkerId::new(0);
        let adopted = self.settings.affinity.adopt(id);
        let worker = match make_worker(id, &self.shared, &self.settings, kept) {
            Ok(worker) => worker,
            Err(refused) => {
                let (error, kept) = *refused;
                self.first.give_back(kept);
                panic!("worker 0 cannot start: {error}");
            }
        };
        let mut future = pin!(future);
        let main = Arc::new(Main {
            remote: worker.remote.clone(),
            woken: AtomicBool::new(true),
        });
        let waker = Waker::from(main.clone());
        let mut poll = |worker: &Worker| {
            if failed(&self.shared) {
                return Some(Err(Box::new(FAILED) as Box<dyn Any + Send>));
            }
            if !main.woken.load(SeqCst) || !main.woken.swap(false, SeqCst) {
                return None;
            }
            worker.begin_main_poll();
            // A panic must not take the worker's queue with it.
            let poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
            match catch_unwind(AssertUnwindSafe(poll)) {
                Ok(Poll::Pending) => None,
                Ok(Poll::Ready(value)) => Some(Ok(value)),
                Err(payload) => Some(Err(payload)),
            }
        };
        let (output, kept, driver) = worker.run(&mut poll);
        driver::keep_spare(driver);
        drop(adopted);
        self.first.give_back(kept);
        output.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Calls a function on a worker and waits for it, from any thread: in it, fork-join (see
    /// [`fork`]) uses all workers. The function may borrow.
    ///
    /// While nobody runs [`block_on`](Self::block_on), the calling thread is worker 0 meanwhile, so
    /// that none of the cores is without a worker. Otherwise the function is called on any worker
    /// that has time for it. On a worker of this runtime, it is called at once.
    ///
    /// # Panics
    ///
    /// If the function does, or if the calling thread is a worker of another runtime.
    pub fn install<F, R>(&self, function: F) -> R
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        fork::install(self, function)
    }

    /// Whether the calling thread is one of the workers.
    ///
    /// # Panics
    ///
    /// If it is a worker of another runtime: it must not wait for this one.
    pub(crate) fn is_current(&self) -> bool {
        worker::try_with_current(|worker| {
            let ours = worker.map(|worker| Arc::ptr_eq(&worker.shared, &self.shared));
            assert_ne!(
                ours,
                Some(false),
                "a Beehive runtime cannot run inside a task of a runtime"
            );
            ours.is_some()
        })
    }

    pub(crate) fn first(&self) -> &Arc<First> {
        &self.first
    }

    /// Runs `body` and the children that it spawns, which may borrow what outlives the call, on all
    /// workers in parallel; the calling thread is worker 0 meanwhile. Returns when all of them have
    /// ended, with the value of `body`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = beehive::Runtime::builder().workers(2).build()?;
    /// let numbers = vec![1_u64, 2, 3, 4];
    /// let sum = runtime.scope(async |scope| {
    ///     let halves = numbers.chunks(2).map(|half| scope.spawn(async { half.iter().sum::<u64>() }));
    ///     let mut sum = 0;
    ///     for half in halves.collect::<Vec<_>>() {
    ///         sum += half.await.unwrap();
    ///     }
    ///     sum
    /// });
    /// assert_eq!(sum, numbers.iter().sum());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`block_on`](Self::block_on); and if `body` panics, or a child whose handle nobody asks,
    /// when all children have ended.
    pub fn scope<'env, F, T>(&self, body: F) -> T
    where
        F: for<'scope> AsyncFnOnce(&'scope Scope<'scope, 'env>) -> T,
    {
        // Children borrow from this frame, so it cannot be left because another task has panicked.
        scope::run(self.handle(), body, |future| self.drive(future, |_| false))
    }

    /// Ends the runtime in good order: requests the shutdown, lets all tasks go on for at most `limit`
    /// until none is left, then stops. See [`shutdown`].
    ///
    /// The calling thread is worker 0 meanwhile. A task that keeps this thread in one long poll holds
    /// up the call. Other workers that are kept so have a tenth of a second beyond the limit; then they
    /// are left to themselves, as is blocking work, and end when they can.
    ///
    /// # Panics
    ///
    /// As [`block_on`](Self::block_on).
    pub fn shutdown_timeout(mut self, limit: Duration) -> shutdown::Report {
        let now = Instant::now();
        let far = || now + Duration::from_secs(365 * 86_400);
        let deadline = now.checked_add(limit).unwrap_or_else(far);
        let handle = self.handle();
        handle.shutdown();
        let report = self.drive(shutdown::drain(&handle, deadline), |_| false);
        self.abandoned = report.unresponsive > 0 || self.shared.blocking.busy() > 0;
        report
    }

    /// A handle to this runtime.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            shared: self.shared.clone(),
        }
    }

    /// The reactor in use.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.settings.backend
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.monitor.take();
        let remains = Remains {
            shared: self.shared.clone(),
            first: self.first.take(),
            threads: std::mem::take(&mut self.threads),
        };
        let own = worker::try_with_current(|worker| {
            worker.is_some_and(|worker| Arc::ptr_eq(&worker.shared, &self.shared))
        });
        if own || self.abandoned {
            // A worker cannot wait for itself to end, nor for one that is stuck. If there is no thread
            // to be had, what remains is leaked.
            let thread = std::thread::Builder::new().name("beehive-shutdown".into());
            let _ = thread.spawn(move || remains.end());
        } else {
            remains.end();
        }
    }
}

/// What of a runtime has to be ended.
struct Remains {
    shared: Arc<Shared>,
    first: Option<Kept>,
    threads: Vec<ThreadHandle<()>>,
}

impl Remains {
    fn end(self) {
        self.shared.stop();
        self.shared.blocking.stop();
        for thread in self.threads {
            // A worker that panicked has said so already.
            let _ = thread.join();
        }
        // Without `close`, tasks that wait would be left with a pointer to nothing.
        panic::each(self.first.into_iter(), Kept::end);
        driver::drop_spare(&self.shared.remotes[0]);
        self.shared.close();
        self.shared.tasks.iter().for_each(Registry::close);
        // Last: blocking work may wait for something that a task held.
        self.shared.blocking.join();
    }
}

/// What remains of worker 0 while it does not run.
pub(crate) struct First {
    kept: Mutex<Option<Kept>>,
    changed: Condvar,
}

impl First {
    fn new(kept: Option<Kept>) -> Self {
        Self {
            kept: Mutex::new(kept),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn take(&self) -> Option<Kept> {
        self.kept.lock().take()
    }

    fn give_back(&self, kept: Kept) {
        self.kept.lock().replace(kept);
        self.changed.notify_all();
    }

    /// Waits until it is there, or there is no need of it; who ends the need calls `notify`.
    pub(crate) fn take_unless(&self, needless: impl Fn() -> bool) -> Option<Kept> {
        let mut kept = self.kept.lock();
        loop {
            if needless() {
                return None;
            }
            if kept.is_some() {
                return kept.take();
            }
            self.changed.wait(&mut kept);
        }
    }

    pub(crate) fn notify(&self) {
        // Whoever has looked already waits when the lock is free.
        drop(self.kept.lock());
        self.changed.notify_all();
    }
}

/// Panics if the calling thread is a worker, on behalf of a call that would block it.
pub(crate) fn refuse_worker(call: &str) {
    assert!(
        worker::worker_id().is_none(),
        "{call} was called inside a task of a Beehive runtime, where it would keep the worker from \
         all other tasks: await the future instead, or call it on a thread of its own"
    );
}

fn make_worker(
    id: WorkerId,
    shared: &Arc<Shared>,
    settings: &Settings,
    kept: Kept,
) -> Result<Worker, Box<(io::Error, Kept)>> {
    let remote = &shared.remotes[id.index()];
    let made = match driver::take_spare(remote) {
        Some(spare) => Ok(spare),
        None => settings.backend.driver(remote).map(Rc::new),
    };
    match made {
        Ok(driver) => {
            let policy = Policy::new(&settings.policy(id));
            let queues = ClassQueues::new(remote.clone(), settings.class_weights, &shared.clock);
            let mut worker = Worker::new(id, shared.clone(), kept, driver, policy, queues);
            worker.counters = settings.counters.then(Counters::open);
            Ok(worker)
        }
        Err(error) => Err(Box::new((error, kept))),
    }
}

/// Wakes the future of `block_on`.
struct Main {
    remote: Arc<Remote>,
    woken: AtomicBool,
}

impl Wake for Main {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, SeqCst);
        self.remote.nudge();
    }
}
