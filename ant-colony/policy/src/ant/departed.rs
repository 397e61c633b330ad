//! The memory of departed objects: when they were last asked for and what class they had.
//!
//! A table of four-byte entries in buckets of eight: twelve bits of the hash, the class and a
//! coarse time. A full bucket gives up the entry whose return is worth least, so that objects that
//! nobody waits for make room for those that may come back. Hashes are not verified: one stranger
//! in 500 is taken for an object that was there, and gets its class.

use alloc::boxed::Box;

use super::age::Tick;
use super::class::{Class, Detail};
use super::mark::Mark;

const BUCKET: usize = 8;
const PRINT_BITS: u32 = 12;

/// Marks of objects that left, by hash.
#[derive(Debug)]
pub(crate) struct Departed {
    slots: Box<[u32]>,
    layout: Layout,
}

/// How an entry holds print, class and time.
#[derive(Clone, Copy, Debug)]
struct Layout {
    detail: Detail,
    row_bits: u32,
    /// Bits of a tick that are not kept.
    coarse: u32,
    time_bits: u32,
}

/// An entry of the table, for those who choose which one to give up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub class: Class,
    pub age: u32,
}

impl Departed {
    /// Entries that are looked at together.
    pub(crate) const BUCKET: usize = BUCKET;

    /// Memory that a table for `objects` takes.
    pub(crate) const fn bytes(objects: usize) -> usize {
        objects.next_multiple_of(BUCKET) * size_of::<u32>()
    }

    pub(crate) fn new(objects: usize, detail: Detail) -> Self {
        let slots = objects.next_multiple_of(BUCKET);
        Self {
            slots: alloc::vec![0; slots].into_boxed_slice(),
            layout: Layout::new(detail),
        }
    }

    /// How many it can hold.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Forgets the object; answers its class and age.
    pub(crate) fn take(&mut self, hash: u64, now: Tick) -> Option<Entry> {
        let start = self.bucket(hash)?;
        let print = print(hash);
        let slot = self.slots[start..start + BUCKET]
            .iter_mut()
            .find(|slot| **slot & PRINT_MASK == print)?;
        Some(self.layout.entry(core::mem::take(slot), now))
    }

    /// Remembers an object, in place of the entry of its bucket with the lowest `worth`. Answers
    /// what was given up for it.
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        mark: Mark,
        now: Tick,
        mut worth: impl FnMut(Entry) -> u32,
    ) -> Option<Entry> {
        let start = self.bucket(hash)?;
        let layout = self.layout;
        let bucket = &mut self.slots[start..start + BUCKET];
        let mut place = (0, u64::MAX);
        for (i, &slot) in bucket.iter().enumerate() {
            let worth = match slot {
                0 => 0,
                slot => 1 + u64::from(worth(layout.entry(slot, now))),
            };
            if worth < place.1 {
                place = (i, worth);
            }
        }
        let slot = &mut bucket[place.0];
        let given_up = (*slot != 0).then(|| layout.entry(*slot, now));
        *slot = layout.slot(print(hash), mark);
        given_up
    }

    fn bucket(&self, hash: u64) -> Option<usize> {
        let buckets = (self.slots.len() / BUCKET) as u64;
        // The middle bits: a sharded mechanism has spent the top ones on the shard.
        let position = hash >> 20 & 0xffff_ffff;
        (buckets > 0).then(|| ((position * buckets) >> 32) as usize * BUCKET)
    }
}

const PRINT_MASK: u32 = (1 << PRINT_BITS) - 1;

/// Never zero, so that a zero slot is an empty one.
fn print(hash: u64) -> u32 {
    (hash as u32 & PRINT_MASK).max(1)
}

impl Layout {
    const fn new(detail: Detail) -> Self {
        let row_bits = Class::BITS - detail.unused_bits();
        Self {
            detail,
            row_bits,
            coarse: match detail {
                Detail::Lean => 3,
                Detail::Full => 4,
            },
            time_bits: u32::BITS - PRINT_BITS - row_bits,
        }
    }

    fn slot(&self, print: u32, mark: Mark) -> u32 {
        let time = mark.time().get() >> self.coarse;
        let row = mark.class().row(self.detail) as u32;
        time << (PRINT_BITS + self.row_bits) | row << PRINT_BITS | print
    }

    /// Ages wrap around after 2,048 (lean) or 256 (full) times the cache, and are exact to an
    /// eighth or a quarter of it.
    fn entry(&self, slot: u32, now: Tick) -> Entry {
        let row = slot >> PRINT_BITS & ((1 << self.row_bits) - 1);
        let time = slot >> (PRINT_BITS + self.row_bits);
        let coarse_age = (now.get() >> self.coarse).wrapping_sub(time);
        Entry {
            class: Class::from_bits(row << self.detail.unused_bits()),
            age: (coarse_age & ((1 << self.time_bits) - 1)) << self.coarse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(i: u64) -> u64 {
        let x = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        x ^ (x >> 32)
    }

    fn mark(time: u32) -> Mark {
        Mark::new(Tick::new(time), Class::of_pioneer())
    }

    #[test]
    fn an_object_is_remembered_once_with_class_and_coarse_age() {
        for detail in [Detail::Lean, Detail::Full] {
            let mut departed = Departed::new(64, detail);
            departed.insert(hash(1), mark(1_000), Tick::new(1_100), |_| 0);
            let entry = departed
                .take(hash(1), Tick::new(3_000))
                .expect("it is there");
            assert_eq!(entry.class, Class::of_pioneer());
            assert!(entry.age.abs_diff(2_000) <= 16, "{}", entry.age);
            assert!(departed.take(hash(1), Tick::new(3_000)).is_none());
        }
    }

    #[test]
    fn ages_survive_the_wrap_around_of_ticks() {
        for detail in [Detail::Lean, Detail::Full] {
            let mut departed = Departed::new(64, detail);
            let late = Tick::new(u32::MAX - 160);
            departed.insert(hash(1), Mark::new(late, Class::of_pioneer()), late, |_| 0);
            let entry = departed.take(hash(1), Tick::new(160)).expect("it is there");
            assert!(entry.age.abs_diff(321) <= 16, "{}", entry.age);
        }
    }

    #[test]
    fn a_full_bucket_gives_up_what_is_worth_least() {
        let mut departed = Departed::new(BUCKET, Detail::Full);
        for i in 0..BUCKET as u64 {
            let time = i as u32 * 160;
            assert!(
                departed
                    .insert(hash(i), mark(time), Tick::new(time), |_| 0)
                    .is_none()
            );
        }
        let now = Tick::new(1_600);
        let given_up = departed.insert(hash(99), mark(1_600), now, |entry| entry.age.abs_diff(800));
        assert_eq!(given_up.expect("one had to go").age, 800);
        assert!(departed.take(hash(5), now).is_none());
    }

    #[test]
    fn strangers_are_rarely_taken_for_somebody() {
        let mut departed = Departed::new(8_192, Detail::Lean);
        for i in 0..30_000 {
            departed.insert(hash(i), mark(0), Tick::new(0), |_| 0);
        }
        let wrong = (1_000_000..1_100_000)
            .filter(|&i| departed.take(hash(i), Tick::new(0)).is_some())
            .count();
        assert!(wrong < 400, "{wrong} of 100,000");
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let mut departed = Departed::new(0, Detail::Lean);
        assert!(departed.insert(7, mark(0), Tick::new(0), |_| 0).is_none());
        assert!(departed.take(7, Tick::new(0)).is_none());
    }
}
