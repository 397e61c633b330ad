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
    pub(crate) fn new(frequency: Frequency) -> Self {
        Self(AtomicU8::new(frequency.get()))
    }

    #[inline]
    pub(crate) fn get(&self) -> Frequency {
        Frequency::new(self.0.load(Relaxed))
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
