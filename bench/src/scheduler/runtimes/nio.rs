//! nio.

use std::future::Future;
use std::sync::Arc;

use anyhow::Result;
use nio::{JoinHandle, RuntimeBuilder, RuntimeContext};

use super::Shared;

#[derive(Clone)]
pub(in crate::scheduler) struct Nio(Arc<RuntimeContext>);

impl Shared for Nio {
    type Join = JoinHandle<()>;

    fn start(workers: usize) -> Result<Self> {
        let runtime = RuntimeBuilder::new()
            .worker_threads(u8::try_from(workers)?)
            .rt()?;
        Ok(Nio(runtime.context()))
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        self.0.spawn(future)
    }

    fn spawn_here(future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        nio::spawn(future)
    }

    fn detach(join: Self::Join) {
        drop(join);
    }

    async fn join(join: Self::Join) {
        join.await.expect("the task completes");
    }
}
