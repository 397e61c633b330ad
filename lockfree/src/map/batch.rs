//! Look-ups of many keys, whose memory is asked for before it is read.
//!
//! A group of keys goes through the steps of a search together: all are hashed and their home buckets
//! asked for, then each is looked for in its home bucket, and those few for which that was not enough
//! come last, when their overflow buckets have been asked for as well.
//!
//! Buckets are asked for twice: all of a group into the second cache, which can wait for more lines at a
//! time than the first, and each once more into the first, shortly before it is read. In an experiment on
//! an AMD EPYC of the fourth generation, with a table six times as large as its last cache, these took
//! longer: all into the first cache at once (1.8 times), all into the second only (1.7 times), and only
//! those lines of which the tags say that they are needed (1.5 times: two waits, one after the other).
//! Of a small table, all go into the first cache at once: they come soon. So do boxes, of which there is
//! a line or two for each key.

use core::hash::BuildHasher;
use core::mem::MaybeUninit;

use super::Map;
use super::bucket::Bucket;
use super::layout::{Entry, Find, Layout};
use super::prefetch::{prefetch, prefetch_second};
use super::search::{Glance, Search};
use super::table::{Spot, Table};

/// How many keys go together: more than a core can wait for at a time.
const GROUP: usize = 32;
/// How many keys before its turn a bucket that was brought into the second cache is brought into the
/// first.
const AHEAD: usize = 8;
const BUCKET_BYTES: usize = size_of::<Bucket>();

impl<K, V, S: BuildHasher, L: Layout<K, V>> Map<K, V, S, L> {
    /// Calls `f` for each of `keys` with its position and its value, if it has one; not in the order of
    /// the keys.
    ///
    /// Asks for the memory of 32 keys before it looks at the first of them, so that it waits for them at
    /// the same time; where entries are in boxes, for these as well. This is not one look at the map:
    /// each key is looked up by itself.
    #[inline]
    pub fn get_many<Q>(&self, keys: &[Q], f: impl FnMut(usize, Option<&V>))
    where
        L: Find<K, Q>,
    {
        if self.table.is_small() {
            self.get_groups::<Q, true>(keys, f);
        } else {
            self.get_groups::<Q, false>(keys, f);
        }
    }

    /// The same where the table is `SMALL`, or is not: asked once, not for each key.
    #[inline(always)]
    fn get_groups<Q, const SMALL: bool>(&self, keys: &[Q], mut f: impl FnMut(usize, Option<&V>))
    where
        L: Find<K, Q>,
    {
        for (number, group) in keys.chunks(GROUP).enumerate() {
            let f = |place, value: Option<&V>| f(number * GROUP + place, value);
            self.get_group::<Q, SMALL>(group, f);
        }
    }

    /// At most [`GROUP`] keys.
    #[inline(always)]
    fn get_group<Q, const SMALL: bool>(&self, keys: &[Q], mut f: impl FnMut(usize, Option<&V>))
    where
        L: Find<K, Q>,
    {
        let mut hashes: Room<usize> = [const { MaybeUninit::uninit() }; GROUP];
        let mut homes: Room<&Bucket> = [const { MaybeUninit::uninit() }; GROUP];
        let reach = self.table.reach();
        let (hashes, homes) = match reach.even() {
            Some(even) => {
                self.ask::<Q, SMALL>(keys, |hash| even.home(hash), &mut hashes, &mut homes)
            }
            None => self.ask::<Q, SMALL>(keys, |hash| reach.home(hash), &mut hashes, &mut homes),
        };
        if L::BOXED_BYTES > 0 {
            for (home, &hash) in homes.iter().zip(hashes) {
                self.table.prefetch_value(home, hash, L::BOXED_BYTES);
            }
        } else if !SMALL {
            for home in homes.iter().take(AHEAD) {
                prefetch(*home, BUCKET_BYTES);
            }
        }
        let hold = |key, spot: &Spot<'_>| {
            // SAFETY: a spot of the table that belongs to the domain.
            unsafe { L::hold(&self.domain, spot, |stored| L::is(stored, key)) }
        };
        let depth = reach.depth();
        // A bit for each place.
        let mut unanswered: u32 = 0;
        const { assert!(GROUP <= u32::BITS as usize) };
        for (place, ((key, &hash), home)) in keys.iter().zip(hashes).zip(homes).enumerate() {
            if L::BOXED_BYTES == 0
                && !SMALL
                && let Some(later) = homes.get(place + AHEAD)
            {
                prefetch(*later, BUCKET_BYTES);
            }
            let (word, hold) = (L::word(key, hash), |spot: &Spot<'_>| hold(key, spot));
            match Table::glance(home, depth, hash, word, hold) {
                Glance::Found(held) => f(place, Some(held.value())),
                Glance::Absent => f(place, None),
                Glance::Unclear => unanswered |= 1 << place,
            }
        }
        if !SMALL {
            places(unanswered).for_each(|place| self.table.prefetch_overflow(homes[place]));
        }
        for place in places(unanswered) {
            let (key, hash, home) = (&keys[place], hashes[place], homes[place]);
            let (word, hold) = (L::word(key, hash), |spot: &Spot<'_>| hold(key, spot));
            let search = (self.table).search_here(home, reach.low(hash), hash, word, hold);
            match search.unwrap_or_else(|| self.table.thorough(hash, word, hold)) {
                Search::Found(_, held) => f(place, Some(held.value())),
                Search::Absent(..) => f(place, None),
            }
        }
    }

    /// The hashes of the keys and their home buckets, which are asked for.
    #[inline(always)]
    fn ask<'r, 't, Q, const SMALL: bool>(
        &self,
        keys: &[Q],
        home: impl Fn(usize) -> &'t Bucket,
        hashes: &'r mut Room<usize>,
        homes: &'r mut Room<&'t Bucket>,
    ) -> (&'r [usize], &'r [&'t Bucket])
    where
        L: Find<K, Q>,
    {
        let room = hashes.iter_mut().zip(&mut *homes);
        for (key, (hash_room, home_room)) in keys.iter().zip(room) {
            let hash = L::hash(key, &self.hasher);
            let home = home(hash);
            if SMALL {
                prefetch(home, BUCKET_BYTES);
            } else {
                prefetch_second(home, BUCKET_BYTES);
            }
            hash_room.write(hash);
            home_room.write(home);
        }
        let len = keys.len().min(GROUP);
        // SAFETY: as many were written.
        let hashes = unsafe { hashes[..len].assume_init_ref() };
        // SAFETY: here, too.
        let homes = unsafe { homes[..len].assume_init_ref() };
        (hashes, homes)
    }

    /// The memory of the buckets, as starts and lengths in bytes: for who wants larger pages for it. It
    /// stays where it is for the map's life, but more comes as the map grows. Overflow buckets are not
    /// in it.
    pub fn memory(&self) -> impl Iterator<Item = (*const u8, usize)> {
        self.table.homes.memory()
    }
}

/// Room for something of each key of a group.
type Room<T> = [MaybeUninit<T>; GROUP];

/// The positions of the bits that are set.
fn places(mut bits: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(place)
    })
}
