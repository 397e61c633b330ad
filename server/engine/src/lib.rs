//! Redis commands over the Ant Colony store, without IO.
//!
//! Bytes of requests go in, bytes of replies come out; time is an argument and
//! the outside world is a [`Host`]. The crate opens no socket, reads no clock,
//! starts no thread, so that the same engine runs under Linux, in the
//! microkernel and in a test with a fake clock.
//!
//! Reading order: [`engine`](Engine) (what all connections share),
//! [`connection`](Connection) (the loop from bytes to replies), then
//! `command/mod.rs` (what a command is) and any family in `command/`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod clients;
mod command;
mod connection;
mod context;
mod engine;
mod error;
mod extended;
mod glob;
mod host;
mod number;
mod rates;
mod session;
mod settings;
mod stats;

pub use clients::{ClientState, Clients, KillHook};
pub use connection::{Action, Connection, Step};
pub use engine::{Engine, EngineConfig, EngineError};
pub use host::{Host, HostFacts, Now};
pub use settings::{LogLevel, OutputLimit, Permission, SettingError, Settings};
pub use stats::Stats;

/// Number of databases that `SELECT` can choose from.
pub const DATABASES: u8 = 16;

/// The Redis release whose behaviour clients may expect.
pub const REDIS_VERSION: &str = "7.0.15";
