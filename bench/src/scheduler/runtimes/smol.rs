//! smol: its global executor, on as many threads as `SMOL_THREADS` says.

use std::future::Future;

use anyhow::{Result, ensure};
use smol::Task;

use super::Shared;

#[derive(Clone)]
pub(in crate::scheduler) struct Smol;

impl Shared for Smol {
    type Join = Task<()>;

    /// The executor starts with the first task. The number of its threads comes with the
    /// environment, which only the process that starts this one can set.
    fn start(workers: usize) -> Result<Self> {
        let threads = std::env::var("SMOL_THREADS");
        ensure!(
            threads.as_deref() == Ok(workers.to_string().as_str()),
            "SMOL_THREADS must be {workers}"
        );
        Ok(Smol)
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        smol::spawn(future)
    }

    fn spawn_here(future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        smol::spawn(future)
    }

    fn detach(join: Self::Join) {
        join.detach();
    }

    async fn join(join: Self::Join) {
        join.await;
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        smol::future::yield_now()
    }
}
