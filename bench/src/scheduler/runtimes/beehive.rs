//! Ours.

use std::future::{Future, pending};
use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result};
use beehive::{Handle, JoinHandle, Runtime};

use super::{Local, Shared};

/// As users get it.
#[derive(Clone)]
pub(in crate::scheduler) struct Beehive(Handle);

/// One worker, and tasks that stay on it.
pub(in crate::scheduler) struct BeehiveLocal;

/// Worker 0 is the thread that blocks on the runtime: it gets one of its own here, so that the
/// measuring thread is none of the workers.
fn start(workers: usize) -> Result<Handle> {
    let (send, started) = sync_channel(1);
    std::thread::spawn(move || match Runtime::builder().workers(workers).build() {
        Ok(runtime) => {
            if send.send(Ok(runtime.handle())).is_ok() {
                runtime.block_on(pending::<()>());
            }
        }
        Err(error) => drop(send.send(Err(error))),
    });
    Ok(started.recv().context("the runtime's thread has ended")??)
}

impl Shared for Beehive {
    type Join = JoinHandle<()>;

    fn start(workers: usize) -> Result<Self> {
        Ok(Beehive(start(workers)?))
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        self.0.spawn(future)
    }

    fn spawn_here(future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        beehive::spawn(future)
    }

    fn detach(join: Self::Join) {
        join.detach();
    }

    async fn join(join: Self::Join) {
        join.await.expect("the task completes");
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        beehive::yield_now()
    }
}

impl Local for BeehiveLocal {
    fn run<F: Future + 'static>(future: F) -> Result<F::Output>
    where
        F::Output: 'static,
    {
        let runtime = Runtime::builder().workers(1).build()?;
        Ok(runtime.block_on(future))
    }

    fn spawn(future: impl Future<Output = ()> + 'static) {
        beehive::spawn_local(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> {
        beehive::yield_now()
    }
}
