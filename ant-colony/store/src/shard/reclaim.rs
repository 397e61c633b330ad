//! Eviction and compaction: emptying a segment from its old end.
//!
//! A segment is drained record by record. Each live record is dropped, or copied to the
//! open segment of the queue that it goes to; `head` remembers how far the draining got,
//! so that it may stop early, when large objects have freed enough. One step drains at
//! most one segment.

use super::state::{Reason, State};
use crate::Millis;
use crate::index::Location;
use crate::log::{SegmentId, class_of};
use crate::memory::{Kind, Span};
use crate::record::{Header, is_expired};
use ant_colony_policy::{Fate, Queue};

/// Compact while more than one byte in this many is dead.
const DEAD_SHARE: usize = 5;
/// Sixteenths of a segment that must be dead for compaction to pay.
const DEAD_LEVEL_MIN: usize = 4;
/// Sixteenths of a segment that must be dead for compaction to be better than eviction.
const DEAD_LEVEL_SHORT: usize = 8;
/// A shard with fewer segments is not compacted: its open segments dominate.
const COMPACTED_SEGMENTS_MIN: usize = 5;

/// Records whose slots are asked for in advance.
const PREFETCHED: usize = 8;

/// What a drain does with live records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    /// Ask the policy.
    Evict { pressure: u8 },
    /// Keep all of them in their queue.
    Compact,
}

impl State {
    /// Frees memory by one bounded step; answers how many bytes, for the budget or as
    /// spare segments. Stops early when `goal` bytes are freed.
    pub(crate) fn reclaim(&mut self, now: Millis, pressure: u8, goal: usize) -> usize {
        let segments_before = self.log.segment_count();
        if let Some(id) = self.sweep {
            // What was flushed goes before anything that is still wanted.
            self.sweep_segment(id);
            if self.log.segment_count() < segments_before {
                return self.log.segment_bytes();
            }
        }
        if pressure == 0
            && let Some(id) = self.log.deadest(DEAD_LEVEL_SHORT)
        {
            return self.drain(id, now, Drain::Compact, usize::MAX);
        }
        self.policy.set_objects(self.index.len());
        let small = self.log.live_bytes(Queue::Small);
        let main = self.log.live_bytes(Queue::Main);
        let (first, second) = match self.policy.next_victim(small, main, small + main) {
            Queue::Small => (Queue::Small, Queue::Main),
            Queue::Main => (Queue::Main, Queue::Small),
        };
        let victim = self.log.oldest(first).or_else(|| self.log.oldest(second));
        victim.map_or(0, |id| self.drain(id, now, Drain::Evict { pressure }, goal))
    }

    /// Compacts the deadest segment if the shard wastes more than its share.
    pub(crate) fn compact_if_wasteful(&mut self, now: Millis) {
        let all = self.log.segment_count() * self.log.segment_bytes();
        if self.log.dead_bytes() * DEAD_SHARE <= all
            || self.log.segment_count() < COMPACTED_SEGMENTS_MIN
        {
            return;
        }
        if let Some(id) = self.log.deadest(DEAD_LEVEL_MIN) {
            self.drain(id, now, Drain::Compact, usize::MAX);
        }
    }

    /// Drains a sealed segment from its head; answers the bytes that this freed.
    fn drain(&mut self, id: SegmentId, now: Millis, drain: Drain, goal: usize) -> usize {
        let segments_before = self.log.segment_count();
        let mut freed_large = 0;
        let mut word = self.log.segment(id).head;
        let mut ahead = word;
        for _ in 0..PREFETCHED {
            ahead = self.prefetch_slot(id, ahead);
        }
        while freed_large < goal
            && let Some((at, header, next)) = self.log.record_at(id, word)
        {
            ahead = self.prefetch_slot(id, ahead);
            if !header.has(Header::DEAD) {
                match self.drain_record(at, header, now, drain) {
                    Some(freed) => freed_large += freed,
                    None => break,
                }
            }
            word = next;
        }
        self.log.set_head(id, word);
        self.settle(id);
        let segments = segments_before.saturating_sub(self.log.segment_count());
        freed_large + segments * self.log.segment_bytes()
    }

    /// Starts loading the index bucket of the record at `word`; answers the next word.
    /// Records lie side by side, but their slots are anywhere.
    fn prefetch_slot(&self, id: SegmentId, word: u32) -> u32 {
        let Some((at, header, next)) = self.log.record_at(id, word) else {
            return word;
        };
        if !header.has(Header::DEAD) {
            self.index.prefetch(self.hash_at(at));
        }
        next
    }

    /// Drops or moves a live record; answers the budget that its large object freed, or
    /// nothing if it has to stay because there is no room to move it.
    fn drain_record(
        &mut self,
        at: Location,
        header: Header,
        now: Millis,
        drain: Drain,
    ) -> Option<usize> {
        let hash = self.hash_at(at);
        let expires_at = self.log.expires_at(at, self.epoch);
        let (place, slot) = self
            .index
            .find(hash, |location| location == at)
            .expect("a live record has a slot");
        let queue = self.log.segment(self.log.segment_of(at)).queue;
        let expired = is_expired(expires_at, now);
        if expired || self.database_of(header).is_none() {
            return Some(self.discard(hash, place, at, Reason::Expired));
        }
        let fate = match drain {
            Drain::Compact => Fate::Keep {
                queue,
                frequency: slot.frequency(),
            },
            Drain::Evict { pressure } => {
                self.policy
                    .on_reclaim(queue, slot.frequency(), hash, pressure)
            }
        };
        if let Fate::Keep { queue, frequency } = fate {
            let class = class_of(expires_at, now);
            if let Some(to) = self.survivor_segment(queue, class, header.words()) {
                let new = self.relocate(at, to, expires_at, now);
                let slot = slot.with_location(new).with_frequency(frequency);
                self.index.set(place, slot);
                return Some(0);
            }
            if drain == Drain::Compact {
                return None;
            }
        }
        Some(self.discard(hash, place, at, Reason::Evicted))
    }

    /// The hash of the key of the record at `at`.
    pub(crate) fn hash_at(&self, at: Location) -> u64 {
        let record = self.log.record(at, self.epoch);
        record.hash.unwrap_or_else(|| self.hasher.hash(record.key))
    }

    fn relocate(
        &mut self,
        at: Location,
        to: SegmentId,
        expires_at: Option<Millis>,
        now: Millis,
    ) -> Location {
        self.stats.copied_bytes += (self.log.header(at).words() * size_of::<u64>()) as u64;
        let new = self.log.relocate(at, to);
        if let Some(expires_at) = expires_at {
            self.log.note_expiry(to, expires_at, now);
        }
        new
    }

    /// An open segment with room for a survivor, opened if spares or budget allow.
    fn survivor_segment(&mut self, queue: Queue, class: u8, words: usize) -> Option<SegmentId> {
        let class = self.log.usable_class(queue, class);
        if let Some(id) = self.log.open_with_room(queue, class, words) {
            return Some(id);
        }
        let spare = self.spares.pop().or_else(|| self.new_span());
        match spare {
            Some(span) => Some(self.log.open_segment(span, queue, class)),
            None => self.log.any_open_with_room(queue, words),
        }
    }

    /// A segment's span from the budget.
    pub(crate) fn new_span(&self) -> Option<Span> {
        // The spares will want numbers, and so will the one that is being opened just now.
        if !self.log.can_number_segments(self.spares.len() + 2) {
            return None;
        }
        self.memory.span(Kind::Segment, self.log.segment_bytes(), 1)
    }
}
