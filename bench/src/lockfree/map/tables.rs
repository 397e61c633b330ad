//! Our map and its peers, each behind [`Table`] the way that is fastest for it.

use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, RwLock};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::{Session, Table};

pub(super) struct Hallows(hallows_lockfree::map::WordMap<u64, u64>);

impl Table for Hallows {
    const NAME: &'static str = "hallows";
    const OURS: bool = true;
    type Session<'a> = &'a Hallows;

    fn with_capacity(entries: usize) -> Self {
        Self(hallows_lockfree::map::WordMap::with_capacity(entries))
    }

    fn session(&self) -> &Hallows {
        self
    }
}

impl Session for &Hallows {
    #[inline(always)]
    fn get(&mut self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    #[inline(always)]
    fn put(&mut self, key: u64, value: u64) {
        self.0.insert(key, value);
    }
}

/// Our map with entries in boxes, as for keys and values of any type.
pub(super) struct HallowsBoxed(hallows_lockfree::map::Map<u64, u64>);

impl Table for HallowsBoxed {
    const NAME: &'static str = "hallows-boxed";
    const OURS: bool = true;
    type Session<'a> = &'a HallowsBoxed;

    fn with_capacity(entries: usize) -> Self {
        Self(hallows_lockfree::map::Map::with_capacity(entries))
    }

    fn session(&self) -> &HallowsBoxed {
        self
    }
}

impl Session for &HallowsBoxed {
    #[inline(always)]
    fn get(&mut self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    #[inline(always)]
    fn put(&mut self, key: u64, value: u64) {
        self.0.insert(key, value);
    }
}

/// hashbrown by one thread: the lock is taken once per session.
pub(super) struct OneThread(Mutex<hashbrown::HashMap<u64, u64, RandomState>>);

impl Table for OneThread {
    const NAME: &'static str = "hashbrown";
    const FOR_ONE_THREAD: bool = true;
    type Session<'a> = MutexGuard<'a, hashbrown::HashMap<u64, u64, RandomState>>;

    fn with_capacity(entries: usize) -> Self {
        let hash = RandomState::default();
        Self(Mutex::new(hashbrown::HashMap::with_capacity_and_hasher(
            entries, hash,
        )))
    }

    fn session(&self) -> Self::Session<'_> {
        self.0.lock().expect("nobody panics")
    }
}

impl Session for MutexGuard<'_, hashbrown::HashMap<u64, u64, RandomState>> {
    #[inline(always)]
    fn get(&mut self, key: u64) -> Option<u64> {
        (**self).get(&key).copied()
    }

    #[inline(always)]
    fn put(&mut self, key: u64, value: u64) {
        self.insert(key, value);
    }
}

/// hashbrown in shards, each behind a lock for readers and writers; a key is hashed once.
pub(super) struct Sharded {
    shards: Box<[Shard]>,
    hash: RandomState,
}

#[repr(align(128))]
struct Shard(RwLock<HashTable<(u64, u64)>>);

/// As many as keep two threads apart nearly always.
const SHARDS: usize = 64;

impl Sharded {
    /// By bits that the tables use for neither place nor tag.
    #[inline(always)]
    fn shard(&self, hash: u64) -> &RwLock<HashTable<(u64, u64)>> {
        &self.shards[(hash >> 40) as usize % SHARDS].0
    }
}

impl Table for Sharded {
    const NAME: &'static str = "hashbrown-sharded";
    type Session<'a> = &'a Sharded;

    fn with_capacity(entries: usize) -> Self {
        // Shards fill unevenly.
        let room = entries / SHARDS + entries / SHARDS / 16;
        let shard = || Shard(RwLock::new(HashTable::with_capacity(room)));
        Self {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            hash: RandomState::default(),
        }
    }

    fn session(&self) -> &Sharded {
        self
    }
}

impl Session for &Sharded {
    #[inline(always)]
    fn get(&mut self, key: u64) -> Option<u64> {
        let hash = self.hash.hash_one(key);
        let shard = self.shard(hash).read().expect("nobody panics");
        let (_, value) = shard.find(hash, |(there, _)| *there == key)?;
        Some(*value)
    }

    #[inline(always)]
    fn put(&mut self, key: u64, value: u64) {
        let hash = self.hash.hash_one(key);
        let mut shard = self.shard(hash).write().expect("nobody panics");
        let rehash = |(there, _): &(u64, u64)| self.hash.hash_one(*there);
        match shard.entry(hash, |(there, _)| *there == key, rehash) {
            Entry::Occupied(mut entry) => entry.get_mut().1 = value,
            Entry::Vacant(entry) => {
                entry.insert((key, value));
            }
        }
    }
}

pub(super) struct SccHashMap(scc::HashMap<u64, u64, RandomState>);

impl Table for SccHashMap {
    const NAME: &'static str = "scc-hash-map";
    type Session<'a> = &'a SccHashMap;

    fn with_capacity(entries: usize) -> Self {
        let hash = RandomState::default();
        Self(scc::HashMap::with_capacity_and_hasher(entries, hash))
    }

    fn session(&self) -> &SccHashMap {
        self
    }
}

impl Session for &SccHashMap {
    #[inline(always)]
    fn get(&mut self, key: u64) -> Option<u64> {
        self.0.read_sync(&key, |_, value| *value)
    }

    #[inline(always)]
    fn put(&mut self, key: u64, value: u64) {
        self.0.upsert_sync(key, value);
    }
}

pub(super) struct SccHashIndex(scc::HashIndex<u64, u64, RandomState>);

impl Table for SccHashIndex {
    const NAME: &'static str = "scc-hash-index";
    // Seen with version 3.8 while others update the key.
    const MAY_MISS: bool = true;
    type Session<'a> = &'a SccHashIndex;

    fn with_capacity(entries: usize) -> Self {
        let hash = RandomState::default();
        Self(scc::HashIndex::with_capacity_and_hasher(entries, hash))
    }

    fn session(&self) -> &SccHashIndex {
        self
    }
}

impl Session for &SccHashIndex {
    #[inline(always)]
    fn get(&mut self, key: u64) -> Option<u64> {
        self.0.peek_with(&key, |_, value| *value)
    }

    #[inline(always)]
    fn put(&mut self, key: u64, value: u64) {
        match self.0.entry_sync(key) {
            scc::hash_index::Entry::Occupied(mut entry) => entry.update(value),
            scc::hash_index::Entry::Vacant(entry) => {
                entry.insert_entry(value);
            }
        }
    }
}

pub(super) struct DashMap(dashmap::DashMap<u64, u64, RandomState>);

impl Table for DashMap {
    const NAME: &'static str = "dashmap";
    type Session<'a> = &'a DashMap;

    fn with_capacity(entries: usize) -> Self {
        let hash = RandomState::default();
        Self(dashmap::DashMap::with_capacity_and_hasher(entries, hash))
    }

    fn session(&self) -> &DashMap {
        self
    }
}

impl Session for &DashMap {
    #[inline(always)]
    fn get(&mut self, key: u64) -> Option<u64> {
        self.0.get(&key).map(|entry| *entry)
    }

    #[inline(always)]
    fn put(&mut self, key: u64, value: u64) {
        self.0.insert(key, value);
    }
}

pub(super) struct Papaya(papaya::HashMap<u64, u64, RandomState>);

impl Table for Papaya {
    const NAME: &'static str = "papaya";
    type Session<'a> = papaya::HashMapRef<'a, u64, u64, RandomState, papaya::LocalGuard<'a>>;

    fn with_capacity(entries: usize) -> Self {
        let hash = RandomState::default();
        Self(papaya::HashMap::with_capacity_and_hasher(entries, hash))
    }

    fn session(&self) -> Self::Session<'_> {
        self.0.pin()
    }
}

impl Session for papaya::HashMapRef<'_, u64, u64, RandomState, papaya::LocalGuard<'_>> {
    #[inline(always)]
    fn get(&mut self, key: u64) -> Option<u64> {
        (*self).get(&key).copied()
    }

    #[inline(always)]
    fn put(&mut self, key: u64, value: u64) {
        self.insert(key, value);
    }
}

pub(super) struct Flurry(flurry::HashMap<u64, u64, RandomState>);

impl Table for Flurry {
    const NAME: &'static str = "flurry";
    type Session<'a> = flurry::HashMapRef<'a, u64, u64, RandomState>;

    fn with_capacity(entries: usize) -> Self {
        let hash = RandomState::default();
        Self(flurry::HashMap::with_capacity_and_hasher(entries, hash))
    }

    fn session(&self) -> Self::Session<'_> {
        self.0.pin()
    }
}

impl Session for flurry::HashMapRef<'_, u64, u64, RandomState> {
    #[inline(always)]
    fn get(&mut self, key: u64) -> Option<u64> {
        flurry::HashMapRef::get(self, &key).copied()
    }

    #[inline(always)]
    fn put(&mut self, key: u64, value: u64) {
        self.insert(key, value);
    }
}
