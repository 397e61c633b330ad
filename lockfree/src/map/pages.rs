//! Memory for segments of buckets, in huge pages where that helps and the system makes them.
//!
//! A search in a large table goes to a random place, and with pages of 4 KiB nearly each of them needs
//! a walk through the page tables first. So what is large is aligned to huge pages. They are asked for
//! only where all of it will be used at once: later, the first touch of each would have to wait until
//! 2 MiB have been cleared, and no growth is to be a long one. A table that has grown can be given
//! them by whoever has the time, see [`Map::memory`](super::Map::memory).
//!
//! Invariant: `allocate` and `free` compute the same layout from the same number of buckets.

use alloc::alloc::{Layout, alloc, dealloc, handle_alloc_error};

use super::bucket::Bucket;

/// The size of a huge page, on x86-64 and usually on 64-bit Arm. Where they are larger, the system
/// makes none, and nothing is lost but the attempt.
const HUGE_BYTES: usize = 2 << 20;

/// How the memory will be touched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Touched {
    AtOnce,
    BitByBit,
}

fn layout(len: usize) -> Layout {
    let layout = Layout::array::<Bucket>(len).expect("no more buckets than addresses");
    if layout.size() < HUGE_BYTES {
        return layout;
    }
    layout.align_to(HUGE_BYTES).expect("far below the limit")
}

/// Memory for `len` buckets, at least one, with nothing in it.
pub(super) fn allocate(len: usize, touched: Touched) -> *mut Bucket {
    let layout = layout(len);
    debug_assert!(layout.size() > 0);
    // SAFETY: at least one bucket, which has a size.
    let start = unsafe { alloc(layout) };
    if start.is_null() {
        handle_alloc_error(layout);
    }
    if touched == Touched::AtOnce && layout.size() >= HUGE_BYTES {
        ask_for_huge_pages(start, layout.size());
    }
    start.cast()
}

/// # Safety
/// `first` came from [`allocate`] with the same `len`, and nobody uses it.
pub(super) unsafe fn free(first: *mut Bucket, len: usize) {
    // Buckets are atomics, which need no drop.
    // SAFETY: by contract, and this is the layout that it was allocated with.
    unsafe { dealloc(first.cast(), layout(len)) };
}

#[cfg(all(feature = "std", target_os = "linux", not(miri)))]
fn ask_for_huge_pages(start: *mut u8, bytes: usize) {
    use rustix::mm::{Advice, madvise};
    // SAFETY: our own memory, aligned to pages; which ones hold it changes nothing in what it contains.
    let _refused_is_slower = unsafe { madvise(start.cast(), bytes, Advice::LinuxHugepage) };
}

#[cfg(not(all(feature = "std", target_os = "linux", not(miri))))]
fn ask_for_huge_pages(_: *mut u8, _: usize) {}
