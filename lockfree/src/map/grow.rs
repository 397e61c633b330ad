//! Growth, one bucket at a time: linear hashing.
//!
//! Buckets are split in the order of their indices. With f * 2^d + s buckets, those below s have been
//! split with the bit d of the hash, and the next split makes bucket f * 2^d + s out of bucket s. (f is
//! the number of [families](super::families).) So a split moves the keys of one bucket, no table is ever
//! copied, and none is left to be freed.

use super::bucket::{Bucket, Locked};
use super::families::Origin;
use super::table::Table;
use super::tags::Tags;
use crate::sync::MODELLED;
use crate::sync::atomic::{Ordering::Acquire, Ordering::Relaxed};

/// How full the table gets: this many entries in 10 buckets, which have 70 slots.
///
/// Fewer, and memory is wasted; more, and too many keys are in overflow buckets: at 37 one or two
/// in a hundred are. Under a model checker a bucket has one slot.
const ENTRIES_IN_10: usize = if MODELLED { 10 } else { 37 };

/// The most entries for this many buckets.
const fn entries_max(buckets: usize) -> usize {
    buckets * ENTRIES_IN_10 / 10
}

/// How many buckets this many entries need.
pub(super) const fn buckets_for(entries: usize) -> usize {
    entries.saturating_mul(10).div_ceil(ENTRIES_IN_10)
}

/// The most splits that one insertion does.
///
/// Insertions look at the number of entries only now and then, see [`Table::grow`], and then split
/// for those that did not: 8 insertions need 3 splits. The rest is to catch up.
const SPLITS_MAX: usize = 16;

/// Every how many insertions of a thread grow the table.
pub(super) const GROW_EVERY: usize = if MODELLED { 1 } else { 8 };

impl Table {
    /// Splits buckets until there are enough for `entries`, but only a few.
    ///
    /// If another thread is at the bucket in question, leaves the rest for another time: that one
    /// may be growing too.
    #[cold]
    pub(super) fn grow(&self, entries: usize, hash_of: impl Fn(usize) -> usize) {
        for _ in 0..SPLITS_MAX {
            // Acquire: the bucket that is to be split is there.
            let last = self.used.last.load(Acquire);
            if entries <= entries_max(last + 1) || !self.split(last + 1, &hash_of) {
                return;
            }
        }
    }

    /// Makes the bucket `new` out of the one that holds its keys; false if that is locked.
    fn split(&self, new: usize, hash_of: &impl Fn(usize) -> usize) -> bool {
        let Origin { index, low, depth } = self.used.families.origin(new);
        // SAFETY: less than `new`, so it is in use.
        let home = unsafe { self.home(index) };
        // Before the depth: that the lock is taken with this version confirms the depth.
        let seen = home.version();
        if home.tags().depth() != depth {
            // Another thread has just done it.
            return true;
        }
        let Some(mut locked) = home.lock(seen) else {
            return false;
        };
        // SAFETY: `home` is locked and has not been split, so nobody else can be here.
        let image = unsafe { self.homes.add(new) };
        let first = locked.version.link();
        // All bits that count, not only the new one: overflow buckets may still have what a split
        // left behind whose `gather` panicked. It goes neither way.
        let belongs = |key, low| hash_of(key) & ((2 << depth) - 1) == low;
        // From here on searches for the keys that leave are led on to the image.
        home.set_tags(self.fill_image(home, first, image, |key| belongs(key, low | 1 << depth)));
        locked.version = locked.version.next();
        self.used.extend(new, depth);
        if first != 0 {
            self.gather(&mut locked, |key| belongs(key, low));
            drop(locked);
            // SAFETY: not linked to any more, and the unlocking changed the version.
            unsafe { self.overflow.give_chain(first) };
        }
        true
    }

    /// Copies the pairs that leave to the image; returns the home's tags without them. (In overflow
    /// buckets they must stay for now: a search that has seen the old tags may come for them. If
    /// `leaves` panics, nothing has happened.)
    fn fill_image(
        &self,
        home: &Bucket,
        first: usize,
        image: &Bucket,
        leaves: impl Fn(usize) -> bool,
    ) -> Tags {
        let mut stay = home.own_tags().deeper();
        let mut to = Filling::new(self, image, Tags::empty(stay.depth()));
        to.copy_from(home, |slot, key| {
            let leaves = leaves(key);
            if leaves {
                stay = stay.without(slot);
            }
            leaves
        });
        for (_, bucket) in self.chain(first) {
            to.copy_from(bucket, |_, key| leaves(key));
        }
        image.set_tags(to.tags);
        image.set_link(to.into_first());
        stay
    }

    /// Moves the pairs that stay from overflow buckets to the slots that became free in the home
    /// bucket, and what does not fit there to a new chain. (If `stays` panics, the pairs that left
    /// remain in the old chain until the next split. Nobody looks for them there: by the home's
    /// depth they are elsewhere.)
    fn gather(&self, locked: &mut Locked<'_>, stays: impl Fn(usize) -> bool) {
        // No search that saw the old tags may take what we write to the free slots for its own.
        locked.publish();
        let mut to = Filling::new(self, locked.home, locked.home.own_tags());
        for (_, bucket) in self.chain(locked.version.link()) {
            to.copy_from(bucket, |_, key| stays(key));
        }
        // First the copies appear, then the originals go. Who comes between may see both; who saw
        // neither finds that the version has changed.
        locked.home.set_tags(to.tags);
        locked.version = locked.version.with_link(to.into_first()).next();
    }
}

/// A chain that is being filled, and not shown yet: neither what is in free slots of its home
/// bucket, nor its overflow buckets. These are given back if it never is (because a hash panicked).
struct Filling<'t> {
    table: &'t Table,
    home: &'t Bucket,
    /// What the home's tags will be.
    tags: Tags,
    /// What the home's link will be.
    first: usize,
    tail: Option<&'t Bucket>,
}

impl<'t> Filling<'t> {
    const fn new(table: &'t Table, home: &'t Bucket, tags: Tags) -> Self {
        Self {
            table,
            home,
            tags,
            first: 0,
            tail: None,
        }
    }

    /// What the home's link has to be. The chain will be shown.
    fn into_first(mut self) -> usize {
        core::mem::take(&mut self.first)
    }

    /// Copies the pairs that `wants` wants by slot and key.
    fn copy_from(&mut self, bucket: &Bucket, mut wants: impl FnMut(usize, usize) -> bool) {
        let tags = bucket.own_tags();
        for slot in tags.occupied() {
            let pair = &bucket.pairs[slot];
            let key = pair.key.load(Relaxed);
            if wants(slot, key) {
                self.push(tags.of(slot), key, pair.value.load(Relaxed));
            }
        }
    }

    fn push(&mut self, tag: u64, key: usize, value: *mut ()) {
        if let Some(slot) = self.tags.free() {
            self.home.pairs[slot].fill(key, value);
            self.tags = self.tags.with(slot, tag);
            return;
        }
        let full = |tail: &&Bucket| tail.own_tags().free().is_none();
        let tail = match self.tail.filter(|tail| !full(tail)) {
            Some(tail) => tail,
            None => {
                let (index, bucket) = self.table.overflow.take();
                match self.tail.replace(bucket) {
                    None => self.first = index,
                    Some(tail) => tail.set_link(index),
                }
                bucket
            }
        };
        let tags = tail.own_tags();
        let slot = tags.free().expect("a bucket with a free slot");
        tail.pairs[slot].fill(key, value);
        tail.set_tags(tags.with(slot, tag));
    }
}

impl Drop for Filling<'_> {
    fn drop(&mut self) {
        // SAFETY: taken by `push` and linked to by nothing else; nobody else has seen them.
        unsafe { self.table.overflow.give_chain(self.first) };
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
