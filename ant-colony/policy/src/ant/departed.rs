//! The memory of departed objects: when they were last asked for and what class they had.
//!
//! A table of four-byte entries in buckets of eight: twelve bits of the hash, the class and a
//! coarse time. A full bucket, or one half of it in lean detail, gives up the entry whose return is worth least, so that objects that
//! nobody waits for make room for those that may come back. Hashes are not verified: one stranger
//! in 500 is taken for an object that was there, and gets its class.

use alloc::boxed::Box;

use super::age::Tick;
use super::class::{Class, Detail};
use super::curves::place;
use super::mark::Mark;

const BUCKET: usize = 8;
const PRINT_BITS: u32 = 12;
/// A slot that holds nothing: of a class that no object has, whose rank is the lowest.
const EMPTY: u32 = Class::NOBODY.bits() << PRINT_BITS;

/// Marks of objects that left, by hash.
#[derive(Debug)]
pub(crate) struct Departed {
    buckets: Box<[Bucket]>,
    layout: Layout,
}

/// Entries that are looked at together, half a line of the processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Bucket([u32; BUCKET]);

impl Bucket {
    const NONE: Self = Self([EMPTY; BUCKET]);

    /// Whether an entry has this print; mostly none has. Compiled apart, or they would not be
    /// compared four at once.
    #[inline(never)]
    fn holds(&self, print: u32) -> bool {
        (self.0.iter()).fold(false, |held, &slot| held | has(slot, print))
    }
}

/// How an entry holds print, class and time.
#[derive(Clone, Copy, Debug)]
struct Layout {
    detail: Detail,
    class_bits: u32,
    /// Bits of a tick that are not kept.
    coarse: u32,
    time_bits: u32,
}

/// What is known of an object that was there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub class: Class,
    pub age: u32,
}

/// The entries of a bucket that were compared when it remembered an object: the [`place`] of each,
/// empty ones at a class that no object has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Competition<const RIVALS: usize> {
    pub places: [u32; RIVALS],
    /// Of the one that made room.
    pub given_up: u32,
}

impl Departed {
    /// Memory that a table for `objects` takes.
    pub(crate) const fn bytes(objects: usize) -> usize {
        objects.div_ceil(BUCKET) * size_of::<Bucket>()
    }

    pub(crate) fn new(objects: usize, detail: Detail) -> Self {
        let buckets = objects.div_ceil(BUCKET);
        Self {
            buckets: alloc::vec![Bucket::NONE; buckets].into_boxed_slice(),
            layout: Layout::new(detail),
        }
    }

    /// How many it can hold.
    pub(crate) fn len(&self) -> usize {
        self.buckets.len() * BUCKET
    }

    /// Forgets the object; answers its class and age.
    pub(crate) fn take(&mut self, hash: u64, now: Tick) -> Option<Entry> {
        let layout = self.layout;
        let print = print(hash);
        let bucket = self.bucket(hash)?;
        if !bucket.holds(print) {
            return None;
        }
        let slot = bucket.0.iter_mut().find(|slot| has(**slot, print))?;
        let entry = layout.entry(core::mem::replace(slot, EMPTY), now);
        Some(Entry {
            class: entry.class.halfway(),
            ..entry
        })
    }

    /// Remembers an object, in place of the one with the lowest of the `ranks` among so many entries
    /// of its bucket: all, or one half. Ranks are asked for by [`place`].
    #[inline]
    pub(crate) fn insert<const RIVALS: usize>(
        &mut self,
        hash: u64,
        mark: Mark,
        now: Tick,
        ranks: impl Fn(&[u32; RIVALS]) -> [u32; RIVALS],
    ) -> Option<Competition<RIVALS>> {
        const { assert!(RIVALS == BUCKET || RIVALS * 2 == BUCKET) };
        let layout = self.layout;
        let first = (hash >> PRINT_BITS) as usize & (BUCKET - RIVALS);
        let slots = self.bucket(hash)?.0[first..].first_chunk_mut::<RIVALS>()?;
        let places = layout.places(slots, now);
        let mut worst = u32::MAX;
        for (i, rank) in ranks(&places).into_iter().enumerate() {
            worst = worst.min(rank << 3 | i as u32);
        }
        let worst = worst as usize % RIVALS;
        slots[worst] = layout.slot(print(hash), mark);
        Some(Competition {
            given_up: places[worst],
            places,
        })
    }

    #[inline]
    fn bucket(&mut self, hash: u64) -> Option<&mut Bucket> {
        // The middle bits: a sharded mechanism has spent the top ones on the shard.
        let position = hash >> 20 & 0xffff_ffff;
        let place = (position * self.buckets.len() as u64) >> 32;
        self.buckets.get_mut(place as usize)
    }
}

const PRINT_MASK: u32 = (1 << PRINT_BITS) - 1;

#[inline]
fn has(slot: u32, print: u32) -> bool {
    slot & PRINT_MASK == print
}

/// Never zero, so that no entry looks [`EMPTY`].
#[inline]
fn print(hash: u64) -> u32 {
    (hash as u32 & PRINT_MASK).max(1)
}

impl Layout {
    const fn new(detail: Detail) -> Self {
        let class_bits = detail.rows().ilog2();
        Self {
            detail,
            class_bits,
            coarse: match detail {
                Detail::Lean => 3,
                Detail::Full => 4,
            },
            time_bits: u32::BITS - PRINT_BITS - class_bits,
        }
    }

    #[inline]
    fn slot(&self, print: u32, mark: Mark) -> u32 {
        let time = mark.time().get() >> self.coarse;
        let class = mark.class().row() as u32 & ((1 << self.class_bits) - 1);
        time << (PRINT_BITS + self.class_bits) | class << PRINT_BITS | print
    }

    /// The [`place`] of each entry's rank.
    fn places<const N: usize>(&self, slots: &[u32; N], now: Tick) -> [u32; N] {
        match self.detail {
            Detail::Lean => places::<N, false>(slots, now),
            Detail::Full => places::<N, true>(slots, now),
        }
    }

    /// Ages wrap around after 2,048 (lean) or 256 (full) times the cache, and are exact to an
    /// eighth or a quarter of it.
    #[inline]
    fn entry(&self, slot: u32, now: Tick) -> Entry {
        let class = slot >> PRINT_BITS & ((1 << self.class_bits) - 1);
        let time = slot >> (PRINT_BITS + self.class_bits);
        let coarse_age = (now.get() >> self.coarse).wrapping_sub(time);
        Entry {
            class: Class::from_bits(class),
            age: (coarse_age & ((1 << self.time_bits) - 1)) << self.coarse,
        }
    }
}

/// As [`Layout::places`], for a layout that the compiler knows, in full detail or not. Compiled
/// apart, or they would not be found four at once.
#[inline(never)]
fn places<const N: usize, const FULL: bool>(slots: &[u32; N], now: Tick) -> [u32; N] {
    let detail = if FULL { Detail::Full } else { Detail::Lean };
    let layout = Layout::new(detail);
    let mut places = [0; N];
    for (i, &slot) in slots.iter().enumerate() {
        let entry = layout.entry(slot, now);
        places[i] = place(entry.class, entry.age);
    }
    places
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

    /// That of an entry, where empty ones have none.
    fn occupied(rank_place: u32, rank: u32) -> u32 {
        if rank_place >= place(Class::NOBODY, 0) {
            0
        } else {
            1 + rank
        }
    }

    #[test]
    fn an_object_is_remembered_once_with_class_and_coarse_age() {
        for detail in [Detail::Lean, Detail::Full] {
            let mut departed = Departed::new(64, detail);
            departed.insert(
                hash(1),
                mark(1_000),
                Tick::new(1_100),
                |_: &[u32; BUCKET]| [0; BUCKET],
            );
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
            departed.insert(hash(1), Mark::new(late, Class::of_pioneer()), late, |_| {
                [0; BUCKET]
            });
            let entry = departed.take(hash(1), Tick::new(160)).expect("it is there");
            assert!(entry.age.abs_diff(321) <= 16, "{}", entry.age);
        }
    }

    #[test]
    fn a_full_bucket_gives_up_what_is_worth_least() {
        let mut departed = Departed::new(BUCKET, Detail::Full);
        for i in 0..BUCKET as u64 {
            let time = i as u32 * 160;
            let ranks = |places: &[u32; BUCKET]| places.map(|place| occupied(place, 1));
            let made_room = departed.insert(hash(i), mark(time), Tick::new(time), ranks);
            assert!(made_room.expect("a bucket").given_up >= place(Class::NOBODY, 0));
        }
        let now = Tick::new(1_600);
        let worst = place(Class::of_pioneer(), 800);
        let given_up = departed.insert(hash(99), mark(1_600), now, |places: &[u32; BUCKET]| {
            places.map(|place| occupied(place, place.abs_diff(worst)))
        });
        assert_eq!(given_up.expect("a bucket").given_up, worst);
        assert!(departed.take(hash(5), now).is_none());
    }

    #[test]
    fn strangers_are_rarely_taken_for_somebody() {
        let mut departed = Departed::new(8_192, Detail::Lean);
        for i in 0..30_000 {
            departed.insert(hash(i), mark(0), Tick::new(0), |_: &[u32; BUCKET]| {
                [0; BUCKET]
            });
        }
        let wrong = (1_000_000..1_100_000)
            .filter(|&i| departed.take(hash(i), Tick::new(0)).is_some())
            .count();
        assert!(wrong < 400, "{wrong} of 100,000");
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let mut departed = Departed::new(0, Detail::Lean);
        assert!(
            departed
                .insert(7, mark(0), Tick::new(0), |_: &[u32; BUCKET]| [0; BUCKET])
                .is_none()
        );
        assert!(departed.take(7, Tick::new(0)).is_none());
    }
}
