//! Ranges of addresses from Linux, and which pages hold them.

use super::PAGE_BYTES;
use super::chunks::CHUNK_BYTES;
use core::ptr::{self, NonNull};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// `MADV_COLLAPSE` of Linux 6.1, which not every C library names.
const ADVICE_COLLAPSE: libc::c_int = 25;

/// A map of memory, readable and writable. Its pages come when they are touched, and are
/// small ones.
pub(super) struct Region {
    pub(super) start: NonNull<u8>,
    pub(super) bytes: usize,
}

// SAFETY: the region is plain memory with one owner; nothing in it is tied to a thread.
unsafe impl Send for Region {}

impl Region {
    /// A region that begins with a chunk.
    pub(super) fn map_aligned(bytes: usize) -> Option<Self> {
        let slack = CHUNK_BYTES - PAGE_BYTES;
        let mut region = Self::map(bytes.checked_add(slack)?)?;
        let address = region.start.as_ptr() as usize;
        let before = address.next_multiple_of(CHUNK_BYTES) - address;
        region.trim(before, slack - before);
        Some(region)
    }

    /// A region that begins with any page.
    pub(super) fn map(bytes: usize) -> Option<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new anonymous map at an address of the system's choice; it replaces nothing.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, flags) };
        let start = NonNull::new(start.ok()?.cast::<u8>())?;
        // SAFETY: the range is the map that was just made. Huge pages would bring back pages
        // that were given back, uncharged. Where they do not exist, nothing is to be done.
        let _ = unsafe { madvise(start.as_ptr().cast(), bytes, Advice::LinuxNoHugepage) };
        Some(Self { start, bytes })
    }

    /// Unmaps the first and the last bytes.
    fn trim(&mut self, first: usize, last: usize) {
        let begin = self.start;
        self.bytes -= first + last;
        // SAFETY: what is left begins inside of the map.
        self.start = unsafe { self.start.add(first) };
        // SAFETY: it also ends inside of the map, or with it.
        let end = unsafe { self.start.add(self.bytes) };
        for (start, bytes) in [(begin, first), (end, last)] {
            if bytes > 0 {
                // SAFETY: the range is a part of the map that is not of the region any more.
                let unmapped = unsafe { munmap(start.as_ptr().cast(), bytes) };
                debug_assert!(unmapped.is_ok());
            }
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: whoever owned the region and is dropped now lent nothing of it that lives longer.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok());
    }
}

/// Makes one page of a chunk; answers whether that was done. Refused is what the system
/// cannot do: an old one, one short of memory, one without huge pages.
pub(super) fn collapse(chunk: usize) -> bool {
    let start = chunk as *mut _;
    // SAFETY: which pages may hold a range changes nothing in what it contains.
    let allowed = unsafe { madvise(start, CHUNK_BYTES, Advice::LinuxHugepage) };
    let collapsed = allowed.is_ok()
        // SAFETY: nor does it matter to the contents which pages do hold it.
        && unsafe { libc::madvise(start.cast(), CHUNK_BYTES, ADVICE_COLLAPSE) } == 0;
    // SAFETY: as above.
    let _ = unsafe { madvise(start, CHUNK_BYTES, Advice::LinuxNoHugepage) };
    collapsed
}

/// Splits the huge pages that lie in the range with a part only: a side effect of telling
/// the system that the range will not be used soon. If it refuses, it splits later, when it
/// is short of memory.
pub(super) fn split(start: usize, len: usize) {
    // SAFETY: the advice changes nothing in what the range contains.
    let _ = unsafe { madvise(start as *mut _, len, Advice::LinuxCold) };
}

/// Brings all pages of a range, at a fraction of the cost of a fault for each.
pub(super) fn populate(start: usize, len: usize) {
    // SAFETY: this changes nothing in what the range contains. Where it is refused, the
    // faults come one by one.
    let _ = unsafe { madvise(start as *mut _, len, Advice::LinuxPopulateWrite) };
}

/// Gives the pages of a range back to the system.
///
/// # Safety
/// The range must lie in regions, and nobody may refer to it. It reads as zero afterwards.
pub(super) unsafe fn discard(start: usize, len: usize) {
    // SAFETY: as the caller warrants; anonymous pages read as zero afterwards.
    let advised = unsafe { madvise(start as *mut _, len, Advice::LinuxDontNeed) };
    // A refusal would only mean that the pages stay.
    debug_assert!(advised.is_ok());
}
