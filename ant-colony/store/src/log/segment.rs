//! One segment: a span that records are appended to, with what is known of them.

use crate::memory::Span;
use ant_colony_policy::Queue;

/// Number of a segment within its shard.
pub(crate) type SegmentId = u32;

/// No segment, in links.
pub(crate) const NIL: SegmentId = SegmentId::MAX;

/// The first word of a segment stays empty, so that no record lies at location zero.
pub(crate) const FIRST_WORD: u32 = 1;

/// Where a segment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Records are appended to it.
    Open,
    /// It stands in its queue's chain.
    Sealed,
}

/// A part of the log.
pub(crate) struct Segment {
    pub(crate) span: Span,
    /// Distinguishes this use of the segment's number from earlier ones.
    pub(crate) generation: u64,
    /// No record before this word is live.
    pub(crate) head: u32,
    /// The word after the last record.
    pub(crate) used: u32,
    /// Words of live records.
    pub(crate) live: u32,
    /// Budget taken by large objects that live records refer to.
    pub(crate) large: usize,
    pub(crate) queue: Queue,
    /// Class of time to live that it was opened for.
    pub(crate) class: u8,
    pub(crate) stage: Stage,
    /// Neighbours in the chain of its queue.
    pub(crate) older: SegmentId,
    pub(crate) younger: SegmentId,
    /// How late its records may be removed after their expiry.
    pub(crate) slack_ms: u32,
}

impl Segment {
    pub(crate) fn new(span: Span, generation: u64, queue: Queue, class: u8) -> Self {
        Self {
            span,
            generation,
            head: FIRST_WORD,
            used: FIRST_WORD,
            live: 0,
            large: 0,
            queue,
            class,
            stage: Stage::Open,
            older: NIL,
            younger: NIL,
            slack_ms: u32::MAX,
        }
    }

    /// Makes an open segment without live records as good as new.
    pub(crate) fn reset(&mut self, generation: u64) {
        debug_assert!(self.live == 0 && self.large == 0);
        self.generation = generation;
        self.head = FIRST_WORD;
        self.used = FIRST_WORD;
        self.slack_ms = u32::MAX;
    }

    /// Words that can still be appended.
    pub(crate) fn room(&self) -> usize {
        self.span.words().len() - self.used as usize
    }

    /// Words of dead records.
    pub(crate) fn dead(&self) -> u32 {
        self.used - FIRST_WORD - self.live
    }

    /// What live records take, large objects included.
    pub(crate) fn live_bytes(&self) -> usize {
        self.live as usize * size_of::<u64>() + self.large
    }
}
