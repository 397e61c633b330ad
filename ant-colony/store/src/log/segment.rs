//! One segment: a span that records are appended to, with what is known of them.

use crate::memory::Span;
use crate::pages::AHEAD_BYTES;
use ant_colony_policy::Queue;

/// Number of a segment within its shard.
pub(crate) type SegmentId = u32;

/// No segment, in links.
pub(crate) const NIL: SegmentId = SegmentId::MAX;

const WORD: usize = size_of::<u64>();

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
    /// Words that pages were asked for; those of the rest come when they are needed, so that the
    /// end of an open segment takes no memory.
    present: u32,
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
        let present = span.words().len().min(AHEAD_BYTES / WORD) as u32;
        Self {
            span,
            generation,
            head: FIRST_WORD,
            used: FIRST_WORD,
            present,
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

    /// Takes the next `words`, for which there is room, for a live record; answers the first.
    #[inline]
    pub(crate) fn take(&mut self, words: usize) -> u32 {
        debug_assert!(self.stage == Stage::Open && self.room() >= words);
        let first = self.used;
        self.used += words as u32;
        self.live += words as u32;
        if self.used > self.present {
            self.bring();
        }
        first
    }

    /// Asks for pages up to the words in use, and for some more.
    #[cold]
    fn bring(&mut self) {
        let bytes = (self.used as usize * WORD).next_multiple_of(AHEAD_BYTES);
        let bytes = bytes.min(self.span.words().len() * WORD);
        self.span.bring(self.present as usize * WORD..bytes);
        self.present = (bytes / WORD) as u32;
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
