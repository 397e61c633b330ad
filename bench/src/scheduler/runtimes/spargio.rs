//! spargio: stealable tasks on shards. It needs io_uring, and its idle shards do not sleep.

use std::cell::RefCell;
use std::future::Future;

use anyhow::{Result, anyhow};
use spargio::{JoinHandle, RuntimeBuilder, RuntimeHandle};

use super::Shared;

#[derive(Clone)]
pub(in crate::scheduler) struct Spargio(RuntimeHandle);

thread_local! {
    /// The runtime has no ambient spawn for stealable tasks: a shard's thread keeps a handle.
    static HANDLE: RefCell<Option<RuntimeHandle>> = const { RefCell::new(None) };
}

impl Shared for Spargio {
    type Join = JoinHandle<()>;

    fn start(workers: usize) -> Result<Self> {
        let refused = |error| anyhow!("the runtime could not be built: {error:?}");
        let runtime = RuntimeBuilder::new()
            .shards(workers)
            // The bursts of the workloads fit; it refuses what does not.
            .stealable_queue_capacity(1 << 16)
            .build()
            .map_err(refused)?;
        let handle = runtime.handle();
        for shard in 0..u16::try_from(workers)? {
            let keep = handle.clone();
            let kept = handle
                .spawn_pinned(shard, async move { HANDLE.set(Some(keep)) })
                .map_err(refused)?;
            smol::block_on(kept).map_err(|error| anyhow!("no shard {shard}: {error:?}"))?;
        }
        // It stops when dropped.
        std::mem::forget(runtime);
        Ok(Spargio(handle))
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        spawn(&self.0, future)
    }

    fn spawn_here(future: impl Future<Output = ()> + Send + 'static) -> Self::Join {
        HANDLE.with_borrow(|handle| {
            let handle = handle.as_ref().expect("the thread is a shard");
            spawn(handle, future)
        })
    }

    fn detach(join: Self::Join) {
        drop(join);
    }

    async fn join(join: Self::Join) {
        join.await.expect("the task completes");
    }
}

fn spawn(
    handle: &RuntimeHandle,
    future: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    handle.spawn_stealable(future).expect("the queue has room")
}
