//! A concurrent cache for any Rust program: [`Cache`] maps keys to values, holds no more than it
//! was given room for, and keeps what is likely to be asked for again.
//!
//! A hit takes no lock and writes nothing that another thread reads, but for a mark of two bits in
//! the entry, and that only until it is full. So readers do not slow each other down.
//!
//! ```
//! use ant_colony::Cache;
//!
//! let cache: Cache<String, u64> = Cache::new(1_000);
//! cache.insert("bees".to_owned(), 3)?;
//! assert_eq!(cache.get("bees"), Some(3));
//! assert_eq!(cache.get_or_insert_with("ants".to_owned(), || 5), 5);
//! # Ok::<(), ant_colony::TooHeavy>(())
//! ```
//!
//! # With a loader
//!
//! A cache may know how to load what it misses. One that takes many keys at once can learn which key
//! is asked for after which, and load several in one round trip: [`Loading`].
//!
//! ```
//! use ant_colony::{Cache, LoadingCache};
//!
//! # fn query(ids: &[u64]) -> Vec<Result<String, std::io::Error>> {
//! #     ids.iter().map(|id| Ok(format!("page {id}"))).collect()
//! # }
//! let pages: LoadingCache<u64, String, std::io::Error> = Cache::builder()
//!     .capacity(1_000)
//!     .loader_many(|ids: &[u64]| query(ids)) // the first is asked for, the others are predicted
//!     .trails(10_000)
//!     .build()?;
//! for _ in 0..10 {
//!     for id in 0..4_000 {
//!         assert_eq!(pages.load(&id)?, format!("page {id}"));
//!     }
//! }
//! assert!(pages.statistics().loads < 40_000 / 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! - *Shards*, chosen by the hash, each have a lock under which all writes to their keys happen. A
//!   shard has its part of the limits, and the queues of the eviction policy over its entries.
//! - The [slab map](hallows_lockfree::slab_map) of a shard finds entries without the lock. Readers use it
//!   alone. What enters takes the slot of what has left, so a miss allocates nothing.
//! - The policy is [S3-FIFO](ant_colony_policy); it reads an entry's mark when the entry's turn to
//!   leave has come, so hits need not tell it anything.
//!
//! 1. A writer makes room before it adds, and counts what it adds before it does: no thread ever
//!    sees more than the limits allow.
//! 2. No hash, weigher, loader, listener, clone or drop of the user runs under a lock, only
//!    comparisons of keys, and these before anything is changed. So whatever panics, the cache is
//!    as usable as before. A comparison must not use the cache (and if one panics, what was to
//!    enter is dropped under the lock).
//! 3. There is no thread in the background. What has expired is never returned, and gives up its
//!    room when it is asked for, when its turn to leave comes, or when a later insertion comes by:
//!    each looks at two entries of its shard.
//! 4. A loader runs once for a key, whoever waits; if it fails, panics or is cancelled, the next
//!    who waits tries. Writing or removing the key meanwhile is newer: what is loaded then goes to
//!    those who wait and is not kept.
//!
//! Values that have left are dropped a little later, since readers may have them in hand: of each shard
//! wait at most twice as many as it has entries, or 16; never more than 128, or one in eight of the
//! entries up to 1,024 if that is more; and they weigh at most an eighth of the shard's bound. After
//! [`invalidate_all`](Cache::invalidate_all), [`invalidate_if`](Cache::invalidate_if) and
//! [`remove_expired`](Cache::remove_expired) none wait. Besides, those stay that were being read when it
//! was last tried. A reader that stops for ever keeps what it reads, and nothing else.
//!
//! Readers say what they read in a hazard slot that belongs to their thread, by one plain store; who
//! frees makes the kernel execute the fences for them, once for all shards. So a hit has no atomic
//! read-modify-write at all, on Linux and for up to 32 threads at a time; elsewhere, and in further
//! threads, it has one. The [slab map](hallows_lockfree::slab_map) says how, and why that is right.

#![forbid(unsafe_code)]

mod builder;
mod cache;
mod departure;
mod entry;
mod eviction;
mod expiry;
mod flight;
mod load;
mod loading;
mod places;
mod section;
mod shard;
mod statistics;
mod sync;
mod times;
mod walk;
mod write;

pub use builder::{BuildError, Builder};
pub use cache::Cache;
pub use departure::Cause;
pub use expiry::{Clock, SystemClock};
pub use loading::{
    AsyncLoadingCache, Job, Loading, LoadingBuilder, LoadingCache, Task, Tasks, Threads,
};
pub use statistics::{Prefetches, Statistics};
pub use walk::Iter;
pub use write::TooHeavy;

/// The hasher that caches use unless told otherwise: SipHash with a random key for each cache, so that
/// strangers who choose the keys cannot choose them to collide.
pub type RandomState = std::hash::RandomState;

/// A hasher that takes a fraction of the time, also with a random key for each cache. It is not made
/// to keep that key from who can measure times precisely: for keys that no stranger chooses.
pub type FastRandomState = hallows_lockfree::map::RandomState;
