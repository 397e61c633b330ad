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
//! - *Spread*: a full worker sends part of its work to the idlest one, so that both are equally busy:
//!   connections as they become active, each by what it takes ([`Work`]). One heavier than what is to
//!   go may go first and alone, unless the other worker would then be as full as this one: it would go
//!   round for ever. Then the worker waits until that shows.
//! - *Gather*: the highest worker that is not idle, if its load together with that of a lower one
//!   is far below a full worker, sends what becomes active there. Only the highest, and only when it
//!   has been that for a while: all at once would overwhelm the one they choose.
//!
//! A worker is full when it is nearly always busy, and earlier where requests take so long that the
//! next ones wait noticeably. The gap between the two limits keeps connections from going back and
//! forth.

use crate::wait::WINDOW_EVENTS;
use crate::work::Work;
use crate::{LoadSignal, Nanos, WorkerId};

/// A worker counts as full from here at the latest.
const FULL_PERMILLE: u32 = 920;
/// Or where what arrives waits so long on average, if arrivals and service times are exponential
/// (M/M/1): load by its complement, times the service time.
const WAIT_MAX: Nanos = Nanos(500_000);
/// Two workers are gathered on one if their loads together stay below this part of full.
const GATHER_PERMILLE: u32 = 650;
/// A worker is worth spreading to if it has this much more room.
const SPREAD_GAP_PERMILLE: u32 = 200;
/// Of two workers without any room, one with so many times the connections of the other sends some.
const CROWD: u32 = 4;
/// Length of a period over which the load is measured.
const PERIOD: Nanos = Nanos(20_000_000);
/// A worker below this has nothing to gather.
const IDLE_PERMILLE: u32 = 50;
/// Time that a move takes to show in the figures.
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
    /// How much of a worker's time should go with them, in thousandths; all for [`u32::MAX`].
    pub work_permille: u32,
    /// How much the first one may take.
    pub first_permille: u32,
}

impl Move {
    /// All that become active go.
    fn all(to: WorkerId) -> Self {
        Self {
            to,
            work_permille: u32::MAX,
            first_permille: u32::MAX,
        }
    }

    /// Whether a connection that takes so much of a worker goes; it is counted then.
    pub fn admits(&mut self, connection: &Work, now: Nanos) -> bool {
        let left = self.work_permille;
        if left == u32::MAX {
            return true;
        }
        let work_permille = connection.permille(now).max(1);
        // A little too much is better than nothing.
        let goes = work_permille <= self.first_permille.max(left + left / 4);
        if goes {
            self.work_permille = left.saturating_sub(work_permille);
            self.first_permille = 0;
        }
        goes
    }
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

/// How busy a worker is that counts as full, by the time that one poll of a task takes there.
fn full_permille(service_ns: u32) -> u32 {
    let by_wait = WAIT_MAX.0 * 1_000 / (WAIT_MAX.0 + u64::from(service_ns));
    FULL_PERMILLE.min(by_wait as u32)
}

/// Whether a connection that can move may begin at the worker with this signal.
pub(crate) fn has_room(signal: &LoadSignal, now: Nanos) -> bool {
    busy_at(signal, now) < full_permille(signal.service_ns)
}

/// What a worker knows of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Here {
    pub(crate) busy_permille: u32,
    pub(crate) service_ns: u32,
    /// Connections from which something was received lately, as far as that was counted.
    pub(crate) active: u32,
    /// Connections for which something was done lately.
    pub(crate) working: u32,
}

/// One worker's decisions where its connections should live.
#[derive(Debug, Clone)]
pub(crate) struct Balance {
    me: WorkerId,
    workers: usize,
    last_spread: Nanos,
    /// Since when all higher workers are idle.
    highest_since: Option<Nanos>,
}

impl Balance {
    pub(crate) fn new(me: WorkerId, workers: usize) -> Self {
        Self {
            me,
            workers,
            last_spread: Nanos(0),
            highest_since: None,
        }
    }

    /// A period has ended.
    pub(crate) fn decide(
        &mut self,
        now: Nanos,
        here: Here,
        read: impl Fn(WorkerId) -> LoadSignal,
    ) -> Option<Move> {
        let others = |range: core::ops::Range<usize>| {
            range.map(WorkerId::new).map(|worker| {
                let signal = read(worker);
                (worker, busy_at(&signal, now), signal)
            })
        };
        let (me, workers) = (self.me.index(), self.workers);
        if here.busy_permille < full_permille(here.service_ns) {
            let highest = others(me + 1..workers).all(|(_, busy, _)| busy < IDLE_PERMILLE);
            return self.gather(now, here, highest, others(0..me));
        }
        self.highest_since = None;
        // The count stops at the length of its window: beyond half of that it says only "many".
        let connections = read(self.me).connections;
        let receiving = if here.active > WINDOW_EVENTS / 2 {
            connections.max(here.active)
        } else {
            here.active
        };
        let movable = receiving.max(here.working);
        let idlest = others(0..me).chain(others(me + 1..workers));
        let idlest = idlest.min_by_key(|(_, busy, signal)| (*busy, signal.connections));
        self.spread(now, here.busy_permille, movable, idlest?)
    }

    fn gather(
        &mut self,
        now: Nanos,
        here: Here,
        highest: bool,
        mut lower: impl Iterator<Item = (WorkerId, u32, LoadSignal)>,
    ) -> Option<Move> {
        if !highest {
            self.highest_since = None;
            return None;
        }
        let since = *self.highest_since.get_or_insert(now);
        if now.since(since) < SETTLE {
            return None;
        }
        let (to, ..) = lower.find(|(_, busy, signal)| {
            let full = full_permille(here.service_ns.max(signal.service_ns));
            busy + here.busy_permille <= full * GATHER_PERMILLE / 1_000
        })?;
        Some(Move::all(to))
    }

    fn spread(
        &mut self,
        now: Nanos,
        busy_permille: u32,
        movable: u32,
        (to, busy_there, there): (WorkerId, u32, LoadSignal),
    ) -> Option<Move> {
        if movable < 2 || now.since(self.last_spread) < SETTLE {
            return None;
        }
        let gap = busy_permille.saturating_sub(busy_there);
        let overwhelmed = busy_permille.min(busy_there) >= FULL_PERMILLE;
        let (work_permille, first_permille) = if gap >= SPREAD_GAP_PERMILLE {
            (gap / 2, gap - gap / 8)
        } else if overwhelmed && movable / CROWD > there.connections {
            // Both are too full, and nobody knows how much: then numbers decide.
            let part = u64::from(movable - there.connections) * 500 / u64::from(movable);
            (part as u32, 0)
        } else {
            return None;
        };
        self.last_spread = now;
        Some(Move {
            to,
            work_permille,
            first_permille,
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

    /// Of short requests.
    fn here(busy_permille: u32, active: u32) -> Here {
        Here {
            busy_permille,
            service_ns: 0,
            active,
            working: 0,
        }
    }

    /// The decision of a worker that has seen these loads for a while.
    fn decide(me: usize, busy: &[u32], active: u32) -> Option<Move> {
        let mut balance = Balance::new(WorkerId::new(me), busy.len());
        let read = |worker: WorkerId| signal(busy[worker.index()]);
        let before = Nanos(NOW.0 - SETTLE.0);
        let here = here(busy[me], active);
        if here.busy_permille < FULL_PERMILLE {
            assert_eq!(balance.decide(before, here, read), None);
        }
        balance.decide(NOW, here, read)
    }

    /// One that has taken so much for a second.
    fn connection(permille: u64) -> Work {
        let mut work = Work::default();
        (0..1_000).for_each(|ms| work.add(Nanos(ms * MS), Nanos(permille * MS / 1_000)));
        work
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
        let half = Move {
            to,
            work_permille: 500,
            first_permille: 875,
        };
        assert_eq!(decide(0, &[1_000, 0], 50), Some(half));
        assert_eq!(decide(0, &[1_000, 900], 50), None);
        assert_eq!(
            decide(0, &[1_000, 0], 1),
            None,
            "the load is one connection"
        );
    }

    #[test]
    fn connections_go_until_so_much_work_has_gone_and_one_too_heavy_stays() {
        let now = Nanos(1_000 * MS);
        let mut departures = Move {
            to: WorkerId::new(1),
            work_permille: 400,
            first_permille: 0,
        };
        assert!(!departures.admits(&connection(600), now));
        let small = connection(100);
        let gone = (0..10).filter(|_| departures.admits(&small, now)).count();
        assert!((4..=5).contains(&gone), "{gone}");
        let mut all = Move::all(departures.to);
        assert!((0..3).all(|_| all.admits(&connection(1_000), now)));
    }

    #[test]
    fn of_two_that_fill_a_worker_one_goes_and_the_only_heavy_one_stays() {
        let now = Nanos(1_000 * MS);
        let departures = decide(0, &[1_000, 0], 2).expect("a full worker beside an idle one");
        let gone = |permilles: &[u64]| {
            let mut departures = departures;
            let goes = permilles
                .iter()
                .map(|&it| departures.admits(&connection(it), now));
            goes.collect::<std::vec::Vec<_>>()
        };
        assert_eq!(gone(&[700, 300, 100]), [true, false, false]);
        assert_eq!(gone(&[300, 700, 200]), [true, false, true]);
        assert_eq!(gone(&[950, 50]), [false, true]);
    }

    #[test]
    fn light_load_gathers_on_the_lowest_worker_with_room() {
        let moved = |to| Some(Move::all(WorkerId::new(to)));
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
            balance.decide(NOW, here(busy[0], WINDOW_EVENTS), read)
        };
        let to = WorkerId::new(1);
        let moved = |work_permille, first_permille| {
            Some(Move {
                to,
                work_permille,
                first_permille,
            })
        };
        assert_eq!(crowd([4_000, 0], [1_000, 0]), moved(500, 875));
        assert_eq!(crowd([4_000, 800], [1_000, 1_000]), moved(400, 0));
        assert_eq!(crowd([4_000, 800], [1_000, 900]), None);
        assert_eq!(crowd([4_000, 1_000], [1_000, 1_000]), None);
    }

    #[test]
    fn connections_that_receive_seldom_count_by_what_is_done_for_them() {
        let decide = |working| {
            let here = Here {
                working,
                ..here(1_000, 0)
            };
            let read = |worker: WorkerId| signal([1_000, 0][worker.index()]);
            Balance::new(WorkerId::new(0), 2).decide(NOW, here, read)
        };
        assert_eq!(decide(3).map(|it| it.work_permille), Some(500));
        assert_eq!(decide(1), None, "the load is one connection");
    }

    #[test]
    fn spreads_are_given_time_to_show() {
        let mut balance = Balance::new(WorkerId::new(0), 2);
        let at = |period: u64| Nanos(NOW.0 + period * PERIOD.0);
        let spreads = (0..20).filter(|&period| {
            let read = |_| LoadSignal {
                stamp: at(period),
                ..LoadSignal::default()
            };
            balance.decide(at(period), here(1_000, 50), read).is_some()
        });
        assert_eq!(spreads.collect::<std::vec::Vec<_>>(), [0, 5, 10, 15]);
    }

    #[test]
    fn where_requests_take_long_a_worker_is_full_before_others_wait_long() {
        let full = |service_us: u32| full_permille(service_us * 1_000);
        assert_eq!([full(1), full(10)], [FULL_PERMILLE; 2]);
        assert_eq!([full(100), full(500), full(4_500)], [833, 500, 100]);
        let slow = |busy_permille| LoadSignal {
            service_ns: 500_000,
            ..signal(busy_permille)
        };
        assert!(has_room(&slow(490), NOW) && !has_room(&slow(510), NOW));
        let mut balance = Balance::new(WorkerId::new(1), 2);
        let mut decide = |periods: u64, lower| {
            let now = Nanos(NOW.0 + periods * PERIOD.0);
            let stamp = now;
            let read = |_| LoadSignal {
                stamp,
                ..slow(lower)
            };
            balance.decide(now, here(200, 5), read)
        };
        assert_eq!(decide(0, 200), None);
        assert_eq!(decide(5, 200), None, "together they are too much");
        assert!(decide(6, 100).is_some());
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
