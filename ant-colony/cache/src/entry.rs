//! What the index holds beside a key: the value, and what a reader needs to know of it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use ant_colony_policy::Frequency;

use crate::slots::Id;

/// A value in the index.
#[derive(Debug)]
pub(crate) struct Entry<V> {
    pub(crate) id: Id,
    pub(crate) mark: Mark,
    pub(crate) times: Times,
    pub(crate) value: V,
}

/// How often an entry was asked for lately. Reads and writes of different threads may overtake each
/// other and lose a hit: it is a hint for the policy.
#[derive(Debug, Default)]
pub(crate) struct Mark(AtomicU8);

impl Mark {
    pub(crate) fn new(frequency: Frequency) -> Self {
        Self(AtomicU8::new(frequency.get()))
    }

    pub(crate) fn get(&self) -> Frequency {
        Frequency::new(self.0.load(Relaxed))
    }

    pub(crate) fn set(&self, frequency: Frequency) {
        self.0.store(frequency.get(), Relaxed);
    }

    /// Counts a hit; writes nothing if the mark is full.
    #[inline]
    pub(crate) fn hit(&self) {
        let before = self.get();
        let after = before.hit();
        if after != before {
            self.set(after);
        }
    }
}

/// When an entry stops being valid, in nanoseconds of the cache's clock.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) expires_at: u64,
    /// The last access that was written down.
    pub(crate) touched_at: AtomicU64,
}

impl Times {
    /// Of an entry that stays valid.
    pub(crate) const fn never() -> Self {
        Self {
            expires_at: u64::MAX,
            touched_at: AtomicU64::new(0),
        }
    }
}
