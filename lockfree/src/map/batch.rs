//! Look-ups of many keys, whose memory is asked for before it is read.

use core::hash::BuildHasher;

use super::Map;
use super::layout::{Entry, Find, Layout};
use super::table::{Search, Spot};

/// How many keys before its turn a key's bucket is asked for: about as many lines as a core can wait
/// for at a time.
const BUCKETS_AHEAD: usize = 16;
/// The same for what lies outside of the table, which its bucket must have come for.
const VALUES_AHEAD: usize = 8;

/// A key whose turn will come: its hash, and the home bucket that this chose.
#[derive(Clone, Copy, Default)]
struct Ahead {
    hash: usize,
    index: usize,
}

impl<K, V, S: BuildHasher, L: Layout<K, V>> Map<K, V, S, L> {
    /// Calls `f` for each of `keys` in order with its position and its value, if it has one.
    ///
    /// Asks for the memory of 16 keys before it looks at the first of them, and then for that of one
    /// more before each, so that it waits for 16 at a time; where entries are in boxes, for these as
    /// well. This is not one look at the map: each key is looked up by itself.
    #[inline]
    pub fn get_many<Q>(&self, keys: &[Q], mut f: impl FnMut(usize, Option<&V>))
    where
        L: Find<K, Q>,
    {
        // Those of the keys whose buckets were asked for, each in its turn.
        let mut ahead = [Ahead::default(); BUCKETS_AHEAD];
        for (ahead, key) in ahead.iter_mut().zip(keys) {
            *ahead = self.look_ahead(L::hash(key, &self.hasher));
        }
        for ahead in &ahead[..keys.len().min(VALUES_AHEAD)] {
            self.prefetch_boxed(*ahead);
        }
        for (position, key) in keys.iter().enumerate() {
            let turn = position % BUCKETS_AHEAD;
            let Ahead { hash, index } = ahead[turn];
            if let Some(later) = keys.get(position + BUCKETS_AHEAD) {
                ahead[turn] = self.look_ahead(L::hash(later, &self.hasher));
            }
            if position + VALUES_AHEAD < keys.len() {
                self.prefetch_boxed(ahead[(position + VALUES_AHEAD) % BUCKETS_AHEAD]);
            }
            let hold = |spot: &Spot<'_>| {
                // SAFETY: a spot of the table that belongs to the domain.
                unsafe { L::hold(&self.domain, spot, |stored| L::is(stored, key)) }
            };
            let word = L::word(key, hash);
            // SAFETY: the index of a bucket in use.
            let found = unsafe { self.table.search_at(index, hash, word, hold) };
            match found {
                Search::Found(_, held) => f(position, Some(held.value())),
                Search::Absent(..) => f(position, None),
            }
        }
    }

    /// Asks for the bucket of a key with this hash.
    #[inline(always)]
    fn look_ahead(&self, hash: usize) -> Ahead {
        let index = self.table.index(hash);
        // SAFETY: the index of a bucket in use.
        unsafe { self.table.prefetch(index) };
        Ahead { hash, index }
    }

    #[inline(always)]
    fn prefetch_boxed(&self, Ahead { hash, index }: Ahead) {
        if L::BOXED_BYTES > 0 {
            // SAFETY: the index of a bucket in use.
            unsafe { self.table.prefetch_value(index, hash, L::BOXED_BYTES) };
        }
    }

    /// The memory of the buckets, as starts and lengths in bytes: for who wants larger pages for it. It
    /// stays where it is for the map's life, but more comes as the map grows. Overflow buckets are not
    /// in it.
    pub fn memory(&self) -> impl Iterator<Item = (*const u8, usize)> {
        self.table.homes.memory()
    }
}
