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
    pub(crate) const fn new(expires_at: u64, touched_at: u64) -> Self {
        Self {
            expires_at: AtomicU64::new(expires_at),
            touched_at: AtomicU64::new(touched_at),
        }
    }
}

/// The times of all slots, in chunks of the same length, so that no insertion makes many. The chunks are
/// in rows, each twice as long as the one before.
#[derive(Default)]
pub(crate) struct TimesOfSlots([OnceLock<Row>; (u32::BITS - CHUNK_BITS) as usize + 1]);

type Row = Box<[OnceLock<Chunk>]>;
type Chunk = Box<[Times; 1 << CHUNK_BITS]>;

const CHUNK_BITS: u32 = 10;

impl TimesOfSlots {
    /// Of a slot that is, or was, in use.
    #[inline]
    pub(crate) fn at(&self, slot: Slot) -> &Times {
        self.of(slot.number())
    }

    #[inline]
    fn of(&self, slot: u32) -> &Times {
        // From 1 on, so that as many chunks as a row has come before it.
        let chunk = (slot >> CHUNK_BITS) + 1;
        let row = self.0[chunk.ilog2() as usize].get_or_init(|| new_row(1 << chunk.ilog2()));
        let chunk = row[(chunk - (1 << chunk.ilog2())) as usize].get_or_init(new_chunk);
        &chunk[(slot % (1 << CHUNK_BITS)) as usize]
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

#[cold]
fn new_row(len: u32) -> Row {
    (0..len).map(|_| OnceLock::new()).collect()
}

#[cold]
fn new_chunk() -> Chunk {
    Box::new([const { Times::new(0, 0) }; 1 << CHUNK_BITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_times_of_its_own_and_a_new_one_makes_few_others() {
        let times = TimesOfSlots::default();
        let slots = (0..2_000).chain([1 << 20, (1 << 20) + 1, (1 << 22) + 5]);
        for slot in slots.clone() {
            times.of(slot).expires_at.store(u64::from(slot), Relaxed);
        }
        for slot in slots {
            assert_eq!(times.of(slot).expires_at.load(Relaxed), u64::from(slot));
        }
        let rows = times.0.iter().filter_map(OnceLock::get);
        let made = rows.flat_map(|row| row.iter().filter_map(OnceLock::get));
        assert_eq!(
            made.map(|chunk| chunk.len()).sum::<usize>(),
            4 << CHUNK_BITS
        );
    }
}
