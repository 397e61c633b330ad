//! What the index holds beside a key: the value, and what a reader needs to know of it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use ant_colony_policy::Frequency;

use crate::slots::Id;

/// A value in the index. In this order, so that what a hit needs is together: the key lies before it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry<V> {
    pub(crate) mark: Mark,
    pub(crate) value: V,
    pub(crate) times: Times,
}

impl<V> Entry<V> {
    pub(crate) fn id(&self) -> Id {
        self.mark.id()
    }
}

/// The name of an entry, and beside it, in the same word, how often it was asked for lately. Reads and
/// writes of different threads may overtake each other and lose a hit: it is a hint for the policy.
/// The name never changes.
#[derive(Debug)]
pub(crate) struct Mark {
    slot: u32,
    /// The generation, and below it the frequency.
    word: AtomicU32,
}

impl Mark {
    pub(crate) fn new(id: Id, frequency: Frequency) -> Self {
        Self {
            slot: id.slot,
            word: AtomicU32::new(id.generation << Frequency::BITS | u32::from(frequency.get())),
        }
    }

    fn id(&self) -> Id {
        Id {
            slot: self.slot,
            generation: self.word.load(Relaxed) >> Frequency::BITS,
        }
    }

    pub(crate) fn get(&self) -> Frequency {
        frequency(self.word.load(Relaxed))
    }

    pub(crate) fn set(&self, frequency: Frequency) {
        self.replace(self.word.load(Relaxed), frequency);
    }

    /// Counts a hit; writes nothing if the mark is full.
    #[inline]
    pub(crate) fn hit(&self) {
        let word = self.word.load(Relaxed);
        let before = frequency(word);
        let after = before.hit();
        if after != before {
            self.replace(word, after);
        }
    }

    fn replace(&self, word: u32, frequency: Frequency) {
        let generation = word & !FREQUENCY;
        (self.word).store(generation | u32::from(frequency.get()), Relaxed);
    }
}

/// The bits of a word that are the frequency.
const FREQUENCY: u32 = (1 << Frequency::BITS) - 1;

fn frequency(word: u32) -> Frequency {
    Frequency::new((word & FREQUENCY) as u8)
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
