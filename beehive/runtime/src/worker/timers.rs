//! The timers of a worker: a wheel that ticks in microseconds.

use std::task::Waker;
use std::time::Duration;

use beehive_policy::Nanos;
use beehive_task::wheel::TimerKey;

use super::Worker;
use crate::panic;

/// A tick of the timer wheel: a microsecond.
const TICK_NS: u64 = 1_000;
/// A timer may be this part of its duration late, so that long ones fire together.
const SLACK_SHIFT: u32 = 8;
/// And this many ticks at most, about a millisecond; a power of two.
const SLACK_TICKS_MAX: u64 = 1_024;

impl Worker {
    pub(super) fn time_to_next_timer(&self, now: Nanos) -> Option<Duration> {
        let tick = self.timers.borrow().next_expiry()?;
        Some(Duration::from_nanos(
            Nanos(tick.saturating_mul(TICK_NS)).since(now).0,
        ))
    }

    pub(super) fn fire_timers(&self, now: Nanos) {
        let mut timers = self.timers.borrow_mut();
        if timers.is_empty() {
            return;
        }
        let mut ready = self.ready.take();
        timers.advance(now.0 / TICK_NS, |waker| ready.push(waker));
        drop(timers);
        panic::each(ready.drain(..), Waker::wake);
        self.ready.replace(ready);
    }

    /// Enters a timer that wakes `waker` this long after the start of the runtime, or later by its
    /// slack.
    pub(crate) fn insert_timer(&self, after: Duration, waker: Waker) -> TimerKey {
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        let now = self.now().0 / TICK_NS;
        let mut timers = self.timers.borrow_mut();
        if timers.is_empty() {
            // An empty wheel is not turned: let it catch up, in one step.
            timers.advance(now, drop);
        }
        timers.insert(with_slack(now, nanos.div_ceil(TICK_NS)), waker)
    }

    /// Replaces the waker of a timer if it would wake another task; false if the timer has fired.
    pub(crate) fn update_timer(&self, key: TimerKey, waker: &Waker) -> bool {
        let mut timers = self.timers.borrow_mut();
        let Some(current) = timers.get_mut(key) else {
            return false;
        };
        let previous =
            (!current.will_wake(waker)).then(|| std::mem::replace(current, waker.clone()));
        drop(timers);
        drop(previous);
        true
    }

    pub(crate) fn cancel_timer(&self, key: TimerKey) -> Option<Waker> {
        self.timers.borrow_mut().cancel(key)
    }
}

/// Moves a deadline, in ticks, to the next multiple of its slack.
fn with_slack(now: u64, deadline: u64) -> u64 {
    let part = deadline.saturating_sub(now) >> SLACK_SHIFT;
    let slack = 1 << part.clamp(1, SLACK_TICKS_MAX).ilog2();
    deadline.checked_next_multiple_of(slack).unwrap_or(deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_never_early_and_late_by_its_slack_at_most() {
        for now in [0, 1_000_003] {
            for duration in [0, 1, 100, 511, 512, 10_000, 262_144, 1 << 40] {
                let deadline = now + duration;
                let moved = with_slack(now, deadline);
                let slack = (duration >> SLACK_SHIFT).clamp(1, SLACK_TICKS_MAX);
                assert!((deadline..deadline + slack).contains(&moved), "{duration}");
            }
        }
        assert_eq!(with_slack(0, u64::MAX), u64::MAX);
    }
}
