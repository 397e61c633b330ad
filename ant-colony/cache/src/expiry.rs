//! When entries expire, and by which clock.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::times::Times;

/// Tells the time. Tests use one that they can set.
pub trait Clock: Send + Sync + 'static {
    /// The time since a moment that stays the same; never less than before.
    fn now(&self) -> Duration;
}

/// The system's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// How long an entry with this key and value is valid; for ever, if none.
pub(crate) type Lifetime<K, V> = dyn Fn(&K, &V) -> Option<Duration> + Send + Sync;

/// The limits in time of a cache that has any.
pub(crate) struct Expiry<K, V> {
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) time_to_live: Option<Duration>,
    pub(crate) time_to_idle: Option<Duration>,
    pub(crate) lifetime: Option<Box<Lifetime<K, V>>>,
}

impl<K, V> Expiry<K, V> {
    /// Accesses this much earlier, as a part of the time to idle, need not be written down again: so
    /// a hit seldom writes, and an entry may expire earlier by this much.
    const TOUCH_PART: u64 = 64;

    /// Nanoseconds of the clock.
    pub(crate) fn now(&self) -> u64 {
        nanos(self.clock.now())
    }

    /// The times of an entry that is written now.
    pub(crate) fn times(&self, key: &K, value: &V) -> Times {
        let own = self.lifetime.as_ref().and_then(|of| of(key, value));
        let now = self.now();
        let life = match (own, self.time_to_live) {
            (Some(own), Some(common)) => Some(own.min(common)),
            (own, common) => own.or(common),
        };
        let expires_at = life.map_or(u64::MAX, |life| now.saturating_add(nanos(life)));
        Times::new(expires_at, now)
    }

    pub(crate) fn is_due(&self, times: &Times, now: u64) -> bool {
        let idle_from = self.time_to_idle.map_or(u64::MAX, |idle| {
            let touched_at: u64 = times.touched_at.load(Relaxed);
            touched_at.saturating_add(nanos(idle))
        });
        now >= times.expires_at.load(Relaxed).min(idle_from)
    }

    /// An entry is read.
    pub(crate) fn touch(&self, times: &Times, now: u64) {
        if let Some(idle) = self.time_to_idle {
            let since = now.saturating_sub(times.touched_at.load(Relaxed));
            if since > 0 && since >= nanos(idle) / Self::TOUCH_PART {
                times.touched_at.fetch_max(now, Relaxed);
            }
        }
    }
}

impl<K, V> fmt::Debug for Expiry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiry")
            .field("time_to_live", &self.time_to_live)
            .field("time_to_idle", &self.time_to_idle)
            .finish_non_exhaustive()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
