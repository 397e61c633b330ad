//! Replays traces through cache policies and counts misses: Ant Colony's own policy beside its
//! published rivals, all given the same requests.
//!
//! - [`Trace`] is a file (or a list) of requests, surveyed once; its objects are numbered by first
//!   appearance, so that policies can index arrays by them.
//! - [`Subject`] is what a policy must do: say of each request whether it was a hit. Whoever wants
//!   to be compared implements it and adds itself to [`POLICIES`].
//! - [`replay()`] gives one pass over a trace to many subjects at once, and a [`Row`] for each.
//!
//! Capacities count objects or bytes. Subjects do not see which: a request's size is 1 where
//! objects count. Nothing here reads the wall clock, and the same trace gives the same rows.

#![forbid(unsafe_code)]

mod ant;
mod catalogue;
mod future;
mod metadata;
mod prior;
mod replay;
mod rivals;
mod subject;
mod table;
mod trace;
mod trails;
mod yardstick;

pub use catalogue::{POLICIES, Policy, Setting, policy};
pub use future::Future;
pub use prior::prior_table;

pub use replay::{Capacity, Job, Row, replay};
pub use subject::{Misses, Outcome, Prefetches, Request, Subject};
pub use trace::{CsvColumns, Format, GENERATED, Record, SUITE, Trace, TraceError, Unit};
