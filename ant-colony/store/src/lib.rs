//! A bounded, sharded byte store: the memory of a cache server.
//!
//! [`Store`] holds keys and values of any bytes, never takes more memory than it was
//! given (all its overhead counted), evicts by S3-FIFO, and removes what has expired
//! both when it is met and actively. Any thread may use any key.
//!
//! # How it works
//!
//! - **Shards.** A key's hash picks one of up to 256 shards. Writers take its lock (`shard`);
//!   operations on several keys lock their shards in order (`store`).
//! - **Readers take no lock** ([`Store::get_into`], [`Store::brief`] and what is built like them):
//!   they copy, and a counter of the shard tells whether all that they saw belongs together
//!   (`view`). They write nothing that others read but counts, and are blocked by no writer who
//!   stops; one that stops itself keeps no memory from being used again.
//! - **Values never change in place.** A new value is a new record; one store of its location
//!   makes it the key's. An overwrite takes the place that another overwrite has left (`log`), so
//!   that it needs no more memory. A value may grow behind its end.
//! - **Log.** Objects are records of 16 bytes plus key and value in segments of 16 to 64
//!   KiB, appended in order of arrival (`log`, `record`). Segments form the two queues of
//!   the policy; memory is reclaimed a segment at a time, from the old end, and survivors
//!   are copied to the young end of the queue that they earned.
//! - **Index.** Linear hashing over cache-line buckets (`index`): it grows and shrinks by
//!   one bucket, so no operation ever pays for a table that doubles.
//! - **Large objects** lie in pages of their own, with a short record in the log. They are
//!   changed in place, so they are read under the lock.
//! - **Budget.** Every page is charged before it exists (`memory`), whatever it is for.
//!
//! # Bounds
//!
//! An operation copies, and gives back to the system, at most its own bytes and a few
//! segments, whatever the size of the store. What a flush leaves behind is freed in such steps. An
//! exception by its nature: [`Store::random`] may have to search for the only key of a
//! database.
//!
//! A reader without a lock begins again when a writer has replaced or moved something in its shard
//! meanwhile. After a few attempts it waits for the lock, as it does for large objects and while
//! several keys of the shard are changed together ([`Store::lock_many`], [`Store::flush`],
//! [`Store::swap`]). Its mark of the access (frequency, time) is lost if the lock is taken.
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
mod view;

pub use config::{Config, ConfigError, DATABASES};
pub use entry::{Entry, Full, Meta};
pub use key::Key;
pub use shard::{Shard, ShardGuard};
pub use stats::{Expired, Memory, Stats};
pub use store::{Brief, Part, ShardSet, Store};

/// Unix time in milliseconds.
pub type Millis = u64;
