//! The walk over all pairs, while others write, or alone.

use alloc::vec::Vec;

use super::bucket::SLOTS;
use super::search::Hold;
use super::table::{Seen, Spot, Table};
use super::tags::Tags;
use crate::sync::atomic::{Ordering::Acquire, Ordering::Relaxed};

/// The walk: how to hold a pair, and the pairs that are held of one chain.
pub(super) struct Visit<'t, Hash, Keep, H> {
    table: &'t Table,
    hash_of: Hash,
    hold: Keep,
    held: Vec<(usize, *mut (), H)>,
}

impl<'t, Hash, Keep, H> Visit<'t, Hash, Keep, H>
where
    Hash: Fn(usize) -> usize,
    Keep: Fn(&Spot<'_>) -> Hold<H>,
{
    /// `hold` has the duties that it has in a [search](Table::search), and the same is promised to
    /// it.
    pub(super) const fn new(table: &'t Table, hash_of: Hash, hold: Keep) -> Self {
        Self {
            table,
            hash_of,
            hold,
            held: Vec::new(),
        }
    }

    /// Calls `f` with the two words and what is held, chain by chain: each key that is in the table
    /// all the time exactly once, also if the table grows.
    pub(super) fn run(mut self, mut f: impl FnMut(usize, *mut (), H)) {
        let families = self.table.used.families;
        let depth = families.depth(self.table.used.last.load(Acquire) + 1);
        for low in 0..1 << depth {
            for family in 0..families.buckets(0) {
                self.bucket(family, low, depth, &mut f);
            }
        }
    }

    /// Visits the keys of a family whose hashes have these low bits, `depth` of them.
    fn bucket(
        &mut self,
        family: usize,
        low: usize,
        depth: u32,
        f: &mut impl FnMut(usize, *mut (), H),
    ) {
        let index = self.table.used.families.index(family, low);
        let now = loop {
            // SAFETY: below `last`, or split off a bucket whose tags, which we have seen, say so.
            let seen = Seen::now(unsafe { self.table.home(index) });
            if self.chain(low, seen).is_some() {
                break seen.tags.depth();
            }
            self.held.clear();
        };
        for (key, value, held) in self.held.drain(..) {
            f(key, value, held);
        }
        // The others have gone to the buckets that were split off this one.
        for depth in depth..now {
            self.bucket(family, low | 1 << depth, depth + 1, f);
        }
    }

    /// Holds all pairs of a chain; none if it has changed meanwhile.
    fn chain(&mut self, low: usize, seen: Seen<'_>) -> Option<()> {
        let (mut bucket, mut tags, mut link) = (seen.home, seen.tags, seen.version.link());
        loop {
            for slot in tags.occupied() {
                self.spot(low, seen.tags, &Spot::read(seen, bucket, slot))?;
            }
            (bucket, link) = match self.table.follow(&seen, link)? {
                Some(next) => next,
                None => return Some(()),
            };
            tags = bucket.tags();
        }
    }

    fn spot(&mut self, low: usize, home: Tags, spot: &Spot<'_>) -> Option<()> {
        // A split that is going on leaves two traces in overflow buckets. One is pairs that have
        // left: they are not held, because where they are now, they may have been replaced and
        // freed. (If the key only seems to be such a one because half of it is another's, the
        // version has changed, and that is found out at the next step.)
        if is_stray((self.hash_of)(spot.key), low, home) {
            return Some(());
        }
        let held = match (self.hold)(spot) {
            Hold::Is(held) => held,
            Hold::Other => return Some(()),
            Hold::Changed => return None,
        };
        // The other is originals of what is in the home bucket already.
        let copied = |known: &(usize, *mut (), H)| (known.0, known.1) == (spot.key, spot.value);
        if !self.held.iter().take(SLOTS).any(copied) {
            self.held.push((spot.key, spot.value, held));
        }
        Some(())
    }
}

/// True for a pair that a split has left behind: its key is looked for elsewhere.
const fn is_stray(hash: usize, low: usize, home: Tags) -> bool {
    hash & home.mask() != low
}

impl Table {
    /// The two words of every pair.
    pub(super) fn pairs(
        &mut self,
        hash_of: impl Fn(usize) -> usize + Copy,
    ) -> impl Iterator<Item = (usize, *mut ())> {
        let table = &*self;
        (0..=table.used.last.load(Relaxed)).flat_map(move |index| {
            let low = table.used.families.low(index);
            // SAFETY: at most `last`.
            let home = unsafe { table.home(index) };
            let overflow = table.chain(home.own_link()).map(|(_, bucket)| bucket);
            core::iter::once(home)
                .chain(overflow)
                .flat_map(|bucket| {
                    let occupied = bucket.own_tags().occupied();
                    occupied.map(|slot| &bucket.pairs[slot])
                })
                .map(|pair| (pair.key.load(Relaxed), pair.value.load(Relaxed)))
                .filter(move |(key, _)| !is_stray(hash_of(*key), low, home.own_tags()))
        })
    }
}
