//! A hardware counter that is read by an instruction: the page that the kernel keeps about it.
//!
//! Protocol (linux/perf_event.h, `struct perf_event_mmap_page`). The kernel changes the page when it
//! puts the event on a counter of the processor or takes it off, on the core of the thread that reads:
//! 1. The reader loads `lock`, then everything else, reads the counter that `index` names, and loads
//!    `lock` again. If it has changed, all is void, and it begins anew.
//! 2. `index` is one more than the number for the instruction; zero means that the event is on no
//!    counter now. Then `offset` alone is the count, else their sum; the counter has `pmc_width` bits
//!    and is signed.
//! 3. If the event was on a counter only for a part of the time, the count is scaled by
//!    `time_enabled / time_running`, both brought up to now by the time stamp counter. If it has never
//!    been on one, nothing is known.
//!
//! Step 1 is also what makes a reading of somebody else's counter harmless: `lock` has changed then.

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{
    AtomicI64, AtomicU16, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, fence,
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::perf::scaled;
use crate::ticks;

/// In `capabilities`: the counter may be read by `rdpmc`; the time can be computed from the time stamp
/// counter.
const RDPMC: u64 = 1 << 2;
const TIME: u64 = 1 << 3;

/// The beginning of the kernel's structure. The kernel writes it, so everything is atomic.
#[repr(C)]
#[derive(Default)]
struct Fields {
    version: AtomicU32,
    compatible_version: AtomicU32,
    lock: AtomicU32,
    index: AtomicU32,
    offset: AtomicI64,
    time_enabled: AtomicU64,
    time_running: AtomicU64,
    capabilities: AtomicU64,
    pmc_width: AtomicU16,
    time_shift: AtomicU16,
    time_multiplier: AtomicU32,
    time_offset: AtomicU64,
}

impl Fields {
    /// The count, by a function that reads a counter of the processor and one that reads the time stamp
    /// counter; `None` if it cannot be read so, or has not run yet.
    fn count(&self, rdpmc: impl Fn(u32) -> u64, ticks: impl Fn() -> u64) -> Option<u64> {
        loop {
            let lock = self.lock.load(Acquire);
            let count = self.count_unlocked(&rdpmc, &ticks);
            fence(Acquire);
            if self.lock.load(Relaxed) == lock {
                return count;
            }
        }
    }

    fn count_unlocked(&self, rdpmc: impl Fn(u32) -> u64, ticks: impl Fn() -> u64) -> Option<u64> {
        let capabilities = self.capabilities.load(Relaxed);
        if capabilities & RDPMC == 0 {
            return None;
        }
        let index = self.index.load(Relaxed);
        let mut count = self.offset.load(Relaxed);
        if index > 0 {
            let width = u32::from(self.pmc_width.load(Relaxed)).clamp(1, 64);
            count = count.wrapping_add(signed(rdpmc(index - 1), width));
        }
        let (mut enabled, mut running) = (
            self.time_enabled.load(Relaxed),
            self.time_running.load(Relaxed),
        );
        if enabled != running && capabilities & TIME != 0 {
            let since = self.since_change(ticks());
            enabled = enabled.wrapping_add(since);
            running = running.wrapping_add(if index > 0 { since } else { 0 });
        }
        scaled(count.max(0).cast_unsigned(), enabled, running)
    }

    /// Nanoseconds to be added to the two times.
    fn since_change(&self, ticks: u64) -> u64 {
        let multiplier = u128::from(self.time_multiplier.load(Relaxed));
        let shift = u32::from(self.time_shift.load(Relaxed)).min(127);
        let nanos = ((u128::from(ticks) * multiplier) >> shift) as u64;
        self.time_offset.load(Relaxed).wrapping_add(nanos)
    }
}

/// Extends the sign of a number of so many bits, 1 to 64.
fn signed(value: u64, bits: u32) -> i64 {
    let unused = 64 - bits;
    (value << unused).cast_signed() >> unused
}

/// A counter's page, mapped for reading.
pub(super) struct Page {
    /// The mapping, which starts with the fields and lasts as long as `self`.
    fields: NonNull<Fields>,
}

impl Page {
    /// Of an open counter of the calling thread.
    pub(super) fn map(counter: BorrowedFd<'_>) -> io::Result<Self> {
        let length = rustix::param::page_size();
        let (read, shared) = (ProtFlags::READ, MapFlags::SHARED);
        // SAFETY: without an address nothing that exists is replaced.
        let page = unsafe { mmap(ptr::null_mut(), length, read, shared, counter, 0) }?;
        match NonNull::new(page.cast()) {
            Some(fields) => Ok(Self { fields }),
            None => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    fn fields(&self) -> &Fields {
        // SAFETY: the mapping is a page, so it is aligned and long enough, and lasts as long as `self`.
        // The kernel may write to it at any time: all fields are atomic, and none is written here.
        unsafe { self.fields.as_ref() }
    }

    /// Whether the counter may be read by the instruction.
    pub(super) fn is_readable(&self) -> bool {
        self.fields().capabilities.load(Relaxed) & RDPMC != 0
    }

    /// The count so far, if it is known; to be called on the thread that opened the counter.
    pub(super) fn count(&self) -> Option<u64> {
        self.fields().count(rdpmc, ticks::now)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let length = rustix::param::page_size();
        // SAFETY: it was mapped with this length, and nothing refers to it any more.
        let unmapped = unsafe { munmap(self.fields.as_ptr().cast(), length) };
        debug_assert!(unmapped.is_ok(), "the mapping was valid");
    }
}

/// Reads a counter of the processor; only after the counter's page has allowed it.
#[cfg(target_arch = "x86_64")]
fn rdpmc(number: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the page says that the kernel lets this process execute the instruction, which it does as
    // long as such a page is mapped; the number is one that the page names. It only reads, and stays between the two looks at the page's
    // lock, as it may touch memory for all that the compiler knows.
    unsafe {
        std::arch::asm!(
            "rdpmc",
            in("ecx") number,
            out("eax") low,
            out("edx") high,
            options(nostack, preserves_flags),
        );
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Elsewhere the system call is used.
#[cfg(not(target_arch = "x86_64"))]
fn rdpmc(_: u32) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const WIDTH: u16 = 48;

    /// A counter that is on the processor as number 5.
    fn on_processor() -> Fields {
        Fields {
            index: 6.into(),
            offset: 1_000.into(),
            capabilities: (RDPMC | TIME).into(),
            pmc_width: WIDTH.into(),
            ..Fields::default()
        }
    }

    fn no_ticks() -> u64 {
        panic!("the time is not needed")
    }

    #[test]
    fn the_fields_lie_where_the_kernel_puts_them() {
        assert_eq!(std::mem::offset_of!(Fields, lock), 8);
        assert_eq!(std::mem::offset_of!(Fields, capabilities), 40);
        assert_eq!(std::mem::offset_of!(Fields, time_offset), 56);
    }

    #[test]
    fn a_count_is_the_offset_and_the_counter() {
        let read = |number| if number == 5 { 234 } else { 0 };
        assert_eq!(on_processor().count(read, no_ticks), Some(1_234));
    }

    #[test]
    fn a_counter_below_zero_is_signed_by_its_width() {
        let minus_three = (1 << WIDTH) - 3;
        assert_eq!(on_processor().count(|_| minus_three, no_ticks), Some(997));
    }

    #[test]
    fn an_event_off_the_processor_has_its_offset() {
        let fields = on_processor();
        fields.index.store(0, Relaxed);
        let unread = |_| panic!("there is no counter to read");
        assert_eq!(fields.count(unread, no_ticks), Some(1_000));
    }

    #[test]
    fn a_page_that_does_not_allow_it_is_not_read() {
        let fields = on_processor();
        fields.capabilities.store(TIME, Relaxed);
        let unread = |_| panic!("the instruction would fault");
        assert_eq!(fields.count(unread, no_ticks), None);
    }

    #[test]
    fn a_reading_during_which_the_kernel_changed_the_page_is_void() {
        let fields = on_processor();
        let reads = Cell::new(0);
        let read = |_| {
            reads.set(reads.get() + 1);
            if reads.get() == 1 {
                // The event moves to another counter in between.
                fields.offset.store(5_000, Relaxed);
                fields.lock.store(2, Relaxed);
                return 77;
            }
            8
        };
        assert_eq!(fields.count(read, no_ticks), Some(5_008));
        assert_eq!(reads.get(), 2);
    }

    #[test]
    fn an_event_that_has_not_got_a_counter_yet_has_no_count() {
        let fields = on_processor();
        fields.index.store(0, Relaxed);
        fields.offset.store(0, Relaxed);
        fields.time_enabled.store(3_000, Relaxed);
        assert_eq!(fields.count(|_| 0, || 0), None);
    }

    #[test]
    fn an_event_that_shares_its_counter_is_scaled_up_to_now() {
        let fields = on_processor();
        fields.time_enabled.store(3_000, Relaxed);
        fields.time_running.store(1_000, Relaxed);
        // A tick is half a nanosecond; 2,000 of them are 1,000 ns since the change.
        fields.time_multiplier.store(1, Relaxed);
        fields.time_shift.store(1, Relaxed);
        let count = fields.count(|_| 500, || 2_000);
        // 1,500 in 2,000 of 4,000 ns.
        assert_eq!(count, Some(3_000));
    }
}
