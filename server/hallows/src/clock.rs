//! The two clocks that the engine is told: wall time for expiry, and a clock
//! that never goes back for durations.
//!
//! Every request asks. So only the second is read each time, and the distance of
//! the first from it is looked up now and then: a wall clock that is set is
//! followed within [`SYNC_US`].

use std::cell::Cell;

use hallows_engine::Now;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// How long the distance of the two clocks is trusted, in microseconds.
const SYNC_US: u64 = 10_000;

/// How far the wall clock is ahead of the other.
#[derive(Clone, Copy)]
struct Distance {
    read_at_us: u64,
    us: u64,
}

thread_local! {
    static DISTANCE: Cell<Option<Distance>> = const { Cell::new(None) };
}

/// Both clocks now; this does not enter the kernel.
pub(crate) fn now() -> Now {
    let mono_us = micros(clock_gettime(ClockId::Monotonic));
    let known = DISTANCE.get();
    let distance = known
        .filter(|known| mono_us - known.read_at_us < SYNC_US)
        .unwrap_or_else(|| sync(mono_us));
    Now {
        unix_us: mono_us.wrapping_add(distance.us),
        mono_us,
    }
}

#[cold]
fn sync(mono_us: u64) -> Distance {
    let wall_us = micros(clock_gettime(ClockId::Realtime));
    let distance = Distance {
        read_at_us: mono_us,
        // Wraps if the wall clock says 1970, and back again when added.
        us: wall_us.wrapping_sub(mono_us),
    };
    DISTANCE.set(Some(distance));
    distance
}

/// Neither clock is negative: the monotonic one by definition, the wall clock
/// since 1970.
fn micros(time: Timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + time.tv_nsec as u64 / 1000
}
