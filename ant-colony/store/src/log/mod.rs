//! The log of a shard: segments, records in them, and the two queues of segments.
//!
//! Invariants (`audit` in the shard's tests recomputes them):
//! - a record is live until [`Log::kill`] or [`Log::relocate`] marks it dead, and exactly
//!   the live records have a slot in the index;
//! - `live` and `large` of a segment are the sums over its live records, and the totals
//!   here are the sums over the segments;
//! - every sealed segment is in the chain of its queue and in `deadness`; an open one is
//!   in `open` and in neither;
//! - a segment that holds a live record with an expiry has a time in `due`.
//!
//! Readers without the lock may look at any segment, also one that is not in use any more.
//! So the sequence is advanced before a segment that had records is given away or starts from
//! its beginning again, and before a record is written over a dead one.
//!
//! The log frees no segment by itself: [`Log::settle`] hands the span of one without
//! live records back to the shard.

#[cfg(test)]
pub(crate) mod audit;
mod deadness;
mod due;
mod holes;
mod large;
mod queues;
mod records;
mod segment;

pub(crate) use large::Large;
pub(crate) use queues::{CLASSES, class_of};
pub(crate) use records::{Body, NewRecord};
pub(crate) use segment::SegmentId;

use crate::Millis;
use crate::index::Location;
use crate::memory::Span;
use crate::record::Header;
use crate::view::{View, renew};
use alloc::sync::Arc;
use alloc::vec::Vec;
use ant_colony_policy::Queue;
use deadness::Deadness;
use due::DueQueue;
use holes::Holes;
use large::Larges;
use queues::Chain;
use segment::{FIRST_WORD, NIL, Segment, Stage};

/// Segments and the records in them.
pub(crate) struct Log {
    segments: Vec<Option<Segment>>,
    free_ids: Vec<SegmentId>,
    /// Words of a segment, as a power of two.
    shift: u32,
    generation: u64,
    larges: Larges,
    open: [[Option<SegmentId>; CLASSES]; 2],
    open_count: usize,
    open_count_max: usize,
    chains: [Chain; 2],
    deadness: Deadness,
    due: DueQueue,
    live_bytes: [usize; 2],
    large_bytes: usize,
    dead_bytes: usize,
    segment_count: usize,
    holes: Holes,
    view: Arc<View>,
}

impl Log {
    /// An empty log of segments of `segment_bytes` (a power of two), of which at most
    /// about `open_count_max` are open at a time.
    pub(crate) fn new(view: Arc<View>, segment_bytes: usize, open_count_max: usize) -> Self {
        Self {
            segments: Vec::new(),
            free_ids: Vec::new(),
            shift: (segment_bytes / size_of::<u64>()).ilog2(),
            generation: 0,
            larges: Larges::default(),
            open: Default::default(),
            open_count: 0,
            open_count_max,
            chains: Default::default(),
            deadness: Deadness::default(),
            due: DueQueue::default(),
            live_bytes: [0; 2],
            large_bytes: 0,
            dead_bytes: 0,
            segment_count: 0,
            holes: Holes::default(),
            view,
        }
    }

    /// Number of segments in use.
    pub(crate) fn segment_count(&self) -> usize {
        self.segment_count
    }

    /// One more than the highest segment number in use.
    pub(crate) fn segment_ids(&self) -> SegmentId {
        self.segments.len() as SegmentId
    }

    /// Bytes of one segment.
    pub(crate) fn segment_bytes(&self) -> usize {
        size_of::<u64>() << self.shift
    }

    /// What the live records of a queue take, large objects included.
    pub(crate) fn live_bytes(&self, queue: Queue) -> usize {
        self.live_bytes[queue as usize]
    }

    /// What the large objects take from the budget.
    pub(crate) fn large_bytes(&self) -> usize {
        self.large_bytes
    }

    /// Bytes of dead records in sealed and open segments.
    pub(crate) fn dead_bytes(&self) -> usize {
        self.dead_bytes
    }

    #[inline]
    pub(crate) fn segment(&self, id: SegmentId) -> &Segment {
        self.segments[id as usize]
            .as_ref()
            .expect("the segment is in use")
    }

    /// The segment if its number is in use.
    pub(crate) fn get_segment(&self, id: SegmentId) -> Option<&Segment> {
        self.segments.get(id as usize)?.as_ref()
    }

    #[inline]
    fn segment_mut(&mut self, id: SegmentId) -> &mut Segment {
        self.segments[id as usize]
            .as_mut()
            .expect("the segment is in use")
    }

    /// The segment that a location lies in.
    #[inline]
    pub(crate) fn segment_of(&self, location: Location) -> SegmentId {
        location >> self.shift
    }

    #[inline]
    fn word_of(&self, location: Location) -> usize {
        location as usize & ((1 << self.shift) - 1)
    }

    /// The location of a word of a segment.
    pub(crate) fn location(&self, id: SegmentId, word: u32) -> Location {
        id << self.shift | word
    }

    /// Whether `more` segments can be numbered, and found by their numbers.
    pub(crate) fn can_number_segments(&self, more: usize) -> bool {
        let new = more.saturating_sub(self.free_ids.len());
        let numbers = self.segments.len() + new;
        new == 0
            || (numbers as u64) << self.shift <= 1 << 32 && self.view.reserve_segment(numbers - 1)
    }

    /// Opens a segment for `queue` and `class`, in place of the one open there, if any.
    pub(crate) fn open_segment(&mut self, span: Span, queue: Queue, class: u8) -> SegmentId {
        if let Some(old) = self.open[queue as usize][usize::from(class)] {
            self.seal(old);
        }
        self.generation += 1;
        let segment = Segment::new(span, self.generation, queue, class);
        let id = match self.free_ids.pop() {
            Some(id) => {
                self.segments[id as usize] = Some(segment);
                id
            }
            None => {
                self.segments.push(Some(segment));
                self.segments.len() as SegmentId - 1
            }
        };
        renew();
        self.view.set_segment(id as usize, &self.segment(id).span);
        self.open[queue as usize][usize::from(class)] = Some(id);
        self.open_count += 1;
        self.segment_count += 1;
        id
    }

    /// Gives the span of `id` back if it is sealed and holds nothing live; an open
    /// segment without live records starts from its beginning again.
    pub(crate) fn settle(&mut self, id: SegmentId) -> Option<Span> {
        let generation = self.generation + 1;
        let segment = self.get_segment(id)?;
        if segment.live > 0 {
            return None;
        }
        let (stage, dead) = (segment.stage, segment.dead() as usize * size_of::<u64>());
        if dead > 0 {
            // Readers may still be on their way to what was here.
            self.view.sequence().advance();
            let shift = self.shift;
            self.holes.forget(|at| at >> shift == id);
        }
        if stage == Stage::Sealed {
            self.unchain(id);
            self.deadness.remove(id);
            self.due.set(id, None);
            self.dead_bytes -= dead;
            self.segment_count -= 1;
            self.free_ids.push(id);
            return self.segments[id as usize]
                .take()
                .map(|segment| segment.span);
        }
        if dead > 0 {
            self.generation = generation;
            self.dead_bytes -= dead;
            self.due.set(id, None);
            self.segment_mut(id).reset(generation);
        }
        None
    }

    /// Takes the memory of a segment or large object out of a log that is no shard's any more, which
    /// only this may be called for from then on.
    pub(crate) fn pop_span(&mut self) -> Option<Span> {
        let segment = core::iter::from_fn(|| self.segments.pop()).flatten().next();
        segment
            .map(|segment| segment.span)
            .or_else(|| self.larges.pop().map(|large| large.span))
    }

    /// Remembers the record at `at`, which has just died, for [`Log::hole`].
    pub(crate) fn add_hole(&mut self, at: Location) {
        let words = self.header(at).words();
        self.holes.add(words, at);
    }

    /// A dead record that may be replaced by one of about `words` in `queue` and one of
    /// `classes`, without much waste. Not one in the segment that is next to be reclaimed: what was
    /// just written is to stay for a while.
    #[inline]
    pub(crate) fn hole(
        &mut self,
        words: usize,
        queue: Queue,
        classes: [u8; 2],
        fits: impl Fn(usize) -> bool,
    ) -> Option<Location> {
        let (segments, shift) = (&self.segments, self.shift);
        let next = self.chains[queue as usize].oldest;
        self.holes.take(words, |at| {
            let id = at >> shift;
            let segment = segments[id as usize].as_ref().filter(|_| id != next);
            let word = at & ((1 << shift) - 1);
            segment.is_some_and(|segment| {
                let header = Header(segment.span.words()[word as usize]);
                segment.queue == queue
                    && classes.contains(&segment.class)
                    && word >= segment.head
                    && fits(header.words())
            })
        })
    }

    /// The segment that is due first for a scan, if it is due at `now`.
    pub(crate) fn first_due(&self, now: Millis) -> Option<SegmentId> {
        self.due.first().filter(|due| due.0 <= now).map(|due| due.1)
    }

    /// Takes `id` off the schedule while it is scanned.
    pub(crate) fn begin_scan(&mut self, id: SegmentId) {
        self.due.set(id, None);
    }

    /// Schedules the next scan of `id`, in which `min_expiry` is the earliest one left.
    pub(crate) fn end_scan(&mut self, id: SegmentId, min_expiry: Option<Millis>) {
        if let Some(at) = min_expiry {
            let slack = Millis::from(self.segment(id).slack_ms);
            self.due.advance(id, at.saturating_add(slack));
        }
    }

    /// Takes note that a record of `id` expires at `at`.
    pub(crate) fn note_expiry(&mut self, id: SegmentId, at: Millis, now: Millis) {
        let slack = queues::slack_ms(at.saturating_sub(now));
        let segment = self.segment_mut(id);
        segment.slack_ms = segment.slack_ms.min(slack);
        self.due.advance(id, at.saturating_add(Millis::from(slack)));
    }

    /// A sealed segment of which at least `level` sixteenths are dead, the deadest first.
    pub(crate) fn deadest(&self, level: usize) -> Option<SegmentId> {
        self.deadness.deadest(level)
    }
}
