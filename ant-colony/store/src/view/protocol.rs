//! The orders of memory between the writers of a shard, who hold its lock, and readers,
//! who do not. Every access that both sides make goes through here. What the rules are good
//! for stands in the module above; `tests/loom` includes this file and checks them.
//!
//! | side | step | why in this order |
//! |---|---|---|
//! | writer | [`publish`] | releases: who finds the word finds what it leads to |
//! | writer | [`Sequence::advance`] | releases: who begins after it finds what was published before |
//! | writer | … then a fence | who meets what is stored from here on finds the sequence advanced |
//! | writer | [`fill`] | relaxed: covered by that fence, and by the word that is published later |
//! | writer | [`Sequence::close`] | a fence after it: who meets what is stored from here on finds the shard closed |
//! | writer | unlocks the shard | a full barrier: its stores are seen before what it reads next |
//! | reader | [`Sequence::begin`] | acquires what was published before the last advance; not before own earlier writes |
//! | reader | [`follow`] | acquires what the word leads to |
//! | reader | [`look`] | relaxed: covered by the words that were followed |
//! | reader | [`Sequence::is_still`] | a fence first: what was met above may be newer than the sequence |
//!
//! Two threads that each write one key and then read the other's must not both read what was before:
//! that the unlocking is a read-modify-write, and that `begin` is sequentially consistent, forbids it on
//! the processors that there are (x86, Arm), by how these map to instructions. The language's own model
//! asks for a fence on both sides, which each look-up would pay for.

use super::atomic::{AtomicU64, Ordering, fence};

/// Counts the times that something which readers may look at was about to be destroyed.
///
/// It is even, or odd while changes to several shards are made that belong together.
#[derive(Debug)]
pub(crate) struct Sequence(AtomicU64);

/// What the sequence was when a look-up began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

/// The bit of a shard that is closed to readers.
const CLOSED: u64 = 1;
const STEP: u64 = 2;

impl Sequence {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// A reader begins; it must take the lock if the shard is closed.
    #[inline]
    pub(crate) fn begin(&self) -> Option<Epoch> {
        let now = self.0.load(Ordering::SeqCst);
        (now & CLOSED == 0).then_some(Epoch(now))
    }

    /// Whether nothing that was read since `begun` can have been destroyed.
    #[inline]
    pub(crate) fn is_still(&self, begun: Epoch) -> bool {
        fence(Ordering::Acquire);
        self.0.load(Ordering::Relaxed) == begun.0
    }

    /// What has taken the place of something else is published; from here on that other
    /// thing may be destroyed.
    #[inline]
    pub(crate) fn advance(&self) {
        let now = self.0.load(Ordering::Relaxed);
        self.0.store(now + STEP, Ordering::Release);
        renew();
    }

    /// Sends readers to the lock until [`Sequence::open`].
    pub(crate) fn close(&self) {
        let now = self.0.load(Ordering::Relaxed);
        self.0.store(now | CLOSED, Ordering::Relaxed);
        renew();
    }

    /// All changes that belong together are made.
    pub(crate) fn open(&self) {
        let now = self.0.load(Ordering::Relaxed);
        self.0.store((now | CLOSED) + 1, Ordering::Release);
    }
}

/// Memory that another shard has given away is about to be written for the first time: who
/// meets that finds the other shard's sequence advanced.
#[inline]
pub(crate) fn renew() {
    fence(Ordering::Release);
}

/// Stores a word that leads readers to what was stored before: a slot, a link, a header.
#[inline]
pub(crate) fn publish(word: &AtomicU64, value: u64) {
    word.store(value, Ordering::Release);
}

/// Loads a word that was published.
#[inline]
pub(crate) fn follow(word: &AtomicU64) -> u64 {
    word.load(Ordering::Acquire)
}

/// Stores a word that readers find by way of another one, or not any more.
#[inline]
pub(crate) fn fill(word: &AtomicU64, value: u64) {
    word.store(value, Ordering::Relaxed);
}

/// Loads a word that is not needed to find others.
#[inline]
pub(crate) fn look(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}
