//! monoio: one thread, io_uring.

use std::future::Future;

use anyhow::Result;
use monoio::{IoUringDriver, RuntimeBuilder};
use tokio::sync::oneshot;

use super::Local;

pub(in crate::scheduler) struct Monoio;

impl Local for Monoio {
    fn run<F: Future + 'static>(future: F) -> Result<F::Output>
    where
        F::Output: 'static,
    {
        let mut runtime = RuntimeBuilder::<IoUringDriver>::new().build()?;
        Ok(runtime.block_on(future))
    }

    fn spawn(future: impl Future<Output = ()> + 'static) {
        drop(monoio::spawn(future));
    }
    /// A task that wakes itself runs again before all others here, but a new one queues behind them.
    async fn pass() {
        let (send, passed) = oneshot::channel();
        Self::spawn(async move { send.send(()).expect("it is waited for") });
        passed.await.expect("the task runs");
    }
}
