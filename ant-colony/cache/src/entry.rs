//! What the map holds beside a key: the value, and what a reader needs to know of it.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use ant_colony_policy::Frequency;

/// A value in the map. In this order, so that what a hit needs is together: the key lies before it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry<V> {
    pub(crate) mark: Mark,
    /// The entry's [place](crate::places).
    pub(crate) place: u32,
    pub(crate) value: V,
}

/// How often an entry was asked for lately. Reads and writes of different threads may overtake each
/// other and lose a hit: it is a hint for the policy.
#[derive(Debug)]
pub(crate) struct Mark(AtomicU8);

impl Mark {
    /// Instead of a frequency: the entry was prefetched, and nobody has asked for it yet. More than any
    /// frequency, so that a hit takes it for a full mark and leaves it alone.
    const UNUSED: u8 = 1 << 7;

    pub(crate) const fn unused() -> Self {
        Self(AtomicU8::new(Self::UNUSED))
    }

    #[inline]
    pub(crate) fn is_unused(&self) -> bool {
        self.0.load(Relaxed) == Self::UNUSED
    }

    pub(crate) fn new(frequency: Frequency) -> Self {
        Self(AtomicU8::new(frequency.get()))
    }

    #[inline]
    pub(crate) fn get(&self) -> Frequency {
        match self.0.load(Relaxed) {
            Self::UNUSED => Frequency::ZERO,
            frequency => Frequency::new(frequency),
        }
    }

    pub(crate) fn set(&self, frequency: Frequency) {
        self.0.store(frequency.get(), Relaxed);
    }

    /// Counts a hit; writes nothing if the mark is full.
    #[inline]
    pub(crate) fn hit(&self) {
        let before = self.0.load(Relaxed);
        if before < Frequency::MAX.get() {
            self.0.store(before + 1, Relaxed);
        }
    }
}
