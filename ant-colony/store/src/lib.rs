//! A bounded, sharded byte store: the memory of a cache server.
//!
//! [`Store`] holds keys and values of any bytes, never takes more memory than it was
//! given (all its overhead counted), evicts by S3-FIFO, and removes what has expired
//! both when it is met and actively. Any thread may use any key.
//!
//! # How it works
//!
//! - **Shards.** A key's hash picks one of up to 256 shards, each behind one lock
//!   (`shard`). Operations on several keys lock their shards in order (`store`).
//! - **Log.** Objects are records of 16 bytes plus key and value in segments of 16 to 64
//!   KiB, appended in order of arrival (`log`, `record`). Segments form the two queues of
//!   the policy; memory is reclaimed a segment at a time, from the old end, and survivors
//!   are copied to the young end of the queue that they earned.
//! - **Index.** Linear hashing over cache-line buckets (`index`): it grows and shrinks by
//!   one bucket, so no operation ever pays for a table that doubles.
//! - **Large objects** lie in pages of their own, with a short record in the log.
//! - **Budget.** Every page is charged before it exists (`memory`), whatever it is for.
//!
//! # Bounds
//!
//! An operation copies, and gives back to the system, at most its own bytes and a few
//! segments, whatever the size of the store. What a flush leaves behind is freed in such steps. An
//! exception by its nature: [`Store::random`] may have to search for the only key of a
//! database.
//!
//! # Not here
//!
//! No clock (callers pass [`Millis`]), no threads, no protocol.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
mod entry;
mod index;
mod key;
mod lock;
mod log;
mod memory;
mod pages;
mod prefetch;
mod record;
mod shard;
mod stats;
mod store;

pub use config::{Config, ConfigError, DATABASES};
pub use entry::{Entry, Full, Meta};
pub use key::Key;
pub use shard::{Shard, ShardGuard};
pub use stats::{Expired, Memory, Stats};
pub use store::{ShardSet, Store};

/// Unix time in milliseconds.
pub type Millis = u64;
