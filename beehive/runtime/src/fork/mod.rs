//! Fork-join: computations that split themselves, on the workers of the runtime.
//!
//! ```
//! fn sum(values: &[u64]) -> u64 {
//!     if values.len() < 2 {
//!         return values.iter().sum();
//!     }
//!     let (left, right) = values.split_at(values.len() / 2);
//!     let (left, right) = beehive::fork::join(|| sum(left), || sum(right));
//!     left + right
//! }
//! # fn main() -> std::io::Result<()> {
//! let runtime = beehive::Runtime::builder().workers(2).build()?;
//! let values: Vec<u64> = (1..=1_000).collect();
//! assert_eq!(runtime.install(|| sum(&values)), 500_500);
//! # Ok(())
//! # }
//! ```
//!
//! [`join()`] takes two closures, [`scope()`] any number, and the functions named `par_` split slices. All
//! borrow, all return when everything is done, and all work in a task as well as in
//! [`Runtime::install`](crate::Runtime::install). What is split off is *pending* at first, a matter of
//! a few stores; only what other workers take costs more. See `beehive_task::job` for the protocol
//! between owner and thief.
//!
//! # Protocol of idle workers
//!
//! Jobs use the protocol of stealable tasks (see `shared`), so that tasks and jobs have one set of
//! idle workers:
//!
//! 1. Whoever exposes a job does so first, then wakes a parked worker if nobody searches.
//! 2. A searching worker looks for tasks first, then for jobs. If neither is there but jobs have been
//!    exposed somewhere lately, it goes on searching for a moment (50 µs): the next one is likely
//!    to come at once, and waking costs more.
//! 3. A worker that sets its parked bit looks at all slots once more before it waits.
//! 4. A worker that waits in a join does not take part: it steals only from its own thief, and is
//!    woken by it (see `beehive_task::job`, steps 6 and 7), so nobody else counts on it.
//! 5. A worker that executes a job turns to its tasks and its reactor when the job is done, not
//!    before: between two jobs, but not in the middle of one.

mod board;
mod install;
mod join;
mod local;
mod scope;
mod slice;
mod sort;

pub(crate) use board::Board;
pub(crate) use install::install;
pub(crate) use local::{Local, on_other_stack};

pub use join::join;
pub use scope::{Scope, scope};
pub use slice::{
    par_chunks, par_chunks_mut, par_for_each, par_for_each_mut, par_map, par_map_reduce,
};
pub use sort::{par_sort_unstable, par_sort_unstable_by};
