//! A bucket: two adjacent cache lines with two words that say what is in it, and seven pairs.

use crate::sync::atomic::{
    AtomicPtr, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::sync::{MODELLED, UnsafeCell};

/// Pairs in a bucket. One under a model checker, so that small programs reach overflow buckets.
pub(super) const SLOTS: usize = if MODELLED { 1 } else { 7 };

/// Two words: the key, or its hash where entries are boxed; and the value, or where the entry is.
pub(super) struct Pair {
    pub(super) key: AtomicUsize,
    pub(super) value: AtomicPtr<()>,
}

impl Pair {
    /// Fills a pair whose slot is free, and has been since before the latest change of the version.
    ///
    /// Who has read one of these words must not find the version from before that change: hence
    /// both stores release, and searches acquire.
    pub(super) fn fill(&self, key: usize, value: *mut ()) {
        self.key.store(key, Release);
        self.value.store(value, Release);
    }
}

/// Two cache lines, which processors like to fetch as a pair.
#[repr(C, align(128))]
pub(super) struct Bucket {
    /// A [`Version`]; that of an overflow bucket is only a link.
    pub(super) version: AtomicU64,
    /// [`Tags`]; those of an overflow bucket have no depth.
    pub(super) tags: AtomicU64,
    pub(super) pairs: [Pair; SLOTS],
    /// Empty. Written when the bucket is made and read by who comes to it, so that a model checker
    /// sees it if one does not happen before the other.
    made: UnsafeCell<()>,
}

const _: () = assert!(MODELLED || size_of::<Bucket>() == 128);

impl Bucket {
    pub(super) fn new() -> Self {
        Self {
            version: AtomicU64::new(0),
            tags: AtomicU64::new(0),
            pairs: core::array::from_fn(|_| Pair {
                key: AtomicUsize::new(0),
                value: AtomicPtr::new(core::ptr::null_mut()),
            }),
            made: UnsafeCell::new(()),
        }
    }

    /// It has just been made by this thread.
    pub(super) fn note_made(&self) {
        self.made.with_mut(|_| ());
    }

    /// This thread comes to it.
    #[inline(always)]
    pub(super) fn note_used(&self) {
        self.made.with(|_| ());
    }

    /// The version; what is read of the chain after this is at least as new.
    #[inline(always)]
    pub(super) fn version(&self) -> Version {
        Version(self.version.load(Acquire))
    }

    /// The tags; the pairs that they tell of can be read.
    #[inline(always)]
    pub(super) fn tags(&self) -> Tags {
        Tags(self.tags.load(Acquire))
    }

    /// The tags, to who has the chain locked or for itself.
    pub(super) fn own_tags(&self) -> Tags {
        Tags(self.tags.load(Relaxed))
    }

    pub(super) fn set_tags(&self, tags: Tags) {
        self.tags.store(tags.0, Release);
    }

    /// The link, to who has the chain locked or for itself.
    pub(super) fn own_link(&self) -> usize {
        Version(self.version.load(Relaxed)).link()
    }

    /// Links an overflow bucket to another one.
    pub(super) fn set_link(&self, link: usize) {
        self.version.store(Version(0).with_link(link).0, Release);
    }

    /// Locks the chain of this home bucket if its version is still `seen`, which proves that a
    /// search that began with `seen` is still right about which keys are here.
    pub(super) fn lock(&self, seen: Version) -> Option<Locked<'_>> {
        let open = seen.0 & !Version::LOCKED;
        self.version
            .compare_exchange(open, open | Version::LOCKED, Acquire, Relaxed)
            .ok()?;
        Some(Locked {
            home: self,
            version: Version(open),
        })
    }
}

/// The right to write to a bucket and its chain. When dropped, also by a panic, it stores `version`,
/// and that unlocks.
pub(super) struct Locked<'t> {
    pub(super) home: &'t Bucket,
    /// What the version will be; never with the lock bit.
    pub(super) version: Version,
}

impl Locked<'_> {
    /// Shows the version to searches and stays locked.
    pub(super) fn publish(&self) {
        let locked = self.version.0 | Version::LOCKED;
        self.home.version.store(locked, Release);
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.home.version.store(self.version.0, Release);
    }
}

/// Lock (1 bit), link (28 bits), version proper (35 bits).
///
/// - The lock bit is set while a writer is at work in the chain. Searches ignore it.
/// - The link is the index of the next overflow bucket; 0 is none.
/// - The version proper changes, when the chain is unlocked, if a key came, left or moved; it does
///   not for a change of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version(pub(super) u64);

impl Version {
    const LOCKED: u64 = 1;
    const LINK: u32 = 1;
    const LINK_BITS: u32 = 28;
    const PROPER: u32 = Self::LINK + Self::LINK_BITS;
    /// The largest link.
    pub(super) const LINK_MAX: usize = (1 << Self::LINK_BITS) - 1;

    /// True if no key came, left or moved between `self` and `other`.
    #[inline(always)]
    pub(super) const fn same_keys(self, other: Self) -> bool {
        (self.0 ^ other.0) & !Self::LOCKED == 0
    }

    #[inline(always)]
    pub(super) const fn link(self) -> usize {
        (self.0 >> Self::LINK) as usize & Self::LINK_MAX
    }

    pub(super) const fn with_link(self, link: usize) -> Self {
        let others = self.0 & !((Self::LINK_MAX as u64) << Self::LINK);
        Self(others | (link as u64) << Self::LINK)
    }

    /// The next version. 35 bits that wrap: a search would have to sleep through exactly 2^35
    /// changes of one bucket, or a multiple, to be misled; in a map of boxes, to one that is freed.
    /// That takes others minutes in which they do nothing else.
    pub(super) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1 << Self::PROPER))
    }
}

/// A tag (8 bits) for each slot, and the depth (8 bits).
///
/// - The tag of a free slot is 0; otherwise it is seven bits of the key's hash under a one.
/// - The depth is how many low bits of the hash, equal to the bucket's index, bring a key here. One
///   store sets it and frees the slots of the keys that it sends elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tags(u64);

impl Tags {
    const TAG: u64 = 0xFF;
    const DEPTH: u32 = 56;
    /// The lowest bit of every slot's tag.
    const ONES: u64 = 0x0101_0101_0101_0101 >> (64 - 8 * SLOTS);
    /// The highest bit of every slot's tag.
    const HIGHS: u64 = Self::ONES << 7;

    /// An empty home bucket.
    pub(super) const fn empty(depth: u32) -> Self {
        Self((depth as u64) << Self::DEPTH)
    }

    /// The tag for a hash. Other bits choose the bucket.
    #[inline(always)]
    pub(super) const fn tag(hash: usize) -> u64 {
        (hash >> (usize::BITS - 7)) as u64 | 0x80
    }

    #[inline(always)]
    pub(super) const fn depth(self) -> u32 {
        Self::depth_of(self.0)
    }

    #[inline(always)]
    pub(super) const fn depth_of(tags: u64) -> u32 {
        (tags >> Self::DEPTH) as u32
    }

    /// The bits of the hash that choose this bucket.
    #[inline(always)]
    pub(super) const fn mask(self) -> usize {
        (1 << self.depth()) - 1
    }

    pub(super) const fn deeper(self) -> Self {
        Self(self.0 + (1 << Self::DEPTH))
    }

    /// The slots with this tag, and now and then another one, but never a free one.
    #[inline(always)]
    pub(super) const fn matching(self, tag: u64) -> Slots {
        // A byte that is 0 borrows from its highest bit; so may one that is 1, after a byte that is
        // 0. Those of free slots have their highest bit set in `differs`.
        let differs = self.0 ^ (tag * Self::ONES);
        Slots(differs.wrapping_sub(Self::ONES) & !differs & Self::HIGHS)
    }

    #[inline(always)]
    pub(super) const fn occupied(self) -> Slots {
        Slots(self.0 & Self::HIGHS)
    }

    pub(super) const fn of(self, slot: usize) -> u64 {
        self.0 >> (8 * slot) & Self::TAG
    }

    pub(super) const fn with(self, slot: usize, tag: u64) -> Self {
        Self(self.without(slot).0 | tag << (8 * slot))
    }

    pub(super) const fn without(self, slot: usize) -> Self {
        Self(self.0 & !(Self::TAG << (8 * slot)))
    }

    /// A free slot.
    pub(super) fn free(self) -> Option<usize> {
        Slots(!self.0 & Self::HIGHS).next()
    }
}

/// A set of slots, to go through.
#[derive(Clone, Copy)]
pub(super) struct Slots(u64);

impl Slots {
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Iterator for Slots {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let slot = self.0.trailing_zeros() as usize / 8;
        self.0 &= self.0 - 1;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::{SLOTS, Tags, Version};

    #[test]
    fn the_version_wraps_without_touching_lock_and_link() {
        let last = Version(u64::MAX << Version::PROPER).with_link(Version::LINK_MAX);
        let next = last.next();
        assert!(!next.same_keys(last));
        assert_eq!(next.0, Version(0).with_link(Version::LINK_MAX).0);
    }

    #[test]
    fn matching_slots_are_those_with_the_tag_and_never_free_ones() {
        let step = if cfg!(miri) { 17 } else { 1 };
        for tag in (0x80..=0xFF).step_by(step) {
            for other in (0x80..=0xFF).step_by(step) {
                for free in 0..SLOTS {
                    let mut tags = Tags::empty(3);
                    for slot in (0..SLOTS).filter(|slot| *slot != free) {
                        tags = tags.with(slot, if slot % 2 == 0 { tag } else { other });
                    }
                    for slot in tags.matching(tag) {
                        assert_ne!(slot, free);
                    }
                    for slot in (0..SLOTS).step_by(2).filter(|slot| *slot != free) {
                        assert!(tags.matching(tag).any(|found| found == slot));
                    }
                    assert_eq!(tags.free(), Some(free));
                    assert_eq!(tags.depth(), 3);
                }
            }
        }
    }
}
