//! tokio: the multi-threaded scheduler, and the one of one thread with a `LocalSet`'s kind of task.

use std::future::Future;
use std::sync::Arc;

use anyhow::Result;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, LocalSet};

use super::{Local, Shared};

#[derive(Clone)]
pub(in crate::scheduler) struct Tokio(Arc<Runtime>);

pub(in crate::scheduler) struct TokioCurrentThread;

impl Shared for Tokio {
    type Join = JoinHandle<()>;

    fn start(workers: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_io()
            .build()?;
        Ok(Tokio(Arc::new(runtime)))
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        self.0.spawn(future)
    }

    fn spawn_here(future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        tokio::spawn(future)
    }

    fn detach(join: Self::Join) {
        drop(join);
    }

    async fn join(join: Self::Join) {
        join.await.expect("the task completes");
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
}

impl Local for TokioCurrentThread {
    fn run<F: Future + 'static>(future: F) -> Result<F::Output>
    where
        F::Output: 'static,
    {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        Ok(LocalSet::new().block_on(&runtime, future))
    }

    fn spawn(future: impl Future<Output = ()> + 'static) {
        drop(tokio::task::spawn_local(future));
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }
}
