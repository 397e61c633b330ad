//! A discrete-event simulator of schedulers: the very policy of Beehive that the runtime uses, and
//! its rivals, on 1 to 1,024 cores.
//!
//! [`Contender::run`] simulates one of them under the conditions of a [`Cell`]: tasks arrive, cores
//! run them, look at each other's queues, rest, park and wake, and each of that costs what it costs
//! on a machine with caches of 8 cores and memory nodes of 32. [`sweep`] compares them in many cells. Everything is decided by the seed:
//! the same run twice gives the same figures, and all contenders are given the same tasks.

#![forbid(unsafe_code)]

mod agenda;
mod bee;
mod board;
mod central;
mod contender;
mod costs;
mod law;
mod machine;
pub mod replay;
pub mod stats;
mod stealing;
pub mod sweep;
mod tally;
mod workload;

pub use beehive_policy::Elements;
pub use contender::{Cell, Contender};
pub use law::{Law, MEAN_SERVICE_NS};
pub use tally::Outcome;
pub use workload::Arrivals;
