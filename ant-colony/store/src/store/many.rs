//! Several keys at once, atomically.

use super::Store;
use crate::Millis;
use crate::config::SHARDS_MAX;
use crate::index::{Place, Slot};
use crate::key::Key;
use crate::shard::Shard;
use smallvec::SmallVec;

/// Locks of a batch of ordinary size are kept without allocation.
const GUARDS_INLINE: usize = 32;

/// The locked shards of a set of keys.
pub struct ShardSet<'s> {
    numbers: Numbers,
    /// Where each shard that is locked stands in `shards`.
    positions: [u8; SHARDS_MAX],
    shards: SmallVec<[Shard<'s>; GUARDS_INLINE]>,
    store: &'s Store,
    /// Whether readers without locks are kept out.
    closed: bool,
}

impl Drop for ShardSet<'_> {
    fn drop(&mut self) {
        if self.closed {
            for shard in &self.shards {
                shard.state.view.sequence().open();
            }
        }
    }
}

/// One key's way through [`Store::get_many`].
struct Lookup {
    /// Where its shard stands in the set.
    shard: u8,
    /// Where the key probably is.
    candidate: Option<(Place, Slot)>,
}

/// A set of shard numbers.
#[derive(Clone, Copy, Default)]
struct Numbers([u64; SHARDS_MAX / 64]);

impl Numbers {
    fn insert(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    fn contains(self, number: usize) -> bool {
        self.0[number / 64] & 1 << (number % 64) != 0
    }

    /// The numbers in increasing order.
    fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            core::iter::from_fn(move || {
                let bit = bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(word * 64 + bit as usize)
            })
        })
    }
}

impl<'s> ShardSet<'s> {
    /// The shard of a key, which must be one of those that were locked.
    ///
    /// # Panics
    /// If the key's shard is not locked.
    #[inline]
    pub fn shard(&mut self, key: &Key<'_>) -> &mut Shard<'s> {
        let number = self.store.shard_of(key);
        assert!(
            self.numbers.contains(number),
            "the shard of this key was not locked"
        );
        &mut self.shards[usize::from(self.positions[number])]
    }
}

impl Store {
    /// Locks the shards of all `keys`, each once, in an order that cannot deadlock. Until the
    /// set is dropped nobody sees what is changed by way of it, not even who takes no locks.
    pub fn lock_many(&self, keys: &[Key<'_>]) -> ShardSet<'_> {
        let mut set = self.lock_many_to_read(keys);
        for shard in &set.shards {
            shard.state.view.sequence().close();
        }
        set.closed = true;
        set
    }

    /// [`Store::lock_many`] for who is not going to change anything.
    pub fn lock_many_to_read(&self, keys: &[Key<'_>]) -> ShardSet<'_> {
        let mut numbers = Numbers::default();
        for key in keys {
            numbers.insert(self.shard_of(key));
        }
        let mut set = ShardSet {
            numbers,
            positions: [0; SHARDS_MAX],
            shards: SmallVec::new(),
            store: self,
            closed: false,
        };
        for number in numbers.iter() {
            set.positions[number] = set.shards.len() as u8;
            set.shards.push(self.lock_shard(number));
        }
        set
    }

    /// Starts loading what look-ups of `keys` will read: first all their buckets, then the
    /// records that these name. Changes nothing but timing, and takes no lock.
    pub fn prefetch(&self, keys: &[Key<'_>]) {
        for key in keys {
            self.view(key).prefetch(key.hash);
        }
        for key in keys {
            let view = self.view(key);
            if let Some(slot) = view.candidate(key.hash) {
                view.prefetch_record(slot.location());
            }
        }
    }

    /// Looks up the values of all `keys` at one point in time, in order; counts and marks
    /// accesses as [`Shard::get`] does. Their memory is asked for before any of it is read.
    pub fn get_many(&self, keys: &[Key<'_>], now: Millis, mut visit: impl FnMut(Option<&[u8]>)) {
        let mut set = self.lock_many_to_read(keys);
        let mut lookups: SmallVec<[Lookup; GUARDS_INLINE]> = SmallVec::with_capacity(keys.len());
        for key in keys {
            let shard = set.positions[self.shard_of(key)];
            set.shards[usize::from(shard)]
                .state
                .index
                .prefetch(key.hash);
            let candidate = None;
            lookups.push(Lookup { shard, candidate });
        }
        for (lookup, key) in lookups.iter_mut().zip(keys) {
            let state = &set.shards[usize::from(lookup.shard)].state;
            lookup.candidate = state.index.candidate(key.hash);
            if let Some((_, slot)) = lookup.candidate {
                state.log.prefetch(slot.location());
            }
        }
        for (lookup, key) in lookups.iter().zip(keys) {
            let state = &mut set.shards[usize::from(lookup.shard)].state;
            visit(state.value(key, lookup.candidate, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn numbers_come_out_in_order() {
        let mut numbers = Numbers::default();
        for number in [255, 0, 64, 63, 7, 7] {
            numbers.insert(number);
        }
        let all: Vec<usize> = numbers.iter().collect();
        assert_eq!(all, [0, 7, 63, 64, 255]);
        assert!(all.iter().all(|&number| numbers.contains(number)));
        assert!(!numbers.contains(8));
    }
}
