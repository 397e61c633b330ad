//! What a cache is told before it begins: limits, times, and whom to ask and to tell.

use std::fmt;
use std::hash::Hash;
use std::thread;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use hallows_lockfree::slab_map::Hazards;

use crate::RandomState;
use crate::cache::{Cache, Weigher};
use crate::departure::{Cause, Listener};
use crate::expiry::{Clock, Expiry, Lifetime, SystemClock};
use crate::places::Used;
use crate::shard::Shard;

/// Why a cache cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Nothing bounds the cache.
    #[error("a cache needs a limit: give it a capacity, or a bound on the weight with a weigher")]
    NoLimit,
    /// No entry is allowed.
    #[error("the capacity must be at least 1 entry")]
    ZeroCapacity,
    /// No weight is allowed.
    #[error("the bound on the weight must be at least 1")]
    ZeroWeight,
    /// Entries would expire at once.
    #[error("a time to live or to idle of zero keeps nothing: leave it out, or make it longer")]
    ZeroTime,
    /// Shards are chosen by bits of the hash.
    #[error("the number of shards must be a power of two, at most 65,536, but is {0}")]
    BadShards(usize),
    /// What is predicted could not be fetched.
    #[error(
        "trails find what to prefetch, but a loader of one key has nobody to load it: give a loader of \
         many keys, or a spawner, or leave the trails out"
    )]
    TrailsInVain,
    /// Trails take memory from the start.
    #[error(
        "trails are for at most {} keys, but {trails} were asked for: as many as there are keys in the \
         sequences that repeat are enough",
        crate::loading::TRAILS_MOST
    )]
    TooManyTrails {
        /// How many were asked for.
        trails: usize,
    },
    /// Some shard would have no room.
    #[error(
        "{shards} shards need a capacity and a weight bound of at least {shards} each: use fewer"
    )]
    TooManyShards {
        /// How many were asked for.
        shards: usize,
    },
}

/// Builds a [`Cache`]. At least a [capacity](Builder::capacity) or a [weight](Builder::weight) must be
/// given; both hold together if both are.
pub struct Builder<K, V, S = RandomState> {
    capacity: Option<usize>,
    weight: Option<(u64, Box<Weigher<K, V>>)>,
    shards: Option<usize>,
    time_to_live: Option<Duration>,
    time_to_idle: Option<Duration>,
    lifetime: Option<Box<Lifetime<K, V>>>,
    clock: Option<Box<dyn Clock>>,
    listener: Option<Box<Listener<K, V>>>,
    count_reads: bool,
    hasher: S,
}

impl<K, V> Builder<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            capacity: None,
            weight: None,
            shards: None,
            time_to_live: None,
            time_to_idle: None,
            lifetime: None,
            clock: None,
            listener: None,
            count_reads: false,
            hasher: RandomState::default(),
        }
    }
}

impl<K, V, S> Builder<K, V, S> {
    /// At most so many entries.
    #[must_use]
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = Some(entries);
        self
    }

    /// At most so much weight, in the unit of the weigher. It is asked once for each value that is to
    /// enter.
    ///
    /// A cache with a weigher has one shard unless [more](Builder::shards) are asked for: then a
    /// single entry may weigh as much as the bound.
    #[must_use]
    pub fn weight(
        mut self,
        bound: u64,
        weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static,
    ) -> Self {
        self.weight = Some((bound, Box::new(weigher)));
        self
    }

    /// How many parts that are written independently, a power of two; the limits are divided among
    /// them. Reads do not care. If not given: four per core, but none with less than 1,024 entries.
    #[must_use]
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Entries expire this long after they were written.
    #[must_use]
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = Some(time);
        self
    }

    /// Entries expire this long after they were last read or written, or up to one part in 64 earlier.
    #[must_use]
    pub fn time_to_idle(mut self, time: Duration) -> Self {
        self.time_to_idle = Some(time);
        self
    }

    /// Entries expire this long after they were written; what is asked for each says. None is for
    /// ever, unless there is a common time to live; the shorter time counts.
    #[must_use]
    pub fn expire_after(
        mut self,
        time: impl Fn(&K, &V) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.lifetime = Some(Box::new(time));
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Is told of each entry that has left, and why, by the thread that made it leave. No lock is
    /// held then: it may use the cache. What it delays is that thread. If it panics, the operation has
    /// its whole effect, the rest that leaves is told all the same, and the first panic goes on in its
    /// caller.
    #[must_use]
    pub fn listener(mut self, listener: impl Fn(&K, &V, Cause) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Counts hits and misses for [`Cache::statistics`]. Costs a few nanoseconds per read.
    #[must_use]
    pub fn count_reads(mut self) -> Self {
        self.count_reads = true;
        self
    }

    /// Another hasher. The default withstands strangers who choose keys to collide; where no stranger
    /// chooses the keys, [`FastRandomState`](crate::FastRandomState) saves most of the hash's time.
    #[must_use]
    pub fn hasher<T>(self, hasher: T) -> Builder<K, V, T> {
        Builder {
            capacity: self.capacity,
            weight: self.weight,
            shards: self.shards,
            time_to_live: self.time_to_live,
            time_to_idle: self.time_to_idle,
            lifetime: self.lifetime,
            clock: self.clock,
            listener: self.listener,
            count_reads: self.count_reads,
            hasher,
        }
    }

    /// Builds the cache.
    ///
    /// # Errors
    /// If what was asked for makes no cache; the error says what to change.
    pub fn build(self) -> Result<Cache<K, V, S>, BuildError>
    where
        K: Hash + Eq,
    {
        self.check()?;
        let shards = self.shard_count()?;
        let limits = Used {
            count: self.capacity.unwrap_or(usize::MAX),
            weight: self.weight.as_ref().map_or(u64::MAX, |(bound, _)| *bound),
        };
        let has_times =
            self.time_to_live.is_some() || self.time_to_idle.is_some() || self.lifetime.is_some();
        let hazards = Hazards::new();
        let shard = |index| Shard::new(part(limits, index, shards), has_times, &hazards);
        Ok(Cache {
            hasher: self.hasher,
            shards: (0..shards)
                .map(|index| CachePadded::new(shard(index)))
                .collect(),
            weigher: self.weight.map(|(_, weigher)| weigher),
            expiry: has_times.then(|| Expiry {
                clock: (self.clock).unwrap_or_else(|| Box::new(SystemClock::default())),
                time_to_live: self.time_to_live,
                time_to_idle: self.time_to_idle,
                lifetime: self.lifetime,
            }),
            listener: self.listener,
            reads: self.count_reads.then(Box::default),
        })
    }

    fn check(&self) -> Result<(), BuildError> {
        let bound = self.weight.as_ref().map(|(bound, _)| *bound);
        let no_time = |time: Option<Duration>| time.is_some_and(|time| time.is_zero());
        if self.capacity.is_none() && bound.is_none() {
            Err(BuildError::NoLimit)
        } else if self.capacity == Some(0) {
            Err(BuildError::ZeroCapacity)
        } else if bound == Some(0) {
            Err(BuildError::ZeroWeight)
        } else if no_time(self.time_to_live) || no_time(self.time_to_idle) {
            Err(BuildError::ZeroTime)
        } else {
            Ok(())
        }
    }

    fn shard_count(&self) -> Result<usize, BuildError> {
        const SHARDS_MAX: usize = 1 << 16;
        const SHARDS_PER_CORE: usize = 4;
        const ENTRIES_MIN: usize = 1024;
        let Some(shards) = self.shards else {
            if self.weight.is_some() {
                return Ok(1);
            }
            let cores = thread::available_parallelism().map_or(1, usize::from);
            let useful = (cores * SHARDS_PER_CORE).next_power_of_two();
            let fitting = self.capacity.unwrap_or(usize::MAX) / ENTRIES_MIN;
            let fitting = fitting.checked_ilog2().map_or(1, |bits| 1 << bits);
            return Ok(useful.min(fitting).min(SHARDS_MAX));
        };
        if !shards.is_power_of_two() || shards > SHARDS_MAX {
            return Err(BuildError::BadShards(shards));
        }
        let weight = self.weight.as_ref().map_or(u64::MAX, |(bound, _)| *bound);
        if self.capacity.unwrap_or(usize::MAX) < shards || weight < shards as u64 {
            return Err(BuildError::TooManyShards { shards });
        }
        Ok(shards)
    }
}

/// What the shard `index` gets of the whole.
fn part(whole: Used, index: usize, shards: usize) -> Used {
    let (rest, rest_weight) = (whole.count % shards, whole.weight % shards as u64);
    Used {
        count: whole.count / shards + usize::from(index < rest),
        weight: whole.weight / shards as u64 + u64::from((index as u64) < rest_weight),
    }
}

impl<K, V, S> fmt::Debug for Builder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("capacity", &self.capacity)
            .field("weight", &self.weight.as_ref().map(|(bound, _)| bound))
            .field("shards", &self.shards)
            .field("time_to_live", &self.time_to_live)
            .field("time_to_idle", &self.time_to_idle)
            .finish_non_exhaustive()
    }
}
