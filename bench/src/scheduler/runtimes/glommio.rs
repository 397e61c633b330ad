//! glommio: one thread, io_uring.

use std::future::Future;

use anyhow::{Result, anyhow};
use glommio::LocalExecutorBuilder;

use super::Local;

pub(in crate::scheduler) struct Glommio;

impl Local for Glommio {
    fn run<F: Future + 'static>(future: F) -> Result<F::Output>
    where
        F::Output: 'static,
    {
        let executor = LocalExecutorBuilder::default()
            .make()
            .map_err(|error| anyhow!("the executor could not be made: {error}"))?;
        Ok(executor.run(future))
    }

    fn spawn(future: impl Future<Output = ()> + 'static) {
        drop(glommio::spawn_local(future).detach());
    }
}
