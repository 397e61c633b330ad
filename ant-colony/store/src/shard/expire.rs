//! Active expiry, and the search for records of flushed databases.
//!
//! A segment is scanned when a record in it may have expired (`due` in the log), from
//! its head to its end; scans of one segment are at least its slack apart, a sixteenth
//! of the shortest time to live in it. A scan that runs out of budget is resumed.

use super::state::{Reason, State};
use crate::Millis;
use crate::index::{Location, Slot};
use crate::log::SegmentId;
use crate::record::{Header, is_expired};
use crate::stats::Expired;
use smallvec::SmallVec;

/// How far the scan of a segment got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    pub(crate) id: SegmentId,
    generation: u64,
    word: u32,
    /// No live record was seen yet.
    all_dead: bool,
    min_expiry: Option<Millis>,
}

impl State {
    /// Looks at up to about `budget` records of due segments and removes the expired ones.
    pub(crate) fn expire_step(&mut self, now: Millis, budget: usize) -> Expired {
        let mut left = budget;
        let mut removed = 0;
        while left > 0
            && let Some(scan) = self.next_scan(now)
        {
            removed += self.scan_segment(scan, now, &mut left);
        }
        while left > 0
            && let Some(id) = self.sweep
        {
            left = left.saturating_sub(self.sweep_segment(id).max(1));
        }
        let more = self.scan.is_some() || self.log.first_due(now).is_some() || self.sweep.is_some();
        Expired { removed, more }
    }

    fn next_scan(&mut self, now: Millis) -> Option<Scan> {
        let resumed = self.scan.take().filter(|scan| self.is_current(scan));
        resumed.or_else(|| {
            let id = self.log.first_due(now)?;
            self.log.begin_scan(id);
            let segment = self.log.segment(id);
            Some(Scan {
                id,
                generation: segment.generation,
                word: segment.head,
                all_dead: true,
                min_expiry: None,
            })
        })
    }

    fn is_current(&self, scan: &Scan) -> bool {
        self.log
            .get_segment(scan.id)
            .is_some_and(|segment| segment.generation == scan.generation)
    }

    /// Scans until the segment or the budget ends; answers how many records it removed.
    fn scan_segment(&mut self, mut scan: Scan, now: Millis, left: &mut usize) -> usize {
        let mut removed = 0;
        while let Some((at, header, next)) = self.log.record_at(scan.id, scan.word) {
            if *left == 0 {
                self.scan = Some(scan);
                // What is left may be dead already.
                self.settle(scan.id);
                return removed;
            }
            *left -= 1;
            if !header.has(Header::DEAD) {
                let expires_at = self.log.expires_at(at, self.epoch);
                if is_expired(expires_at, now) {
                    self.discard_at(at, Reason::Expired);
                    removed += 1;
                } else {
                    scan.all_dead = false;
                    let earliest = scan.min_expiry.into_iter().chain(expires_at).min();
                    scan.min_expiry = earliest;
                }
            }
            scan.word = next;
            if scan.all_dead {
                self.log.set_head(scan.id, next);
            }
        }
        self.log.end_scan(scan.id, scan.min_expiry);
        self.settle(scan.id);
        removed
    }

    /// Removes the live record at `at`.
    fn discard_at(&mut self, at: Location, reason: Reason) {
        let hash = self.hash_at(at);
        let (place, _) = self
            .index
            .find(hash, |location| location == at)
            .expect("a live record has a slot");
        self.discard(hash, place, at, reason);
    }

    /// Removes flushed records of one segment; answers how many records it looked at.
    pub(crate) fn sweep_segment(&mut self, id: SegmentId) -> usize {
        let next = id + 1;
        self.sweep = (next < self.log.segment_ids()).then_some(next);
        let Some(segment) = self.log.get_segment(id) else {
            return 0;
        };
        let mut word = segment.head;
        let mut seen = 0;
        while let Some((at, header, after)) = self.log.record_at(id, word) {
            if !header.has(Header::DEAD) && self.database_of(header).is_none() {
                self.discard_at(at, Reason::Removed);
            }
            word = after;
            seen += 1;
        }
        self.settle(id);
        seen
    }

    /// Removes all flushed records at once.
    pub(crate) fn sweep_all(&mut self) {
        self.sweep = (self.log.segment_ids() > 0).then_some(0);
        while let Some(id) = self.sweep {
            self.sweep_segment(id);
        }
    }

    /// Removes flushed records from the chain that a key is about to enter, so that
    /// setting and flushing the same key again and again does not lengthen it.
    pub(crate) fn purge_flushed(&mut self, hash: u64) {
        if self.sweep.is_none() {
            return;
        }
        let mut flushed: SmallVec<[Slot; 8]> = SmallVec::new();
        self.index.visit_hash(hash, |slot| {
            if self.database_of(self.log.header(slot.location())).is_none() {
                flushed.push(slot);
            }
        });
        for slot in flushed {
            self.discard_at(slot.location(), Reason::Removed);
            self.settle(self.log.segment_of(slot.location()));
        }
    }
}
