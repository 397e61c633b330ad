//! Numbered blocks of dense memory, for readers without the lock.
//!
//! A table of where they start, which is charged and replaced by one twice as long when it is
//! full. The old ones stay, for readers that may still look at them: who finds a block's number
//! in a slot or a link finds a table that has it, and what an old table says of a number that
//! was given again is as outdated as the number.
//!
//! Invariants:
//! - an entry is null, or the start of dense memory;
//! - `len` is never larger than the length of the table that is found after reading it.

use super::atomic::{AtomicU64, Ordering};
use crate::lock::Mutex;
use crate::memory::{Charge, Kind, Memory, Span};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicUsize};

/// Entries of the first table.
const FIRST: usize = 32;

type Entry = AtomicPtr<AtomicU64>;

/// Where each block is.
pub(crate) struct Directory {
    len: AtomicUsize,
    entries: AtomicPtr<Entry>,
}

/// What belongs to a directory and is not for readers.
pub(crate) struct Tables {
    /// Keeps the blocks mapped.
    memory: Arc<Memory>,
    kept: Mutex<Vec<Table>>,
}

struct Table {
    start: NonNull<Entry>,
    len: usize,
    _charge: Charge,
}

// SAFETY: a table is a box of atomics; nothing in it is tied to a thread.
unsafe impl Send for Table {}

impl Drop for Table {
    fn drop(&mut self) {
        let entries = ptr::slice_from_raw_parts_mut(self.start.as_ptr(), self.len);
        // SAFETY: a table is a box of that length, and nobody else frees it; the directory
        // that readers find it by is dropped with it.
        drop(unsafe { Box::from_raw(entries) });
    }
}

impl Tables {
    pub(crate) fn new(memory: &Arc<Memory>) -> Self {
        Self {
            memory: Arc::clone(memory),
            kept: Mutex::default(),
        }
    }
}

impl Directory {
    pub(crate) fn new() -> Self {
        Self {
            len: AtomicUsize::new(0),
            entries: AtomicPtr::default(),
        }
    }

    /// Makes sure that block `number` can be set, if the budget allows. Called by the holder
    /// of the shard's lock, with the tables of the same view.
    pub(crate) fn reserve(&self, number: usize, tables: &Tables) -> bool {
        number < self.len.load(Ordering::Relaxed) || self.grow(number, tables)
    }

    #[cold]
    fn grow(&self, number: usize, tables: &Tables) -> bool {
        let old_len = self.len.load(Ordering::Relaxed);
        let len = (number + 1).next_power_of_two().max(FIRST);
        let bytes = len * size_of::<Entry>() + size_of::<Table>();
        let Some(charge) = tables.memory.charge(Kind::Fixed, bytes) else {
            return false;
        };
        let old = (0..old_len).filter_map(|number| self.entry(number));
        let old = old.map(|entry| Entry::new(entry.load(Ordering::Relaxed)));
        let new = (old_len..len).map(|_| Entry::default());
        let entries: Box<[Entry]> = old.chain(new).collect();
        let start = Box::into_raw(entries).cast();
        self.entries.store(start, Ordering::Release);
        self.len.store(len, Ordering::Release);
        let start = NonNull::new(start).expect("a box has an address");
        tables.kept.lock().push(Table {
            start,
            len,
            _charge: charge,
        });
        true
    }

    /// Makes `span` the block `number`, for which there is an entry.
    pub(crate) fn set(&self, number: usize, span: &Span) {
        let entry = self.entry(number).expect("the entry was reserved");
        entry.store(span.start().as_ptr(), Ordering::Release);
    }

    #[inline]
    fn entry(&self, number: usize) -> Option<&Entry> {
        if number >= self.len.load(Ordering::Acquire) {
            return None;
        }
        let entries = self.entries.load(Ordering::Acquire);
        // SAFETY: the table was stored before the length, and has at least so many entries.
        let entry = unsafe { entries.add(number) };
        // SAFETY: it stays until the view is dropped, which is borrowed.
        Some(unsafe { &*entry })
    }

    /// The words of block `number`. What is there now may be something else: then the
    /// sequence says so.
    ///
    /// # Safety
    /// All blocks of the directory have at least `words` words.
    #[inline]
    pub(crate) unsafe fn block(&self, number: usize, words: usize) -> Option<&[AtomicU64]> {
        let start = self.entry(number)?.load(Ordering::Acquire);
        if start.is_null() {
            return None;
        }
        // SAFETY: 1. Dense memory of so many words starts there, as the caller warrants; it
        // stays readable as long as the memory of the view's tables lives. 2. It is
        // initialised, which the load acquires, and aligned to pages. 3. It is only written by atomic stores, whoever
        // owns it.
        Some(unsafe { slice::from_raw_parts(start, words) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::PAGE_BYTES;
    use alloc::vec::Vec;

    #[test]
    fn blocks_are_found_by_number_and_the_table_is_charged() {
        let memory = Memory::new(4 << 20);
        let tables = Tables::new(&memory);
        let directory = Directory::new();
        // SAFETY: all blocks have so many words.
        let block = |number| unsafe { directory.block(number, PAGE_BYTES / 8) };
        assert!(block(0).is_none());
        let spans: Vec<Span> = (0..200)
            .map(|number| {
                assert!(directory.reserve(number, &tables));
                let mut span = memory.span(Kind::Index, PAGE_BYTES, 1).unwrap();
                span.cells()[9].store(number as u64, Ordering::Relaxed);
                directory.set(number, &span);
                span
            })
            .collect();
        for number in 0..spans.len() {
            assert_eq!(
                block(number).unwrap()[9].load(Ordering::Relaxed),
                number as u64
            );
        }
        assert!(block(200).is_none() && block(1 << 40).is_none());
        let entries = 32 + 64 + 128 + 256;
        assert_eq!(
            memory.used_by(Kind::Fixed),
            entries * 8 + 4 * size_of::<Table>()
        );
        drop((directory, tables, spans));
        assert_eq!(memory.used_by(Kind::Fixed), 0);
    }
}
