//! The receiving end of the segments: in the order of tickets, but around the slots of senders that
//! are still on their way. The protocol is told in the [module's introduction](super).

use alloc::collections::VecDeque;

use super::segment::{Segment, Segments};
use super::slot::{CLOSED, STEP, Slot, position};
use crate::sync::atomic::Ordering::Relaxed;

use crate::sync::{MODELLED, spin_loop};

/// Pauses of a receiver that has caught up with the senders, before it looks whether there is more.
/// Without them it takes the line of the next slot away from the sender that is about to fill it,
/// at every single value; with them it finds some values at once.
const PAUSES: u32 = if MODELLED { 0 } else { 8 };

/// How often the receiver looks again at a slot whose ticket is issued before it passes it by. Most
/// senders need less to fill it. A model checker shows old stamps only to who does not wait.
const PATIENCE: u32 = if MODELLED { 0 } else { 16 };

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nothing {
    /// None is sent.
    Yet,
    /// None is sent, nor ever will be.
    Ever,
}

/// A slot passed by, because its ticket was issued but its value not there yet.
struct Gap<T> {
    segment: *mut Segment<T>,
    position: usize,
}

impl<T> Gap<T> {
    fn slot(&self) -> &Slot<T> {
        // SAFETY: segments with gaps are not given back.
        unsafe { &*self.segment }.slot(self.position)
    }
}

/// What only the receiver knows. Its methods take the [`Segments`] that it was made for.
pub(super) struct Consumer<T> {
    /// The first slot neither received nor passed by is at `cursor`, in `segment` or at the start
    /// of the next.
    segment: *mut Segment<T>,
    cursor: usize,
    /// Slots before `cursor` that are not received, in order.
    gaps: VecDeque<Gap<T>>,
    /// The last look found a value.
    has_taken: bool,
    /// What `tail` was when the receiver closed the channel. Sends that are refused thereafter issue
    /// tickets as well, for slots that are never filled.
    end: Option<usize>,
}

// SAFETY: it points to segments of values, which any thread may receive.
unsafe impl<T: Send> Send for Consumer<T> {}
// SAFETY: it gives no shared access to values.
unsafe impl<T: Send> Sync for Consumer<T> {}

impl<T> Consumer<T> {
    /// The consumer of new `segments`.
    pub(super) fn new(segments: &Segments<T>) -> Self {
        Self {
            segment: segments.oldest.load(Relaxed),
            cursor: position(segments.tail.load(Relaxed)),
            gaps: VecDeque::new(),
            has_taken: false,
            end: None,
        }
    }

    /// Closes the channel: no sender that sees this gets a ticket that counts.
    pub(super) fn close(&mut self, segments: &Segments<T>) {
        let close = || segments.tail.fetch_or(CLOSED, Relaxed) | CLOSED;
        self.end.get_or_insert_with(close);
    }

    /// The next value.
    #[inline]
    pub(super) fn take(&mut self, segments: &Segments<T>) -> Result<T, Nothing> {
        if self.gaps.is_empty()
            && let Some(value) = self.take_at_cursor(segments)
        {
            return Ok(value);
        }
        self.take_around_gaps(segments)
    }

    /// True if a ticket before that of `tail` is not received: its value is on the way.
    pub(super) fn expects(&self, tail: usize) -> bool {
        !self.gaps.is_empty() || position(self.end.unwrap_or(tail)) != self.cursor
    }

    /// One pass over all slots that may have a value. If it finds none, there was none when the
    /// pass began: what it has not seen was sent later.
    #[cold]
    fn take_around_gaps(&mut self, segments: &Segments<T>) -> Result<T, Nothing> {
        if core::mem::take(&mut self.has_taken) {
            (0..PAUSES).for_each(|_| spin_loop());
        }
        let mut patience = PATIENCE;
        let mut value = self.take_from_gaps();
        while value.is_none() {
            if self.has_slot(segments) && self.slot().is_full(self.cursor) {
                // Whoever sent this may have filled a gap before: that value goes first.
                value = self
                    .take_from_gaps()
                    .or_else(|| self.take_at_cursor(segments));
                continue;
            }
            let tail = self.end.unwrap_or_else(|| segments.tail.load(Relaxed));
            if position(tail) == self.cursor {
                let over = tail & CLOSED != 0 && self.gaps.is_empty();
                return Err(if over { Nothing::Ever } else { Nothing::Yet });
            }
            if patience > 0 {
                patience -= 1;
                spin_loop();
            } else {
                self.pass_by(segments);
            }
        }
        value.ok_or(Nothing::Yet)
    }

    /// The first value in a gap. Closes that gap.
    fn take_from_gaps(&mut self) -> Option<T> {
        let mut first = self.full_gap_before(self.gaps.len())?;
        // To see one full is to see all that its sender filled earlier, also gaps that looked empty
        // a moment ago.
        while let Some(earlier) = self.full_gap_before(first) {
            first = earlier;
        }
        let gap = self.gaps.remove(first)?;
        // SAFETY: we are the receiver, and the gap is removed.
        unsafe { gap.slot().take(gap.position) }
    }

    /// The first of so many gaps that has its value.
    fn full_gap_before(&self, end: usize) -> Option<usize> {
        let mut gaps = self.gaps.iter().take(end);
        gaps.position(|gap| gap.slot().is_full(gap.position))
    }

    /// Makes the slot at the cursor a gap.
    fn pass_by(&mut self, segments: &Segments<T>) {
        self.make_slot(segments);
        self.gaps.push_back(Gap {
            segment: self.segment,
            position: self.cursor,
        });
        self.cursor = self.cursor.wrapping_add(STEP);
    }

    /// The value at the cursor, if it is there. Moves the cursor then.
    #[inline]
    fn take_at_cursor(&mut self, segments: &Segments<T>) -> Option<T> {
        if !self.has_slot(segments) {
            return None;
        }
        // SAFETY: we are the receiver, and the cursor moves on if this takes the value.
        let value = unsafe { self.slot().take(self.cursor) }?;
        self.has_taken = true;
        self.cursor = self.cursor.wrapping_add(STEP);
        Some(value)
    }

    /// Enters the segment of the cursor; false if there is none.
    #[inline]
    fn has_slot(&mut self, segments: &Segments<T>) -> bool {
        if self.segment().has(self.cursor) {
            return true;
        }
        let next = self.segment().next();
        if next.is_null() {
            return false;
        }
        self.enter(segments, next);
        true
    }

    /// Enters the segment of the cursor, and makes it if there is none.
    fn make_slot(&mut self, segments: &Segments<T>) {
        if !self.has_slot(segments) {
            let next = segments.after(self.segment());
            self.enter(segments, next);
        }
    }

    /// The slot at the cursor, whose segment was entered.
    #[inline]
    fn slot(&self) -> &Slot<T> {
        self.segment().slot(self.cursor)
    }

    #[inline]
    fn segment(&self) -> &Segment<T> {
        // SAFETY: segments from this on are not given back.
        unsafe { &*self.segment }
    }

    /// Moves to the segment `next`, and gives back those that no sender can come to any more.
    fn enter(&mut self, segments: &Segments<T>, next: *mut Segment<T>) {
        self.segment = next;
        let head = self.gaps.front().map_or(self.cursor, |gap| gap.position);
        let mut oldest = segments.oldest.load(Relaxed);
        while oldest != next {
            // SAFETY: it is not given back yet.
            let segment = unsafe { &*oldest };
            if !segment.is_left(head) {
                return;
            }
            let following = segment.next();
            segments.oldest.store(following, Relaxed);
            // SAFETY: all slots in it are received, `newest` is past it, and all senders that could
            // have loaded `newest` before have filled their slots, so they look at no segments.
            unsafe { segments.give_back(oldest) };
            oldest = following;
        }
    }
}
