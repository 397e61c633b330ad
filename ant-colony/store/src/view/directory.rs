//! How readers without the lock find numbered blocks of memory: a table of where they start.
//! `tests/loom` includes this file and checks its orders of memory.
//!
//! # Protocol
//!
//! 1. A table that is full is replaced by a longer one, which begins with what the former one says. It
//!    is stored first, then its length: so who has seen a length finds a table that has so many
//!    entries. Both release: the entries are made before somebody comes to them, also by way of an
//!    older length.
//! 2. A block's start is stored in the entry of its number, which releases: who finds it finds it
//!    initialised.
//!
//! The former tables stay, for readers that may still look at them: who finds a block's number in a
//! slot or a link finds a table that has it, and what an old table says of a number that was given
//! again is as outdated as the number. Numbers that are garbage are asked for, too: of these nothing
//! else is acquired.
//!
//! Invariants:
//! - an entry is null, or the start of a block;
//! - `len` is never larger than the length of the table that is found after reading it.

use super::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use alloc::boxed::Box;
use core::ptr::{self, NonNull};
use core::slice;

pub(crate) type Entry = AtomicPtr<AtomicU64>;

/// Where each block is.
pub(crate) struct Directory {
    len: AtomicUsize,
    entries: AtomicPtr<Entry>,
}

/// Entries that readers may look at as long as this lives.
pub(crate) struct Table {
    start: NonNull<Entry>,
    len: usize,
}

// SAFETY: a table is a box of atomics; nothing in it is tied to a thread.
unsafe impl Send for Table {}

impl Drop for Table {
    fn drop(&mut self) {
        let entries = ptr::slice_from_raw_parts_mut(self.start.as_ptr(), self.len);
        // SAFETY: a table is a box of that length, and nobody else frees it; by the contract of
        // `lengthen` no directory leads to it any more.
        drop(unsafe { Box::from_raw(entries) });
    }
}

impl Directory {
    pub(crate) fn new() -> Self {
        Self {
            len: AtomicUsize::new(0),
            entries: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// How many entries there are, to the only one who changes that.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Step 1: replaces the table by one with `len` entries, which are not fewer than before. To be
    /// called by one thread at a time.
    ///
    /// # Safety
    /// The table must be kept as long as the directory is used.
    pub(crate) unsafe fn lengthen(&self, len: usize) -> Table {
        let old_len = self.len();
        let old = (0..old_len).filter_map(|number| self.entry(number));
        let old = old.map(|entry| Entry::new(entry.load(Ordering::Relaxed)));
        let new = (old_len..len).map(|_| Entry::new(ptr::null_mut()));
        let entries: Box<[Entry]> = old.chain(new).collect();
        let start = Box::into_raw(entries).cast();
        self.entries.store(start, Ordering::Release);
        self.len.store(len, Ordering::Release);
        let start = NonNull::new(start).expect("a box has an address");
        Table { start, len }
    }

    /// Step 2: makes what starts there the block `number`, for which there is an entry.
    pub(crate) fn set(&self, number: usize, start: NonNull<AtomicU64>) {
        let entry = self.entry(number).expect("there is an entry");
        entry.store(start.as_ptr(), Ordering::Release);
    }

    #[inline]
    fn entry(&self, number: usize) -> Option<&Entry> {
        if number >= self.len.load(Ordering::Acquire) {
            return None;
        }
        let entries = self.entries.load(Ordering::Acquire);
        // SAFETY: the table was stored before the length, and has at least so many entries.
        let entry = unsafe { entries.add(number) };
        // SAFETY: it stays as long as the directory is used.
        Some(unsafe { &*entry })
    }

    /// The words of block `number`. What is there now may be something else: then the
    /// sequence says so.
    ///
    /// # Safety
    /// All that was ever [set](Self::set) has at least `words` words, which are initialised and
    /// aligned, are only written by atomic stores, whoever owns them, and stay readable as long as the
    /// directory is borrowed.
    #[inline]
    pub(crate) unsafe fn block(&self, number: usize, words: usize) -> Option<&[AtomicU64]> {
        let start = self.entry(number)?.load(Ordering::Acquire);
        if start.is_null() {
            return None;
        }
        // SAFETY: so many words start there, as the caller warrants; that they are initialised has
        // been acquired.
        Some(unsafe { slice::from_raw_parts(start, words) })
    }
}
