//! Tables that answer batches of keys: ours, hashbrown's in two loops, and an array as the limit.

use ant_colony_memory::collapse;
use ant_colony_store::{Config, Meta, Store};
use anyhow::{Context, Result, ensure};
use foldhash::fast::RandomState;
use hallows_lockfree::map::{Layout, Map};

use super::BATCH;
use crate::cache::draws;

/// What the values are: they tell their id.
pub(super) trait Value: Sync + Send + 'static {
    fn of(id: u64) -> Self;
    fn id(&self) -> u64;
}

impl Value for u64 {
    fn of(id: u64) -> u64 {
        id
    }

    fn id(&self) -> u64 {
        *self
    }
}

/// Four words.
pub(super) type Wide = [u64; 4];

impl Value for Wide {
    fn of(id: u64) -> Wide {
        [0, 0, 0, id]
    }

    fn id(&self) -> u64 {
        self[3]
    }
}

impl Value for Box<Wide> {
    fn of(id: u64) -> Box<Wide> {
        Box::new(Wide::of(id))
    }

    fn id(&self) -> u64 {
        self[3]
    }
}

/// What was found: it depends on every value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) count: u64,
    pub(super) ids: u64,
}

impl Found {
    #[inline]
    pub(super) fn add(&mut self, id: u64) {
        self.count += 1;
        self.ids = self.ids.wrapping_add(id);
    }
}

/// A table under measurement, filled with the ids below a number.
pub(super) trait Table: Sync + Sized + 'static {
    fn filled(entries: u64) -> Result<Self>;
    fn get_all(&self, keys: &[u64]) -> Found;
}

/// `Map` of `lockfree`, batch by batch. What it has room for from the start is in huge pages where the
/// system makes them.
pub(super) struct LockFree<V, L: Layout<u64, V>>(Map<u64, V, RandomState, L>);

impl<V: Value, L: Layout<u64, V> + 'static> Table for LockFree<V, L>
where
    Map<u64, V, RandomState, L>: Sync,
{
    fn filled(entries: u64) -> Result<Self> {
        let map = Map::with_capacity_and_hasher(entries as usize, RandomState::default());
        for id in 0..entries {
            map.insert_with(draws::key(id as usize), V::of(id), |_| ());
        }
        Ok(LockFree(map))
    }

    fn get_all(&self, keys: &[u64]) -> Found {
        let mut found = Found::default();
        for batch in keys.chunks(BATCH) {
            self.0.get_many(batch, |_, value| {
                if let Some(value) = value {
                    found.add(value.id());
                }
            });
        }
        found
    }
}

/// The byte store of the server, batch by batch; `WORDS` in a value.
pub(super) struct ByteStore<const WORDS: usize>(Store);

/// No key expires.
const NOW: u64 = 1_750_000_000_000;
/// What a record takes beside key and value, generously.
const OVERHEAD: usize = 48;

impl<const WORDS: usize> Table for ByteStore<WORDS> {
    fn filled(entries: u64) -> Result<Self> {
        let memory = entries as usize * (OVERHEAD + 8 + WORDS * 8) + (16 << 20);
        let store = Store::new(Config {
            memory,
            workers: 1,
            seed: 1,
        })?;
        for id in 0..entries {
            let bytes = draws::key(id as usize).to_ne_bytes();
            let key = store.key(0, &bytes);
            let value = [id; WORDS];
            let value: Vec<u8> = value.iter().flat_map(|word| word.to_ne_bytes()).collect();
            let done = store.lock(&key).insert(&key, &value, Meta::default(), NOW);
            done.context("the store is too small")?;
        }
        ensure!(store.stats().evicted == 0, "the store is too small");
        while store.collapse_pages(16) > 0 {}
        Ok(ByteStore(store))
    }

    fn get_all(&self, keys: &[u64]) -> Found {
        let mut found = Found::default();
        let mut add = |value: Option<&[u8]>| {
            if let Some((_, &last)) = value.and_then(|value| value.split_last_chunk()) {
                found.add(u64::from_ne_bytes(last));
            }
        };
        for batch in keys.chunks(BATCH) {
            let bytes: [_; BATCH] = std::array::from_fn(|i| {
                let key = batch.get(i).copied().unwrap_or_default();
                key.to_ne_bytes()
            });
            let keys: [_; BATCH] = std::array::from_fn(|i| self.0.key(0, &bytes[i]));
            self.0.get_many(&keys[..batch.len()], NOW, &mut add);
        }
        found
    }
}

type Std<V> = hashbrown::HashMap<u64, V, RandomState>;

fn filled<V: Value>(entries: u64) -> Std<V> {
    let mut map = Std::with_capacity_and_hasher(entries as usize, RandomState::default());
    map.extend((0..entries).map(|id| (draws::key(id as usize), V::of(id))));
    map
}

/// Makes huge pages of a table: its entries, and after them a byte for each place.
fn collapse_table<V>(map: &Std<V>) {
    let keys = || map.keys().map(std::ptr::from_ref);
    if let (Some(first), Some(last)) = (keys().min(), keys().max()) {
        let entries = last.addr() - first.addr() + size_of::<(u64, V)>();
        let places = entries / size_of::<(u64, V)>();
        let _refused_is_slower = collapse(first.cast(), entries + places);
    }
}

/// hashbrown in a tight loop, whose gets the processor overlaps as far as it looks ahead; as users get
/// it, or in huge pages where the system makes them.
pub(super) struct TightLoop<V, const HUGE: bool>(Std<V>);

impl<V: Value, const HUGE: bool> Table for TightLoop<V, HUGE> {
    fn filled(entries: u64) -> Result<Self> {
        let map = filled(entries);
        if HUGE {
            collapse_table(&map);
        }
        Ok(TightLoop(map))
    }

    fn get_all(&self, keys: &[u64]) -> Found {
        let mut found = Found::default();
        for key in keys {
            if let Some(value) = self.0.get(key) {
                found.add(value.id());
            }
        }
        found
    }
}

/// hashbrown where each get must wait for the one before, as it does where there is work to do with
/// each value.
pub(super) struct Serialised<V>(Std<V>);

impl<V: Value> Table for Serialised<V> {
    fn filled(entries: u64) -> Result<Self> {
        Ok(Serialised(filled(entries)))
    }

    fn get_all(&self, keys: &[u64]) -> Found {
        let mut found = Found::default();
        for key in keys {
            // No sum of ids gets so large, but the processor cannot know.
            let key = key ^ (found.ids >> 63);
            if let Some(value) = self.0.get(&key) {
                found.add(value.id());
            }
        }
        found
    }
}

/// The limit: entries whose places are known without a search, in huge pages where the system makes
/// them. One line of memory for each get, and nothing to wait for.
pub(super) struct KnownPlaces<V>(Vec<(u64, V)>);

impl<V: Value> Table for KnownPlaces<V> {
    fn filled(entries: u64) -> Result<Self> {
        let entries: Vec<_> = (0..entries)
            .map(|id| (draws::key(id as usize), V::of(id)))
            .collect();
        let _refused_is_slower = collapse(entries.as_ptr().cast(), size_of_val(&entries[..]));
        Ok(KnownPlaces(entries))
    }

    fn get_all(&self, keys: &[u64]) -> Found {
        let mut found = Found::default();
        for &key in keys {
            if let Some((_, value)) = self.0.get(draws::id(key) as usize) {
                found.add(value.id());
            }
        }
        found
    }
}
