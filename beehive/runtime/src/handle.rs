//! The handle by which other threads reach a runtime.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use beehive_policy::{LoadSignal, WorkerId};
use hallows_lockfree::wait;

use crate::cancel::CancellationToken;
use crate::options::{JoinHandle, TaskMeta, TaskOptions};
use crate::runtime::refuse_worker;
use crate::scope::{self, Scope};
use crate::shared::Shared;
use crate::slice::Preemptible;
use crate::spawn::{spawn_on, spawn_shared};
use crate::worker;

/// Reaches a runtime from any thread.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers = self.shared.remotes.len();
        f.debug_struct("Handle")
            .field("workers", &workers)
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// The handle of the runtime whose worker the calling thread is.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker.
    #[must_use]
    pub fn current() -> Self {
        Self {
            shared: worker::with_current(|worker| worker.shared.clone()),
        }
    }

    /// Runs a future that may move between workers.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let location = Location::caller();
        spawn_shared(&self.shared, TaskMeta::default(), location, future)
    }

    /// Runs a future that may move between workers, with options.
    ///
    /// # Panics
    ///
    /// If there is no worker as the options name, or if they hold a deadline and a class other than
    /// latency.
    #[track_caller]
    pub fn spawn_with<F>(&self, options: TaskOptions, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let location = Location::caller();
        spawn_shared(&self.shared, self.shared.meta(options), location, future)
    }

    /// Runs a function as a preemptible task; see [`slice`](crate::slice).
    #[track_caller]
    pub fn spawn_preemptible<T, F>(&self, body: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Preemptible::new().spawn_on(self, body)
    }

    /// Runs a function that may block on a thread made for that; see
    /// [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// If the pool has no thread and the system refuses to give it one.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared.blocking.spawn(work)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Calls `make` on a worker and runs its future there, where it stays.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn spawn_on<M, F>(&self, worker: WorkerId, make: M) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        spawn_on(&self.shared, worker, Location::caller(), make)
    }

    /// As [`Runtime::scope`](crate::Runtime::scope), but the calling thread only waits, and the children run on the workers
    /// that there are. Do not call it while worker 0 is the only one and no thread is inside
    /// [`Runtime::block_on`](crate::Runtime::block_on): nobody would run the children.
    ///
    /// # Panics
    ///
    /// If the calling thread is a worker; and as [`Runtime::scope`](crate::Runtime::scope).
    pub fn scope<'env, F, T>(&self, body: F) -> T
    where
        F: for<'scope> AsyncFnOnce(&'scope Scope<'scope, 'env>) -> T,
    {
        refuse_worker("`Handle::scope`");
        scope::run(self.clone(), body, |future| wait::block_on(future))
    }

    /// Requests the shutdown of the runtime: tasks that wait for
    /// [`shutdown::requested`](crate::shutdown::requested) see it. It ends nothing by itself.
    pub fn shutdown(&self) {
        self.shared.shutdown.cancel();
    }

    /// A token that is cancelled when the shutdown of the runtime is requested. Cancelling it does not
    /// request the shutdown.
    #[must_use]
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shared.shutdown.child_token()
    }

    /// The workers.
    pub fn workers(&self) -> impl ExactSizeIterator<Item = WorkerId> + use<> {
        (0..self.shared.remotes.len()).map(WorkerId::new)
    }

    /// Chooses a worker for a connection: the one with the fewest, counting those on their way.
    #[must_use]
    pub fn place(&self) -> WorkerId {
        self.shared.place()
    }

    /// Chooses a worker for a connection that asks [`TcpStream::relocation`] between requests: as
    /// few workers as the load needs, the lowest first.
    ///
    /// [`TcpStream::relocation`]: crate::net::local::TcpStream::relocation
    #[must_use]
    pub fn place_movable(&self) -> WorkerId {
        self.shared.place_movable()
    }

    /// The load signals of all workers, as last published.
    #[must_use]
    pub fn signals(&self) -> Vec<LoadSignal> {
        self.workers()
            .map(|worker| self.shared.signal(worker))
            .collect()
    }
}
