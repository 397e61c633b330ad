//! How long tasks wait in a first-in-first-out queue, without a time stamp on any task.
//!
//! The queue's owner remembers when it saw the queue, and how far it reached then. As long as not
//! all of what it saw has left, the head of the queue has waited since then at least. When all has
//! left, the last of it has waited for that long at most; that is one measured wait, and the next look
//! begins another one.

use std::cell::Cell;

use beehive_policy::Nanos;

/// How far a queue reached, and when. Positions wrap around.
#[derive(Debug, Clone, Copy)]
struct Mark {
    end: u32,
    since: Nanos,
}

/// Measures the waits in one queue.
#[derive(Debug, Default)]
pub(crate) struct WaitProbe(Cell<Option<Mark>>);

impl WaitProbe {
    /// The queue holds `len` tasks now, of which the first is at position `head`. Gives a wait if one
    /// has just been measured.
    #[inline]
    pub(crate) fn look(&self, now: Nanos, head: u32, len: usize) -> Option<Nanos> {
        let mark = self.0.get();
        let left = mark.filter(|mark| len == 0 || head.wrapping_sub(mark.end).cast_signed() >= 0);
        if left.is_some() {
            self.0.set(None);
        }
        if len > 0 && self.0.get().is_none() {
            self.0.set(Some(Mark {
                end: head.wrapping_add(len as u32),
                since: now,
            }));
        }
        left.map(|mark| now.since(mark.since))
    }

    /// Since when at least the head of the queue has waited.
    pub(crate) fn since(&self) -> Option<Nanos> {
        self.0.get().map(|mark| mark.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_all_that_was_seen_has_left() {
        let probe = WaitProbe::default();
        assert_eq!(probe.look(Nanos(10), u32::MAX, 3), None);
        assert_eq!(probe.since(), Some(Nanos(10)));
        assert_eq!(probe.look(Nanos(20), 1, 9), None, "one of three is left");
        assert_eq!(probe.since(), Some(Nanos(10)));
        assert_eq!(probe.look(Nanos(35), 2, 8), Some(Nanos(25)));
        assert_eq!(probe.since(), Some(Nanos(35)));
    }

    #[test]
    fn nothing_waits_in_an_empty_queue() {
        let probe = WaitProbe::default();
        assert_eq!(probe.look(Nanos(10), 0, 0), None);
        assert_eq!(probe.since(), None);
        assert_eq!(probe.look(Nanos(20), 0, 1), None);
        assert_eq!(probe.look(Nanos(50), 0, 0), Some(Nanos(30)));
        assert_eq!(probe.since(), None);
    }
}
