//! Blocks of memory that come into use, and the tables that tell where they are.

use super::directory::{Directory, Table};
use super::*;
use std::ptr::NonNull;

/// The directory of a view with what belongs to it: one writer adds blocks of one word each, which say
/// their number once they are initialised.
struct Blocks {
    directory: Directory,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    tables: Vec<Table>,
    blocks: Vec<NonNull<AtomicU64>>,
}

// SAFETY: blocks are atomics, and these the only pointers by which they are freed.
unsafe impl Send for Kept {}

impl Drop for Kept {
    fn drop(&mut self) {
        for block in &self.blocks {
            // SAFETY: from a box; the directory is not used any more.
            drop(unsafe { Box::from_raw(block.as_ptr()) });
        }
    }
}

impl Blocks {
    fn new() -> Arc<Self> {
        let directory = Directory::new();
        let kept = Mutex::default();
        Arc::new(Self { directory, kept })
    }

    /// Makes entries.
    fn lengthen(&self, len: usize) {
        // SAFETY: kept until the directory goes.
        let table = unsafe { self.directory.lengthen(len) };
        self.kept.lock().unwrap().tables.push(table);
    }

    /// Makes block `number`.
    fn add(&self, number: usize) {
        let block = Box::leak(Box::new(AtomicU64::new(u64::MAX)));
        fill(block, number as u64);
        let block = NonNull::from(block);
        self.kept.lock().unwrap().blocks.push(block);
        self.directory.set(number, block);
    }

    /// What block `number` says, if it is found.
    fn read(&self, number: usize) -> Option<u64> {
        // SAFETY: all blocks have one word and are kept until the directory goes.
        let block = unsafe { self.directory.block(number, 1) };
        block.map(|words| look(&words[0]))
    }
}

/// Runs `write` on another thread and `read` here.
fn both(blocks: &Arc<Blocks>, write: fn(&Blocks), read: impl FnOnce(&Blocks)) {
    let shared = Arc::clone(blocks);
    let writer = thread::spawn(move || write(&shared));
    read(blocks);
    writer.join().unwrap();
}

/// A number that is garbage may be that of a block that has only just come.
#[test]
fn whoever_finds_a_block_finds_it_initialised() {
    model(|| {
        let blocks = Blocks::new();
        blocks.lengthen(1);
        let read = |blocks: &Blocks| assert!(matches!(blocks.read(0), None | Some(0)));
        both(&blocks, |blocks| blocks.add(0), read);
    });
}

#[test]
fn whoever_finds_a_length_finds_a_table_of_it() {
    model(|| {
        let read = |blocks: &Blocks| assert_eq!(blocks.read(0), None);
        both(&Blocks::new(), |blocks| blocks.lengthen(1), read);
    });
}

#[test]
fn a_block_stays_found_while_the_table_is_replaced_and_another_comes() {
    model(|| {
        let blocks = Blocks::new();
        blocks.lengthen(1);
        blocks.add(0);
        both(
            &blocks,
            |blocks| {
                blocks.lengthen(2);
                blocks.add(1);
            },
            |blocks| {
                assert_eq!(blocks.read(0), Some(0));
                assert!(matches!(blocks.read(1), None | Some(1)));
                assert_eq!(blocks.read(2), None);
            },
        );
    });
}
