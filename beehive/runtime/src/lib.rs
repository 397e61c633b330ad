//! Beehive on Linux: an asynchronous runtime with one worker per core.
//!
//! Each worker has its own run queues, timers and reactor (io_uring or epoll). A connection and the
//! task that serves it live on one worker; tasks that are `Send` may be stolen by idle workers. The
//! decisions (whom to steal from, whom to wake, where to place a connection, how long to gather
//! events) are those of `beehive-policy`; the task cell, queues and timers are `beehive-task`'s.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! let runtime = beehive::Runtime::builder().workers(1).build()?;
//! let sum = runtime.block_on(async {
//!     let task = beehive::spawn(async { 40 });
//!     task.await.map(|n| n + 2)
//! });
//! assert_eq!(sum.ok(), Some(42));
//! # Ok(())
//! # }
//! ```
//!
//! Reading order: `worker` (the loop), `remote` and `shared` (how threads reach each other), `spawn`
//! and `home` (tasks), `fork` (jobs), `driver` and `reactor` (the kernel), `blocking` (what cannot wait
//! otherwise), `net`, `fs`, `pipe`, `process`, `signal` and `time` (what users see), [`mod@scope`] and
//! [`cancel`] (how tasks belong together and end), [`channel`] (how they talk), [`budget`] (how they
//! give way when nothing makes them wait).

mod block_on;
mod blocking;
pub mod budget;
mod builder;
pub mod cancel;
pub mod channel;
mod clock;
pub mod counters;
mod driver;
pub mod dump;
mod entrance;
mod fiber;
pub mod fork;
pub mod fs;
mod group;
mod handle;
mod home;
pub mod io;
pub mod metrics;
pub mod net;
pub mod options;
mod panic;
pub mod pipe;
mod policy;
mod probe;
pub mod process;
mod queues;
mod reactor;
mod remote;
mod runtime;
pub mod scope;
mod shared;
pub mod shutdown;
pub mod signal;
pub mod slice;
mod spawn;
pub mod stall;
mod thread;
mod ticks;
pub mod time;
mod trace;
mod worker;

pub use beehive_macros::{main, test};
pub use beehive_policy::{Class, LoadSignal, WorkerId};
pub use beehive_task::JoinError;
pub use block_on::block_on;
pub use blocking::spawn_blocking;
pub use budget::{unconstrained, yield_if_due};
pub use builder::{Backend, Builder, Io};
pub use fork::join;
pub use group::JoinSet;
pub use handle::Handle;
pub use options::{JoinHandle, Name, TaskOptions};
pub use panic::PanicPolicy;
pub use probe::{Report, Unavailable, probe};
pub use runtime::Runtime;
pub use scope::{scope, scope_local};
pub use slice::{Preemptible, checkpoint, no_preempt, spawn_preemptible};
pub use spawn::{spawn, spawn_local, spawn_local_with, spawn_with, yield_now};
pub use worker::worker_id;

/// How long a worker runs tasks before it looks around (at wakes from other threads, IO and timers),
/// but for the poll in progress. What becomes ready elsewhere is seen within this time.
pub const QUANTUM: std::time::Duration =
    std::time::Duration::from_nanos(beehive_policy::quantum::LENGTH.0);
