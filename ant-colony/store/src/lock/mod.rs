//! The one mutex of the store, over a parking lock (`std`) or a spinning one.

#[cfg(feature = "std")]
#[path = "std.rs"]
mod raw;
#[cfg(not(feature = "std"))]
#[path = "spin.rs"]
mod raw;

/// Mutual exclusion for a shard, or for the page source.
pub(crate) type Mutex<T> = lock_api::Mutex<raw::Raw, T>;
/// A held [`Mutex`].
pub(crate) type MutexGuard<'a, T> = lock_api::MutexGuard<'a, raw::Raw, T>;
