//! Ticks at a fixed period.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::{Sleep, sleep_until};

/// Ticks at a fixed period, the first one period from now.
///
/// # Panics
///
/// If the period is zero.
#[must_use]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now() + period, period)
}

/// Ticks at a fixed period, first at `start`.
///
/// # Panics
///
/// If the period is zero.
#[must_use]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval needs a period above zero");
    Interval {
        period,
        missed: MissedTicks::default(),
        sleep: sleep_until(start),
    }
}

/// What happens to ticks that nobody waited for in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTicks {
    /// They are skipped; those that come stay multiples of the period from the start.
    #[default]
    Skip,
    /// They are made up for at once, one after the other.
    Burst,
    /// They are skipped; the next comes one period after the one that was late.
    Delay,
}

/// A fixed period that can be awaited again and again.
pub struct Interval {
    period: Duration,
    missed: MissedTicks,
    sleep: Sleep,
}

impl Interval {
    /// What happens to ticks that nobody waited for in time; by default they are skipped.
    #[must_use]
    pub fn missed_ticks(mut self, missed: MissedTicks) -> Self {
        self.missed = missed;
        self
    }

    /// Time between two ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Begins anew: the next tick comes one period from now.
    pub fn reset(&mut self) {
        self.sleep.reset(Instant::now() + self.period);
    }

    /// Waits for the next tick and tells when it was due.
    ///
    /// # Cancel safety
    ///
    /// No tick is lost when the future is dropped.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// As [`tick`](Self::tick).
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let due = self.sleep.deadline();
        let next = next(due, Instant::now(), self.period, self.missed);
        self.sleep.reset(next);
        Poll::Ready(due)
    }
}

/// When the next tick is due after one that was due at `due` and was seen `now`.
fn next(due: Instant, now: Instant, period: Duration, missed: MissedTicks) -> Instant {
    let late = now.saturating_duration_since(due);
    match missed {
        MissedTicks::Burst => due + period,
        MissedTicks::Delay if late >= period => now + period,
        MissedTicks::Delay => due + period,
        MissedTicks::Skip => {
            let periods = late.as_nanos() / period.as_nanos();
            due + period
                * u32::try_from(periods)
                    .unwrap_or(u32::MAX - 1)
                    .saturating_add(1)
        }
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("period", &self.period)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_are_skipped_made_up_for_or_shift_the_rest() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let period = Duration::from_millis(10);
        let after = |now, missed| next(at(100), at(now), period, missed);
        for missed in [MissedTicks::Skip, MissedTicks::Burst, MissedTicks::Delay] {
            assert_eq!(after(104, missed), at(110));
        }
        assert_eq!(after(135, MissedTicks::Skip), at(140));
        assert_eq!(after(135, MissedTicks::Burst), at(110));
        assert_eq!(after(135, MissedTicks::Delay), at(145));
        assert_eq!(after(110, MissedTicks::Skip), at(120));
    }

    #[test]
    fn a_tick_that_is_ages_late_does_not_overflow() {
        let start = Instant::now();
        let age = Duration::from_secs(3_600);
        let due = next(
            start,
            start + age,
            Duration::from_nanos(1),
            MissedTicks::Skip,
        );
        assert!(due > start);
    }
}
