//! Searches: see the module's introduction for the protocol.
//!
//! Who looks for several keys lets [`Reach::home`] find the home buckets, which computes no more than
//! addresses, asks for their memory, and only then begins with [`Table::quick`].

use core::hint::select_unpredictable;

use super::bucket::{Bucket, Locked};
use super::prefetch::{prefetch, prefetch_second};
use super::table::{Seen, Spot, Table};
use super::tags::Tags;
use crate::sync::atomic::{Ordering::Acquire, Ordering::Relaxed};

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

/// Which buckets are in use, as it was read once: for one search or a group of them.
#[derive(Clone, Copy)]
pub(super) struct Reach<'t> {
    table: &'t Table,
    last: usize,
    mask: usize,
    /// Where all of them lie side by side, if they do.
    first: Option<*const Bucket>,
}

impl<'t> Reach<'t> {
    /// The index of the home bucket of this hash, or of one that it was split off.
    #[inline(always)]
    fn index(self, hash: usize) -> usize {
        let index = hash & self.mask;
        // The second one is in use as well: the mask is not newer than `last`.
        select_unpredictable(index <= self.last, index, index & (self.mask >> 1))
    }

    /// The home bucket of this hash, or one that it was split off.
    #[inline(always)]
    pub(super) fn home(self, hash: usize) -> &'t Bucket {
        let index = self.index(hash);
        let Some(first) = self.first else {
            // SAFETY: at most `last`, which was read with acquire.
            return unsafe { self.table.home(index) };
        };
        // SAFETY: at most `last`, which is in the segment that begins there.
        let bucket = unsafe { first.add(index) };
        // SAFETY: `last` was read with acquire, so the bucket was made before. It stays, and is changed
        // only through atomics.
        let bucket = unsafe { &*bucket };
        bucket.note_used();
        bucket
    }
}

/// What there is in one bucket.
enum Look<'t, H> {
    Found(Spot<'t>, H),
    NotHere,
    /// It has changed while it was looked at.
    Changed,
}

/// Looks for the key among those of a chain that are in `bucket`, which has these tags.
#[inline(always)]
fn look<'t, H>(
    seen: Seen<'t>,
    (bucket, tags): (&'t Bucket, Tags),
    tag: u64,
    key: usize,
    hold: &mut impl FnMut(&Spot<'_>) -> Hold<H>,
) -> Look<'t, H> {
    for slot in tags.matching(tag) {
        let spot = Spot::read(seen, bucket, slot);
        if spot.key == key {
            match hold(&spot) {
                Hold::Is(held) => return Look::Found(spot, held),
                Hold::Other => {}
                Hold::Changed => return Look::Changed,
            }
        }
    }
    Look::NotHere
}

impl Table {
    /// Which buckets are in use.
    #[inline(always)]
    pub(super) fn reach(&self) -> Reach<'_> {
        // Acquire: then `last` is not older. An older mask alone chooses a bucket that the key's was
        // split off, perhaps in several steps.
        let mask = self.used.mask.load(Acquire);
        // Acquire: the buckets, their tags and their segments are there.
        let last = self.used.last.load(Acquire);
        let (first, highest) = self.used.first;
        Reach {
            table: self,
            last,
            mask,
            first: (last <= highest).then_some(first),
        }
    }

    /// Asks for the value with the right tag in this home bucket, if there is one, which is the address
    /// of so many bytes.
    #[inline(always)]
    pub(super) fn prefetch_value(&self, home: &Bucket, hash: usize, bytes: usize) {
        if let Some(slot) = home.tags().matching(Tags::tag(hash)).next() {
            // Relaxed: nothing is read there.
            prefetch_second(home.pairs[slot].value.load(Relaxed), bytes);
        }
    }

    /// Asks for the first overflow bucket of the chain, if there is one.
    #[inline(always)]
    pub(super) fn prefetch_overflow(&self, home: &Bucket) {
        let link = home.version().link();
        if link != 0 {
            // SAFETY: loaded with acquire from a bucket's version, and not 0.
            prefetch(unsafe { self.overflow.get(link) }, size_of::<Bucket>());
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
        let reach = self.reach();
        self.search_at(reach, reach.home(hash), hash, key, hold, |search| search)
    }

    /// The same in `home`, where `reach` has sent the search; calls `then` with the result, in two
    /// places, so that the result of a quick search stays in registers.
    #[inline(always)]
    pub(super) fn search_at<'t, H, R>(
        &'t self,
        reach: Reach<'t>,
        home: &'t Bucket,
        hash: usize,
        key: usize,
        mut hold: impl FnMut(&Spot<'_>) -> Hold<H>,
        then: impl FnOnce(Search<'t, H>) -> R,
    ) -> R {
        match Self::quick(reach, home, hash, key, &mut hold) {
            Some(search) => then(search),
            None => then(self.thorough(reach, hash, key, hold)),
        }
    }

    /// The search where [`quick`](Self::quick) was not enough.
    #[inline(always)]
    pub(super) fn thorough<'t, H>(
        &'t self,
        reach: Reach<'t>,
        hash: usize,
        key: usize,
        hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Search<'t, H> {
        // SAFETY: at most `last`, which was read with acquire.
        unsafe { self.search_from(reach.index(hash), hash, key, hold) }
    }

    /// The search in `home` alone: nearly always that is enough.
    #[inline(always)]
    pub(super) fn quick<'t, H>(
        reach: Reach<'t>,
        home: &'t Bucket,
        hash: usize,
        key: usize,
        mut hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Option<Search<'t, H>> {
        let seen = Seen::now(home);
        // The tags of keys that were split off are gone, so the depth does not matter to what is here.
        match look(seen, (home, seen.tags), Tags::tag(hash), key, &mut hold) {
            Look::Found(spot, held) => Some(Search::Found(spot, held)),
            Look::NotHere => {
                let is_all = seen.version.link() == 0
                    && (hash ^ reach.index(hash)) & seen.tags.mask() == 0
                    && seen.holds();
                is_all.then_some(Search::Absent(seen))
            }
            Look::Changed => None,
        }
    }

    /// The whole search, from the home bucket `index` on, which may not be the right one any more.
    ///
    /// # Safety
    /// As for [`home`](Self::home).
    #[inline(never)]
    pub(super) unsafe fn search_from<'t, H>(
        &'t self,
        mut index: usize,
        hash: usize,
        key: usize,
        mut hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Search<'t, H> {
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
            match look(seen, (bucket, tags), tag, key, hold) {
                Look::Found(spot, held) => return Some(Search::Found(spot, held)),
                Look::NotHere => {}
                Look::Changed => return None,
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
}
