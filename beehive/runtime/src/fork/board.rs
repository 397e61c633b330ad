//! What the workers of a runtime share for fork-join: where each exposes jobs, and where each sleeps
//! while it waits for a latch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};

use beehive_task::job::{Exposed, Latch, Stolen};
use crossbeam_utils::CachePadded;
use rustix::thread::futex;

/// One place for each worker.
pub(crate) struct Board {
    places: Box<[Place]>,
}

struct Place {
    exposed: Arc<CachePadded<Exposed>>,
    /// Counts the wakes of this worker, modulo 2³²: the word of its futex.
    wakes: CachePadded<AtomicU32>,
}

impl Board {
    pub(crate) fn new(workers: usize) -> Self {
        let place = |_| Place {
            exposed: Arc::default(),
            wakes: CachePadded::default(),
        };
        Self {
            places: (0..workers).map(place).collect(),
        }
    }

    /// Whether no job is exposed anywhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.iter().all(|place| place.exposed.is_empty())
    }

    /// Changes whenever a job has been exposed anywhere.
    pub(super) fn activity(&self) -> u32 {
        let activity = |place: &Place| place.exposed.activity();
        self.places.iter().map(activity).fold(0, u32::wrapping_add)
    }

    /// How many jobs each worker should expose. A worker that nobody has taken from for long can then
    /// still give work to all others within a few thefts of theirs from each other.
    pub(super) fn floor(&self) -> u32 {
        match self.places.len() {
            1 => 0,
            workers => 1 + workers.next_power_of_two().ilog2(),
        }
    }

    pub(super) fn exposed(&self, worker: u32) -> &Arc<CachePadded<Exposed>> {
        &self.places[worker as usize].exposed
    }

    /// Steals from any worker but this one, those after it first.
    pub(super) fn steal(&self, thief: u32) -> Option<Stolen> {
        let workers = self.places.len() as u32;
        (1..workers).find_map(|step| {
            let victim = (thief + step) % workers;
            self.exposed(victim).steal(victim)
        })
    }

    /// Sleeps, as the worker `sleeper`, until the latch is no longer marked as sleeping.
    pub(super) fn sleep(&self, sleeper: u32, latch: &Latch) {
        let wakes = &self.places[sleeper as usize].wakes;
        loop {
            // First the count, then the latch: whoever changes the latch then changes the count.
            let seen = wakes.load(Acquire);
            if !latch.is_sleeping() {
                return;
            }
            // Whatever the reason for which it returns, the latch tells.
            let _ = futex::wait(wakes, futex::Flags::PRIVATE, seen, None);
        }
    }

    /// Wakes a worker after its latch was changed.
    pub(super) fn wake(&self, worker: u32) {
        let wakes = &self.places[worker as usize].wakes;
        wakes.fetch_add(1, Release);
        // It cannot fail: the address is valid.
        let _ = futex::wake(wakes, futex::Flags::PRIVATE, 1);
    }
}
