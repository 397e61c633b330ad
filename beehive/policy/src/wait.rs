//! How long a worker gathers IO events before it works on them.
//!
//! Each wait costs a system call, two context switches and cold caches, on this side and on the
//! peer's. When many connections are active it pays to let several requests arrive first: about a
//! fifth of the CPU time per request. With few it would only add latency. So gathering needs proof
//! of a crowd: the last [`WINDOW_EVENTS`] events came from many different connections and in quick
//! succession. Then two waits end at least a period apart (100 µs); work done in between counts, so a
//! worker with much to do never waits longer than it would anyway. A connection alone never looks
//! like a crowd, however fast it asks.

use crate::Nanos;

/// How to wait for events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Return when this many events are there.
    pub min_events: u32,
    /// Or after this many microseconds, once there is at least one; meaningless if `min_events` is
    /// one.
    pub gather_us: u32,
}

impl Wait {
    /// Return with the first event.
    pub const FIRST: Self = Self {
        min_events: 1,
        gather_us: 0,
    };
}

/// What a visit to the reactor brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    /// Connections that have become readable, or receives that have completed.
    pub events: u32,
    /// From how many different connections the last [`WINDOW_EVENTS`] such events came.
    pub active: u32,
}

/// Length of the window in which connections are counted, in events.
pub const WINDOW_EVENTS: u32 = 64;
/// Fewer active connections are no crowd. Below this, their requests tend to arrive together, and
/// waiting for more wastes the time of all.
const ACTIVE_MIN: u32 = 16;
/// Shortest time between the ends of two waits while gathering.
const PERIOD: Nanos = Nanos(100_000);
/// A period must bring at least this many events on average, or it is not worth waiting for them.
const EVENTS_PER_PERIOD: u64 = 2;
/// A window must not take longer than this.
const WINDOW_MAX: Nanos = Nanos(WINDOW_EVENTS as u64 * PERIOD.0 / EVENTS_PER_PERIOD);
/// Do not gather more events than this: enough to share the cost, and replies should leave.
const EVENTS_MAX: u32 = 32;
/// A shorter wait is not worth its system call.
const GATHER_US_MIN: u32 = 5;

/// Recent activity, and what follows from it.
#[derive(Debug, Clone)]
pub(crate) struct Gather {
    enabled: bool,
    crowd: bool,
    window_start: Nanos,
    window_events: u32,
    last_return: Nanos,
}

impl Gather {
    pub(crate) fn new(enabled: bool) -> Self {
        let (window_start, last_return) = (Nanos(0), Nanos(0));
        Self {
            enabled,
            crowd: false,
            window_start,
            window_events: 0,
            last_return,
        }
    }

    /// A visit to the reactor has ended.
    pub(crate) fn observe(&mut self, now: Nanos, activity: Activity) {
        self.last_return = now;
        self.window_events += activity.events;
        if self.window_events >= WINDOW_EVENTS {
            let dense = now.since(self.window_start) <= WINDOW_MAX;
            self.crowd = self.enabled && dense && activity.active >= ACTIVE_MIN;
            self.window_start = now;
            self.window_events = 0;
        }
    }

    /// How to wait.
    pub(crate) fn decide(&mut self, now: Nanos) -> Wait {
        if !self.crowd {
            return Wait::FIRST;
        }
        if now.since(self.window_start) > WINDOW_MAX {
            self.crowd = false;
            return Wait::FIRST;
        }
        let left = PERIOD.since(now.since(self.last_return));
        let gather_us = (left.0 / 1_000) as u32;
        if gather_us < GATHER_US_MIN {
            return Wait::FIRST;
        }
        Wait {
            min_events: EVENTS_MAX,
            gather_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: u64 = 1_000;

    /// Feeds single events from `active` connections, `gap_us` apart, and gives the next decision.
    fn after_events(gather: &mut Gather, active: u32, gap_us: u64) -> (Wait, u64) {
        let mut now = gather.last_return.0;
        for _ in 0..3 * WINDOW_EVENTS {
            now += gap_us * US;
            gather.observe(Nanos(now), Activity { events: 1, active });
        }
        (gather.decide(Nanos(now + 10 * US)), now)
    }

    #[test]
    fn a_connection_alone_is_never_delayed_however_fast_it_asks() {
        let mut gather = Gather::new(true);
        assert_eq!(after_events(&mut gather, 1, 5).0, Wait::FIRST);
    }

    #[test]
    fn many_connections_that_ask_rarely_are_not_delayed() {
        let mut gather = Gather::new(true);
        assert_eq!(after_events(&mut gather, 64, 100).0, Wait::FIRST);
    }

    #[test]
    fn a_crowd_waits_for_what_is_left_of_the_period() {
        let mut gather = Gather::new(true);
        let (wait, _) = after_events(&mut gather, 50, 8);
        assert_eq!(
            wait,
            Wait {
                min_events: EVENTS_MAX,
                gather_us: 90
            }
        );
    }

    #[test]
    fn a_worker_with_a_period_of_work_does_not_wait_longer() {
        let mut gather = Gather::new(true);
        let (_, now) = after_events(&mut gather, 50, 8);
        assert_eq!(gather.decide(Nanos(now + 98 * US)), Wait::FIRST);
    }

    #[test]
    fn gathering_ends_soon_after_the_crowd_has_gone() {
        let mut gather = Gather::new(true);
        let (_, now) = after_events(&mut gather, 50, 8);
        let later = Nanos(now + 4_000 * US);
        gather.observe(
            later,
            Activity {
                events: 1,
                active: 50,
            },
        );
        assert_eq!(gather.decide(later), Wait::FIRST);
    }

    #[test]
    fn the_switch_turns_it_off() {
        let mut gather = Gather::new(false);
        assert_eq!(after_events(&mut gather, 50, 8).0, Wait::FIRST);
    }
}
