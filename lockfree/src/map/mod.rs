//! A concurrent hash map whose readers never wait: buckets of two cache lines, keys and values in the
//! table itself where they are [`Word`]s, and growth by one bucket at a time.
//!
//! Nothing that is handed out holds a lock: values are visited ([`get_with`](Map::get_with)) or
//! copied out ([`get`](Map::get)), and no closure, comparison or drop of the user runs while a
//! bucket is locked. So no use of the map inside a closure of the map can deadlock. A hash does, when
//! a bucket of a [`WordMap`] is split: it may panic, but a hasher that writes to the same map can
//! deadlock.
//!
//! # Layout
//!
//! A *bucket* is 128 bytes: a word with lock, link and version; a word with seven tags and a depth;
//! seven *pairs* of words. The pair of a [`WordMap`] is key and value; that of a [`Map`] of anything
//! else is the key's hash and the address of a box. A *chain* is a home bucket and the overflow
//! buckets that its link leads to; the home bucket's first word locks it all and has its version.
//!
//! # Protocol
//!
//! **Searches** write nothing to the table.
//! 1. The hash and a hint of how many buckets there are choose a home bucket. Read its version, then
//!    its tags. If the depth says that the key has been split off, go on to the bucket that the
//!    lowest differing bit names, and no further at a time: others may not exist yet.
//! 2. Compare the tags, then the keys of the slots that match; read the value.
//! 3. Read the version again. If it has changed, what was read may be of different keys: begin again.
//!    The lock bit does not count: a writer that stops in the middle keeps no reader waiting.
//! 4. If no slot matches, follow the link, reading the version again before each step: a bucket may
//!    have become part of another chain.
//!
//! **Writers** search as well, without a lock. Then
//! 1. one compare-and-swap takes the lock *if the version is still the one that the search saw*. So
//!    what was found, or found absent, still is; there is no second search, and no code of the user
//!    under the lock. If it fails, begin again.
//! 2. A changed value is one store. A new pair is written to a free slot, then its tag. A removal
//!    clears the tag.
//! 3. One store unlocks, with the next version unless only a value changed. A slot or an overflow
//!    bucket that was freed is not written to before that: without it, a reader could pair the key
//!    of before with the value of after, and find the version unchanged.
//!
//! The closure of [`update`](Map::update) runs before step 1, and again if that fails: if the value
//! that it saw has changed, but also if another key of the chain came or left, or the chain is locked.
//!
//! **Growth** is linear hashing: a level doubles the number of buckets, one split after the other. A map
//! with room from the start begins at a level's end, whatever its size (`families.rs`).
//! 1. Each thread counts its insertions, on Linux in a counter of its own; others share 16 counters,
//!    from which removals subtract. An insertion that brings its counter to a multiple of eight splits
//!    buckets until there are enough, at most 16. It tries once to lock the bucket that is next; if
//!    that fails, it leaves the work to the next such insertion. So growth may lag as long as that
//!    bucket is always locked.
//! 2. The pairs that leave are copied to the new bucket, which nobody knows yet.
//! 3. *One store* of the old bucket's tags increases its depth and clears the tags of the pairs that
//!    left. Before it, they are found here; after it, there. Neither is a time without them. (Those
//!    in overflow buckets stay behind until step 5; the depth tells who meets them.)
//! 4. The hint is extended. It may be older than the truth, then step 1 of searches makes up for it.
//! 5. Pairs in overflow buckets move up to the slots that became free: first a new version, because
//!    searches with older tags may still read those slots; then copies; then their tags; then the
//!    old chain is unlinked with another new version. Only now its buckets are given back.
//!
//! No bucket ever moves, and there are no old tables: nothing that a search of words can reach is
//! freed before the map is. That is why it needs no guard, no epoch and no atomic
//! read-modify-write. Boxes are freed while the map lives: see `reclaim.rs` for the hazard slots that
//! searches show them in, and the proof.
//!
//! # Memory orders
//!
//! Whatever a search reads of a bucket it acquires, and writers release whatever they write, so that
//! who has read something new finds the version changed: the writer had changed it before. Taking the
//! lock acquires: values are read by its holder as the one before left them. Segments and buckets
//! are published by tags, links and the hint, so relaxed loads find them. Where boxes are read, the
//! second look is sequentially consistent.
//!
//! # What is promised
//!
//! - The operations on one key happen one after the other, in an order that agrees with what
//!   happens before what; who finds a value sees all that its writer did before. A key that is only
//!   updated is never missed, neither by a search nor by [`for_each`](Map::for_each), whatever else
//!   happens.
//! - The order of operations on *different* keys is that of release stores and acquire loads, no
//!   stronger: of two threads that each write one key and then read the other's, both may miss what
//!   the other has written. A sequentially consistent
//!   [`fence`](core::sync::atomic::fence) between the two operations, in both threads, prevents that.
//! - Searches are lock-free: one begins again only if another thread has finished an insertion, a
//!   removal or a step of a split in the same chain or, in a map of boxes, has replaced the value.
//! - Writers are not: one that stops while it has a bucket locked keeps other writers from that
//!   chain, and growth from going beyond that bucket. That is a few instructions, but an insertion
//!   may allocate there, and a split also hashes the words of the chain. So do not write to a map in
//!   an interrupt or signal handler that may have interrupted a writer of the same map,
//!   and do not read boxes there if the thread may never have used a map.
//! - An insertion moves at most 16 buckets. Memory grows by the bucket as well, at about 36 bytes
//!   for an entry of words; it is *reserved* by doubling, so where an allocator does not give pages
//!   lazily, up to twice that. The map never shrinks: slots are used again at once, but buckets stay.
//! - Room that is asked for from the start is in huge pages where Linux makes them (feature `std`), for
//!   then a search does not have to look for its page first. What comes later is not, because who
//!   touches a huge page first waits until 2 MiB are cleared; [`memory`](Map::memory) is for who has
//!   the time. (Overflow buckets share the room, and are the exception: in a map of many thousand
//!   entries, one insertion in about 100,000 may wait so.)
//! - Boxes that were taken out wait to be freed on 48 lists (on Linux 32 threads have one each, further
//!   ones share 16): fewer than 64 on each, at most 3,024 in all; besides, those that were being read
//!   when their list was last freed (a walk holds one chain at a time), and one for each thread that
//!   stopped while it took one out. If a thread stops while it frees, what it was about to free
//!   waits with it, about 64. A thread that is forbidden the system call `membarrier` after the map
//!   was first used frees nothing.
//! - Not only insertions allocate: so does a walk, a thread's first use of any map of boxes, a search
//!   in one when 128 boxes are being read already, and a removal or replacement when it frees, which
//!   is about every 64th time. A process's very first use registers with the kernel, which may take a
//!   few milliseconds if it has several threads.
//!
//! # When not to use it
//!
//! - By one thread: a plain hash map needs no locks. Read and written by few: a lock around one is
//!   smaller.
//! - If entries are to be read in a consistent state together, or in order.
//! - If the map must give memory back after a peak, or if there are thousands of maps: each takes some
//!   KB before its first entry, those of boxes 9.
//! - Shared between two copies of this crate that are linked into one process (a plugin), or across
//!   `fork`: their threads would have the same numbers.
//! - Against attackers who choose the keys, with the default hash: its seed is not secret enough.
//!
//! Sources: DLHT (Katsarakis, Gavrielatos, Ntarmos, 2024) for cache-line buckets with inline pairs,
//! bounded chains and batches with prefetch; linear hashing (Litwin, 1980) for growth; the walk by
//! lowest differing bit is that of Blink trees (Lehman and Yao, 1981) in another guise. DLHT's
//! buckets of one line with three slots were tried first: at the same memory one search in ten had to
//! go to an overflow bucket, which cost more than a second line beside the first.
//!
//! # Figures
//! Ratios to peers, above 1 is better; how they were measured is in the README.
//! - `map_95_5_1t`, million operations per second, 95% reads, 1 thread: 1.02 to hashbrown, 1.60 to
//!   papaya, 1.27 to dashmap.
//! - `map_95_5_2t`, the same, 2 threads: 2.14 to papaya, 3.07 to scc-hash-map, 2.46 to
//!   scc-hash-index, 3.47 to dashmap, 2.42 to hashbrown-sharded.
//! - `map_50_50_2t`, the same, 50% reads: 6.44 to papaya, 2.22 to scc-hash-map, 3.54 to
//!   scc-hash-index, 2.55 to dashmap, 1.83 to hashbrown-sharded.
//! - `map_95_5_2t`, 95% reads, 2 threads, entries in boxes: 0.64 to papaya, 0.92 to scc-hash-map,
//!   1.04 to dashmap.
//! - `map_bytes_per_entry`, bytes per entry of two words: 0.98 to hashbrown, 1.15 to scc-hash-map,
//!   0.98 to dashmap, 1.48 to papaya.
//! - `map_worst_insert`, slowest insertion while growing to a million, µs: 5.60 to scc-hash-map,
//!   308.79 to hashbrown, 16.42 to dashmap.

mod array;
#[cfg(all(
    feature = "std",
    target_os = "linux",
    not(any(feature = "loom", feature = "shuttle", miri))
))]
pub(crate) mod barrier;
#[cfg(not(all(
    feature = "std",
    target_os = "linux",
    not(any(feature = "loom", feature = "shuttle", miri))
)))]
#[path = "full_barrier.rs"]
pub(crate) mod barrier;
mod batch;
mod bucket;
mod count;
mod families;
mod grow;
mod layout;
mod overflow;
#[cfg(all(
    feature = "std",
    any(target_os = "linux", feature = "loom"),
    not(feature = "shuttle")
))]
mod owner;
#[cfg(not(all(
    feature = "std",
    any(target_os = "linux", feature = "loom"),
    not(feature = "shuttle")
)))]
#[path = "no_owner.rs"]
mod owner;
mod pages;
mod prefetch;
pub(crate) mod reclaim;
mod search;
mod stripe;
mod table;
mod tags;
mod visit;

use core::fmt;
use core::hash::BuildHasher;
use core::marker::PhantomData;

use self::bucket::Locked;
use self::count::Count;
use self::grow::{GROW_EVERY, buckets_for};
pub use self::layout::{Boxed, Inline, Layout, Word};
use self::layout::{Entry, Find};
pub(crate) use self::prefetch::prefetch;
use self::search::Search;
use self::table::{Spot, Table};
use self::visit::Visit;
use crate::sync::atomic::{Ordering::Relaxed, Ordering::Release};
use crate::wait::Spin;

/// The hasher that maps use unless told otherwise.
pub type RandomState = foldhash::fast::RandomState;

/// A map whose keys and values are [`Word`]s and lie in the table itself.
pub type WordMap<K, V, S = RandomState> = Map<K, V, S, Inline>;

/// A hash map that threads share; see the [module](self) for what it promises.
pub struct Map<K, V, S = RandomState, L: Layout<K, V> = Boxed> {
    table: Table,
    len: Count,
    domain: L::Domain,
    hasher: S,
    entries: PhantomData<*mut (K, V)>,
}

// SAFETY: a map owns keys, values and hasher; the rest of it is atomics.
unsafe impl<K: Send, V: Send, S: Send, L: Layout<K, V>> Send for Map<K, V, S, L> {}
// SAFETY: through a shared map, keys and values are read, and moved in and dropped, by any thread.
unsafe impl<K: Send + Sync, V: Send + Sync, S: Sync, L: Layout<K, V>> Sync for Map<K, V, S, L> {}

impl<K, V, S: Default, L: Layout<K, V>> Default for Map<K, V, S, L> {
    fn default() -> Self {
        Self::with_capacity_and_hasher(0, S::default())
    }
}

impl<K, V, L: Layout<K, V>> Map<K, V, RandomState, L> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty map that does not grow until it has about `capacity` entries.
    ///
    /// # Panics
    /// If that takes more buckets than are allowed: 2^40, or 2^23 where addresses have 32 bits.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_capacity_and_hasher(capacity, RandomState::default())
    }
}

impl<K, V, S, L: Layout<K, V>> Map<K, V, S, L> {
    /// An empty map with another hasher. The low bits of the hash choose the bucket, and in a map that had
    /// room from the start all bits together.
    #[must_use]
    pub fn with_hasher(hasher: S) -> Self {
        Self::with_capacity_and_hasher(0, hasher)
    }

    /// An empty map with another hasher that does not grow until it has about `capacity` entries.
    ///
    /// # Panics
    /// As [`with_capacity`](Map::with_capacity).
    #[must_use]
    pub fn with_capacity_and_hasher(capacity: usize, hasher: S) -> Self {
        Self {
            table: Table::new(buckets_for(capacity)),
            len: Count::new(),
            domain: L::domain(),
            hasher,
            entries: PhantomData,
        }
    }

    /// How many entries there are; while others insert and remove, how many there were, about.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.sum()
    }

    /// True if there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V, S: BuildHasher, L: Layout<K, V>> Map<K, V, S, L> {
    /// Calls `f` with the value of `key`, if it is there, and returns what `f` returns.
    ///
    /// Nothing is locked meanwhile: `f` may do with the map whatever it likes, also remove `key`.
    #[inline]
    pub fn get_with<Q: ?Sized, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        L: Find<K, Q>,
    {
        let hash = L::hash(key, &self.hasher);
        let (first, word) = (self.table.first(hash), L::word(key, hash));
        let hold = |spot: &Spot<'_>| {
            // SAFETY: a spot of the table that belongs to the domain.
            unsafe { L::hold(&self.domain, spot, |stored| L::is(stored, key)) }
        };
        (self.table).search_at(first, hash, word, hold, |search| match search {
            Search::Found(_, held) => Some(f(held.value())),
            Search::Absent(..) => None,
        })
    }

    /// A copy of the value of `key`.
    #[inline]
    pub fn get<Q: ?Sized>(&self, key: &Q) -> Option<V>
    where
        L: Find<K, Q>,
        V: Clone,
    {
        self.get_with(key, V::clone)
    }

    /// True if `key` is there.
    #[inline]
    pub fn contains_key<Q: ?Sized>(&self, key: &Q) -> bool
    where
        L: Find<K, Q>,
    {
        self.get_with(key, |_| ()).is_some()
    }

    /// Sets the value of `key`; returns a copy of the one before, if there was one. (The key that
    /// is in the map then stays or is replaced, as it happens.)
    #[inline]
    pub fn insert(&self, key: K, value: V) -> Option<V>
    where
        V: Clone,
    {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method itself is not general enough in its lifetime"
        )]
        self.insert_with(key, value, |old| old.cloned())
    }

    /// Sets the value of `key`, and then calls `f` with the one before, if there was one.
    pub fn insert_with<R>(&self, key: K, value: V, f: impl FnOnce(Option<&V>) -> R) -> R {
        let fresh = L::fresh(key, value);
        let hash = L::hash(fresh.key(), &self.hasher);
        let (locked, search) = self.lock(fresh.key(), hash);
        match search {
            Search::Found(spot, held) => {
                drop(held);
                f(Some(self.replace(locked, &spot, fresh).value()))
            }
            Search::Absent(..) => {
                self.add(locked, hash, fresh);
                f(None)
            }
        }
    }

    /// A copy of the value of `key`; if there is none, the one that `make` makes is inserted. If
    /// another thread inserts one while `make` runs, the result is that one's.
    pub fn get_or_insert_with(&self, key: K, make: impl FnOnce() -> V) -> V
    where
        V: Clone,
    {
        let hash = L::hash(&key, &self.hasher);
        if let Search::Found(_, held) = self.find(&key, hash) {
            return held.value().clone();
        }
        let fresh = L::fresh(key, make());
        let value = fresh.value().clone();
        let mut spin = Spin::new();
        loop {
            let search = self.find(fresh.key(), hash);
            if let Search::Found(_, held) = &search {
                return held.value().clone();
            }
            if let Some(locked) = search.lock() {
                self.add(locked, hash, fresh);
                return value;
            }
            pause(&mut spin);
        }
    }

    /// Replaces the value of `key` by what `f` makes of it; false if there is none.
    ///
    /// `f` is called again if another thread changes the value meanwhile, and sometimes if another
    /// thread only writes to the same chain.
    #[inline]
    pub fn update<Q: ?Sized>(&self, key: &Q, mut f: impl FnMut(&V) -> V) -> bool
    where
        L: Find<K, Q>,
        K: Clone,
    {
        let hash = L::hash(key, &self.hasher);
        let mut spin = Spin::new();
        loop {
            let Search::Found(spot, held) = self.find(key, hash) else {
                return false;
            };
            let fresh = L::fresh(held.key().clone(), f(held.value()));
            if let Some(locked) = self.lock_value(&spot) {
                drop(held);
                drop(self.replace(locked, &spot, fresh));
                return true;
            }
            pause(&mut spin);
        }
    }

    /// Removes `key`; returns a copy of its value, if it was there.
    #[inline]
    pub fn remove<Q: ?Sized>(&self, key: &Q) -> Option<V>
    where
        L: Find<K, Q>,
        V: Clone,
    {
        self.remove_with(key, V::clone)
    }

    /// Removes `key`, and then calls `f` with its value, if it was there.
    pub fn remove_with<Q: ?Sized, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        L: Find<K, Q>,
    {
        let hash = L::hash(key, &self.hasher);
        let mut spin = Spin::new();
        loop {
            let Search::Found(spot, held) = self.find(key, hash) else {
                return None;
            };
            drop(held);
            if let Some(locked) = spot.lock() {
                return Some(f(self.take(locked, &spot).value()));
            }
            pause(&mut spin);
        }
    }

    /// Calls `f` with every entry. An entry that is there all the time is met exactly once; one that
    /// comes or goes meanwhile may be.
    pub fn for_each(&self, mut f: impl FnMut(&K, &V)) {
        self.visit(|_, _, held| f(held.key(), held.value()));
    }

    /// Removes the entries for which `f` returns false. Meets the entries that
    /// [`for_each`](Self::for_each) meets; asks again if a value changes before it is removed.
    pub fn retain(&self, mut f: impl FnMut(&K, &V) -> bool) {
        self.visit(|key, value, held| {
            if !f(held.key(), held.value()) {
                self.remove_unless(key, value, &held, &mut f);
            }
        });
    }

    /// Removes every entry that is there when its turn comes.
    pub fn clear(&self) {
        self.retain(|_, _| false);
    }

    /// Removes the entry that was `held` with these words, unless its value has changed and `f`
    /// says now that it stays.
    fn remove_unless(
        &self,
        key: usize,
        value: *mut (),
        held: &L::Held<'_>,
        f: &mut impl FnMut(&K, &V) -> bool,
    ) {
        let hash = L::hash_of(key, &self.hasher);
        let mut spin = Spin::new();
        while let Search::Found(spot, now) = self.find(held.key(), hash) {
            if spot.value != value && f(now.key(), now.value()) {
                return;
            }
            if let Some(locked) = self.lock_value(&spot) {
                drop(self.take(locked, &spot));
                return;
            }
            pause(&mut spin);
        }
    }

    fn visit(&self, f: impl FnMut(usize, *mut (), L::Held<'_>)) {
        // SAFETY: a spot of the table that belongs to the domain.
        let hold = |spot: &Spot<'_>| unsafe { L::hold(&self.domain, spot, |_| true) };
        let hash_of = |key| L::hash_of(key, &self.hasher);
        Visit::new(&self.table, hash_of, hold).run(f);
    }

    #[inline(always)]
    fn find<Q: ?Sized>(&self, key: &Q, hash: usize) -> Search<'_, L::Held<'_>>
    where
        L: Find<K, Q>,
    {
        self.table.search(hash, L::word(key, hash), |spot| {
            // SAFETY: a spot of the table that belongs to the domain.
            unsafe { L::hold(&self.domain, spot, |stored| L::is(stored, key)) }
        })
    }

    /// Locks the chain of `key`, and says whether it is in there.
    #[inline]
    fn lock(&self, key: &K, hash: usize) -> (Locked<'_>, Search<'_, L::Held<'_>>) {
        let mut spin = Spin::new();
        loop {
            let search = self.find(key, hash);
            if let Some(locked) = search.lock() {
                return (locked, search);
            }
            pause(&mut spin);
        }
    }

    /// Locks the chain of a spot if its value is still there.
    #[inline]
    fn lock_value<'t>(&self, spot: &Spot<'t>) -> Option<Locked<'t>> {
        let locked = spot.lock()?;
        // Relaxed: who changed it had locked the chain.
        (spot.pair().value.load(Relaxed) == spot.value).then_some(locked)
    }

    /// Puts another value in the place of a key's, and unlocks.
    #[inline]
    fn replace(&self, locked: Locked<'_>, spot: &Spot<'_>, fresh: L::Fresh) -> L::Removed<'_> {
        let place = &spot.pair().value;
        let old = place.load(Relaxed);
        place.store(L::into_word(fresh), Release);
        drop(locked);
        // SAFETY: we have just taken it out of the table.
        unsafe { L::removed(&self.domain, spot.key, old) }
    }

    /// Adds an entry to the chain that was locked where its key is absent, and unlocks.
    fn add(&self, locked: Locked<'_>, hash: usize, fresh: L::Fresh) {
        let key = L::word(fresh.key(), hash);
        let value = || L::into_word(fresh);
        self.table.insert(locked, hash, key, value);
        if self.len.up().is_multiple_of(GROW_EVERY) {
            let hash_of = |key| L::hash_of(key, &self.hasher);
            self.table.grow(self.len(), hash_of);
        }
    }

    /// Takes an entry out of its locked chain, and unlocks.
    fn take(&self, locked: Locked<'_>, spot: &Spot<'_>) -> L::Removed<'_> {
        let value = spot.pair().value.load(Relaxed);
        self.table.remove(locked, spot);
        self.len.down();
        // SAFETY: we have just taken it out of the table.
        unsafe { L::removed(&self.domain, spot.key, value) }
    }
}

/// Lets another writer of the same chain finish.
fn pause(spin: &mut Spin) {
    if !spin.spin() {
        #[cfg(all(feature = "std", not(any(feature = "loom", feature = "shuttle"))))]
        std::thread::yield_now();
    }
}

impl<K, V, S, L: Layout<K, V>> Drop for Map<K, V, S, L> {
    fn drop(&mut self) {
        // SAFETY: our table, which nobody uses any more.
        unsafe { L::drop_entries(&mut self.table) };
    }
}

impl<K, V, S, L: Layout<K, V>> fmt::Debug for Map<K, V, S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
