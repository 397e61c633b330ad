//! What keeps a view's tables of blocks, and pays for them.

use super::directory::{Directory, Entry, Table};
use crate::lock::Mutex;
use crate::memory::{Charge, Kind, Memory};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Entries of the first table.
const FIRST: usize = 32;

/// What belongs to the directories of a view and is not for readers.
pub(crate) struct Tables {
    /// Keeps the blocks mapped.
    memory: Arc<Memory>,
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    _table: Table,
    _charge: Charge,
}

impl Tables {
    pub(crate) fn new(memory: &Arc<Memory>) -> Self {
        Self {
            memory: Arc::clone(memory),
            kept: Mutex::default(),
        }
    }

    /// Makes sure that block `number` of `directory` can be set, if the budget allows. Called by the
    /// holder of the shard's lock, with a directory of the same view.
    pub(crate) fn reserve(&self, directory: &Directory, number: usize) -> bool {
        number < directory.len() || self.lengthen(directory, number)
    }

    #[cold]
    fn lengthen(&self, directory: &Directory, number: usize) -> bool {
        let len = (number + 1).next_power_of_two().max(FIRST);
        let bytes = len * size_of::<Entry>() + size_of::<Kept>();
        let Some(charge) = self.memory.charge(Kind::Fixed, bytes) else {
            return false;
        };
        // SAFETY: kept below; the view's directories are used as long as the view is borrowed, and
        // these tables go with it.
        let table = unsafe { directory.lengthen(len) };
        self.kept.lock().push(Kept {
            _table: table,
            _charge: charge,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Span;
    use crate::pages::PAGE_BYTES;
    use core::sync::atomic::Ordering;

    #[test]
    fn blocks_are_found_by_number_and_the_table_is_charged() {
        let memory = Memory::new(4 << 20);
        let tables = Tables::new(&memory);
        let directory = Directory::new();
        // SAFETY: all blocks are dense memory of so many words, which lives longer.
        let block = |number| unsafe { directory.block(number, PAGE_BYTES / 8) };
        assert!(block(0).is_none());
        let spans: Vec<Span> = (0..200)
            .map(|number| {
                assert!(tables.reserve(&directory, number));
                let mut span = memory.span(Kind::Index, PAGE_BYTES, 1).unwrap();
                span.cells()[9].store(number as u64, Ordering::Relaxed);
                directory.set(number, span.start());
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
            entries * 8 + 4 * size_of::<Kept>()
        );
        drop((directory, tables, spans));
        assert_eq!(memory.used_by(Kind::Fixed), 0);
    }
}
