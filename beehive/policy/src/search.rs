//! The order in which an idle worker looks for work at others.
//!
//! First the worker whose signal promises most in a small sample that starts at random. Reading all
//! signals would send every thief to the same, perhaps stale, victim; the best of a few keeps most
//! of the gain without the herd, and its cost does not grow with the number of workers. Then every
//! other worker once, from a random start, so that no work is overlooked and the search never does
//! worse than plain random stealing. The thief takes half of what it finds; when the search ends,
//! it parks.

use crate::random::Random;
use crate::{LoadSignal, WorkerId};

/// How many signals are read for the promising candidate.
const SAMPLE: usize = 8;

/// One search for a victim; ask for [`next_victim`](Self::next_victim) until something is found.
#[derive(Debug, Clone)]
pub struct Search {
    me: usize,
    workers: usize,
    favourite: Option<WorkerId>,
    /// Next worker of the full pass.
    cursor: usize,
    /// Workers of the full pass that are left.
    left: usize,
}

impl Search {
    pub(crate) fn new(
        me: WorkerId,
        workers: usize,
        random: &mut Random,
        signals: Option<&dyn Fn(WorkerId) -> LoadSignal>,
    ) -> Self {
        let mut search = Self {
            me: me.index(),
            workers,
            favourite: None,
            cursor: 0,
            left: workers,
        };
        if workers > 1 {
            search.cursor = random.below(workers);
            search.favourite = signals.and_then(|read| favourite(me, workers, random, read));
        }
        search
    }

    /// The next worker to steal from; `None` when all have been tried and the worker should park.
    pub fn next_victim(&mut self) -> Option<WorkerId> {
        if let Some(favourite) = self.favourite.take() {
            return Some(favourite);
        }
        while self.left > 0 {
            let candidate = self.cursor;
            self.cursor = (self.cursor + 1) % self.workers;
            self.left -= 1;
            if candidate != self.me {
                return Some(WorkerId::new(candidate));
            }
        }
        None
    }
}

/// The most promising of a sample of neighbours; `None` if none shows work.
fn favourite(
    me: WorkerId,
    workers: usize,
    random: &mut Random,
    read: &dyn Fn(WorkerId) -> LoadSignal,
) -> Option<WorkerId> {
    let others = workers - 1;
    let start = random.below(others);
    let mut best = (0, None);
    for step in 0..SAMPLE.min(others) {
        let candidate = WorkerId::new((me.index() + 1 + (start + step) % others) % workers);
        let work = read(candidate).work_ns();
        if work > best.0 {
            best = (work, Some(candidate));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn victims(mut search: Search) -> Vec<usize> {
        core::iter::from_fn(|| search.next_victim())
            .map(WorkerId::index)
            .collect()
    }

    #[test]
    fn a_search_without_signals_tries_every_other_worker_once() {
        for seed in 0..50 {
            let search = Search::new(WorkerId::new(3), 8, &mut Random::new(seed), None);
            let mut tried = victims(search);
            tried.sort_unstable();
            assert_eq!(tried, [0, 1, 2, 4, 5, 6, 7]);
        }
    }

    #[test]
    fn a_lone_worker_has_no_victim() {
        let signals = |_: WorkerId| LoadSignal::default();
        let search = Search::new(WorkerId::new(0), 1, &mut Random::new(1), Some(&signals));
        assert!(victims(search).is_empty());
    }

    #[test]
    fn a_busy_worker_is_usually_tried_first_and_all_are_still_tried() {
        let signals = |worker: WorkerId| LoadSignal {
            queued: if worker.index() == 5 { 100 } else { 0 },
            ..LoadSignal::default()
        };
        let mut first = 0;
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let search = Search::new(WorkerId::new(0), 8, &mut random, Some(&signals));
            let tried = victims(search);
            first += usize::from(tried[0] == 5);
            assert!((1..8).all(|worker| tried.contains(&worker)));
        }
        assert!(first > 100, "tried first in {first} of 200 searches");
    }
}
