//! What a shard's lock protects: index, log, policy and counts.
//!
//! Invariant: the slots of the index are exactly the live records of the log. Records
//! of a flushed namespace stay live in this sense until something meets and discards
//! them, but no look-up finds them, and no count includes them.

use crate::Millis;
use crate::config::{DATABASES, Sizes};
use crate::index::{Index, Location, Place, Slot};
use crate::key::{Key, KeyHasher};
use crate::log::{Log, SegmentId};
use crate::memory::{Charge, Memory, Span};
use crate::record::{Header, Namespace, Namespaces, is_expired};
use crate::shard::expire::Scan;
use crate::stats::Stats;
use crate::view::View;
use alloc::sync::Arc;
use ant_colony_policy::Policy;
use smallvec::SmallVec;

/// Segments that a shard keeps for survivors and for its next open segment.
pub(crate) const SPARES_MAX: usize = 2;

/// Objects of one database in a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) keys: usize,
    pub(crate) expiring: usize,
}

/// Why an object leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Removed,
    Expired,
    Evicted,
}

/// One shard, as seen by the holder of its lock.
pub(crate) struct State {
    /// What readers without the lock see of all this.
    pub(crate) view: Arc<View>,
    pub(crate) index: Index,
    pub(crate) log: Log,
    pub(crate) policy: Policy,
    pub(crate) spares: SmallVec<[Span; SPARES_MAX]>,
    pub(crate) namespaces: Namespaces,
    pub(crate) counts: [Counts; DATABASES],
    pub(crate) stats: Stats,
    pub(crate) hasher: KeyHasher,
    pub(crate) memory: Arc<Memory>,
    /// The time that stamps count from; fixed while there are records.
    pub(crate) epoch: Millis,
    /// The expiry scan that ran out of budget.
    pub(crate) scan: Option<Scan>,
    /// The next segment to be searched for records of flushed namespaces.
    pub(crate) sweep: Option<SegmentId>,
    pub(crate) random: u64,
    sizes: Sizes,
    _ghosts: Charge,
}

impl State {
    /// An empty shard whose ghosts are paid by `ghosts`.
    pub(crate) fn new(
        sizes: Sizes,
        hasher: KeyHasher,
        memory: Arc<Memory>,
        ghosts: Charge,
        view: Arc<View>,
        number: usize,
    ) -> Self {
        Self {
            index: Index::new(Arc::clone(&view)),
            log: Log::new(
                Arc::clone(&view),
                sizes.segment_bytes,
                sizes.open_segments_max,
            ),
            view,
            policy: Policy::new(sizes.ghosts),
            spares: SmallVec::new(),
            namespaces: core::array::from_fn(|db| db as Namespace),
            counts: Default::default(),
            stats: Stats::default(),
            hasher,
            memory,
            epoch: 0,
            scan: None,
            sweep: None,
            random: number as u64,
            sizes,
            _ghosts: ghosts,
        }
    }

    /// Takes everything out, at once; what is returned frees its memory when dropped.
    pub(crate) fn take_contents(&mut self) -> (Index, Log) {
        self.counts = Default::default();
        self.scan = None;
        self.sweep = None;
        let index = Index::new(Arc::clone(&self.view));
        // Readers may still be on their way to what is going to be freed.
        self.view.sequence().advance();
        let log = Log::new(
            Arc::clone(&self.view),
            self.sizes.segment_bytes,
            self.sizes.open_segments_max,
        );
        (
            core::mem::replace(&mut self.index, index),
            core::mem::replace(&mut self.log, log),
        )
    }

    /// What the shard takes from the budget for segments and large objects, nearly.
    pub(crate) fn footprint(&self) -> usize {
        (self.log.segment_count() + self.spares.len()) * self.log.segment_bytes()
            + self.log.large_bytes()
    }

    /// A number that looks random, for choices that only affect balance.
    pub(crate) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    }

    /// The slot of a key, expired or not.
    #[inline]
    pub(crate) fn find(&self, key: &Key<'_>) -> Option<(Place, Slot)> {
        let namespace = self.namespaces[usize::from(key.db)];
        self.index
            .find(key.hash, |at| self.log.is_key(at, namespace, key.bytes))
    }

    /// The slot of a key that is alive at `now`; an expired one is removed.
    #[inline]
    pub(crate) fn find_live(&mut self, key: &Key<'_>, now: Millis) -> Option<(Place, Slot)> {
        let found = self.find(key)?;
        let at = found.1.location();
        if is_expired(self.log.expires_at(at, self.epoch), now) {
            self.expire(key.hash, found.0, at, now);
            return None;
        }
        Some(found)
    }

    /// Removes an object that was found to be expired.
    #[cold]
    pub(crate) fn expire(&mut self, hash: u64, place: Place, at: Location, now: Millis) {
        self.discard(hash, place, at, Reason::Expired);
        self.tidy(at, now);
    }

    /// The database that a record belongs to; none if its namespace was flushed.
    pub(crate) fn database_of(&self, header: Header) -> Option<usize> {
        let namespace = header.namespace();
        self.namespaces.iter().position(|&live| live == namespace)
    }

    /// Removes an object from index, log and counts; answers the budget that its large
    /// object frees. Its segment is left to the caller ([`State::tidy`]).
    pub(crate) fn discard(
        &mut self,
        hash: u64,
        place: Place,
        at: Location,
        reason: Reason,
    ) -> usize {
        let header = self.log.header(at);
        let expires = self.log.expires_at(at, self.epoch).is_some();
        self.index.remove(hash, place);
        self.index.shrink_if_sparse(&self.memory);
        let large = self.log.kill(at);
        if let Some(db) = self.database_of(header) {
            self.counts[db].keys -= 1;
            self.counts[db].expiring -= usize::from(expires);
            match reason {
                Reason::Removed => {}
                Reason::Expired => self.stats.expired += 1,
                Reason::Evicted => self.stats.evicted += 1,
            }
        }
        large.map_or(0, |large| large.span.cost())
    }

    /// Follows up on the death of the record at `at`: frees its segment if that is empty,
    /// and compacts one if too much is dead.
    pub(crate) fn tidy(&mut self, at: Location, now: Millis) {
        self.settle(self.log.segment_of(at));
        self.compact_if_wasteful(now);
    }

    /// Frees a segment without live records.
    pub(crate) fn settle(&mut self, id: SegmentId) {
        if let Some(span) = self.log.settle(id) {
            self.keep_spare(span);
        }
    }

    /// Keeps a segment's span for later use, or gives it back to the budget.
    pub(crate) fn keep_spare(&mut self, span: Span) {
        if self.spares.len() < SPARES_MAX && !self.memory.is_over_limit() {
            self.spares.push(span);
        }
    }

    /// Lets stamps count from `now` if there is no record whose stamp would change.
    pub(crate) fn set_epoch(&mut self, now: Millis) {
        if self.index.len() == 0 {
            self.epoch = now;
            self.view.set_epoch(now);
        }
    }
}
