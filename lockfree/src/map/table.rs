//! The table of words: search, and insertion and removal under a bucket's lock. See the module's
//! introduction for the protocol.

use crossbeam_utils::CachePadded;

use super::array::{Array, too_many};
use super::bucket::{Bucket, Locked, Pair, Tags, Version};
use super::overflow::Overflow;
use crate::sync::atomic::{
    AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst,
};

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
    /// `last`, with all bits below its highest set; what it was for a smaller `last` will do.
    mask: AtomicUsize,
}

impl Used {
    /// Says that the buckets up to `last`, one more than before, can be used.
    pub(super) fn extend(&self, last: usize) {
        // No later call can be overtaken by these stores. For `last`: the next bucket is split only
        // by who has read this value. For `mask`: it is bucket 0 that the caller splits and has
        // locked, and so must the next one that stores it.
        self.last.store(last, Release);
        if last.is_power_of_two() {
            // After `last`: see `Table::index`.
            self.mask.store(2 * last - 1, Release);
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

/// What is to be made of a pair with the right key word.
pub enum Hold<H> {
    /// It is the entry that is looked for.
    Is(H),
    /// It is another key's.
    Other,
    /// It has changed while it was looked at.
    Changed,
}

/// The result of a search.
pub(super) enum Search<'t, H> {
    Found(Spot<'t>, H),
    /// The home bucket when the key was not in its chain.
    Absent(Seen<'t>),
}

impl<'t, H> Search<'t, H> {
    /// Locks the chain if the search would have the same result now, but for the value.
    pub(super) fn lock(&self) -> Option<Locked<'t>> {
        match self {
            Self::Found(spot, _) => spot.lock(),
            Self::Absent(seen) => seen.home.lock(seen.version),
        }
    }
}

impl Table {
    /// A table of `buckets` buckets, at least two.
    ///
    /// # Panics
    /// If more are asked for than are allowed.
    pub(super) fn new(buckets: usize) -> Self {
        let homes = Array::new();
        let last = buckets.max(2) - 1;
        let depth = last.ilog2();
        if buckets > Array::LEN_MAX {
            // At once, not after all memory has been filled.
            too_many(buckets);
        }
        for index in 0..=last {
            // Those that have been split, and those that they were split into, are one bit deeper.
            let split = index & ((1 << depth) - 1) | 1 << depth <= last;
            // SAFETY: nobody else has seen the array.
            let bucket = unsafe { homes.add(index) };
            bucket.set_tags(Tags::empty(depth + u32::from(split)));
        }
        Self {
            used: CachePadded::new(Used {
                last: AtomicUsize::new(last),
                mask: AtomicUsize::new((2 << depth) - 1),
            }),
            homes,
            overflow: Overflow::new(),
        }
    }

    /// Where a key with this hash is, or was until a moment ago.
    #[inline(always)]
    pub(super) fn index(&self, hash: usize) -> usize {
        // Acquire: then `last` is not older. An older mask alone chooses a bucket that the key's was
        // split off, perhaps in several steps.
        let mask = self.used.mask.load(Acquire);
        // Acquire: the bucket, its tags and its segment are there.
        let last = self.used.last.load(Acquire);
        let index = hash & mask;
        // The second one is in use as well: the mask is not newer than `last`.
        core::hint::select_unpredictable(index <= last, index, index & (mask >> 1))
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

    /// Asks the processor to bring the home bucket `index` into its cache.
    ///
    /// # Safety
    /// As for [`home`](Self::home).
    #[inline(always)]
    pub(super) unsafe fn prefetch(&self, index: usize) {
        // SAFETY: by contract.
        let bucket: *const Bucket = unsafe { self.home(index) };
        prefetch(bucket.cast(), size_of::<Bucket>());
    }

    /// Asks for the `bytes` that the value word of this hash, in the home bucket `index`, is the address
    /// of: if there is one, and most likely of the right key.
    ///
    /// # Safety
    /// As for [`home`](Self::home).
    #[inline(always)]
    pub(super) unsafe fn prefetch_value(&self, index: usize, hash: usize, bytes: usize) {
        // SAFETY: by contract.
        let home = unsafe { self.home(index) };
        if let Some(slot) = home.tags().matching(Tags::tag(hash)).next() {
            // Relaxed: nothing is read there.
            let value = home.pairs[slot].value.load(Relaxed);
            prefetch(value.cast_const().cast(), bytes);
        }
    }

    /// Finds the pair with key word `key` for which `hold` says that it is the one. `hold` must
    /// not say so unless the spot [belongs](Spot::belongs) or its value is [current](Spot::current).
    /// It is not asked about keys that the home bucket's tags, as they were seen, send elsewhere.
    #[inline(always)]
    pub(super) fn search<H>(
        &self,
        hash: usize,
        key: usize,
        hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Search<'_, H> {
        // SAFETY: the index of a bucket in use.
        unsafe { self.search_at(self.index(hash), hash, key, hold) }
    }

    /// The same, beginning with the home bucket `index`, which was the right one once.
    ///
    /// # Safety
    /// As for [`home`](Self::home).
    #[inline(always)]
    pub(super) unsafe fn search_at<H>(
        &self,
        index: usize,
        hash: usize,
        key: usize,
        mut hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Search<'_, H> {
        // SAFETY: by contract.
        let seen = Seen::now(unsafe { self.home(index) });
        // Nearly always it is in the first slot with its tag. The tags of keys that were split off
        // are gone, so the depth does not matter here.
        if let Some(slot) = seen.tags.matching(Tags::tag(hash)).next() {
            let spot = Spot::read(seen, seen.home, slot);
            if spot.key == key
                && let Hold::Is(held) = hold(&spot)
            {
                return Search::Found(spot, held);
            }
        } else if seen.version.link() == 0 && (hash ^ index) & seen.tags.mask() == 0 && seen.holds()
        {
            // And if it is not there, nearly always no slot has its tag.
            return Search::Absent(seen);
        }
        // SAFETY: by contract.
        unsafe { self.search_from(index, hash, key, hold) }
    }

    /// The whole search, beginning with a bucket that may not be the right one any more.
    ///
    /// # Safety
    /// As for [`home`](Self::home).
    #[inline(never)]
    pub(super) unsafe fn search_from<H>(
        &self,
        mut index: usize,
        hash: usize,
        key: usize,
        mut hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Search<'_, H> {
        loop {
            // SAFETY: by contract at first, then split off a bucket whose tags say so.
            let seen = Seen::now(unsafe { self.home(index) });
            let astray = (hash ^ index) & seen.tags.mask();
            if astray != 0 {
                // Split since the hint was read, perhaps several times. The split at the lowest bit
                // in question took the key along; that bucket exists, others may not yet.
                index ^= astray & astray.wrapping_neg();
            } else if let Some(search) = self.search_chain(seen, Tags::tag(hash), key, &mut hold) {
                return search;
            }
        }
    }

    /// One try; none if the chain has changed meanwhile.
    fn search_chain<'t, H>(
        &'t self,
        seen: Seen<'t>,
        tag: u64,
        key: usize,
        hold: &mut impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Option<Search<'t, H>> {
        let (mut bucket, mut tags, mut link) = (seen.home, seen.tags, seen.version.link());
        loop {
            for slot in tags.matching(tag) {
                let spot = Spot::read(seen, bucket, slot);
                if spot.key == key {
                    match hold(&spot) {
                        Hold::Is(held) => return Some(Search::Found(spot, held)),
                        Hold::Other => {}
                        Hold::Changed => return None,
                    }
                }
            }
            (bucket, link) = match self.follow(&seen, link)? {
                Some(next) => next,
                None => return Some(Search::Absent(seen)),
            };
            tags = bucket.tags();
        }
    }

    /// The bucket that `link` leads to, and its link; none of it if the chain has changed.
    #[inline(always)]
    pub(super) fn follow(&self, seen: &Seen<'_>, link: usize) -> Option<Option<(&Bucket, usize)>> {
        // At every step, so that no search strays through other chains.
        if !seen.holds() {
            return None;
        }
        Some((link != 0).then(|| {
            // SAFETY: loaded with acquire from a bucket's version, and not 0.
            let next = unsafe { self.overflow.get(link) };
            (next, next.version().link())
        }))
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

const LINE_BYTES: usize = 64;
/// More of a long value is not asked for: the processor sees by itself that it is read in order.
const LINES_MAX: usize = 4;

/// Asks the processor to bring the lines from `start` on into its cache.
#[inline(always)]
pub(crate) fn prefetch(start: *const u8, bytes: usize) {
    for line in 0..bytes.div_ceil(LINE_BYTES).min(LINES_MAX) {
        let line = start.wrapping_add(line * LINE_BYTES);
        #[cfg(all(target_arch = "x86_64", target_feature = "sse", not(miri)))]
        {
            use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a prefetch has no effect that the program could see, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
        }
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse", not(miri))))]
        let _ = line;
    }
}
