//! The clock by which workers measure how long tasks run: cheap enough to be read between polls.
//!
//! Where the processor counts at a constant rate in all states (an *invariant* time stamp counter),
//! a reading is one instruction and a multiplication, about 10 ns; elsewhere it is the operating
//! system's monotonic clock. Timers use the operating system's clock.

use std::time::{Duration, Instant};

use beehive_policy::Nanos;

use crate::ticks;

/// A clock that never stops. Readings of one clock can be compared with each other only.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    /// The counter when the clock was made, and its [scale](ticks::scale).
    Counter {
        start: u64,
        scale: u64,
    },
    System(Instant),
    #[cfg(test)]
    Fake(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Clock {
    /// The cheapest clock of this machine, at zero.
    pub(crate) fn new() -> Self {
        Self(match ticks::is_invariant().then(ticks::scale).flatten() {
            Some(scale) => Source::Counter {
                start: ticks::now(),
                scale,
            },
            None => Source::System(Instant::now()),
        })
    }

    /// A clock that stands at `nanos` until somebody moves it.
    #[cfg(test)]
    pub(crate) fn fake(nanos: std::sync::Arc<std::sync::atomic::AtomicU64>) -> Self {
        Self(Source::Fake(nanos))
    }

    /// Time since the clock was made.
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        match &self.0 {
            // Another core may be a few ticks behind the one that made the clock.
            Source::Counter { start, scale } => {
                ticks::scaled(ticks::now().saturating_sub(*start), *scale)
            }
            Source::System(start) => Nanos(start.elapsed().as_nanos() as u64),
            #[cfg(test)]
            Source::Fake(nanos) => Nanos(nanos.load(std::sync::atomic::Ordering::Relaxed)),
        }
    }

    /// The reading of this clock at another clock's `instant`; for the past, its own beginning at
    /// the earliest.
    pub(crate) fn at(&self, instant: Instant) -> Nanos {
        let (now, here) = (Instant::now(), self.now());
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let ahead = nanos(instant.saturating_duration_since(now));
        let behind = nanos(now.saturating_duration_since(instant));
        Nanos(here.0.saturating_add(ahead).saturating_sub(behind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_measures_time_as_the_operating_system_does() {
        let (clock, start) = (Clock::new(), Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let (measured, real) = (clock.now().0, start.elapsed().as_nanos() as u64);
        // The two are not read at once: only a rate that is far off fails.
        assert!(measured >= 18_000_000, "{measured} ns");
        assert!(measured <= real + real / 2, "{measured} ns of {real} ns");
    }

    #[test]
    fn it_never_goes_back_on_one_thread() {
        let clock = Clock::new();
        let readings: Vec<_> = (0..1_000).map(|_| clock.now()).collect();
        assert!(readings.is_sorted());
    }

    #[test]
    fn an_instant_is_translated() {
        let clock = Clock::fake(std::sync::Arc::new(5_000_000_000.into()));
        let soon = clock.at(Instant::now() + Duration::from_secs(10)).0;
        assert!((14_000_000_000..=15_000_000_000).contains(&soon), "{soon}");
        let Some(past) = Instant::now().checked_sub(Duration::from_secs(60)) else {
            return;
        };
        assert_eq!(clock.at(past), Nanos(0));
    }
}
