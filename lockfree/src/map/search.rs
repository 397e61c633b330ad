//! Searches: see the module's introduction for the protocol.
//!
//! Who looks for several keys lets [`Reach::home`] find the home buckets, which computes no more than
//! addresses, asks for their memory, and only then begins with [`Table::glance`].

use core::hint::{cold_path, select_unpredictable};

use super::bucket::{Bucket, Locked};
use super::families::Families;
use super::prefetch::prefetch;
use super::table::{Seen, Spot, Table};
use super::tags::Tags;
use crate::sync::atomic::{Ordering::Acquire, Ordering::Relaxed};

/// Tables of fewer buckets are small: 4 MiB.
const SMALL_BUCKETS: usize = 1 << 15;

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
    families: Families,
    last: usize,
    mask: usize,
}

/// The buckets of a table that is as it began: one for each family.
#[derive(Clone, Copy)]
pub(super) struct Even<'t> {
    table: &'t Table,
    families: Families,
}

impl<'t> Even<'t> {
    /// The home bucket of this hash, or one that it was split off.
    #[inline(always)]
    pub(super) fn home(self, hash: usize) -> &'t Bucket {
        // SAFETY: there are as many buckets from the start, in the first segment.
        let bucket = unsafe { self.table.used.first.0.add(self.families.of(hash)) };
        // SAFETY: made before the table was shared. It stays, and is changed only through atomics.
        let bucket = unsafe { &*bucket };
        bucket.note_used();
        bucket
    }
}

impl<'t> Reach<'t> {
    /// The low bits of this hash that choose a bucket in its family, and the index of that one: the home
    /// bucket or one that it was split off.
    #[inline(always)]
    fn low_and_index(self, hash: usize) -> (usize, usize) {
        let (far, near) = (hash & self.mask, hash & (self.mask >> 1));
        // The second one is in use as well: the mask is not newer than `last`.
        if self.families.are_one() {
            // A branch, for multiplications take longer.
            let low = select_unpredictable(far <= self.last, far, near);
            return (low, low);
        }
        let family = self.families.of(hash);
        let index = self.families.index(family, far);
        let is_split = index <= self.last;
        let low = select_unpredictable(is_split, far, near);
        (low, self.families.index(family, low))
    }

    /// The buckets, if their families have one each.
    #[inline(always)]
    pub(super) fn even(self) -> Option<Even<'t>> {
        (self.mask == 0).then_some(self.table.even())
    }

    /// How many low bits of any hash, at least, have led to [`home`](Self::home).
    pub(super) fn depth(self) -> u32 {
        let depth = self.mask.trailing_ones();
        if self.last < self.families.buckets(depth) - 1 {
            depth - 1
        } else {
            depth
        }
    }

    /// The low bits of this hash that led to [`home`](Self::home).
    pub(super) fn low(self, hash: usize) -> usize {
        match self.mask {
            0 => 0,
            _ => self.low_and_index(hash).0,
        }
    }

    /// The home bucket of this hash, or one that it was split off.
    #[inline(always)]
    pub(super) fn home(self, hash: usize) -> &'t Bucket {
        self.bucket(self.low_and_index(hash).1)
    }

    /// The home bucket `index`, which is at most `last`.
    #[inline(always)]
    fn bucket(self, index: usize) -> &'t Bucket {
        let (first, highest) = self.table.used.first;
        if self.last > highest {
            // SAFETY: at most `last`, which was read with acquire.
            return unsafe { self.table.home(index) };
        }
        // SAFETY: at most `last`, which is in the segment that begins there.
        let bucket = unsafe { first.add(index) };
        // SAFETY: `last` was read with acquire, so the bucket was made before. It stays, and is changed
        // only through atomics.
        let bucket = unsafe { &*bucket };
        bucket.note_used();
        bucket
    }
}

/// The result of a [glance](Table::glance).
pub(super) enum Glance<H> {
    Found(H),
    Absent,
    Unclear,
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
    let mut slots = tags.matching(tag);
    while let Some(slot) = slots.first() {
        let spot = Spot::read(seen, bucket, slot);
        if spot.key == key {
            match hold(&spot) {
                Hold::Is(held) => return Look::Found(spot, held),
                Hold::Other => {}
                Hold::Changed => return Look::Changed,
            }
        }
        cold_path();
        slots = slots.others();
    }
    Look::NotHere
}

impl Table {
    /// True if a core's second cache has room for much of the table.
    #[inline(always)]
    pub(super) fn is_small(&self) -> bool {
        self.used.last.load(Relaxed) < SMALL_BUCKETS
    }

    /// The home bucket of this hash, or one that it was split off, and the low bits that led there.
    #[inline(always)]
    pub(super) fn first(&self, hash: usize) -> (&Bucket, usize) {
        // Acquire: as in `reach`.
        let mask = self.used.mask.load(Acquire);
        if mask == 0 {
            return (self.even().home(hash), 0);
        }
        let reach = self.reach_by(mask);
        let (low, index) = reach.low_and_index(hash);
        (reach.bucket(index), low)
    }

    /// The buckets where the mask is 0: the families, of which there are several, have one each.
    #[inline(always)]
    fn even(&self) -> Even<'_> {
        Even {
            table: self,
            families: self.used.families,
        }
    }

    /// Which buckets are in use.
    #[inline(always)]
    pub(super) fn reach(&self) -> Reach<'_> {
        // Acquire: then `last` is not older. An older mask alone chooses a bucket that the key's was
        // split off, perhaps in several steps.
        self.reach_by(self.used.mask.load(Acquire))
    }

    /// The same, when the mask was read already.
    #[inline(always)]
    fn reach_by(&self, mask: usize) -> Reach<'_> {
        // Acquire: the buckets, their tags and their segments are there.
        let last = self.used.last.load(Acquire);
        Reach {
            table: self,
            families: self.used.families,
            last,
            mask,
        }
    }

    /// Asks for the value with the right tag in this home bucket, if there is one, which is the address
    /// of so many bytes.
    #[inline(always)]
    pub(super) fn prefetch_value(&self, home: &Bucket, hash: usize, bytes: usize) {
        if let Some(slot) = home.tags().matching(Tags::tag(hash)).first() {
            // Relaxed: nothing is read there.
            prefetch(home.pairs[slot].value.load(Relaxed), bytes);
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
        self.search_at(self.first(hash), hash, key, hold, |search| search)
    }

    /// The same in `home`, where [`first`](Self::first) has sent the search; calls `then` with the
    /// result, in two places, so that the result of a quick search stays in registers.
    #[inline(always)]
    pub(super) fn search_at<'t, H, R>(
        &'t self,
        (home, low): (&'t Bucket, usize),
        hash: usize,
        key: usize,
        mut hold: impl FnMut(&Spot<'_>) -> Hold<H>,
        then: impl FnOnce(Search<'t, H>) -> R,
    ) -> R {
        match Self::quick((home, low), hash, key, &mut hold) {
            Some(search) => then(search),
            None => then(self.thorough(hash, key, hold)),
        }
    }

    /// The search in `home` for one of many keys, as far as it takes only few steps: looks at the first pair
    /// with the right tag and no other, and knows absent keys of buckets that are at most so
    /// [deep](Reach::depth).
    #[inline(always)]
    pub(super) fn glance<H>(
        home: &Bucket,
        depth: u32,
        hash: usize,
        key: usize,
        mut hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Glance<H> {
        let seen = Seen::now(home);
        // As in `quick`, the depth matters only to who is absent.
        let Some(slot) = seen.tags.matching(Tags::tag(hash)).first() else {
            let is_all = seen.version.link() == 0 && seen.tags.depth() <= depth && seen.holds();
            return if is_all {
                Glance::Absent
            } else {
                Glance::Unclear
            };
        };
        let spot = Spot::read(seen, home, slot);
        if spot.key != key {
            return Glance::Unclear;
        }
        match hold(&spot) {
            Hold::Is(held) => Glance::Found(held),
            Hold::Other | Hold::Changed => Glance::Unclear,
        }
    }

    /// The search in the chain of `home`, where `low` bits of the hash have led; none if it was split or
    /// changed meanwhile.
    #[inline(always)]
    pub(super) fn search_here<'t, H>(
        &'t self,
        home: &'t Bucket,
        low: usize,
        hash: usize,
        key: usize,
        mut hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Option<Search<'t, H>> {
        let seen = Seen::now(home);
        if (hash ^ low) & seen.tags.mask() != 0 {
            return None;
        }
        self.search_chain(seen, Tags::tag(hash), key, &mut hold)
    }

    /// The search where [`quick`](Self::quick) was not enough.
    #[inline(always)]
    pub(super) fn thorough<'t, H>(
        &'t self,
        hash: usize,
        key: usize,
        hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Search<'t, H> {
        let (low, _) = self.reach().low_and_index(hash);
        // SAFETY: at most `last`, which was read with acquire.
        unsafe { self.search_from(low, hash, key, hold) }
    }

    /// The search in `home` alone, where `low` bits of the hash have led: nearly always that is enough.
    #[inline(always)]
    fn quick<'t, H>(
        (home, low): (&'t Bucket, usize),
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
                    && (hash ^ low) & seen.tags.mask() == 0
                    && seen.holds();
                is_all.then_some(Search::Absent(seen))
            }
            Look::Changed => None,
        }
    }

    /// The whole search, from the bucket that `low` chooses in the hash's family; it may not be the right
    /// one any more.
    ///
    /// # Safety
    /// For this bucket as for [`home`](Self::home).
    #[inline(never)]
    pub(super) unsafe fn search_from<'t, H>(
        &'t self,
        mut low: usize,
        hash: usize,
        key: usize,
        mut hold: impl FnMut(&Spot<'_>) -> Hold<H>,
    ) -> Search<'t, H> {
        let families = self.used.families;
        let family = families.of(hash);
        loop {
            // SAFETY: by contract at first, then split off a bucket whose tags say so.
            let seen = Seen::now(unsafe { self.home(families.index(family, low)) });
            let astray = (hash ^ low) & seen.tags.mask();
            if astray != 0 {
                // Split since the hint was read, perhaps several times. The split at the lowest bit
                // in question took the key along; that bucket exists, others may not yet.
                low ^= astray & astray.wrapping_neg();
            } else if let Some(search) = self.search_chain(seen, Tags::tag(hash), key, &mut hold) {
                return search;
            }
        }
    }

    /// One try; none if the chain has changed meanwhile.
    #[inline(always)]
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
