//! The processor's time stamp counter in its own unit: the cheapest clock there is.
//!
//! Its rate is measured once per process, to about a tenth of a percent: enough for budgets, not for
//! telling the time. Where there is no such counter, a tick is a nanosecond of the system's clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use beehive_policy::Nanos;

/// How long the rate is measured for.
const MEASURED: Duration = Duration::from_millis(2);

/// The counter now.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn now() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; that a kernel forbids it in user mode is
    // unheard of, as its own fast clock calls would not work.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The counter now.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Whether the processor counts, and at a constant rate in all states: its counter is *invariant*.
#[cfg(target_arch = "x86_64")]
pub(crate) fn is_invariant() -> bool {
    use std::arch::x86_64::__cpuid;

    /// Leaf of `cpuid` that tells the highest leaf of its kind.
    const HIGHEST_LEAF: u32 = 0x8000_0000;
    /// Leaf that tells about power management, and its bit for an invariant counter.
    const POWER_LEAF: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;
    __cpuid(HIGHEST_LEAF).eax >= POWER_LEAF && __cpuid(POWER_LEAF).edx & INVARIANT != 0
}

/// Whether the processor counts, and at a constant rate in all states.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn is_invariant() -> bool {
    false
}

/// Nanoseconds per tick, times 2³²; `None` if the counter does not count.
pub(crate) fn scale() -> Option<u64> {
    static SCALE: OnceLock<Option<u64>> = OnceLock::new();
    *SCALE.get_or_init(measure)
}

fn measure() -> Option<u64> {
    let (first_ticks, first) = pair();
    std::thread::sleep(MEASURED);
    let (last_ticks, last) = pair();
    let ticks = last_ticks.checked_sub(first_ticks).filter(|&n| n > 0)?;
    let nanos = last.duration_since(first).as_nanos();
    let scale = u64::try_from((nanos << 32) / u128::from(ticks)).ok()?;
    Some(scale.max(1))
}

/// A reading of both clocks at nearly the same time: the closest of several.
fn pair() -> (u64, Instant) {
    let read = |_| {
        let before = now();
        let instant = Instant::now();
        let after = now();
        let distance = after.wrapping_sub(before);
        (distance, before + distance / 2, instant)
    };
    let closest = (0..8).map(read).min_by_key(|&(distance, ..)| distance);
    closest.map_or_else(
        || (now(), Instant::now()),
        |(_, ticks, instant)| (ticks, instant),
    )
}

/// The time of so many ticks at this scale.
#[inline]
pub(crate) fn scaled(ticks: u64, scale: u64) -> Nanos {
    Nanos(((u128::from(ticks) * u128::from(scale)) >> 32) as u64)
}

/// The scale, or that of nanoseconds.
fn some_scale() -> u64 {
    scale().unwrap_or(1 << 32)
}

/// The time of so many ticks.
pub(crate) fn to_nanos(ticks: u64) -> Nanos {
    scaled(ticks, some_scale())
}

/// The ticks of so much time.
pub(crate) fn from_nanos(time: Nanos) -> u64 {
    ((u128::from(time.0) << 32) / u128::from(some_scale())) as u64
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
