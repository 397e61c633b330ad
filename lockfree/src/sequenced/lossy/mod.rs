//! Lossy mode: the publisher never waits; who falls behind loses items and is told how many.
//!
//! Items are arrays of `u64`, which are copied out word by word: a reader may be overtaken while it
//! copies, so each word must be an atomic, and bytes of padding must not exist. Encode what you have
//! into words (`to_bits`, indices, times).
//!
//! # Protocol
//! Items are numbered; each slot has a mark that says which number it holds, and whether that is
//! being written.
//! 1. The publisher sets the mark to "number, being written", fences (release), and writes the
//!    words. Without the fence a reader could get new words and find the old mark afterwards.
//! 2. It sets the mark to "number" (release), so that who sees it sees the words.
//! 3. A consumer loads the mark (acquire). If the number is the one that it wants, it copies the
//!    words, fences (acquire), and looks at the mark again: if it is the same, so were the words.
//!    Without the fence the second look could come before the copying.
//! 4. If the mark is older, the item is not published yet. If it is newer, at either look, the item
//!    is lost: the consumer goes on in the middle of what the ring holds, so that it has time for
//!    half a ring before it is overtaken again, and reports how many it skipped.
//!
//! Nothing is tried again within a call: publishing and reading are wait-free, whatever others do.
//!
//! # Invariants
//! A slot is written by the publisher alone. Words of a lost item are thrown away unseen.
//!
//! # Limits
//! A consumer that is slower than the publisher for good loses for good; use [`gated`](super::gated)
//! if nothing may be lost. A stalled consumer costs nothing.

mod consumer;
mod publisher;

pub use consumer::{Consumer, Joiner};
pub use publisher::Publisher;

use alloc::boxed::Box;

use crossbeam_utils::CachePadded;

use super::seats::Seats;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64};

/// A ring of `capacity` items of as many words, for at most `consumers_max` consumers at a time
/// that poll.
///
/// # Panics
/// If `capacity` is not a power of two up to [`CAPACITY_MAX`](crate::spsc::CAPACITY_MAX), or
/// `consumers_max` is 0.
#[must_use]
pub fn ring<const WORDS: usize>(capacity: usize, consumers_max: usize) -> Publisher<WORDS> {
    start(capacity, consumers_max, 0)
}

/// The same with consumers that can wait.
///
/// # Panics
/// As [`ring`].
#[must_use]
pub fn channel<const WORDS: usize>(
    capacity: usize,
    consumers_max: usize,
) -> Publisher<WORDS, true> {
    start(capacity, consumers_max, 0)
}

fn start<const WORDS: usize, const WAIT: bool>(
    capacity: usize,
    consumers_max: usize,
    first: u64,
) -> Publisher<WORDS, WAIT> {
    super::check_capacity(capacity);
    // As if the ring had gone round once before: all marks are older than what will be read.
    let before = first.wrapping_sub(capacity as u64);
    let mask = capacity as u64 - 1;
    let slot = |index: u64| {
        let sequence = before.wrapping_add(index.wrapping_sub(before) & mask);
        Slot {
            mark: AtomicU64::new(whole(sequence)),
            words: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    };
    Publisher::new(
        Arc::new(Shared {
            tail: CachePadded::new(AtomicU64::new(first)),
            closed: CachePadded::new(AtomicBool::new(false)),
            seats: Seats::new(consumers_max),
            slots: (0..capacity as u64).map(slot).collect(),
        }),
        first,
    )
}

/// The mark of a slot that holds this item.
fn whole(sequence: u64) -> u64 {
    sequence << 1
}

/// The mark of a slot into which this item is being written.
fn partial(sequence: u64) -> u64 {
    sequence << 1 | 1
}

struct Slot<const WORDS: usize> {
    mark: AtomicU64,
    words: [AtomicU64; WORDS],
}

/// What all sides see.
struct Shared<const WORDS: usize> {
    /// The next item's number, for who joins: stored by the publisher alone.
    tail: CachePadded<AtomicU64>,
    closed: CachePadded<AtomicBool>,
    seats: Seats,
    slots: Box<[Slot<WORDS>]>,
}

impl<const WORDS: usize> Shared<WORDS> {
    #[inline(always)]
    fn slot(&self, sequence: u64) -> &Slot<WORDS> {
        &self.slots[sequence as usize & (self.slots.len() - 1)]
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
