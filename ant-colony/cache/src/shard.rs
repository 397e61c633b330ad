//! A part of the cache: the lock for writes to its keys, what is under it, and what others may read
//! without it.

use std::sync::atomic::{
    AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use crossbeam_utils::CachePadded;
use hallows_lockfree::slab_map::{Garbage, Hazards, Reader, Slot, Writer, slab_map};
use parking_lot::{Mutex, MutexGuard};

use crate::departure::Cause;
use crate::entry::Entry;
use crate::eviction::Eviction;
use crate::expiry::Expiry;
use crate::flight::{Claim, Flights};
use crate::places::{Places, Used};
use crate::statistics::Statistics;
use crate::times::TimesOfSlots;

/// First what is only read, for readers have it as well; then what a write changes, on few cache lines
/// in a row, because another core may have had them.
#[repr(C)]
pub(crate) struct Shard<K, V> {
    /// Finds entries without the lock.
    pub(crate) entries: Reader<K, Entry<V>>,
    limits: Used,
    /// If entries expire.
    pub(crate) times: Option<TimesOfSlots>,
    hot: CachePadded<Hot<K, V>>,
    too_heavy: AtomicU64,
    /// What is in the shard, and never less than can be found; written under the lock.
    count: AtomicUsize,
    weight: AtomicU64,
}

#[repr(C)]
struct Hot<K, V> {
    /// The flight that begins without the lock. Beside the lock, for who loads takes both.
    claim: Claim,
    state: Mutex<State<K, V>>,
}

#[repr(C)]
pub(crate) struct State<K, V> {
    pub(crate) insertions: u64,
    /// What those weigh that were retired since all that wait were last looked at.
    pub(crate) waits: u64,
    pub(crate) departed: [u64; Cause::COUNT],
    pub(crate) entries: Writer<K, Entry<V>>,
    pub(crate) eviction: Eviction,
    pub(crate) flights: Flights<K, V>,
}

impl<K, V> Shard<K, V> {
    pub(crate) fn new(mut limits: Used, has_times: bool, hazards: &Hazards) -> Self {
        limits.count = limits.count.min(Places::LEN_MAX);
        let (writer, reader) = slab_map(hazards);
        Self {
            entries: reader,
            limits,
            times: has_times.then(TimesOfSlots::default),
            hot: CachePadded::new(Hot {
                claim: Claim::default(),
                state: Mutex::new(State {
                    insertions: 0,
                    waits: 0,
                    departed: [0; Cause::COUNT],
                    entries: writer,
                    eviction: Eviction::new(),
                    flights: Flights::new(),
                }),
            }),
            too_heavy: AtomicU64::new(0),
            count: AtomicUsize::new(0),
            weight: AtomicU64::new(0),
        }
    }

    pub(crate) fn claim(&self) -> &Claim {
        &self.hot.claim
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.hot.state.lock()
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, State<K, V>>> {
        self.hot.state.try_lock()
    }

    pub(crate) const fn limits(&self) -> Used {
        self.limits
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Acquire)
    }

    pub(crate) fn weight(&self) -> u64 {
        self.weight.load(Acquire)
    }

    /// Makes known how much is in the shard: before an entry enters, after one has left.
    pub(crate) fn publish(&self, state: &State<K, V>) {
        let used = state.eviction.used();
        // Mostly both are what they were: as much has left as enters.
        if used.count != self.count.load(Relaxed) {
            self.count.store(used.count, Release);
        }
        if used.weight != self.weight.load(Relaxed) {
            self.weight.store(used.weight, Release);
        }
    }

    /// True if the entry in a slot has expired.
    #[inline(never)]
    pub(crate) fn is_due(&self, expiry: &Expiry<K, V>, slot: Slot, now: u64) -> bool {
        let times = self.times.as_ref();
        times.is_some_and(|times| expiry.is_due(times.at(slot), now))
    }

    pub(crate) fn count_too_heavy(&self) {
        self.too_heavy.fetch_add(1, Relaxed);
    }

    /// True if enough waits to be dropped: by number, which the map knows, or by weight.
    #[inline]
    pub(crate) fn is_collection_due(&self, state: &State<K, V>) -> bool {
        state.entries.is_collection_due() || self.is_too_much(state)
    }

    /// What can be dropped, if enough waits for that.
    pub(crate) fn collect(&self, state: &mut State<K, V>) -> Garbage<K, Entry<V>> {
        if self.is_too_much(state) {
            return self.collect_all(state);
        }
        state.entries.collect()
    }

    fn is_too_much(&self, state: &State<K, V>) -> bool {
        const PART: u64 = 8;
        state.waits > self.limits.weight / PART
    }

    /// All that can be dropped.
    #[cold]
    pub(crate) fn collect_all(&self, state: &mut State<K, V>) -> Garbage<K, Entry<V>> {
        state.waits = 0;
        state.entries.collect_all()
    }

    pub(crate) fn add_to(&self, sum: &mut Statistics) {
        let state = self.lock();
        let of = |cause: Cause| state.departed[cause as usize];
        sum.insertions += state.insertions;
        sum.evicted += of(Cause::Capacity);
        sum.expired += of(Cause::Expired);
        sum.removed += of(Cause::Explicit);
        sum.replaced += of(Cause::Replaced);
        sum.too_heavy += self.too_heavy.load(Relaxed);
    }
}
