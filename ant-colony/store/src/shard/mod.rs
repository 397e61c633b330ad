//! A shard of the store: one lock, and everything about the keys behind it.
//!
//! | file | subject |
//! |---|---|
//! | `state` | what the lock protects |
//! | `read`, `write` | the operations on a key |
//! | `place` | layout of objects, and changes where they lie |
//! | `room` | where an insert gets memory from, other shards included |
//! | `reclaim` | eviction and compaction of segments |
//! | `expire` | active expiry, and the removal of flushed records |
//! | `scan` | walking the keys |
//!
//! Deadlock freedom: whoever needs several locks takes them in the order of shards
//! (`ShardSet`); whoever needs memory while holding a lock only *tries* other locks.

mod expire;
mod place;
mod read;
mod reclaim;
mod room;
mod scan;
mod state;
mod write;

#[cfg(test)]
pub(crate) mod audit;

pub(crate) use state::{Counts, State};

use crate::lock::{Mutex, MutexGuard};
use crate::store::Shared;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::AtomicUsize;

/// A shard's lock, on cache lines of its own.
#[repr(align(128))]
pub(crate) struct ShardCell {
    pub(crate) state: Mutex<State>,
    /// [`State::footprint`] as last published, for others that look for memory.
    pub(crate) footprint: AtomicUsize,
}

/// A locked shard: the operations on its keys.
pub struct Shard<'s> {
    pub(crate) state: MutexGuard<'s, State>,
    pub(crate) shared: &'s Shared,
    pub(crate) number: usize,
}

/// A [`Shard`] that is unlocked when this is dropped.
pub struct ShardGuard<'s>(pub(crate) Shard<'s>);

impl<'s> Deref for ShardGuard<'s> {
    type Target = Shard<'s>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for ShardGuard<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
