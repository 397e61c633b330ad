//! What readers see of a shard without taking its lock.
//!
//! Writers hold the shard's lock, as ever. Readers write nothing that others read, wait for
//! nobody, and may stop anywhere for as long as they like: nothing is kept for them.
//!
//! # Protocol
//!
//! All memory that readers may look at (buckets of the index, segments) stays mapped as long
//! as the store lives, is written by atomic stores only, and found through tables that are
//! never freed ([`Directory`]). So whoever is late reads garbage at worst, and every number in it is
//! checked against its bounds. Whether it was garbage, the shard's [`Sequence`] tells.
//!
//! A **writer** that replaces something (a slot that moves to another place, a record that
//! moves or gets a new value) does so in three steps:
//! 1. store the new one, and publish what leads to it;
//! 2. advance the sequence, once for all that follows;
//! 3. destroy the old one: clear its place, or put its memory to another use. This may come
//!    much later, but what is destroyed without having been replaced (a removed record) also
//!    waits for an advance after the store that removed it.
//!
//! In between everything is found, be it twice. There is no time at which the sequence says
//! "being changed": a writer that stops keeps no reader waiting.
//!
//! A **reader**
//! 1. reads the sequence;
//! 2. finds the slot by its tag, then the record, compares the key, copies the value;
//! 3. reads the sequence again. If it has changed, what was copied may be anything: begin
//!    again, and after [`TRIES`] times take the lock.
//!
//! **Values never change in place.** An overwrite makes a new record and replaces the location
//! in the slot by one store. Three things do change in a record: the stamp (expiry and access
//! time) is one word; the length of a value that grows within its room is one store of the
//! header, after the bytes behind the old end; and the mark of the dead, which readers ignore.
//! After a change of header or expiry the sequence is advanced, so that nobody sees the later
//! of two without the earlier.
//!
//! # Why it is linearizable
//!
//! Call what is stored between two advances of the sequence an *epoch*. A reader that is
//! content has read, of the epochs before the one it began in, everything (its first look
//! acquired the advance); of later ones nothing (who meets a store that follows an advance
//! finds, after the reader's fence, that advance); of its own epoch any part.
//!
//! *A hit* counts as done when the slot was loaded. The record that the slot named held the
//! key and this value from when it was published until memory is put to another use; that is
//! after a later advance, so not yet. If the slot was an old copy of one that had moved, the mover still
//! held the lock when it was loaded, since it clears the copy before it lets go: nobody had
//! changed the key in its new place. And nothing that is known to have been done before the
//! reader began can contradict it: then its stores would have been seen.
//!
//! *A miss* counts as done at a time when the key was absent. Suppose there was none. Where
//! the key's slot was when the epoch began it has been until now, at least: it is
//! cleared in a later epoch if it has moved since. That place is in the chain that the number
//! of buckets of then names. If the reader used a later number, it acquired with it what was
//! copied to the chain that this one names, and the same goes for links. So the reader has met
//! the slot. This covers splits, merges, the filling of gaps, and overflow buckets that
//! are given to another chain.
//!
//! *Flushes* of a database change its namespace, or empty the index, which is one store in
//! each shard; *evictions* and *expiry* are removals. Where several keys are changed at one
//! point in time (and so for flushes and swaps), all their shards are **closed** before the
//! first store and opened after the last: readers of a closed shard take the lock. Only they
//! may wait for a writer.
//!
//! # Bounds
//!
//! A reader begins again only when a writer has advanced the sequence, and after [`TRIES`]
//! attempts waits for the lock as any writer does. Large objects are changed in place; whoever
//! meets a reference to one takes the lock, too.
//!
//! Accesses are marked (frequency, access time, removal of the expired) by whoever finds the
//! lock free, and lost if it is not. A mark by compare-and-swap, without the lock, would be
//! wrong: the word may belong to a value by now, and happen to hold what is expected.

mod copy;
mod directory;
mod protocol;
mod seek;
mod tables;

pub(crate) use copy::Cells;
pub(crate) use protocol::{Sequence, fill, publish, renew};
pub(crate) use seek::{Seen, Sought};

use crate::Millis;
use crate::config::DATABASES;
use crate::index::{BUCKET_WORDS, OVERFLOW_WORDS};
use crate::memory::{Memory, Span};
use crate::pages::PAGE_BYTES;
use crate::record::{Namespace, Namespaces};
use alloc::sync::Arc;
use directory::Directory;
use protocol::look;
use tables::Tables;

/// The processor's atomics; where `protocol` and `directory` are checked, loom's.
mod atomic {
    pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
}
use atomic::AtomicU64;

/// Attempts without the lock.
pub(crate) const TRIES: usize = 4;

const WORD: usize = size_of::<u64>();

/// Words of a chunk of buckets.
const CHUNK_WORDS: usize = PAGE_BYTES / WORD;
/// Namespaces in a word.
const NAMESPACES: usize = 4;

/// Keeps what is written often off the cache lines of what is not.
#[repr(align(128))]
struct Line<T>(T);

/// The parts of a shard that readers use.
pub(crate) struct View {
    sequence: Line<Sequence>,
    found: Line<Found>,
    tables: Tables,
}

/// What most look-ups need, on one line, or two beside each other.
///
/// Invariant: blocks of `main` and `overflow` have [`CHUNK_WORDS`], those of `segments` two to
/// the power of `shift`. All are dense memory: aligned to pages, initialised, written by atomic stores
/// only, and readable as long as the memory lives that the view's tables keep.
struct Found {
    /// Buckets of the index in use.
    buckets: AtomicU64,
    epoch: AtomicU64,
    main: Directory,
    segments: Directory,
    /// Words of a segment, as a power of two.
    shift: u32,
    namespaces: [AtomicU64; DATABASES / NAMESPACES],
    overflow: Directory,
}

impl View {
    /// An empty shard.
    pub(crate) fn new(segment_bytes: usize, memory: &Arc<Memory>) -> Self {
        const { assert!(CHUNK_WORDS.is_multiple_of(BUCKET_WORDS)) };
        const { assert!(CHUNK_WORDS.is_multiple_of(OVERFLOW_WORDS)) };
        const { assert!(size_of::<Line<Found>>() == 128) };
        let found = Found {
            buckets: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            main: Directory::new(),
            segments: Directory::new(),
            shift: (segment_bytes / WORD).ilog2(),
            namespaces: Default::default(),
            overflow: Directory::new(),
        };
        let view = Self {
            sequence: Line(Sequence::new()),
            found: Line(found),
            tables: Tables::new(memory),
        };
        view.set_namespaces(&core::array::from_fn(|db| db as Namespace));
        view
    }

    #[inline]
    pub(crate) fn sequence(&self) -> &Sequence {
        &self.sequence.0
    }

    /// Publishes how many buckets are in use.
    pub(crate) fn set_buckets(&self, count: usize) {
        publish(&self.found.0.buckets, count as u64);
    }

    /// Makes sure that a chunk of buckets can be set, if the budget allows.
    pub(crate) fn reserve_chunk(&self, array: Array, number: usize) -> bool {
        self.tables.reserve(self.chunks(array), number)
    }

    /// Makes `span` a chunk of buckets.
    pub(crate) fn set_chunk(&self, array: Array, number: usize, span: &Span) {
        assert!(span.words().len() >= CHUNK_WORDS);
        self.chunks(array).set(number, span.start());
    }

    fn chunks(&self, array: Array) -> &Directory {
        match array {
            Array::Main => &self.found.0.main,
            Array::Overflow => &self.found.0.overflow,
        }
    }

    /// Makes sure that a segment can be set, if the budget allows.
    pub(crate) fn reserve_segment(&self, number: usize) -> bool {
        self.tables.reserve(&self.found.0.segments, number)
    }

    /// Makes `span` a segment.
    pub(crate) fn set_segment(&self, number: usize, span: &Span) {
        assert!(span.words().len() >= 1 << self.found.0.shift);
        self.found.0.segments.set(number, span.start());
    }

    /// Publishes the namespaces of the databases, in a closed shard.
    pub(crate) fn set_namespaces(&self, namespaces: &Namespaces) {
        let (groups, _) = namespaces.as_chunks::<NAMESPACES>();
        for (word, group) in self.found.0.namespaces.iter().zip(groups) {
            let joined = group.iter().rev();
            let joined = joined.fold(0, |joined, &one| joined << Namespace::BITS | u64::from(one));
            publish(word, joined);
        }
    }

    #[inline]
    fn namespace(&self, db: u8) -> Namespace {
        let db = usize::from(db);
        let group = look(&self.found.0.namespaces[db / NAMESPACES]);
        (group >> (Namespace::BITS as usize * (db % NAMESPACES))) as Namespace
    }

    /// Publishes what stamps count from. No record that is older may be found from here on.
    pub(crate) fn set_epoch(&self, epoch: Millis) {
        if look(&self.found.0.epoch) != epoch {
            self.sequence().advance();
            fill(&self.found.0.epoch, epoch);
        }
    }

    #[inline]
    pub(crate) fn epoch(&self) -> Millis {
        look(&self.found.0.epoch)
    }
}

/// The two arrays of buckets of an index.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Array {
    Main,
    Overflow,
}
