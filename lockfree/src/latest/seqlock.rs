//! Seqlock: one writer, any number of readers that write nothing, a few words.
//!
//! # Protocol
//!
//! A counter stands beside the words.
//!
//! 1. *Write.* The counter becomes odd, the words are stored, the counter becomes even again. A
//!    release fence after the first step keeps the words from being seen before it; the last store
//!    releases them.
//! 2. *Read.* The counter is loaded (acquire), then the words, then after an acquire fence the counter
//!    again. If it was even and is the same, no word was stored meanwhile, and the words belong
//!    together. A word that had been seen too early would come with its odd counter, by the two
//!    fences.
//! 3. *Retry, with a bound.* Otherwise the reader pauses and tries again, a fixed number of times. Then
//!    it gives up ([`SeqReader::try_read`]) or gives the last it has read, in either way
//!    ([`SeqReader::read`]): so what a reader gives never goes back.
//!
//! Words are atomic and accessed without order, so a torn read is seen and not undefined behaviour;
//! there is no unsafe code here. That is why a value is `[u64; N]` and not any `T: Copy`, which may
//! have padding.
//!
//! # Limits
//!
//! The writer is wait-free. A reader is, by the bound, but learns nothing new from a writer that never
//! pauses, or one that is stopped in the middle of a write.
//!
//! # When not to use it
//!
//! With a writer that writes more often than a read takes (some ten nanoseconds for a few words, plus a
//! cache miss for each reader and write): **limit the rate of the writer**, to a few thousand writes
//! a second say, or use a [triple buffer](super::triple_buffer) per reader. Not for large values.
//!
//! Source: the Linux kernel's seqlock; the fences are those of Boehm, "Can seqlocks get along with
//! programming language memory models?" (2012).

use core::array;
use core::fmt;

use crossbeam_utils::CachePadded;

use crate::sync::Arc;
use crate::sync::atomic::{
    AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence,
};
use crate::sync::{MODELLED, spin_loop};

/// How often a reader tries.
const TRIES: u32 = if MODELLED { 2 } else { 16 };

struct Cell<const N: usize> {
    /// Odd while a write is going on.
    counter: AtomicU64,
    words: [AtomicU64; N],
}

impl<const N: usize> Cell<N> {
    fn try_once(&self) -> Option<[u64; N]> {
        let before = self.counter.load(Acquire);
        if before % 2 == 1 {
            return None;
        }
        let value = array::from_fn(|index| self.words[index].load(Relaxed));
        fence(Acquire);
        (self.counter.load(Relaxed) == before).then_some(value)
    }
}

/// A seqlock that holds `value`.
#[must_use]
pub fn seqlock<const N: usize>(value: [u64; N]) -> (SeqWriter<N>, SeqReader<N>) {
    starting_at(0, value)
}

/// A seqlock whose counter starts at `counter`, which is even.
fn starting_at<const N: usize>(counter: u64, value: [u64; N]) -> (SeqWriter<N>, SeqReader<N>) {
    let cell = Arc::new(CachePadded::new(Cell {
        counter: AtomicU64::new(counter),
        words: value.map(AtomicU64::new),
    }));
    let writer = SeqWriter {
        cell: cell.clone(),
        counter,
    };
    (writer, SeqReader { cell, last: value })
}

/// The writing end of a seqlock; there is one.
pub struct SeqWriter<const N: usize> {
    cell: Arc<CachePadded<Cell<N>>>,
    counter: u64,
}

impl<const N: usize> SeqWriter<N> {
    /// Replaces the value. Meant for a limited rate; see the module.
    #[inline]
    pub fn write(&mut self, value: [u64; N]) {
        self.cell
            .counter
            .store(self.counter.wrapping_add(1), Relaxed);
        fence(Release);
        for (word, value) in self.cell.words.iter().zip(value) {
            word.store(value, Relaxed);
        }
        self.counter = self.counter.wrapping_add(2);
        self.cell.counter.store(self.counter, Release);
    }
}

impl<const N: usize> fmt::Debug for SeqWriter<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqWriter").finish_non_exhaustive()
    }
}

/// A reading end of a seqlock; clones read the same one.
#[derive(Clone)]
pub struct SeqReader<const N: usize> {
    cell: Arc<CachePadded<Cell<N>>>,
    last: [u64; N],
}

impl<const N: usize> SeqReader<N> {
    /// The value, or none if the writer was writing at each of a bounded number of tries.
    #[inline]
    #[must_use]
    pub fn try_read(&mut self) -> Option<[u64; N]> {
        for _ in 1..TRIES {
            if let Some(value) = self.try_once() {
                return Some(value);
            }
            spin_loop();
        }
        self.try_once()
    }

    #[inline]
    fn try_once(&mut self) -> Option<[u64; N]> {
        let value = self.cell.try_once()?;
        self.last = value;
        Some(value)
    }

    /// The value, or the last one that this reader gave if [`SeqReader::try_read`] gives none; before
    /// that, the one with which the seqlock began.
    #[inline]
    pub fn read(&mut self) -> [u64; N] {
        self.try_read().unwrap_or(self.last)
    }
}

impl<const N: usize> fmt::Debug for SeqReader<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqReader")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use super::starting_at;

    #[test]
    fn values_are_read_while_the_counter_wraps() {
        let (mut writer, mut reader) = starting_at(u64::MAX - 3, [0, 0]);
        for value in 1..6 {
            writer.write([value, value]);
            assert_eq!(reader.try_read(), Some([value, value]));
            assert_eq!(reader.read(), [value, value]);
        }
    }

    #[test]
    fn a_writer_that_stops_halfway_leaves_readers_with_what_they_had() {
        let (mut writer, reader) = starting_at(0, [1, 2]);
        let mut readers = [(); 3].map(|()| reader.clone());
        let [_, tries, reads] = &mut readers;
        writer.write([3, 4]);
        assert_eq!(tries.try_read(), Some([3, 4]));
        assert_eq!(reads.read(), [3, 4]);
        let counter = &writer.cell.counter;
        counter.store(3, core::sync::atomic::Ordering::Relaxed);
        assert!(readers.iter_mut().all(|it| it.try_read().is_none()));
        let had = readers.each_mut().map(super::SeqReader::read);
        assert_eq!(had, [[1, 2], [3, 4], [3, 4]]);
    }
}
