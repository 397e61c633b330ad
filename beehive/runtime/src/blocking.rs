//! Blocking work on threads of its own, so that workers never wait.
//!
//! A pool starts a thread when there is work and no thread is idle, up to a limit; then work queues,
//! without bound. A thread that has had nothing to do for a while ends. When the runtime is dropped,
//! work that has not begun is dropped with it, and work that has begun is waited for: nothing can
//! end a system call from outside.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use beehive_task::JoinError;
use beehive_task::cell::{self, LiveKey, Member, World};
use parking_lot::{Condvar, Mutex};

use crate::options::{JoinHandle, Task, TaskMeta};
use crate::panic;
use crate::worker;

/// Limits of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) threads_max: usize,
    /// How long an idle thread waits for work before it ends.
    pub(crate) keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            threads_max: 512,
            keep_alive: Duration::from_secs(10),
        }
    }
}

/// The threads of one runtime that may block.
pub(crate) struct Pool {
    limits: Limits,
    state: Mutex<State>,
    /// Told of each piece of work, and of the end.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Task>,
    threads: usize,
    /// Threads that wait for work, with those that are just waking for some.
    idle: usize,
    stopping: bool,
}

/// Why work was not queued.
enum Refused {
    Stopping,
    NoThread(io::Error),
}

impl Pool {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    fn submit(self: &Arc<Self>, work: Task) -> Result<(), (Refused, Task)> {
        let mut state = self.state.lock();
        if state.stopping {
            return Err((Refused::Stopping, work));
        }
        if state.queue.len() >= state.idle && state.threads < self.limits.threads_max {
            match self.start_thread() {
                Ok(()) => state.threads += 1,
                // The others will come to it.
                Err(_) if state.threads > 0 => {}
                Err(error) => return Err((Refused::NoThread(error), work)),
            }
        }
        state.queue.push_back(work);
        self.changed.notify_one();
        Ok(())
    }

    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let pool = self.clone();
        let thread = std::thread::Builder::new().name("beehive-blocking".into());
        thread.spawn(move || pool.work()).map(drop)
    }

    /// What a thread of the pool does. It outlives panics of values that nobody wanted and of wakers, or
    /// it would be waited for in vain.
    fn work(&self) {
        panic::each(std::iter::from_fn(|| self.next()), Task::run);
    }

    /// Waits for work; `None`, and one thread less, when there is none for too long or the runtime
    /// stops.
    fn next(&self) -> Option<Task> {
        let mut state = self.state.lock();
        loop {
            if let Some(work) = state.queue.pop_front() {
                return Some(work);
            }
            let mut weary = state.stopping;
            if !weary {
                state.idle += 1;
                let waited = self.changed.wait_for(&mut state, self.limits.keep_alive);
                state.idle -= 1;
                weary = waited.timed_out() && state.queue.is_empty();
            }
            if weary {
                // Under the lock that found the queue empty: whoever queues next counts right.
                state.threads -= 1;
                self.changed.notify_all();
                return None;
            }
        }
    }

    /// Takes no more work and drops what has not begun.
    pub(crate) fn stop(&self) {
        let unbegun = {
            let mut state = self.state.lock();
            state.stopping = true;
            std::mem::take(&mut state.queue)
        };
        self.changed.notify_all();
        panic::each(unbegun.into_iter(), drop);
    }

    /// How much work is queued or going on, at least; zero only if there is none.
    pub(crate) fn busy(&self) -> usize {
        let state = self.state.lock();
        (state.threads - state.idle).max(state.queue.len())
    }

    /// Waits for the work that has begun, after [`stop`](Self::stop).
    pub(crate) fn join(&self) {
        let mut state = self.state.lock();
        while state.threads > 0 {
            self.changed.wait(&mut state);
        }
    }

    /// Runs `work` on a thread of the pool.
    ///
    /// # Panics
    ///
    /// If the pool has no thread and the system refuses to give it one.
    pub(crate) fn spawn<F, T>(self: &Arc<Self>, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let home = OnPool(self.clone());
        let (runnable, handle) = cell::shared(TaskMeta::default(), Work(Some(work)), home);
        match self.submit(runnable) {
            Err((Refused::NoThread(error), runnable)) => {
                drop(runnable);
                panic!(
                    "the system gives no thread for blocking work: {error}; raise the limit of \
                     processes (ulimit -u) or of the container"
                );
            }
            // Dropping it cancels it.
            Err((Refused::Stopping, runnable)) => drop(runnable),
            Ok(()) => {}
        }
        handle
    }
}

/// What the cell of a piece of work keeps.
#[derive(Clone)]
struct OnPool(Arc<Pool>);

// SAFETY: (1) Nothing waits, so nothing enters; what did would be dropped. (2) `polled` is always null.
unsafe impl World<TaskMeta> for OnPool {
    fn schedule(&self, work: Task) {
        drop(self.0.submit(work));
    }

    fn enter(&self, _: Member<TaskMeta>) -> LiveKey {
        unreachable!("work completes in its first poll")
    }

    fn leave(&self, _: LiveKey) {}
}

/// A function as a future that completes in one poll.
struct Work<F>(Option<F>);

impl<F> Unpin for Work<F> {}

impl<F: FnOnce() -> T, T> Future for Work<F> {
    type Output = Result<T, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.take() {
            Some(work) => Poll::Ready(catch_unwind(AssertUnwindSafe(work))),
            None => unreachable!("it completes in its first poll"),
        }
    }
}

/// Runs a function that may block on a thread made for that.
///
/// A worker that blocks (a lock held for long, `std::thread::sleep`, a synchronous read, a long
/// computation) holds up every task in its queues until another worker steals them, and its local
/// tasks, timers and sockets in any case. Anything that may take more than a few hundred
/// microseconds without an `.await` belongs here, or, if it computes, on a thread pool for that.
///
/// Threads are started as needed, up to [`Builder::blocking_threads`](crate::Builder::blocking_threads);
/// beyond that, work waits its turn, in a queue without bound. A panic becomes
/// [`JoinError::Panicked`]. [`JoinHandle::cancel`] prevents work that has not begun; what has begun
/// goes on to its end. Dropping the runtime drops work that has not begun (its handle gives
/// [`JoinError::Cancelled`]) and waits for what has.
///
/// The function runs outside the runtime: to start tasks from there, give it a
/// [`Handle`](crate::Handle).
///
/// # Panics
///
/// If the calling thread is not a worker (use
/// [`Handle::spawn_blocking`](crate::Handle::spawn_blocking) there), or if the system has no thread
/// to give and the pool has none.
pub fn spawn_blocking<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let pool = worker::with_current(|worker| worker.shared.blocking.clone());
    pool.spawn(work)
}

/// Runs a system call that may block and gives its result.
///
/// Dropping the future lets the call go on if it has begun.
pub(crate) async fn unblock<F, T>(call: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    result(start(call)?.await)
}

/// Starts what may block; an error outside the runtime.
pub(crate) fn start<F, T>(call: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let pool =
        worker::try_with_current(|worker| worker.map(|worker| worker.shared.blocking.clone()));
    let pool = pool.ok_or_else(|| {
        io::Error::other(
            "no Beehive worker on this thread: await files and names in a task or inside \
             `Runtime::block_on`",
        )
    })?;
    Ok(pool.spawn(call))
}

/// The result of a system call from that of the work.
pub(crate) fn result<T>(joined: Result<io::Result<T>, JoinError>) -> io::Result<T> {
    match joined {
        Ok(result) => result,
        Err(JoinError::Panicked(payload)) => resume_unwind(payload),
        Err(JoinError::Cancelled) => Err(io::Error::other("the runtime has stopped")),
    }
}
