//! Every runtime behind the few calls that the workloads need, so that a workload is written once
//! and is the same for all.
//!
//! [`Shared`]: tasks are `Send` and any worker may run them. [`Local`]: one thread, and tasks that
//! stay on it. A runtime is never stopped: its process ends when the measurement is over.

mod beehive;
mod compio;
mod glommio;
mod monoio;
mod nio;
mod smol;
mod spargio;
mod tokio;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Result;

pub(super) use self::beehive::{Beehive, BeehiveLocal};
pub(super) use self::compio::Compio;
pub(super) use self::glommio::Glommio;
pub(super) use self::monoio::Monoio;
pub(super) use self::nio::Nio;
pub(super) use self::smol::Smol;
pub(super) use self::spargio::Spargio;
pub(super) use self::tokio::{Tokio, TokioCurrentThread};

/// A runtime of several workers whose tasks may run on any of them; this is a handle to it.
pub(super) trait Shared: Clone + Send + Sync + 'static {
    /// Waits for a task.
    type Join: Send + 'static;

    /// Starts it with this many workers and its default settings, or as its authors advise.
    fn start(workers: usize) -> Result<Self>;

    /// Spawns from a thread that is no worker.
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Join;

    /// Spawns from within a task.
    fn spawn_here(future: impl Future<Output = ()> + Send + 'static) -> Self::Join;

    /// Leaves the task to itself.
    fn detach(join: Self::Join);

    /// Waits for the task's end; a panic in it is passed on.
    fn join(join: Self::Join) -> impl Future<Output = ()> + Send;

    /// The runtime's own way of letting others run.
    fn yield_now() -> impl Future<Output = ()> + Send {
        Yield::default()
    }
}

/// A runtime of one thread, on the calling one.
pub(super) trait Local: 'static {
    /// Runs a future to its end.
    fn run<F: Future + 'static>(future: F) -> Result<F::Output>
    where
        F::Output: 'static;

    /// Spawns from within a task, and leaves the task to itself.
    fn spawn(future: impl Future<Output = ()> + 'static);

    /// The runtime's own way of letting others run.
    fn yield_now() -> impl Future<Output = ()> {
        Yield::default()
    }

    /// Lets every other ready task run before this one goes on.
    fn pass() -> impl Future<Output = ()> {
        Yield::default()
    }
}

/// Wakes itself and waits once: what a runtime without a call of its own for it leaves to do.
#[derive(Default)]
pub(super) struct Yield {
    yielded: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
