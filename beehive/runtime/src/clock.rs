//! The clock by which workers measure how long tasks run: cheap enough to be read between polls.
//!
//! Where the processor counts at a constant rate in all states (an *invariant* time stamp counter),
//! a reading is one instruction and a multiplication, about 10 ns; elsewhere it is the operating
//! system's monotonic clock. The rate is measured once per process, to about a tenth of a percent:
//! enough for budgets, not for telling the time. Timers use the operating system's clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use beehive_policy::Nanos;

/// A clock that never stops. Readings of one clock can be compared with each other only.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    #[cfg(target_arch = "x86_64")]
    Counter(counter::Counter),
    System(Instant),
    #[cfg(test)]
    Fake(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Clock {
    /// The cheapest clock of this machine, at zero.
    pub(crate) fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(counter) = counter::Counter::start() {
            return Self(Source::Counter(counter));
        }
        Self(Source::System(Instant::now()))
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
            #[cfg(target_arch = "x86_64")]
            Source::Counter(counter) => counter.now(),
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

#[cfg(target_arch = "x86_64")]
mod counter {
    //! The processor's time stamp counter.

    use super::{Duration, Instant, Nanos, OnceLock};
    use std::arch::x86_64::{__cpuid, _rdtsc};

    /// How long the rate is measured for.
    const MEASURED: Duration = Duration::from_millis(2);
    /// Leaf of `cpuid` that tells about power management, and its bit for an invariant counter.
    const POWER_LEAF: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;
    /// Leaf that tells the highest leaf of this kind.
    const HIGHEST_LEAF: u32 = 0x8000_0000;

    #[derive(Debug, Clone)]
    pub(crate) struct Counter {
        start_ticks: u64,
        /// Nanoseconds per tick, times 2³².
        scale: u64,
    }

    impl Counter {
        /// `None` if the counter is not invariant.
        pub(crate) fn start() -> Option<Self> {
            static SCALE: OnceLock<Option<u64>> = OnceLock::new();
            let scale = (*SCALE.get_or_init(|| is_invariant().then(measure).flatten()))?;
            Some(Self {
                start_ticks: ticks(),
                scale,
            })
        }

        #[inline]
        pub(crate) fn now(&self) -> Nanos {
            // Another core may be a few ticks behind the one that made the clock.
            let ticks = ticks().saturating_sub(self.start_ticks);
            Nanos(((u128::from(ticks) * u128::from(self.scale)) >> 32) as u64)
        }
    }

    #[inline]
    fn ticks() -> u64 {
        // SAFETY: every x86-64 processor has the instruction; that a kernel forbids it in user mode
        // is unheard of, as its own fast clock calls would not work.
        unsafe { _rdtsc() }
    }

    fn is_invariant() -> bool {
        __cpuid(HIGHEST_LEAF).eax >= POWER_LEAF && __cpuid(POWER_LEAF).edx & INVARIANT != 0
    }

    /// The scale, or `None` if the counter does not count.
    fn measure() -> Option<u64> {
        let (first_ticks, first) = pair();
        std::thread::sleep(MEASURED);
        let (last_ticks, last) = pair();
        let ticks = last_ticks.checked_sub(first_ticks).filter(|&n| n > 0)?;
        let nanos = last.duration_since(first).as_nanos();
        u64::try_from((nanos << 32) / u128::from(ticks)).ok()
    }

    /// A reading of both clocks at nearly the same time: the closest of several.
    fn pair() -> (u64, Instant) {
        let read = |_| {
            let before = ticks();
            let instant = Instant::now();
            let after = ticks();
            let distance = after.wrapping_sub(before);
            (distance, before + distance / 2, instant)
        };
        let closest = (0..8).map(read).min_by_key(|&(distance, ..)| distance);
        closest.map_or_else(
            || (ticks(), Instant::now()),
            |(_, ticks, instant)| (ticks, instant),
        )
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
