//! A concurrent hash map with one writer at a time, whose entries lie in a slab: the part of a cache
//! under one lock. Searches take no lock, never wait, and write nothing that others read but a hazard
//! slot. An insertion takes a slot that an earlier entry has left, so neither it nor a removal
//! allocates or frees, but for one in about a hundred, which lets many go.
//!
//! [`slab_map`] makes the two ends: the [`Reader`], which any thread may use at any time, and the
//! [`Writer`], which is changed through `&mut`, as under a lock of its user. Keys are known by hash and
//! by what the caller says of them; that a key is there once is up to the writer.
//!
//! # Layout
//!
//! *Slots* have numbers and hold an entry each, in memory that never moves and is never given back
//! before the map goes (`entries.rs`). The *index* says which slots may have the key with a hash: a
//! table of buckets of a cache line each (`index.rs`). A table that is full is replaced by one of
//! twice the size; each insertion moves two buckets there. Tables that were replaced stay until the
//! map goes: together they are no larger than the present one.
//!
//! # Protocol
//!
//! **Searches**
//! 1. Read which table is the present one. If it has a previous one that is being moved, search that
//!    first.
//! 2. Where a tag matches, read the number of the slot, *show* the slot's address in a hazard slot (as
//!    in the [map of boxes](crate::map)), and read the number again. If it is another one, begin this
//!    step anew. If it is the same, the entry was in the index after it was shown, and can be read
//!    until the hazard slot is cleared. Only now compare the key.
//! 3. If nothing was found, read again which table is the present one, and search that if it is
//!    another one: what was not found may have moved there.
//!
//! **The writer**
//! 1. An insertion writes the entry to a free slot, then the number to the index, then the tag.
//! 2. Another value for a key is a new entry, whose number is stored in the place of the former one.
//!    So the key is never absent.
//! 3. A removal clears the number, then the tag. The slot is *taken*; its entry can still be read.
//! 4. When it is *retired*, it waits. When enough wait, they are noted; when as many again wait, or at
//!    once if they are far too many, all hazard slots are read, after a heavy half of the asymmetric
//!    fence that began after the note (`hazards.rs`). Of what no one shows, the entries are moved out, to be dropped by the caller
//!    without a lock, and the slots are free.
//! 5. An entry that moves to the next table is there before it leaves the previous one. Nothing is
//!    removed meanwhile.
//!
//! # Why it is right
//!
//! - What is read is an entry: numbers are stored after the entry and acquired. Who has shown a slot and
//!   still found its number in the index after that, did so before the number left the index, or the
//!   collector after that has seen the slot shown; `reclaim.rs` of the map has the proof in full. It
//!   does not matter whether the number is of the same entry as when it was read first: it
//!   is one that is there, and the key is compared after.
//! - A key that is there all the time is found. It does not change its place but to the next table (5),
//!   and who finds it gone from the former one has acquired what was stored before that: the number in
//!   the next table, and that this is the present one. Who is turned back by a bucket that no entry has
//!   passed any more has acquired the same.
//! - A key that is found missing was missing at a moment during the search: else it was in one place
//!   all the time.
//!
//! # Garbage bound
//!
//! Of what was retired wait, after [`collect`](Writer::collect), at most twice as many as there are
//! entries, but never less than 16, and never more than 128, or one in eight of the entries up to 1,024
//! if that is more; besides, what was shown when that was last looked at.
//! [`collect_all`](Writer::collect_all) leaves only what is shown. A reader that stops for ever keeps
//! what it reads, and nothing else. Where the kernel refuses the heavy half, all of it waits until the
//! map goes.
//!
//! # When not to use it
//!
//! With several writers at once: use the [map](crate::map). Where memory must shrink: neither does. What
//! that says of copies of this crate, `fork` and signal handlers holds here, too: hazard slots are the
//! same.

mod entries;
mod hazards;
mod index;
mod writer;

use alloc::boxed::Box;
use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use self::entries::Entries;
pub use self::hazards::Hazards;
use self::index::{First, Spot, Table};
use self::writer::Books;
pub use self::writer::{Garbage, Occupied, Taken, Writer};
use crate::map::reclaim::Shown;
use crate::sync::atomic::{
    AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::SeqCst,
};
use crate::sync::{Arc, UnsafeCell};

/// The number of a slot. It names an entry as long as that is in the map, and for who has
/// [found](Found) it as long as it is read; after that perhaps another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(NonZeroU32);

impl Slot {
    #[inline(always)]
    fn of(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// At least 1, and at most as many as slots were ever in use at once.
    #[inline]
    #[must_use]
    pub fn number(self) -> u32 {
        self.0.get()
    }
}

/// An entry: the key lies before the value, so that what a search needs is together.
#[repr(C)]
struct Pair<K, V> {
    key: K,
    value: V,
}

/// What both ends know. (Apart from how many know it, which changes.)
#[repr(align(64))]
struct Shared<K, V> {
    table: AtomicPtr<Table>,
    entries: Entries<Pair<K, V>>,
    hazards: Hazards,
    /// Of a writer that is gone.
    left: UnsafeCell<Option<Books>>,
    owns: PhantomData<(K, V)>,
}

// SAFETY: readers on any thread borrow keys and values; the writer, and who drops the map, move and drop
// them on any thread. `left` is written by the writer's drop and read by who drops the map.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Shared<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Shared<K, V> {}

/// An empty map.
#[must_use]
pub fn slab_map<K, V>(hazards: &Hazards) -> (Writer<K, V>, Reader<K, V>) {
    let shared = Arc::new(Shared {
        table: AtomicPtr::new(Box::into_raw(Table::first())),
        entries: Entries::new(),
        hazards: hazards.clone(),
        left: UnsafeCell::new(None),
        owns: PhantomData,
    });
    (Writer::new(shared.clone()), Reader(shared))
}

/// Finds entries of a map.
pub struct Reader<K, V>(Arc<Shared<K, V>>);

/// An entry that is being read. It stays while this does, also if it is removed from the map.
pub struct Found<'r, K, V> {
    entry: &'r Pair<K, V>,
    slot: Slot,
    _shown: Shown<'r, ()>,
}

impl<K, V> Found<'_, K, V> {
    /// The key.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &K {
        &self.entry.key
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn value(&self) -> &V {
        &self.entry.value
    }

    /// Where the entry is. No other one will be there as long as it is being read.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.slot
    }
}

impl<K, V> Reader<K, V> {
    /// The entry with this hash that `is` the one. Nothing is locked meanwhile.
    #[inline(always)]
    pub fn find(&self, hash: usize, mut is: impl FnMut(&K, &V) -> bool) -> Option<Found<'_, K, V>> {
        let shared = &*self.0;
        let present = shared.table.load(Acquire);
        // SAFETY: tables stay until the map goes.
        let table = unsafe { &*present };
        // Nearly always no table is being moved, and the entry is in the first place with its tag, or
        // no place of its home bucket has the tag.
        if table.previous.load(Acquire).is_null() {
            match table.glance(hash) {
                First::At(place) => {
                    if let Look::Is(found) = shared.look(place, &mut is) {
                        return Some(found);
                    }
                }
                // Relaxed: see why a key that is there is found.
                First::Nowhere if shared.table.load(Relaxed) == present => return None,
                First::Nowhere | First::Unclear => {}
            }
        }
        shared.find(hash, is)
    }
}

/// What is in a place of the index.
enum Look<'r, K, V> {
    /// The entry that is looked for.
    Is(Found<'r, K, V>),
    /// Another one, or none.
    Other,
    /// It has changed while it was looked at.
    Changed,
}

impl<K, V> Shared<K, V> {
    /// The whole search.
    #[cold]
    #[inline(never)]
    fn find(&self, hash: usize, mut is: impl FnMut(&K, &V) -> bool) -> Option<Found<'_, K, V>> {
        let mut look = |place: &AtomicU32| {
            loop {
                match self.look(place, &mut is) {
                    Look::Is(found) => return Some(found),
                    Look::Other => return None,
                    Look::Changed => {}
                }
            }
        };
        loop {
            let present = self.table.load(Acquire);
            // SAFETY: tables stay until the map goes.
            let table = unsafe { &*present };
            // SAFETY: null, or a table as well.
            let previous = unsafe { table.previous.load(Acquire).as_ref() };
            let found = (previous.and_then(|previous| previous.find(hash, &mut look)))
                .or_else(|| table.find(hash, &mut look));
            // Relaxed: see why a key that is there is found.
            if found.is_some() || self.table.load(Relaxed) == present {
                return found;
            }
        }
    }

    /// Reads the entry in a place of the index, if it is the one.
    #[inline(always)]
    fn look(&self, place: &AtomicU32, is: &mut impl FnMut(&K, &V) -> bool) -> Look<'_, K, V> {
        let seen = place.load(Acquire);
        let Some(slot) = Slot::of(seen) else {
            return Look::Other;
        };
        let entry = self.entries.at(seen);
        let shown = self.hazards.protect(entry.cast());
        if place.load(SeqCst) != seen {
            return Look::Changed;
        }
        // SAFETY: its number was in the index after it was shown, and has been acquired: there is an
        // entry, which stays as long as it is shown.
        let entry = unsafe { &*entry };
        if !is(&entry.key, &entry.value) {
            return Look::Other;
        }
        Look::Is(Found {
            entry,
            slot,
            _shown: shown,
        })
    }

    /// Where the index has the entry in a slot, to who writes: none if it is not in the index.
    #[inline(always)]
    fn locate(&self, hash: usize, slot: Slot) -> Option<Spot<'_>> {
        // SAFETY: tables stay until the map goes.
        let table = unsafe { &*self.present() };
        let spot = table.locate(hash, slot.number());
        if spot.is_none() {
            return self.locate_in_previous(hash, slot);
        }
        spot
    }

    #[cold]
    fn locate_in_previous(&self, hash: usize, slot: Slot) -> Option<Spot<'_>> {
        self.previous()?.locate(hash, slot.number())
    }

    /// The table that is being moved to the present one, to who writes.
    #[inline]
    fn previous(&self) -> Option<&Table> {
        // SAFETY: tables stay until the map goes.
        let table = unsafe { &*self.present() };
        // SAFETY: null, or a table that stays until the map goes.
        unsafe { table.previous.load(Relaxed).as_ref() }
    }

    /// The present table, to who writes or drops them.
    fn present(&self) -> *mut Table {
        self.table.load(Relaxed)
    }
}

impl<K, V> Drop for Shared<K, V> {
    fn drop(&mut self) {
        // SAFETY: nobody else has it any more.
        let books = self.left.with_mut(|left| unsafe { (*left).take() });
        // SAFETY: came from a box and is not replaced any more.
        drop(unsafe { Box::from_raw(self.present()) });
        if let Some(mut books) = books {
            books.drop_all(&self.entries);
        }
    }
}

impl<K, V> fmt::Debug for Reader<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Found<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (f.debug_struct("Found").field("key", self.key()))
            .field("value", self.value())
            .finish_non_exhaustive()
    }
}
