//! Where a new connection should live: at the worker with the fewest, counting those on the way;
//! or, if it can move, at the lowest that is not full.
//!
//! A signal does not yet show what has just been sent to its worker. Choosing the least loaded by a
//! stale signal alone would send a burst of connections to one worker, so the sender counts its own
//! placements that have not arrived.

use crate::balance::{busy_at, has_room};
use crate::{LoadSignal, Nanos, WorkerId};
use alloc::boxed::Box;

/// Chooses workers for connections; one value per place where connections are accepted.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Connections sent to each worker since the start; wraps around, as `LoadSignal::arrivals`.
    sent: Box<[u32]>,
}

impl Placement {
    /// A placement over this many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            sent: alloc::vec![0; workers].into_boxed_slice(),
        }
    }

    /// Chooses a worker for one connection. Ties go to the one with less queued work, then to the
    /// lower number.
    pub fn place(&mut self, read: impl Fn(WorkerId) -> LoadSignal) -> WorkerId {
        let best = (0..self.sent.len())
            .map(WorkerId::new)
            .min_by_key(|&worker| self.cost(worker, &read(worker)))
            .unwrap_or(WorkerId::new(0));
        let sent = &mut self.sent[best.index()];
        *sent = sent.wrapping_add(1);
        best
    }

    /// Chooses a worker for a connection that can move: the lowest that is not full, for
    /// [`balance`](crate::balance) spreads what turns out to be too much; the idlest if all are.
    pub fn place_movable(&self, now: Nanos, read: impl Fn(WorkerId) -> LoadSignal) -> WorkerId {
        let workers = (0..self.sent.len()).map(WorkerId::new);
        let lowest = workers.clone().find(|&worker| has_room(&read(worker), now));
        lowest
            .or_else(|| workers.min_by_key(|&worker| busy_at(&read(worker), now)))
            .unwrap_or(WorkerId::new(0))
    }

    fn cost(&mut self, worker: WorkerId, signal: &LoadSignal) -> (u64, u64) {
        let sent = &mut self.sent[worker.index()];
        // Connections may also arrive by other ways: then nothing is on the way.
        let on_the_way = (sent.wrapping_sub(signal.arrivals) as i32).max(0);
        if on_the_way == 0 {
            *sent = signal.arrivals;
        }
        (
            u64::from(signal.connections) + on_the_way as u64,
            signal.work_ns(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_spread_even_when_signals_do_not_move() {
        let mut placement = Placement::new(4);
        let mut counts = [0; 4];
        for _ in 0..100 {
            counts[placement.place(|_| LoadSignal::default()).index()] += 1;
        }
        assert_eq!(counts, [25; 4]);
    }

    #[test]
    fn the_worker_with_fewer_connections_is_filled_first() {
        let mut placement = Placement::new(2);
        let connections = [10, 4];
        let mut counts = [0; 2];
        for _ in 0..8 {
            let chosen = placement.place(|worker| LoadSignal {
                connections: connections[worker.index()],
                ..LoadSignal::default()
            });
            counts[chosen.index()] += 1;
        }
        assert_eq!(counts, [1, 7]);
    }

    #[test]
    fn movable_connections_begin_at_the_lowest_worker_that_is_not_full() {
        let place = |busy: [u32; 3]| {
            let read = |worker: WorkerId| LoadSignal {
                busy_permille: busy[worker.index()],
                ..LoadSignal::default()
            };
            Placement::new(3).place_movable(Nanos(0), read).index()
        };
        assert_eq!(place([500, 0, 0]), 0);
        assert_eq!(place([1_000, 800, 0]), 1);
        assert_eq!(place([1_000, 950, 990]), 1);
    }

    #[test]
    fn connections_that_arrived_another_way_do_not_count_as_negative() {
        let mut placement = Placement::new(2);
        let read = |worker: WorkerId| LoadSignal {
            connections: 5,
            arrivals: if worker.index() == 0 { 1_000 } else { 0 },
            ..LoadSignal::default()
        };
        let first = placement.place(read);
        let second = placement.place(read);
        assert_ne!(first, second);
    }
}
