//! The writer's end, and the books it keeps: which slots wait and which are free.
//!
//! Invariants: a slot is *live* (its number is in the index, its entry is whole), *taken* (it has left
//! the index and is not retired: a [`Taken`] says so, unless that was dropped; its entry is whole),
//! *retired* (its entry is whole, readers may have it) or *free* (no entry, no reader). So what the
//! index names can be read, and all that are not free are whole. There is one writer for a map, so
//! what it knows of the slots is so until it does something.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::mem::{self, needs_drop};
use core::ptr;

use super::entries::Entries;
use super::hazards::Note;
use super::index::{First, Spot, Table};
use super::{Pair, Shared, Slot};
use crate::map::prefetch;
use crate::map::reclaim::drop_all;
use crate::sync::atomic::{AtomicU32, Ordering::Relaxed, Ordering::Release};
use crate::sync::{Arc, MODELLED};

/// How many wait at least before they are looked at, of fewer entries than that as many as there are,
const BATCH_MIN: usize = if MODELLED {
    1
} else if cfg!(miri) {
    8
} else {
    64
};
/// but no fewer than this.
const BATCH_LEAST: usize = if MODELLED { 1 } else { 8 };
const BATCH_MAX: usize = 512;
/// In between, one in this many of the entries.
const BATCH_PART: usize = 16;

/// The end that changes a map.
#[repr(C)]
pub struct Writer<K, V> {
    books: Books,
    shared: Arc<Shared<K, V>>,
}

/// First what every insertion and removal changes, on few cache lines.
#[derive(Default)]
#[repr(C)]
pub(super) struct Books {
    /// How many entries there are.
    len: usize,
    free: Vec<u32>,
    retired: Vec<u32>,
    /// Slots that were ever used, and number 0, which stands for none.
    used: u32,
    /// Those that were retired before the note, and those that were shown when that was looked at.
    noted: Vec<u32>,
    note: Note,
    /// At how many retired ones they are looked at.
    collect_at: usize,
    /// Buckets of the previous table that have been moved.
    moved: usize,
    /// Tables that were replaced. (Addresses, for readers have them as well.)
    former: Vec<Former>,
}

struct Former(*mut Table);

// SAFETY: a table is atomics.
unsafe impl Send for Former {}
// SAFETY: as above.
unsafe impl Sync for Former {}

impl Drop for Former {
    fn drop(&mut self) {
        // SAFETY: came from a box; books are dropped when nobody reads any more.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

impl Books {
    /// How many wait until they are looked at.
    fn batch(&self) -> usize {
        let least = self.len.clamp(BATCH_LEAST, BATCH_MIN);
        (self.len / BATCH_PART).clamp(least, BATCH_MAX)
    }

    /// Writes an entry to a free slot.
    #[inline(always)]
    fn fill<T>(&mut self, entries: &Entries<T>, entry: T) -> Slot {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.another(entries),
        };
        // SAFETY: free, and only this writer takes free slots.
        unsafe { entries.at(slot).write(entry) };
        Slot::of(slot).expect("number 0 is never given out")
    }

    /// A slot that was never used.
    #[cold]
    fn another<T>(&mut self, entries: &Entries<T>) -> u32 {
        let slot = self.used;
        let used = slot.checked_add(1).expect("fewer than 2^32 entries");
        entries.add(slot);
        self.used = used;
        slot
    }

    /// Drops all entries of a map that nobody uses any more.
    pub(super) fn drop_all<T>(&mut self, entries: &Entries<T>) {
        if !needs_drop::<T>() {
            return;
        }
        self.free.sort_unstable();
        let mut free = self.free.iter().copied().peekable();
        // The slots that are not free.
        let whole = (1..self.used).filter(|slot| free.next_if_eq(slot).is_none());
        drop_all(whole, |slot| {
            // SAFETY: it has an entry, and is named once.
            unsafe { ptr::drop_in_place(entries.at(slot)) };
        });
    }
}

/// An entry that was taken out of a map, and that readers may have. If this is dropped without being
/// [retired](Writer::retire), the entry stays in memory until the map goes.
#[must_use = "to be retired"]
pub struct Taken<K, V> {
    slot: u32,
    shared: Arc<Shared<K, V>>,
}

impl<K, V> Taken<K, V> {
    fn entry(&self) -> &Pair<K, V> {
        // SAFETY: whole, as long as it is not retired, which takes this.
        unsafe { &*self.shared.entries.at(self.slot) }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.entry().key
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &V {
        &self.entry().value
    }
}

/// Entries that nobody reads any more: to be dropped where no lock is held, for that runs their drops.
#[must_use = "to be dropped without a lock"]
pub struct Garbage<K, V>(#[expect(dead_code, reason = "only to be dropped")] Vec<Pair<K, V>>);

impl<K, V> Default for Garbage<K, V> {
    /// Nothing.
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// An entry of a map that its writer may take out.
#[must_use = "to look at the entry, or to take it out"]
pub struct Occupied<'w, K, V> {
    spot: Spot<'w>,
    slot: Slot,
    books: &'w mut Books,
    shared: &'w Arc<Shared<K, V>>,
}

impl<K, V> Occupied<'_, K, V> {
    /// The value.
    #[inline(always)]
    #[must_use]
    pub fn value(&self) -> &V {
        // SAFETY: the index names it, until this is used up.
        unsafe { &(*self.shared.entries.at(self.slot.number())).value }
    }

    /// Takes the entry out and retires it.
    #[inline(always)]
    pub fn remove(self) {
        self.spot.clear();
        self.books.len -= 1;
        self.books.retired.push(self.slot.number());
    }

    /// Takes the entry out.
    pub fn take(self) -> Taken<K, V> {
        self.spot.clear();
        self.books.len -= 1;
        Taken {
            slot: self.slot.number(),
            shared: self.shared.clone(),
        }
    }
}

impl<K, V> Writer<K, V> {
    pub(super) fn new(shared: Arc<Shared<K, V>>) -> Self {
        let books = Books {
            used: 1,
            collect_at: BATCH_LEAST,
            ..Books::default()
        };
        Self { shared, books }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.books.len
    }

    /// True if there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slot of the entry with this hash that `is` the one.
    #[inline]
    pub fn find(&self, hash: usize, mut is: impl FnMut(&K, &V) -> bool) -> Option<Slot> {
        let mut look = |place: &AtomicU32| {
            let slot = Slot::of(place.load(Relaxed))?;
            // SAFETY: the index names it, until this writer is changed.
            let Pair { key, value } = unsafe { &*self.shared.entries.at(slot.number()) };
            is(key, value).then_some(slot)
        };
        let previous = self.shared.previous();
        match (previous, self.table().glance(hash)) {
            (None, First::Nowhere) => None,
            _ => (self.table().find(hash, &mut look)).or_else(|| previous?.find(hash, &mut look)),
        }
    }

    /// The entry with this hash in a slot, if there is one.
    #[must_use]
    #[inline]
    pub fn get(&self, hash: usize, slot: Slot) -> Option<(&K, &V)> {
        self.shared.locate(hash, slot)?;
        // SAFETY: the index names it, until this writer is changed.
        let Pair { key, value } = unsafe { &*self.shared.entries.at(slot.number()) };
        Some((key, value))
    }

    /// The slot that the next entry will be in, unless entries are collected before: for who keeps
    /// something by the numbers of slots.
    #[inline]
    pub fn next_slot(&mut self) -> Slot {
        let next = match self.books.free.last() {
            Some(&slot) => slot,
            None => self.another_free(),
        };
        Slot::of(next).expect("number 0 is never given out")
    }

    #[cold]
    fn another_free(&mut self) -> u32 {
        let slot = self.books.another(&self.shared.entries);
        self.books.free.push(slot);
        slot
    }

    /// Asks the processor for what the removal of the entry in `slot` will need, and the entry.
    #[inline]
    pub fn prefetch(&self, hash: usize, slot: Slot) {
        prefetch(self.shared.entries.at(slot.number()), 1);
        self.table().prefetch(hash);
    }

    /// Adds an entry. No entry of the same key may be there; `hash_of` says the hash of any that is.
    #[inline(always)]
    pub fn insert(
        &mut self,
        hash: usize,
        key: K,
        value: V,
        hash_of: impl Fn(&K, &V) -> usize,
    ) -> Slot {
        self.grow(hash_of);
        let slot = (self.books).fill(&self.shared.entries, Pair { key, value });
        self.table().insert(hash, slot.number());
        self.books.len += 1;
        slot
    }

    /// Puts an entry in the place of the one in `slot`, which has the same key; none, and nothing is
    /// changed, if there is no entry with this hash in it.
    pub fn replace(
        &mut self,
        hash: usize,
        slot: Slot,
        key: K,
        value: V,
    ) -> Option<(Slot, Taken<K, V>)> {
        let by = self.relink(hash, slot, key, value)?;
        Some((by, self.taken(slot)))
    }

    /// The same, and retires the one that was in `slot`.
    #[inline]
    pub fn overwrite(&mut self, hash: usize, slot: Slot, key: K, value: V) -> Option<Slot> {
        let by = self.relink(hash, slot, key, value)?;
        self.books.retired.push(slot.number());
        Some(by)
    }

    /// The entry with this hash in `slot`, to take it out; none if there is none.
    #[inline(always)]
    pub fn occupied(&mut self, hash: usize, slot: Slot) -> Option<Occupied<'_, K, V>> {
        let Self { books, shared } = self;
        let spot = shared.locate(hash, slot)?;
        Some(Occupied {
            spot,
            slot,
            books,
            shared,
        })
    }

    /// Takes the entry with this hash in `slot` out, if there is one.
    pub fn take(&mut self, hash: usize, slot: Slot) -> Option<Taken<K, V>> {
        self.occupied(hash, slot).map(Occupied::take)
    }

    /// Takes the entry with this hash in `slot` out and retires it; false if there is none.
    #[inline]
    pub fn remove(&mut self, hash: usize, slot: Slot) -> bool {
        self.occupied(hash, slot).map(Occupied::remove).is_some()
    }

    /// Lets an entry's slot be used again, when nobody reads it any more.
    ///
    /// # Panics
    /// If it is of another map.
    pub fn retire(&mut self, taken: Taken<K, V>) {
        let Taken { slot, shared } = taken;
        let here = Arc::ptr_eq(&shared, &self.shared);
        assert!(here, "taken out of another map");
        self.books.retired.push(slot);
    }

    /// True if enough entries wait for [`collect`](Self::collect).
    #[inline]
    #[must_use]
    pub fn is_collection_due(&self) -> bool {
        self.books.retired.len() >= self.books.collect_at
    }

    /// If enough entries wait: those that nobody reads, mostly without the latest. Else nothing.
    #[inline]
    pub fn collect(&mut self) -> Garbage<K, V> {
        if !self.is_collection_due() {
            return Garbage::default();
        }
        self.collect_now()
    }

    #[cold]
    fn collect_now(&mut self) -> Garbage<K, V> {
        let batch = self.books.batch();
        // So many at once need not come again for long: they do not wait for as many more.
        if self.books.retired.len() > 2 * batch {
            return self.collect_all();
        }
        let garbage = self.free_noted();
        if garbage.is_some() {
            self.note();
        } else {
            // The kernel refuses: it is asked again after as many more.
            self.books.collect_at = self.books.retired.len() + batch;
        }
        garbage.unwrap_or_default()
    }

    /// All entries that wait and that nobody reads, however few: for who knows that they take much
    /// memory, or that no more will come. It executes a heavy half of the fence, which takes
    /// microseconds.
    pub fn collect_all(&mut self) -> Garbage<K, V> {
        self.note();
        self.free_noted().unwrap_or_default()
    }

    /// Notes all that wait.
    fn note(&mut self) {
        let books = &mut self.books;
        books.noted.append(&mut books.retired);
        books.note = self.shared.hazards.note();
        books.collect_at = books.batch();
    }

    /// Of those that were noted, frees the slots of which nobody reads. None if the kernel refuses
    /// the heavy half.
    fn free_noted(&mut self) -> Option<Garbage<K, V>> {
        let (books, shared) = (&mut self.books, &self.shared);
        if books.noted.is_empty() {
            return Some(Garbage::default());
        }
        let shown = shared.hazards.shown(books.note)?;
        let drops = needs_drop::<Pair<K, V>>();
        if shown.is_empty() && !drops {
            books.free.append(&mut books.noted);
            return Some(Garbage::default());
        }
        let mut garbage = Vec::with_capacity(if drops { books.noted.len() } else { 0 });
        let free = &mut books.free;
        free.reserve(books.noted.len());
        books.noted.retain(|&slot| {
            let entry = shared.entries.at(slot);
            let is_shown = shown.binary_search(&entry.cast()).is_ok();
            if !is_shown {
                if drops {
                    // SAFETY: whole, and by the protocol nobody reads it or ever will.
                    garbage.push(unsafe { entry.read() });
                }
                free.push(slot);
            }
            is_shown
        });
        Some(Garbage(garbage))
    }

    fn table(&self) -> &Table {
        // SAFETY: the present table, replaced only by this writer.
        unsafe { &*self.shared.present() }
    }

    /// Puts a new entry in the place of a live slot; none if the index does not have it under this hash.
    #[inline(always)]
    fn relink(&mut self, hash: usize, slot: Slot, key: K, value: V) -> Option<Slot> {
        let spot = self.shared.locate(hash, slot)?;
        let by = self.books.fill(&self.shared.entries, Pair { key, value });
        spot.replace(by.number());
        Some(by)
    }

    /// The entry has left the index.
    fn taken(&self, slot: Slot) -> Taken<K, V> {
        let slot = slot.number();
        let shared = self.shared.clone();
        Taken { slot, shared }
    }

    /// Moves some buckets to a larger table, if there is one or must be.
    #[inline(always)]
    fn grow(&mut self, hash_of: impl Fn(&K, &V) -> usize) {
        let previous = self.table().previous.load(Relaxed);
        if !previous.is_null() || self.table().is_full(self.books.len + 1) {
            self.grow_on(previous, hash_of);
        }
    }

    #[cold]
    fn grow_on(&mut self, previous: *mut Table, hash_of: impl Fn(&K, &V) -> usize) {
        if !previous.is_null() && !self.move_on(previous, hash_of) {
            return;
        }
        if self.table().is_full(self.books.len + 1) {
            let present = self.shared.present();
            let next = Table::next(present, self.table().len());
            self.books.former.push(Former(present));
            self.books.moved = 0;
            self.shared.table.store(Box::into_raw(next), Release);
        }
    }

    /// Moves the next buckets; true if those were the last.
    fn move_on(&mut self, previous: *mut Table, hash_of: impl Fn(&K, &V) -> usize) -> bool {
        // SAFETY: not null, and tables stay until the map goes.
        let previous = unsafe { &*previous };
        let hash_of = |slot| {
            // SAFETY: the index names it, until this writer is changed.
            let Pair { key, value } = unsafe { &*self.shared.entries.at(slot) };
            hash_of(key, value)
        };
        let moved = (self.table()).take_from(previous, self.books.moved, hash_of);
        self.books.moved = moved;
        let done = moved == previous.len();
        if done {
            self.table().previous.store(ptr::null_mut(), Release);
        }
        done
    }
}

impl<K, V> Drop for Writer<K, V> {
    fn drop(&mut self) {
        let books = mem::take(&mut self.books);
        // SAFETY: only the one writer writes here, once, and nobody reads before the map goes.
        self.shared
            .left
            .with_mut(|left| unsafe { *left = Some(books) });
    }
}

impl<K, V> fmt::Debug for Writer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for Taken<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken").finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for Garbage<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Garbage").finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for Occupied<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Occupied").finish_non_exhaustive()
    }
}
