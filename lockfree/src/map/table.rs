//! The table of words: what it consists of, and insertion and removal under a bucket's lock. How it is
//! searched is in `search.rs`. See the module's introduction for the protocol.

use crossbeam_utils::CachePadded;

use super::array::{Array, too_many};
use super::bucket::{Bucket, Locked, Pair, Version};
use super::families::Families;
use super::overflow::Overflow;
use super::tags::Tags;
use crate::sync::atomic::{
    AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst,
};

/// In a table that is as full as it gets, at most about one bucket in this many has an overflow bucket.
const OVERFLOWING_ONE_IN: usize = 8;

/// Buckets, found by a hash.
pub struct Table {
    /// Which buckets are in use. Only a hint: a bucket says itself, by its depth, which keys it
    /// holds.
    pub(super) used: CachePadded<Used>,
    pub(super) homes: Array,
    pub(super) overflow: Overflow,
}

/// How far the buckets in use reach.
pub(super) struct Used {
    /// The index of the last one.
    pub(super) last: AtomicUsize,
    /// The low bits of hashes that choose among a family's buckets; what they were for a smaller `last`
    /// will do.
    pub(super) mask: AtomicUsize,
    pub(super) families: Families,
    /// The first segment of them, and the highest index in it.
    pub(super) first: (*const Bucket, usize),
}

impl Used {
    /// Says that the buckets up to `last`, one more than before, can be used; it was split off one that
    /// was so deep.
    pub(super) fn extend(&self, last: usize, depth: u32) {
        // No later call can be overtaken by these stores. For `last`: the next bucket is split only
        // by who has read this value. For `mask`: it is bucket 0 that the caller splits and has
        // locked, and so must the next one that stores it.
        self.last.store(last, Release);
        if last == self.families.buckets(depth) {
            // After `last`: see `Table::reach`.
            self.mask.store((2 << depth) - 1, Release);
        }
    }
}

/// A home bucket, as it was when a search came to it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'t> {
    pub(super) home: &'t Bucket,
    /// Read before the tags.
    pub(super) version: Version,
    pub(super) tags: Tags,
}

impl<'t> Seen<'t> {
    #[inline(always)]
    pub(super) fn now(home: &'t Bucket) -> Self {
        Self {
            home,
            version: home.version(),
            tags: home.tags(),
        }
    }

    /// True if no key came to the chain, left it or moved before what was read of it until now was
    /// read.
    #[inline(always)]
    pub(super) fn holds(&self) -> bool {
        // Relaxed: whoever wrote what we have acquired had changed the version before.
        let version = Version(self.home.version.load(Relaxed));
        self.version.same_keys(version)
    }
}

/// A pair in a chain.
pub struct Spot<'t> {
    seen: Seen<'t>,
    bucket: &'t Bucket,
    slot: usize,
    pub(super) key: usize,
    pub(super) value: *mut (),
}

impl<'t> Spot<'t> {
    /// Reads the pair.
    #[inline(always)]
    pub(super) fn read(seen: Seen<'t>, bucket: &'t Bucket, slot: usize) -> Self {
        let pair = &bucket.pairs[slot];
        Self {
            seen,
            bucket,
            slot,
            key: pair.key.load(Acquire),
            value: pair.value.load(Acquire),
        }
    }

    pub(super) fn pair(&self) -> &'t Pair {
        &self.bucket.pairs[self.slot]
    }

    /// True if the two words belonged together when they were read.
    #[inline(always)]
    pub(super) fn belongs(&self) -> bool {
        self.seen.holds()
    }

    /// The value, read again, if it is the same and was in the table at a moment after everything
    /// that this thread did before in the single order of sequentially consistent operations.
    ///
    /// That is so only if the home bucket's tags, as they were seen, do not send the key elsewhere:
    /// a pair that a split has left behind in an overflow bucket can look current.
    pub(super) fn current(&self) -> Option<*mut ()> {
        // That the value was in the table, not only in this slot, when it was read is proved by
        // what is read then: no further split has sent the key elsewhere, no removal has ended, and
        // no other key has got the slot.
        let home = self.seen.home;
        let value = self.pair().value.load(SeqCst);
        let current = value == self.value
            && Tags::depth_of(home.tags.load(SeqCst)) == self.seen.tags.depth()
            && self
                .seen
                .version
                .same_keys(Version(home.version.load(SeqCst)));
        current.then_some(value)
    }

    /// Locks the chain if the pair is still the key's. Its value may have changed.
    pub(super) fn lock(&self) -> Option<Locked<'t>> {
        self.seen.home.lock(self.seen.version)
    }
}

impl Table {
    /// A table of `buckets` buckets, at least two and all equally full.
    ///
    /// # Panics
    /// If more are asked for than are allowed.
    pub(super) fn new(buckets: usize) -> Self {
        if buckets > Array::LEN_MAX {
            // At once, not after all memory has been filled.
            too_many(buckets);
        }
        let homes = Array::with_room(buckets);
        let last = buckets.max(2) - 1;
        let (families, depth) = Families::of_table(last + 1);
        for index in 0..=last {
            // SAFETY: nobody else has seen the array.
            let bucket = unsafe { homes.add(index) };
            bucket.set_tags(Tags::empty(depth));
        }
        Self {
            used: CachePadded::new(Used {
                last: AtomicUsize::new(last),
                mask: AtomicUsize::new((1 << depth) - 1),
                families,
                first: homes.first(),
            }),
            homes,
            overflow: Overflow::with_room(buckets / OVERFLOWING_ONE_IN),
        }
    }

    /// The home bucket `index`.
    ///
    /// # Safety
    /// The index is at most a `last`, or names a bucket that another home bucket's depth says was
    /// split off that one; either was read with acquire, or alone.
    #[inline(always)]
    pub(super) unsafe fn home(&self, index: usize) -> &Bucket {
        // SAFETY: `last` and the depth were released after the bucket was added.
        unsafe { self.homes.get(index) }
    }

    /// The overflow buckets of a chain that the caller has locked or for itself, from the `first`
    /// on, with their indices.
    pub(super) fn chain(&self, first: usize) -> impl Iterator<Item = (usize, &Bucket)> {
        let mut link = first;
        core::iter::from_fn(move || {
            // SAFETY: links of a chain that the caller has locked or for itself.
            let bucket = (link != 0).then(|| unsafe { self.overflow.get(link) })?;
            let index = link;
            link = bucket.own_link();
            Some((index, bucket))
        })
    }

    /// Adds a pair to the chain, and unlocks it. If there is no room (a panic), `value` is not
    /// called.
    pub(super) fn insert(
        &self,
        locked: Locked<'_>,
        hash: usize,
        key: usize,
        value: impl FnOnce() -> *mut (),
    ) {
        // A variable, so that a panic unlocks it before it drops `value` and what that owns.
        let mut locked = locked;
        let tags = locked.home.own_tags();
        let (bucket, tags, slot) = match tags.free() {
            Some(slot) => (locked.home, tags, slot),
            None => self.room(&mut locked),
        };
        bucket.pairs[slot].fill(key, value());
        bucket.set_tags(tags.with(slot, Tags::tag(hash)));
        locked.version = locked.version.next();
    }

    /// A free slot in the overflow buckets of a chain, to which another one is added if need be;
    /// and its bucket with the tags.
    fn room(&self, locked: &mut Locked<'_>) -> (&Bucket, Tags, usize) {
        let mut tail = None;
        for (_, bucket) in self.chain(locked.version.link()) {
            let tags = bucket.own_tags();
            if let Some(slot) = tags.free() {
                return (bucket, tags, slot);
            }
            tail = Some(bucket);
        }
        let (index, bucket) = self.overflow.take();
        match tail {
            None => locked.version = locked.version.with_link(index),
            Some(tail) => tail.set_link(index),
        }
        (bucket, bucket.own_tags(), 0)
    }

    /// Removes the pair from the chain, and unlocks it.
    pub(super) fn remove(&self, mut locked: Locked<'_>, spot: &Spot<'_>) {
        let bucket = spot.bucket;
        let tags = bucket.own_tags().without(spot.slot);
        bucket.set_tags(tags);
        let first = locked.version.link();
        locked.version = locked.version.next();
        if core::ptr::eq(bucket, locked.home) || !tags.occupied().is_empty() {
            return;
        }
        let next = bucket.own_link();
        let mut before = None;
        for (index, other) in self.chain(first) {
            if core::ptr::eq(other, bucket) {
                match before {
                    None => locked.version = locked.version.with_link(next),
                    Some(before) => Bucket::set_link(before, next),
                }
                drop(locked);
                // SAFETY: unlinked, and the unlocking changed the chain's version.
                unsafe { self.overflow.give(index) };
                return;
            }
            before = Some(other);
        }
    }
}
