//! The ring of receive buffers that the kernel fills (a provided-buffer ring).
//!
//! Invariants on which the unsafe blocks rest:
//! 1. `entries` and `memory` are mappings of this value alone, there until it is dropped.
//! 2. Each buffer number is in exactly one place: in the kernel's hands, or in one [`Chunk`].
//!    Nothing but `take` makes a chunk, and a chunk can be neither copied nor cloned.
//! 3. A buffer in the kernel's hands is not read or written here. A buffer in a chunk is not written
//!    by anybody, and its bytes in the chunk's range have been written by the kernel.
//! 4. The value is dropped only when no operation that selects its buffers is in flight (the owner's
//!    duty, stated at [`Buffers::new`]).

use std::ffi::c_void;
use std::io;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Number of buffers; a power of two.
const COUNT: u16 = 256;
/// Bytes of a buffer that the kernel may fill.
const BYTES: usize = 8 * 1024;
/// Distance of two buffers. Short requests touch only the first line of each buffer: a distance that
/// is not a multiple of the page spreads these lines over all sets of the cache.
const STRIDE: usize = BYTES + 64;
/// The number of this group of buffers; there is one per io_uring instance.
pub(super) const GROUP: u16 = 0;

/// Received bytes in a buffer that the kernel has given back.
#[derive(Debug)]
pub(super) struct Chunk {
    number: u16,
    start: usize,
    end: usize,
}

impl Chunk {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// The buffers and the ring by which they go to the kernel.
pub(super) struct Buffers {
    entries: Mapping<BufRingEntry>,
    memory: Mapping<u8>,
    tail: u16,
    /// Buffers in the kernel's hands.
    free: u16,
}

impl Buffers {
    /// Registers a ring of buffers, all of them free.
    ///
    /// # Safety
    ///
    /// The value may be dropped only when the instance of `submitter` has no operation in flight
    /// that selects a buffer of [`GROUP`]. Leaking it is fine.
    // ThreadSanitizer's suppression finds it by its own name, which an inlined function loses.
    #[inline(never)]
    pub(super) unsafe fn new(submitter: &Submitter<'_>) -> io::Result<Self> {
        let mut buffers = Self {
            entries: Mapping::new(usize::from(COUNT) * size_of::<BufRingEntry>())?,
            memory: Mapping::new(usize::from(COUNT) * STRIDE)?,
            tail: 0,
            free: 0,
        };
        (0..COUNT).for_each(|number| buffers.give(number));
        let address = buffers.entries.as_ptr() as u64;
        // SAFETY: the ring has COUNT entries at a page-aligned address and lives as long as `self`,
        // which by this function's contract outlives every use by the kernel.
        unsafe { submitter.register_buf_ring_with_flags(address, COUNT, GROUP, 0)? };
        Ok(buffers)
    }

    /// Buffers that the kernel can fill.
    pub(super) fn free(&self) -> usize {
        usize::from(self.free)
    }

    /// Takes a buffer that the kernel has filled with `len` bytes.
    ///
    /// # Safety
    ///
    /// A completion of an operation on [`GROUP`] has just reported this number and length, and each
    /// completion is passed here at most once.
    pub(super) unsafe fn take(&mut self, number: u16, len: usize) -> Chunk {
        self.free -= 1;
        Chunk {
            number,
            start: 0,
            end: len,
        }
    }

    /// Appends bytes of the chunk to `out`, at most `limit`; returns their number.
    pub(super) fn read(&self, chunk: &mut Chunk, limit: usize, out: &mut Vec<u8>) -> usize {
        let count = chunk.len().min(limit);
        let start = self.buffer(chunk.number).wrapping_add(chunk.start);
        // SAFETY: by invariants 1 to 3 the buffer of a chunk lies within `memory`, its bytes in the
        // chunk's range are initialised, and nobody writes them while the chunk exists.
        let bytes = unsafe { std::slice::from_raw_parts(start, count) };
        out.extend_from_slice(bytes);
        chunk.start += count;
        count
    }

    /// Gives the chunk's buffer back to the kernel.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "giving the buffer back ends the chunk"
    )]
    pub(super) fn recycle(&mut self, chunk: Chunk) {
        self.give(chunk.number);
    }

    fn give(&mut self, number: u16) {
        let index = usize::from(self.tail & (COUNT - 1));
        // SAFETY: the index is below COUNT, so the entry is within the mapping of `entries`.
        let entry = unsafe { self.entries.add(index) };
        // SAFETY: the kernel reads entries only between its head and the tail published below. At
        // most COUNT buffers exist, so this entry, just after the tail, is not among them. The entry
        // was zeroed by the kernel, hence initialised; it is written by this thread alone.
        let entry = unsafe { &mut *entry.as_ptr() };
        entry.set_addr(self.buffer(number) as u64);
        entry.set_len(BYTES as u32);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
        self.free += 1;
        self.tail_cell().store(self.tail, Ordering::Release);
    }

    fn tail_cell(&self) -> &AtomicU16 {
        // SAFETY: `entries` points at the initialised first entry of the ring, whose reserved field
        // is the ring's tail.
        let tail = unsafe { BufRingEntry::tail(self.entries.as_ptr()) };
        // SAFETY: the field is aligned, lives as long as `self`, is written only through this atomic
        // (`give` sets the other fields of the entry) and read by the kernel with acquire order.
        unsafe { AtomicU16::from_ptr(tail.cast_mut()) }
    }

    fn buffer(&self, number: u16) -> *mut u8 {
        debug_assert!(
            number < COUNT,
            "the kernel knows {COUNT} buffers, not number {number}"
        );
        // SAFETY: the number is below COUNT, so the offset is within the mapping of `memory`.
        unsafe { self.memory.add(usize::from(number) * STRIDE) }.as_ptr()
    }
}

/// Zeroed, page-aligned memory, which costs nothing until it is touched.
struct Mapping<T> {
    start: NonNull<T>,
    bytes: usize,
}

impl<T> Mapping<T> {
    fn new(bytes: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: without a fixed address, the kernel chooses one where nothing is mapped.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, MapFlags::PRIVATE)? };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, bytes })
    }
}

impl<T> Deref for Mapping<T> {
    type Target = NonNull<T>;

    fn deref(&self) -> &NonNull<T> {
        &self.start
    }
}

impl<T> Drop for Mapping<T> {
    fn drop(&mut self) {
        let start = self.start.as_ptr().cast::<c_void>();
        // SAFETY: mapped in `new` with this size, and unmapped here only. By invariant 4 the kernel
        // does not use it any more, and no reference into it outlives the buffers.
        let unmapped = unsafe { munmap(start, self.bytes) };
        debug_assert!(unmapped.is_ok(), "a mapping could not be removed");
    }
}
