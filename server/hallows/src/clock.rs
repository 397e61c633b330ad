//! The two clocks that the engine is told: wall time for expiry, and a clock
//! that never goes back for durations.

use hallows_engine::Now;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Both clocks now; neither read enters the kernel.
pub(crate) fn now() -> Now {
    Now {
        unix_us: micros(clock_gettime(ClockId::Realtime)),
        mono_us: micros(clock_gettime(ClockId::Monotonic)),
    }
}

/// Neither clock is negative: the monotonic one by definition, the wall clock
/// since 1970.
fn micros(time: Timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + time.tv_nsec as u64 / 1000
}
