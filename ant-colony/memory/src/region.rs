//! A map of memory in the largest pages that the system gives.
//!
//! Invariants:
//! - `start` and `bytes` describe a private anonymous map that is readable, writable, all zeros at
//!   first, and owned by the region alone until it is dropped;
//! - `len` is at most `bytes`.

use std::io;
use std::path::Path;
use std::ptr::{self, NonNull};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use crate::{HugePages, Pages, Refusal, numa};

const HUGE_BYTES: usize = 2 << 20;

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Bytes; at least one.
    pub bytes: usize,
    /// The largest pages to try. What is refused falls back to the next smaller kind.
    pub pages: Pages,
    /// The NUMA node to take memory from first; `None` for the one of whoever touches a page first.
    pub node: Option<usize>,
}

/// What was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The kind of pages. Of transparent ones the kernel may still make fewer than fit.
    pub pages: Pages,
    /// The node that is preferred.
    pub node: Option<usize>,
    /// What was wanted and refused.
    pub refusals: Vec<Refusal>,
}

/// Memory of its own, zeroed, given back when it is dropped.
#[derive(Debug)]
pub struct Region {
    start: NonNull<u8>,
    bytes: usize,
    len: usize,
    report: Report,
}

// SAFETY: the region is plain memory with one owner; nothing in it is tied to a thread.
unsafe impl Send for Region {}
// SAFETY: shared access only reads.
unsafe impl Sync for Region {}

impl Region {
    /// Maps memory. Huge pages and the node are wishes; only the memory itself is not.
    ///
    /// # Errors
    ///
    /// If no bytes are asked for, or the system has not so much.
    pub fn map(request: &Request) -> io::Result<Self> {
        if request.bytes == 0 {
            let text = "a region needs at least one byte";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let mut refusals = Vec::new();
        let mut region = match request.pages {
            Pages::Explicit => match Self::explicit(request.bytes) {
                Ok(region) => region,
                Err(error) => {
                    refusals.push(explicit_refusal(&error, request.bytes));
                    Self::transparent(request.bytes, &mut refusals)?
                }
            },
            Pages::Transparent => Self::transparent(request.bytes, &mut refusals)?,
            Pages::Small => Self::small(request.bytes)?,
        };
        if let Some(node) = request.node {
            match numa::prefer(region.start, region.bytes, node) {
                Ok(()) => region.report.node = Some(node),
                Err(error) => refusals.push(node_refusal(&error, node)),
            }
        }
        region.report.refusals = refusals;
        Ok(region)
    }

    /// What was granted and what was not.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The memory.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: by the invariants, and nobody writes while the region is borrowed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The memory, to be written.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: by the invariants, and the region is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    fn explicit(len: usize) -> io::Result<Self> {
        let bytes = rounded(len, HUGE_BYTES)?;
        // Not NORESERVE: a page that is missing is refused here, instead of a signal at the first touch.
        let start = anonymous(bytes, MapFlags::HUGETLB | MapFlags::HUGE_2MB)?;
        Ok(Self::new(start, bytes, len, Pages::Explicit))
    }

    fn transparent(len: usize, refusals: &mut Vec<Refusal>) -> io::Result<Self> {
        let offer = HugePages::read(Path::new("/"));
        if !matches!(offer.transparent.as_deref(), Some("always" | "madvise")) {
            refusals.push(Refusal {
                reason: "this system makes no transparent huge pages".into(),
                remedy: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled".into(),
            });
            return Self::small(len);
        }
        let mut region = Self::aligned(len)?;
        // SAFETY: the range is the region's own map; which pages hold it changes nothing in it.
        let advised = unsafe {
            madvise(
                region.start.as_ptr().cast(),
                region.bytes,
                Advice::LinuxHugepage,
            )
        };
        match advised {
            Ok(()) => region.report.pages = Pages::Transparent,
            Err(error) => refusals.push(Refusal {
                reason: format!("the kernel refuses transparent huge pages: {error}"),
                remedy: "Look for a container's restrictions on madvise.".into(),
            }),
        }
        Ok(region)
    }

    fn small(len: usize) -> io::Result<Self> {
        let bytes = rounded(len, rustix::param::page_size())?;
        let start = anonymous(bytes, MapFlags::empty())?;
        Ok(Self::new(start, bytes, len, Pages::Small))
    }

    /// Small pages in a range that huge ones fit into.
    fn aligned(len: usize) -> io::Result<Self> {
        let bytes = rounded(len, HUGE_BYTES)?;
        let mapped = bytes
            .checked_add(HUGE_BYTES)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let start = anonymous(mapped, MapFlags::empty())?;
        let before = start.as_ptr().align_offset(HUGE_BYTES);
        // SAFETY: at most one huge page less a byte, and the map has one more than is kept.
        let kept = unsafe { start.add(before) };
        // SAFETY: the map ends `HUGE_BYTES - before` bytes after this.
        let end = unsafe { kept.add(bytes) };
        unmap(start, before);
        unmap(end, mapped - before - bytes);
        Ok(Self::new(kept, bytes, len, Pages::Small))
    }

    fn new(start: NonNull<u8>, bytes: usize, len: usize, pages: Pages) -> Self {
        Self {
            start,
            bytes,
            len,
            report: Report {
                pages,
                node: None,
                refusals: Vec::new(),
            },
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        unmap(self.start, self.bytes);
    }
}

fn rounded(len: usize, unit: usize) -> io::Result<usize> {
    let rounded = len.checked_next_multiple_of(unit);
    rounded.ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

fn anonymous(bytes: usize, flags: MapFlags) -> io::Result<NonNull<u8>> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    let flags = flags | MapFlags::PRIVATE;
    // SAFETY: a new anonymous map at an address of the system's choice; it replaces nothing.
    let start = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, flags)? };
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Gives a range of one of our own maps back, to which nobody refers any more.
fn unmap(start: NonNull<u8>, bytes: usize) {
    if bytes > 0 {
        // SAFETY: the callers hand over whole pages of their own map that they will not use again.
        let unmapped = unsafe { munmap(start.as_ptr().cast(), bytes) };
        debug_assert!(unmapped.is_ok());
    }
}

fn explicit_refusal(error: &io::Error, bytes: usize) -> Refusal {
    let wanted = bytes.div_ceil(HUGE_BYTES);
    let free = HugePages::read(Path::new("/")).explicit_free.unwrap_or(0);
    Refusal {
        reason: format!("no {wanted} explicit huge pages of 2 MiB, {free} are free: {error}"),
        remedy: format!("Set more aside: sysctl vm.nr_hugepages={wanted}"),
    }
}

fn node_refusal(error: &io::Error, node: usize) -> Refusal {
    Refusal {
        reason: format!("memory of NUMA node {node} cannot be preferred: {error}"),
        remedy: "`ls /sys/devices/system/node` shows the nodes; containers may forbid mbind."
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: usize, pages: Pages) -> Request {
        Request {
            bytes,
            pages,
            node: None,
        }
    }

    #[test]
    fn all_kinds_give_zeroed_memory_and_say_what_it_is() {
        for pages in [Pages::Explicit, Pages::Transparent, Pages::Small] {
            for bytes in [1, 4096, HUGE_BYTES + 1] {
                let mut region = Region::map(&request(bytes, pages)).unwrap();
                assert_eq!(region.as_slice().len(), bytes);
                assert!(region.as_slice().iter().all(|&byte| byte == 0));
                region.as_mut_slice().fill(7);
                assert!(region.as_slice().iter().all(|&byte| byte == 7));
                let report = region.report();
                assert_eq!(
                    report.pages == pages,
                    report.refusals.is_empty(),
                    "{report:?}"
                );
                if report.pages == Pages::Transparent {
                    assert_eq!(region.start.as_ptr().align_offset(HUGE_BYTES), 0);
                }
            }
        }
    }

    #[test]
    fn a_node_is_preferred_or_the_refusal_names_it() {
        for node in [0, 1023, 5000] {
            let region = Region::map(&Request {
                node: Some(node),
                ..request(1 << 16, Pages::Small)
            });
            let report = region.unwrap().report().clone();
            match report.node {
                Some(granted) => assert_eq!((granted, report.refusals.len()), (node, 0)),
                None => {
                    let [refusal] = &report.refusals[..] else {
                        panic!("{report:?}");
                    };
                    assert!(
                        refusal.reason.contains(&format!("node {node}")),
                        "{refusal}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_bytes_and_too_many_are_errors() {
        assert!(Region::map(&request(0, Pages::Small)).is_err());
        for pages in [Pages::Explicit, Pages::Transparent, Pages::Small] {
            assert!(Region::map(&request(usize::MAX, pages)).is_err());
            assert!(Region::map(&request(usize::MAX - HUGE_BYTES, pages)).is_err());
        }
    }
}
