//! A bucket: two adjacent cache lines with two words that say what is in it, and seven pairs.

use super::tags::Tags;
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
        Tags::from_word(self.tags.load(Acquire))
    }

    /// The tags, to who has the chain locked or for itself.
    pub(super) fn own_tags(&self) -> Tags {
        Tags::from_word(self.tags.load(Relaxed))
    }

    pub(super) fn set_tags(&self, tags: Tags) {
        self.tags.store(tags.word(), Release);
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

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn the_version_wraps_without_touching_lock_and_link() {
        let last = Version(u64::MAX << Version::PROPER).with_link(Version::LINK_MAX);
        let next = last.next();
        assert!(!next.same_keys(last));
        assert_eq!(next.0, Version(0).with_link(Version::LINK_MAX).0);
    }
}
