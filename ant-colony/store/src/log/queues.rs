//! The two queues as chains of sealed segments, and the open segments that feed them.
//!
//! Records that expire at about the same time share segments, so that a segment empties
//! by itself: each queue has one open segment per class of time to live (powers of
//! eight). Small shards cannot afford many open segments; there, classes share.

use super::{FIRST_WORD, Log, NIL, SegmentId, Stage};
use crate::Millis;
use crate::log::deadness::Deadness;
use ant_colony_policy::Queue;

/// Classes of time to live; class 0 never expires.
pub(crate) const CLASSES: usize = 9;
/// The first class of records that expire ends here; each further one is eight times as long.
const FIRST_CLASS_MS: Millis = 1000;

/// Bounds of how late an expired record may be removed.
const SLACK_MS_MIN: Millis = 20;
pub(crate) const SLACK_MS_MAX: Millis = 60_000;

/// The class of a record that expires at `expires_at`.
pub(crate) fn class_of(expires_at: Option<Millis>, now: Millis) -> u8 {
    let Some(at) = expires_at else {
        return 0;
    };
    let units = at.saturating_sub(now) / FIRST_CLASS_MS;
    let octal_digits = (Millis::BITS - units.leading_zeros()).div_ceil(3);
    (1 + octal_digits).min(CLASSES as u32 - 1) as u8
}

/// How late a record may be removed that has this long to live: a sixteenth of it.
pub(crate) fn slack_ms(ttl_ms: Millis) -> u32 {
    (ttl_ms / 16).clamp(SLACK_MS_MIN, SLACK_MS_MAX) as u32
}

/// The ends of a queue's chain.
pub(crate) struct Chain {
    pub(crate) oldest: SegmentId,
    pub(crate) youngest: SegmentId,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            oldest: NIL,
            youngest: NIL,
        }
    }
}

impl Log {
    /// The class in whose open segment a record of `class` is best put.
    pub(crate) fn usable_class(&self, queue: Queue, class: u8) -> u8 {
        let open = &self.open[queue as usize];
        if open[usize::from(class)].is_some() || self.open_count < self.open_count_max {
            return class;
        }
        (0..CLASSES as u8)
            .filter(|&other| open[usize::from(other)].is_some())
            .min_by_key(|other| other.abs_diff(class))
            .unwrap_or(class)
    }

    /// The open segment of `queue` and `class`, if it has room for `words`.
    #[inline]
    pub(crate) fn open_with_room(
        &self,
        queue: Queue,
        class: u8,
        words: usize,
    ) -> Option<SegmentId> {
        self.open[queue as usize][usize::from(class)].filter(|&id| self.segment(id).room() >= words)
    }

    /// Any open segment with room for `words`, of `queue` if possible.
    pub(crate) fn any_open_with_room(&self, queue: Queue, words: usize) -> Option<SegmentId> {
        let other = match queue {
            Queue::Small => Queue::Main,
            Queue::Main => Queue::Small,
        };
        [queue, other]
            .iter()
            .flat_map(|&queue| self.open[queue as usize])
            .flatten()
            .find(|&id| self.segment(id).room() >= words)
    }

    /// The segment whose records are next in line in `queue`. If only open ones are
    /// left, the fullest is sealed.
    pub(crate) fn oldest(&mut self, queue: Queue) -> Option<SegmentId> {
        if self.chains[queue as usize].oldest == NIL {
            let fullest = self.open[queue as usize]
                .into_iter()
                .flatten()
                .filter(|&id| self.segment(id).used > FIRST_WORD)
                .max_by_key(|&id| self.segment(id).live_bytes())?;
            self.seal(fullest);
        }
        Some(self.chains[queue as usize].oldest)
    }

    /// Ends appending to `id` and puts it at the young end of its queue.
    pub(crate) fn seal(&mut self, id: SegmentId) {
        let segment = self.segment(id);
        debug_assert_eq!(segment.stage, Stage::Open);
        let (queue, class) = (segment.queue as usize, usize::from(segment.class));
        let shift = self.shift;
        let level = Deadness::level(segment.dead() as usize, shift);
        let youngest = self.chains[queue].youngest;
        self.open[queue][class] = None;
        self.open_count -= 1;
        let segment = self.segment_mut(id);
        segment.stage = Stage::Sealed;
        segment.older = youngest;
        segment.younger = NIL;
        if youngest == NIL {
            self.chains[queue].oldest = id;
        } else {
            self.segment_mut(youngest).younger = id;
        }
        self.chains[queue].youngest = id;
        self.deadness.set(id, level);
    }

    /// Takes a sealed segment out of its chain.
    pub(super) fn unchain(&mut self, id: SegmentId) {
        let segment = self.segment(id);
        let (queue, older, younger) = (segment.queue as usize, segment.older, segment.younger);
        if older == NIL {
            self.chains[queue].oldest = younger;
        } else {
            self.segment_mut(older).younger = younger;
        }
        if younger == NIL {
            self.chains[queue].youngest = older;
        } else {
            self.segment_mut(younger).older = older;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_powers_of_eight_of_the_time_to_live() {
        let class = |ttl| class_of(Some(1_000_000 + ttl), 1_000_000);
        assert_eq!(class_of(None, 5), 0);
        assert_eq!(class(0), 1);
        assert_eq!(class(999), 1);
        assert_eq!(class(1000), 2);
        assert_eq!(class(7999), 2);
        assert_eq!(class(8000), 3);
        assert_eq!(class(63_999), 3);
        assert_eq!(class(64_000), 4);
        assert_eq!(class(u64::MAX / 2), 8);
        assert_eq!(class_of(Some(0), 99), 1);
    }
}
