//! On how many workers connections live: on as few as their load needs.
//!
//! A worker that waits for IO pays for each wait a system call, two context switches and cold
//! caches. Half the connections per worker means fewer events per wait, so the same load costs more
//! CPU on two workers than on one: up to a third more for small requests. So connections gather on
//! the lowest workers while those have room, and spread when one has none.
//!
//! Everything rests on one figure per worker, how busy it was lately ([`Meter`]), which it publishes
//! in its load signal. Only connections that become active move, and only their worker sends them
//! away: a stale signal costs a detour, never a connection.
//!
//! - *Spread*: a worker that is nearly always busy sends part of its active connections to the
//!   idlest one, so that both are equally busy; then it waits until that shows.
//! - *Gather*: a worker whose load, together with that of a lower one, is far below a full worker
//!   sends what becomes active there.
//!
//! The gap between the two limits keeps connections from going back and forth.

use crate::{LoadSignal, Nanos, WorkerId};

/// A worker counts as full from here.
const FULL_PERMILLE: u32 = 920;
/// Two workers are gathered on one if their loads together stay below this.
const GATHER_PERMILLE: u32 = 600;
/// A worker is worth spreading to if it has this much more room.
const SPREAD_GAP_PERMILLE: u32 = 200;
/// Length of a period over which the load is measured.
const PERIOD: Nanos = Nanos(20_000_000);
/// Time that a spread takes to show in the figures.
const SETTLE: Nanos = Nanos(5 * PERIOD.0);
/// A worker that waits forgets its load by half in this time.
const HALF_LIFE: Nanos = Nanos(2 * PERIOD.0);
/// A worker that has neither published nor waited for so long is in the middle of something long.
const SILENT: Nanos = Nanos(5 * PERIOD.0);

/// Where connections should go that become active on a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The worker that they should move to.
    pub to: WorkerId,
    /// How many of them at most.
    pub connections: u32,
}

/// How busy a worker was lately: an average over periods in which older ones count less.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    start: Nanos,
    idle_ns: u64,
    busy_permille: u32,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            start: Nanos(0),
            idle_ns: 0,
            busy_permille: 0,
        }
    }

    /// The worker has waited for so long.
    pub(crate) fn waited(&mut self, time: Nanos) {
        self.idle_ns += time.0;
    }

    /// Ends the period if it is over; whether it was.
    pub(crate) fn observe(&mut self, now: Nanos) -> bool {
        let period = now.since(self.start);
        if period < PERIOD {
            return false;
        }
        let busy_ns = period.0.saturating_sub(self.idle_ns);
        let sample = (busy_ns.saturating_mul(1_000) / period.0) as u32;
        // A long period says all there is to say.
        self.busy_permille = if period.0 >= 4 * PERIOD.0 {
            sample
        } else {
            (self.busy_permille + sample).div_ceil(2)
        };
        self.start = now;
        self.idle_ns = 0;
        true
    }

    pub(crate) fn busy_permille(&self) -> u32 {
        self.busy_permille
    }
}

/// How busy another worker is by its signal.
pub(crate) fn busy_at(signal: &LoadSignal, now: Nanos) -> u32 {
    let age = now.since(signal.stamp);
    if signal.parked {
        let half_lives = (age.0 / HALF_LIFE.0).min(31);
        signal.busy_permille >> half_lives
    } else if age > SILENT {
        1_000
    } else {
        signal.busy_permille
    }
}

/// Whether a connection that can move may begin at a worker which is so busy.
pub(crate) fn has_room(busy_permille: u32) -> bool {
    busy_permille < FULL_PERMILLE
}

/// One worker's decisions where its connections should live.
#[derive(Debug, Clone)]
pub(crate) struct Balance {
    last_spread: Nanos,
}

impl Balance {
    pub(crate) fn new() -> Self {
        Self {
            last_spread: Nanos(0),
        }
    }

    /// A period has ended, in which `active` connections were active here.
    pub(crate) fn decide(
        &mut self,
        (me, workers): (WorkerId, usize),
        now: Nanos,
        busy_permille: u32,
        active: u32,
        read: impl Fn(WorkerId) -> LoadSignal,
    ) -> Option<Move> {
        let busy = |worker: usize| busy_at(&read(WorkerId::new(worker)), now);
        if !has_room(busy_permille) {
            return self.spread((me, workers), now, busy_permille, active, busy);
        }
        (0..me.index())
            .find(|&lower| busy(lower) + busy_permille <= GATHER_PERMILLE)
            .map(|lower| Move {
                to: WorkerId::new(lower),
                connections: u32::MAX,
            })
    }

    fn spread(
        &mut self,
        (me, workers): (WorkerId, usize),
        now: Nanos,
        busy_permille: u32,
        active: u32,
        busy: impl Fn(usize) -> u32,
    ) -> Option<Move> {
        let settled = now.since(self.last_spread) >= SETTLE;
        if active < 2 || !settled {
            return None;
        }
        let (there, to) = (0..workers)
            .filter(|&other| other != me.index())
            .map(|other| (busy(other), other))
            .min()?;
        let gap = busy_permille.saturating_sub(there);
        if gap < SPREAD_GAP_PERMILLE {
            return None;
        }
        self.last_spread = now;
        let part = u64::from(active) * u64::from(gap) / 2 / u64::from(busy_permille);
        Some(Move {
            to: WorkerId::new(to),
            connections: (part as u32).max(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const NOW: Nanos = Nanos(10_000 * MS);

    fn signal(busy_permille: u32) -> LoadSignal {
        LoadSignal {
            busy_permille,
            stamp: NOW,
            ..LoadSignal::default()
        }
    }

    fn decide(me: usize, busy: &[u32], active: u32) -> Option<Move> {
        let whole = (WorkerId::new(me), busy.len());
        let read = |worker: WorkerId| signal(busy[worker.index()]);
        Balance::new().decide(whole, NOW, busy[me], active, read)
    }

    #[test]
    fn the_meter_follows_the_load_and_forgets_it() {
        let mut meter = Meter::new();
        let mut now = 0;
        for _ in 0..10 {
            now += 20 * MS;
            meter.waited(Nanos(5 * MS));
            assert!(meter.observe(Nanos(now)));
        }
        assert!((740..=755).contains(&meter.busy_permille()));
        assert!(!meter.observe(Nanos(now + MS)));
        meter.waited(Nanos(1_000 * MS));
        assert!(meter.observe(Nanos(now + 1_000 * MS)));
        assert_eq!(meter.busy_permille(), 0);
    }

    #[test]
    fn a_lone_worker_with_room_keeps_its_connections() {
        assert_eq!(decide(0, &[800, 0], 50), None);
        assert_eq!(decide(0, &[1_000], 50), None);
    }

    #[test]
    fn a_full_worker_sends_so_many_that_both_are_equally_busy() {
        let to = WorkerId::new(1);
        let connections = 25;
        assert_eq!(decide(0, &[1_000, 0], 50), Some(Move { to, connections }));
        assert_eq!(decide(0, &[1_000, 900], 50), None);
        assert_eq!(
            decide(0, &[1_000, 0], 1),
            None,
            "the load is one connection"
        );
    }

    #[test]
    fn light_load_gathers_on_the_lowest_worker_with_room() {
        let moved = |to| {
            Some(Move {
                to: WorkerId::new(to),
                connections: u32::MAX,
            })
        };
        assert_eq!(decide(1, &[300, 200], 5), moved(0));
        assert_eq!(decide(2, &[900, 300, 200], 5), moved(1));
        assert_eq!(decide(1, &[500, 400], 5), None);
        assert_eq!(decide(0, &[100, 100], 5), None, "nobody is lower");
    }

    #[test]
    fn what_was_spread_is_not_gathered_at_once() {
        let halves = [FULL_PERMILLE / 2; 2];
        assert_eq!(decide(1, &halves, 5), None);
    }

    #[test]
    fn a_spread_is_given_time_to_show() {
        let mut balance = Balance::new();
        let mut at = |now| {
            let whole = (WorkerId::new(0), 2);
            balance.decide(whole, now, 1_000, 50, |_| LoadSignal {
                stamp: now,
                ..LoadSignal::default()
            })
        };
        assert!(at(NOW).is_some());
        assert!(at(Nanos(NOW.0 + PERIOD.0)).is_none());
        assert!(at(Nanos(NOW.0 + SETTLE.0)).is_some());
    }

    #[test]
    fn a_waiting_worker_is_forgotten_to_be_busy_and_a_silent_one_counts_as_full() {
        let old = Nanos(NOW.0 + 1_000 * MS);
        let parked = LoadSignal {
            parked: true,
            ..signal(900)
        };
        assert_eq!(busy_at(&parked, old), 0);
        assert_eq!(busy_at(&parked, NOW), 900);
        assert_eq!(busy_at(&signal(10), old), 1_000);
        assert_eq!(busy_at(&signal(10), NOW), 10);
    }
}
