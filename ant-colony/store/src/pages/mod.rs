//! Where page-aligned memory comes from: the operating system's maps, or the global
//! allocator where there are none.
//!
//! A source hands out [`Block`]s and takes them back. It does not count: the budget
//! in `memory.rs` does.

#[cfg(all(feature = "std", target_os = "linux", not(miri)))]
#[path = "mapped.rs"]
mod source;
#[cfg(not(all(feature = "std", target_os = "linux", not(miri))))]
#[path = "heap.rs"]
mod source;

#[cfg(all(feature = "std", target_os = "linux", not(miri)))]
mod chunks;
#[cfg(all(feature = "std", target_os = "linux", not(miri)))]
mod extents;
#[cfg(all(feature = "std", target_os = "linux", not(miri)))]
mod region;

pub(crate) use source::Pages;

use core::ptr::NonNull;

/// The unit of allocation.
pub(crate) const PAGE_BYTES: usize = 4096;

/// So much of a block that is written from its beginning to its end has pages before they are needed.
pub(crate) const AHEAD_BYTES: usize = 64 << 10;

/// Memory of whole pages, initialised, owned by whoever holds the block.
pub(crate) struct Block {
    pub(crate) start: NonNull<u64>,
    pub(crate) bytes: usize,
}

// SAFETY: a block is plain memory with one owner; nothing in it is tied to a thread.
unsafe impl Send for Block {}
// SAFETY: a shared block gives no access but its address and length.
unsafe impl Sync for Block {}

/// What a block is for: dense ones are packed into huge pages, large ones are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Segments and index chunks: long-lived, few sizes, touched at random.
    Dense,
    /// Single large objects, of any size.
    Large,
}
