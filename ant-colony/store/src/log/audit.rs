//! Recomputes from the records what the log keeps as running totals, for tests.

use super::queues::SLACK_MS_MAX;
use super::{FIRST_WORD, Log, NIL, SegmentId, Stage};
use crate::Millis;
use crate::index::Location;
use crate::record::Header;
use alloc::vec::Vec;
use ant_colony_policy::Queue;

/// What a full look at a log found.
#[derive(Default)]
pub(crate) struct Findings {
    /// Locations of all live records.
    pub(crate) live: Vec<Location>,
    /// Budget that the segments take.
    pub(crate) segment_cost: usize,
}

impl Log {
    /// Panics if a running total differs from what the records say.
    pub(crate) fn audit(&self, epoch: Millis, scanning: Option<SegmentId>) -> Findings {
        let mut findings = Findings::default();
        let mut live_bytes = [0; 2];
        let (mut dead_bytes, mut large_bytes, mut count, mut open) = (0, 0, 0, 0);
        for id in 0..self.segment_ids() {
            let Some(segment) = self.get_segment(id) else {
                assert!(
                    self.free_ids.contains(&id),
                    "segment {id} is neither used nor free"
                );
                continue;
            };
            count += 1;
            findings.segment_cost += segment.span.cost();
            let before = findings.live.len();
            let mut expiry_min = None;
            let (mut live, mut large, mut word) = (0, 0, FIRST_WORD);
            while let Some((at, header, next)) = self.record_at(id, word) {
                if !header.has(Header::DEAD) {
                    assert!(word >= segment.head, "a live record before the head");
                    live += header.words();
                    if header.has(Header::LARGE) {
                        large += self.large(at).span.cost();
                    }
                    let expires_at = self.expires_at(at, epoch);
                    expiry_min = expiry_min.into_iter().chain(expires_at).min();
                    findings.live.push(at);
                }
                word = next;
            }
            assert_eq!(word, segment.used, "records fill a segment without gaps");
            assert_eq!((segment.live as usize, segment.large), (live, large));
            assert!(segment.stage == Stage::Open || findings.live.len() > before);
            if let Some(at) = expiry_min
                && scanning != Some(id)
            {
                let due = self
                    .due
                    .get(id)
                    .expect("a segment with expiring records is due");
                assert!(due <= at.saturating_add(SLACK_MS_MAX));
            }
            live_bytes[segment.queue as usize] += segment.live_bytes();
            dead_bytes += segment.dead() as usize * 8;
            large_bytes += large;
            if segment.stage == Stage::Open {
                open += 1;
                let place = self.open[segment.queue as usize][usize::from(segment.class)];
                assert_eq!(place, Some(id));
            }
        }
        assert_eq!(self.live_bytes, live_bytes);
        assert_eq!(self.dead_bytes, dead_bytes);
        assert_eq!(self.large_bytes, large_bytes);
        assert_eq!(self.segment_count, count);
        assert_eq!(self.open_count, open);
        assert_eq!(
            self.chained(Queue::Small) + self.chained(Queue::Main),
            count - open
        );
        findings
    }

    /// Walks a chain, checks its links, and answers its length.
    fn chained(&self, queue: Queue) -> usize {
        let chain = &self.chains[queue as usize];
        let (mut older, mut at, mut length) = (NIL, chain.oldest, 0);
        while at != NIL {
            let segment = self.segment(at);
            assert_eq!(segment.older, older);
            assert_eq!((segment.stage, segment.queue), (Stage::Sealed, queue));
            (older, at, length) = (at, segment.younger, length + 1);
        }
        assert_eq!(chain.youngest, older);
        length
    }
}
