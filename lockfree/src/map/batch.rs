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

use core::hash::BuildHasher;
use core::mem::MaybeUninit;

use super::Map;
use super::bucket::Bucket;
use super::layout::{Entry, Find, Layout};
use super::prefetch::{prefetch, prefetch_second};
use super::search::{Reach, Search};
use super::table::{Spot, Table};

/// How many keys go together: more than a core can wait for at a time.
const GROUP: usize = 32;
/// How many keys before its turn a bucket that was brought into the second cache is brought into the
/// first.
const AHEAD: usize = 8;
const BUCKET_BYTES: usize = size_of::<Bucket>();

/// The hash of a key, and its home bucket.
type Home<'t> = (usize, &'t Bucket);

/// Places of keys in a group.
struct Places {
    places: [u8; GROUP],
    len: usize,
}

impl Places {
    const fn new() -> Self {
        Self {
            places: [0; GROUP],
            len: 0,
        }
    }

    fn push(&mut self, place: usize) {
        self.places[self.len] = place as u8;
        self.len += 1;
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.places[..self.len].iter().map(|&place| place.into())
    }
}

impl<K, V, S: BuildHasher, L: Layout<K, V>> Map<K, V, S, L> {
    /// Calls `f` for each of `keys` with its position and its value, if it has one; not in the order of
    /// the keys.
    ///
    /// Asks for the memory of 32 keys before it looks at the first of them, so that it waits for them at
    /// the same time; where entries are in boxes, for these as well. This is not one look at the map:
    /// each key is looked up by itself.
    #[inline]
    pub fn get_many<Q>(&self, keys: &[Q], mut f: impl FnMut(usize, Option<&V>))
    where
        L: Find<K, Q>,
    {
        for (number, group) in keys.chunks(GROUP).enumerate() {
            self.get_group(group, |place, value| f(number * GROUP + place, value));
        }
    }

    /// At most [`GROUP`] keys.
    #[inline(always)]
    fn get_group<Q>(&self, keys: &[Q], mut f: impl FnMut(usize, Option<&V>))
    where
        L: Find<K, Q>,
    {
        let reach = self.table.reach();
        let mut room = [const { MaybeUninit::uninit() }; GROUP];
        let homes = self.ask(reach, keys, &mut room);
        let hold = |key, spot: &Spot<'_>| {
            // SAFETY: a spot of the table that belongs to the domain.
            unsafe { L::hold(&self.domain, spot, |stored| L::is(stored, key)) }
        };
        let mut answer = |place, search: Search<'_, L::Held<'_>>| match search {
            Search::Found(_, held) => f(place, Some(held.value())),
            Search::Absent(..) => f(place, None),
        };
        let mut unanswered = Places::new();
        for (place, (key, &(hash, home))) in keys.iter().zip(homes).enumerate() {
            if L::BOXED_BYTES == 0
                && let Some((_, later)) = homes.get(place + AHEAD)
            {
                prefetch(*later, BUCKET_BYTES);
            }
            let hold = |spot: &Spot<'_>| hold(key, spot);
            match Table::quick(reach, home, hash, L::word(key, hash), hold) {
                Some(search) => answer(place, search),
                None => {
                    self.table.prefetch_overflow(home);
                    unanswered.push(place);
                }
            }
        }
        for place in unanswered.iter() {
            let (key, (hash, _)) = (&keys[place], homes[place]);
            let (word, hold) = (L::word(key, hash), |spot: &Spot<'_>| hold(key, spot));
            answer(place, self.table.thorough(reach, hash, word, hold));
        }
    }

    /// The hashes of the keys and their home buckets, which are asked for; of the first few into the
    /// first cache. Where entries are in boxes, the buckets are read here and the boxes asked for.
    #[inline(always)]
    fn ask<'r, 't, Q>(
        &self,
        reach: Reach<'t>,
        keys: &[Q],
        room: &'r mut [MaybeUninit<Home<'t>>; GROUP],
    ) -> &'r [Home<'t>]
    where
        L: Find<K, Q>,
    {
        let homes = fill(room, keys, |key| {
            let hash = L::hash(key, &self.hasher);
            let home = reach.home(hash);
            prefetch_second(home, BUCKET_BYTES);
            (hash, home)
        });
        if L::BOXED_BYTES > 0 {
            for &(hash, home) in homes {
                self.table.prefetch_value(home, hash, L::BOXED_BYTES);
            }
        } else {
            for (_, home) in homes.iter().take(AHEAD) {
                prefetch(*home, BUCKET_BYTES);
            }
        }
        homes
    }

    /// The memory of the buckets, as starts and lengths in bytes: for who wants larger pages for it. It
    /// stays where it is for the map's life, but more comes as the map grows. Overflow buckets are not
    /// in it.
    pub fn memory(&self) -> impl Iterator<Item = (*const u8, usize)> {
        self.table.homes.memory()
    }
}

/// What `make` makes of each item, in the `room` for it; of no more than there is room for.
#[inline(always)]
fn fill<'r, T, U: Copy, const N: usize>(
    room: &'r mut [MaybeUninit<U>; N],
    items: &[T],
    mut make: impl FnMut(&T) -> U,
) -> &'r [U] {
    let room = &mut room[..items.len().min(N)];
    for (place, item) in room.iter_mut().zip(items) {
        place.write(make(item));
    }
    // SAFETY: there is an item for each place in the room, as it was shortened.
    unsafe { room.assume_init_ref() }
}
