//! Which huge pages' worth of an arena is in use as a whole, and so may become one
//! huge page without taking more memory.
//!
//! Pure bookkeeping: `mapped.rs` tells what happens to ranges and does what is decided
//! here. A chunk is an aligned range of [`CHUNK_BYTES`].
//!
//! Invariants:
//! - `vacant` is the number of the chunk's bytes that are clean, or not the arena's;
//! - a chunk is in `ready` exactly while it is [`State::Ready`], and then has no vacant
//!   bytes; nor has a chunk that is [`State::Huge`].

use alloc::collections::{BTreeMap, BTreeSet};

/// Size and alignment of a huge page, on x86-64 and usually on 64-bit Arm. Where huge
/// pages are larger, the system refuses, and nothing is lost but the attempt.
pub(crate) const CHUNK_BYTES: usize = 2 << 20;
/// Calls of [`Chunks::start`] that are left out after many failures in a row.
const PAUSE_CALLS_MAX: u32 = 1024;

/// The chunks of one arena, by address.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    by_start: BTreeMap<usize, Chunk>,
    ready: BTreeSet<usize>,
    /// Where the search for the next chunk begins, so that one that fails does not keep
    /// others from their turn.
    next: usize,
    huge: usize,
    /// Calls of `start` still to leave out.
    pause_calls: u32,
    /// Calls to leave out at the next failure: each may take the system long.
    penalty_calls: u32,
}

#[derive(Debug)]
struct Chunk {
    vacant: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In pages of the usual size, with vacant bytes.
    Small,
    /// In pages of the usual size, and waiting to be made one.
    Ready,
    /// Being made one page just now, by somebody who does not hold the arena.
    Collapsing,
    /// The same, and some of it has become vacant meanwhile, so that it is not one page.
    Spoilt,
    /// One page.
    Huge,
}

impl Chunks {
    /// Bytes in huge pages.
    pub(crate) fn huge_bytes(&self) -> usize {
        self.huge * CHUNK_BYTES
    }

    /// A clean range is handed out.
    pub(crate) fn fill(&mut self, start: usize, len: usize) {
        for (number, _, len) in pieces(start, len) {
            let chunk = self.by_start.entry(number).or_insert(Chunk {
                vacant: CHUNK_BYTES,
                state: State::Small,
            });
            chunk.vacant -= len;
            if chunk.vacant == 0 && chunk.state == State::Small {
                chunk.state = State::Ready;
                self.ready.insert(number);
            }
        }
    }

    /// A dirty range becomes clean. Calls `split` for each part of it that is only a part
    /// of a page.
    pub(crate) fn vacate(&mut self, start: usize, len: usize, mut split: impl FnMut(usize, usize)) {
        for (number, start, len) in pieces(start, len) {
            let Some(chunk) = self.by_start.get_mut(&number) else {
                debug_assert!(false, "what is dirty was filled before");
                continue;
            };
            chunk.vacant += len;
            let before = chunk.state;
            chunk.state = match before {
                State::Collapsing | State::Spoilt => State::Spoilt,
                _ => State::Small,
            };
            match before {
                State::Small => {}
                State::Ready => {
                    self.ready.remove(&number);
                }
                State::Collapsing | State::Spoilt => split(start, len),
                State::Huge => {
                    self.huge -= 1;
                    if len < CHUNK_BYTES {
                        split(start, len);
                    }
                }
            }
        }
    }

    /// The start of a chunk to make one page now, if there is one and it is time. Then
    /// [`Chunks::finish`] must be called.
    pub(crate) fn start(&mut self) -> Option<usize> {
        if self.pause_calls > 0 {
            self.pause_calls -= 1;
            return None;
        }
        let after = self.ready.range(self.next..).next();
        let &start = after.or_else(|| self.ready.first())?;
        self.ready.remove(&start);
        self.next = start + CHUNK_BYTES;
        let chunk = self.by_start.get_mut(&start)?;
        chunk.state = State::Collapsing;
        Some(start)
    }

    /// The attempt is over; answers whether the chunk is one page now. If it is not, some
    /// of its bytes may have become vacant meanwhile.
    pub(crate) fn finish(&mut self, start: usize, collapsed: bool) -> bool {
        if collapsed {
            self.penalty_calls = 0;
        } else {
            self.pause_calls = self.penalty_calls;
            self.penalty_calls = (2 * self.penalty_calls + 1).min(PAUSE_CALLS_MAX);
        }
        let Some(chunk) = self.by_start.get_mut(&start) else {
            return false;
        };
        let whole = collapsed && chunk.state == State::Collapsing;
        chunk.state = match (chunk.vacant, whole) {
            (0, true) => State::Huge,
            (0, false) => State::Ready,
            _ => State::Small,
        };
        match chunk.state {
            State::Huge => self.huge += 1,
            State::Ready => {
                self.ready.insert(start);
            }
            _ => {}
        }
        chunk.state == State::Huge
    }
}

/// The parts of a range, by chunk: the chunk's start, the part's start and length.
fn pieces(start: usize, len: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let first = start - start % CHUNK_BYTES;
    (first..start + len).step_by(CHUNK_BYTES).map(move |chunk| {
        let from = chunk.max(start);
        let to = (chunk + CHUNK_BYTES).min(start + len);
        (chunk, from, to - from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const C: usize = CHUNK_BYTES;

    fn vacate(chunks: &mut Chunks, start: usize, len: usize) -> Vec<(usize, usize)> {
        let mut split = Vec::new();
        chunks.vacate(start, len, |start, len| split.push((start, len)));
        split
    }

    #[test]
    fn a_chunk_is_collapsed_once_when_it_is_full() {
        let mut chunks = Chunks::default();
        chunks.fill(8 * C, C - 1);
        assert_eq!(chunks.start(), None);
        chunks.fill(9 * C - 1, C);
        assert_eq!(chunks.start(), Some(8 * C));
        assert_eq!(chunks.start(), None);
        assert!(chunks.finish(8 * C, true));
        assert_eq!(chunks.huge_bytes(), C);
        assert_eq!(chunks.start(), None, "the chunk beside it lacks a byte");
        chunks.fill(10 * C - 1, 1);
        assert_eq!(chunks.start(), Some(9 * C));
    }

    #[test]
    fn a_chunk_that_was_vacated_in_part_is_split_and_may_fill_again() {
        let mut chunks = Chunks::default();
        chunks.fill(C, 3 * C);
        for _ in 0..3 {
            let start = chunks.start().unwrap();
            chunks.finish(start, true);
        }
        assert_eq!(
            vacate(&mut chunks, C + 10, 2 * C),
            [(C + 10, C - 10), (3 * C, 10)],
            "the chunk in the middle goes whole"
        );
        assert_eq!(chunks.huge_bytes(), 0);
        assert_eq!(chunks.start(), None);
        assert_eq!(vacate(&mut chunks, C, 10), [], "it is split already");
        chunks.fill(C, C);
        assert_eq!(chunks.start(), Some(C));
    }

    #[test]
    fn a_chunk_vacated_while_it_waits_is_not_collapsed() {
        let mut chunks = Chunks::default();
        chunks.fill(C, C);
        assert_eq!(vacate(&mut chunks, C, 10), []);
        assert_eq!(chunks.start(), None);
    }

    #[test]
    fn a_chunk_vacated_while_it_is_collapsed_is_not_taken_for_huge() {
        let mut chunks = Chunks::default();
        chunks.fill(C, C);
        assert_eq!(chunks.start(), Some(C));
        assert_eq!(vacate(&mut chunks, C, 10), [(C, 10)]);
        assert!(!chunks.finish(C, true));
        assert_eq!(chunks.huge_bytes(), 0);
        chunks.fill(C, 10);
        assert_eq!(chunks.start(), Some(C));
        vacate(&mut chunks, C, 10);
        chunks.fill(C, 10);
        assert!(!chunks.finish(C, true), "full again, but of two pages");
        assert_eq!(chunks.start(), Some(C));
    }

    #[test]
    fn failures_are_repeated_ever_less_often_and_others_get_their_turn() {
        let mut chunks = Chunks::default();
        chunks.fill(C, 2 * C);
        assert_eq!(chunks.start(), Some(C));
        assert!(!chunks.finish(C, false));
        assert_eq!(chunks.start(), Some(2 * C));
        let mut calls = 0;
        let mut attempts = 1;
        chunks.finish(2 * C, false);
        while calls < 20_000 {
            calls += 1;
            if let Some(start) = chunks.start() {
                attempts += 1;
                chunks.finish(start, false);
            }
        }
        assert!((20..40).contains(&attempts), "{attempts}");
        let mut wait = core::iter::repeat_with(|| chunks.start()).flatten();
        let start = wait.next().unwrap();
        chunks.finish(start, true);
        assert_eq!(
            chunks.start(),
            Some(3 * C - start),
            "a success ends the pauses"
        );
    }
}
