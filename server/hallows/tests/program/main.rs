//! Tests of the real program: each starts `hallows`, speaks to it as its users
//! do, and stops it. `support.rs` starts servers; the other files are subjects.

mod cli;
mod clients;
mod connections;
mod lifecycle;
mod limits;
mod memory;
mod metrics;
mod replay;
mod sim;
mod support;
mod top;
