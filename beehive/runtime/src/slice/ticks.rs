//! The time stamp counter in its own unit: the cheapest clock there is, for the ends of slices.
//!
//! Its rate is measured once per process, to about a percent; that is enough for the length of a
//! slice. Where there is no such counter, a tick is a nanosecond of the system's clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use beehive_policy::Nanos;

/// How long the rate is measured for.
const MEASURED: Duration = Duration::from_micros(200);

/// The counter now.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn now() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux lets programs use it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The counter now.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Nanoseconds per tick, times 2³².
fn scale() -> u64 {
    static SCALE: OnceLock<u64> = OnceLock::new();
    *SCALE.get_or_init(|| {
        let (start, ticks) = (Instant::now(), now());
        while start.elapsed() < MEASURED {
            std::hint::spin_loop();
        }
        let (nanos, ticks) = (start.elapsed().as_nanos(), now().saturating_sub(ticks));
        ((nanos << 32) / u128::from(ticks.max(1))) as u64
    })
}

/// The time of so many ticks.
pub(super) fn to_nanos(ticks: u64) -> Nanos {
    Nanos(((u128::from(ticks) * u128::from(scale())) >> 32) as u64)
}

/// The ticks of so much time.
pub(super) fn from_nanos(time: Nanos) -> u64 {
    ((u128::from(time.0) << 32) / u128::from(scale().max(1))) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_same_in_ticks_and_back() {
        let back = to_nanos(from_nanos(Nanos(10_000))).0;
        assert!((9_990..=10_000).contains(&back), "{back}");
    }

    #[test]
    fn ticks_measure_time_as_the_operating_system_does() {
        let (start, ticks) = (Instant::now(), now());
        std::thread::sleep(Duration::from_millis(20));
        let measured = to_nanos(now() - ticks).0;
        let real = start.elapsed().as_nanos() as u64;
        // The two are not read at once: only a rate that is far off fails.
        assert!(
            measured >= 18_000_000 && measured <= real * 3 / 2,
            "{measured} ns of {real} ns"
        );
    }
}
