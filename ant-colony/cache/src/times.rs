//! Until when entries are valid, by the slots of their values. Apart from the entries, which are so
//! much smaller where nothing expires.
//!
//! The writer sets the times of a slot before it puts an entry there. Who reads an entry can read its
//! times: its slot gets no other entry meanwhile.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hallows_lockfree::slab_map::Slot;

/// When an entry stops being valid, in nanoseconds of the cache's clock.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) expires_at: AtomicU64,
    /// The last access that was written down.
    pub(crate) touched_at: AtomicU64,
}

impl Times {
    pub(crate) fn new(expires_at: u64, touched_at: u64) -> Self {
        Self {
            expires_at: AtomicU64::new(expires_at),
            touched_at: AtomicU64::new(touched_at),
        }
    }
}

/// The times of all slots, in segments, each twice as long as the one before.
#[derive(Default)]
pub(crate) struct TimesOfSlots([OnceLock<Box<[Times]>>; u32::BITS as usize]);

impl TimesOfSlots {
    /// Of a slot that is, or was, in use.
    pub(crate) fn at(&self, slot: Slot) -> &Times {
        let number = slot.number();
        let (segment, before) = (number.ilog2(), 1 << number.ilog2());
        let new = || (0..before).map(|_| Times::default()).collect();
        let segment = self.0[segment as usize].get_or_init(new);
        &segment[(number - before) as usize]
    }

    /// To be called before the entry is in the map, which releases this.
    pub(crate) fn set(&self, slot: Slot, times: &Times) {
        let place = self.at(slot);
        place
            .expires_at
            .store(times.expires_at.load(Relaxed), Relaxed);
        place
            .touched_at
            .store(times.touched_at.load(Relaxed), Relaxed);
    }
}
