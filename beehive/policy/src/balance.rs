//! On how many workers connections live: on as few as their load needs.
//!
//! A worker that waits for IO pays for each wait a system call, two context switches and cold
//! caches. Half the connections per worker means fewer events per wait, so the same load costs more
//! CPU on two workers than on one: up to a third more for small requests. So connections gather on
//! the lowest workers while those have room, and spread when one has none.
//!
//! Everything rests on one figure per worker, how busy it was lately (`Meter`), which it publishes
//! in its load signal. Only connections that become active move, and only their worker sends them
//! away: a stale signal costs a detour, never a connection.
//!
//! - *Spread*: a worker that is nearly always busy sends part of its active connections to the
//!   idlest one, so that both are equally busy; then it waits until that shows, and longer each
//!   time, because a load that does not divide (one heavy connection) would go round for ever.
//! - *Gather*: the highest worker that is not idle, if its load together with that of a lower one
//!   is far below a full worker, sends what becomes active there. Only the highest, and only when it
//!   has been that for a while: all at once would overwhelm the one they choose.
//!
//! The gap between the two limits keeps connections from going back and forth.

use crate::wait::WINDOW_EVENTS;
use crate::{LoadSignal, Nanos, WorkerId};

/// A worker counts as full from here.
const FULL_PERMILLE: u32 = 920;
/// Two workers are gathered on one if their loads together stay below this.
const GATHER_PERMILLE: u32 = 600;
/// A worker is worth spreading to if it has this much more room.
const SPREAD_GAP_PERMILLE: u32 = 200;
/// Length of a period over which the load is measured.
const PERIOD: Nanos = Nanos(20_000_000);
/// A worker below this has nothing to gather.
const IDLE_PERMILLE: u32 = 50;
/// Time that a move takes to show in the figures.
const SETTLE: Nanos = Nanos(5 * PERIOD.0);
/// So many spreads in a row may be needed to reach several workers; each further one waits twice
/// as long as the one before.
const SPREADS_AT_ONCE: u32 = 4;
/// At most two to this power times as long.
const SPREADS_DELAYED_MAX: u32 = 6;
/// Without a spread for so long, the next ones count from the beginning.
const FORGIVEN: Nanos = Nanos(SETTLE.0 << (SPREADS_DELAYED_MAX + 1));
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
    /// When the period began; `None` before the first call.
    start: Option<Nanos>,
    idle_ns: u64,
    busy_permille: u32,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            start: None,
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
        let period = now.since(*self.start.get_or_insert(now));
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
        self.start = Some(now);
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
    me: WorkerId,
    workers: usize,
    last_spread: Nanos,
    /// Spreads in a row.
    spreads: u32,
    /// Since when all higher workers are idle.
    highest_since: Option<Nanos>,
}

impl Balance {
    pub(crate) fn new(me: WorkerId, workers: usize) -> Self {
        Self {
            me,
            workers,
            last_spread: Nanos(0),
            spreads: 0,
            highest_since: None,
        }
    }

    /// A period has ended, in which `active` connections were active here, as far as that was
    /// counted.
    pub(crate) fn decide(
        &mut self,
        now: Nanos,
        busy_permille: u32,
        active: u32,
        read: impl Fn(WorkerId) -> LoadSignal,
    ) -> Option<Move> {
        let others = |range: core::ops::Range<usize>| {
            range.map(WorkerId::new).map(|worker| {
                let signal = read(worker);
                (worker, busy_at(&signal, now), signal.connections)
            })
        };
        let (me, workers) = (self.me.index(), self.workers);
        if has_room(busy_permille) {
            let highest = others(me + 1..workers).all(|(_, busy, _)| busy < IDLE_PERMILLE);
            return self.gather(now, busy_permille, highest, others(0..me));
        }
        self.highest_since = None;
        // The count stops at the length of its window: beyond half of that it says only "many".
        let connections = read(self.me).connections;
        let movable = if active > WINDOW_EVENTS / 2 {
            connections.max(active)
        } else {
            active
        };
        let idlest = others(0..me).chain(others(me + 1..workers));
        let idlest = idlest.min_by_key(|&(_, busy, connections)| (busy, connections));
        self.spread(now, busy_permille, movable, idlest?)
    }

    fn gather(
        &mut self,
        now: Nanos,
        busy_permille: u32,
        highest: bool,
        mut lower: impl Iterator<Item = (WorkerId, u32, u32)>,
    ) -> Option<Move> {
        if !highest {
            self.highest_since = None;
            return None;
        }
        let since = *self.highest_since.get_or_insert(now);
        if now.since(since) < SETTLE {
            return None;
        }
        let (to, _, _) = lower.find(|&(_, busy, _)| busy + busy_permille <= GATHER_PERMILLE)?;
        Some(Move {
            to,
            connections: u32::MAX,
        })
    }

    fn spread(
        &mut self,
        now: Nanos,
        busy_permille: u32,
        movable: u32,
        (to, busy_there, connections_there): (WorkerId, u32, u32),
    ) -> Option<Move> {
        let since = now.since(self.last_spread);
        if since >= FORGIVEN {
            self.spreads = 0;
        }
        let delay = self
            .spreads
            .saturating_sub(SPREADS_AT_ONCE)
            .min(SPREADS_DELAYED_MAX);
        if movable < 2 || since.0 < SETTLE.0 << delay {
            return None;
        }
        let gap = busy_permille.saturating_sub(busy_there);
        let part = if gap >= SPREAD_GAP_PERMILLE {
            u64::from(movable) * u64::from(gap) / 2 / u64::from(busy_permille)
        } else if !has_room(busy_there) && movable / 2 > connections_there {
            // Both are full, and nobody knows how much too full: then numbers decide.
            u64::from(movable - connections_there) / 2
        } else {
            return None;
        };
        self.last_spread = now;
        self.spreads += 1;
        Some(Move {
            to,
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

    /// The decision of a worker that has seen these loads for a while.
    fn decide(me: usize, busy: &[u32], active: u32) -> Option<Move> {
        let mut balance = Balance::new(WorkerId::new(me), busy.len());
        let read = |worker: WorkerId| signal(busy[worker.index()]);
        let before = Nanos(NOW.0 - SETTLE.0);
        if has_room(busy[me]) {
            assert_eq!(balance.decide(before, busy[me], active, read), None);
        }
        balance.decide(NOW, busy[me], active, read)
    }

    #[test]
    fn the_meter_follows_the_load_and_forgets_it() {
        let mut meter = Meter::new();
        let mut now = 0;
        assert!(!meter.observe(Nanos(now)));
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
        assert_eq!(decide(1, &[100, 100, 100], 5), None, "another is higher");
        assert_eq!(decide(1, &[100, 100, 10], 5), moved(0));
        assert_eq!(decide(1, &[500, 400], 5), None);
        assert_eq!(decide(0, &[100, 100], 5), None, "nobody is lower");
    }

    #[test]
    fn what_was_spread_is_not_gathered_at_once() {
        let halves = [FULL_PERMILLE / 2; 2];
        assert_eq!(decide(1, &halves, 5), None);
    }

    #[test]
    fn where_more_are_active_than_can_be_counted_all_connections_count() {
        let crowd = |connections: [u32; 2], busy: [u32; 2]| {
            let read = |worker: WorkerId| LoadSignal {
                connections: connections[worker.index()],
                ..signal(busy[worker.index()])
            };
            let mut balance = Balance::new(WorkerId::new(0), 2);
            balance.decide(NOW, busy[0], WINDOW_EVENTS, read)
        };
        let to = WorkerId::new(1);
        let moved = |connections| Some(Move { to, connections });
        assert_eq!(crowd([4_000, 0], [1_000, 0]), moved(2_000));
        assert_eq!(crowd([4_000, 1_000], [1_000, 1_000]), moved(1_500));
        assert_eq!(crowd([4_000, 3_000], [1_000, 1_000]), None);
    }

    #[test]
    fn spreads_are_given_time_to_show_and_ever_more_of_it() {
        let mut balance = Balance::new(WorkerId::new(0), 2);
        let mut spreads = std::vec::Vec::new();
        let mut now = NOW;
        while now.0 < NOW.0 + 60_000 * MS {
            let read = |_| LoadSignal {
                stamp: now,
                ..LoadSignal::default()
            };
            if balance.decide(now, 1_000, 50, read).is_some() {
                spreads.push((now.0 - NOW.0) / SETTLE.0);
            }
            now.0 += PERIOD.0;
        }
        assert_eq!(spreads[..7], [0, 1, 2, 3, 4, 6, 10]);
        assert!(spreads.len() < 20, "{spreads:?}");
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
