//! Threads that start together, each on its core, and whose time is taken from the common start to
//! the last one's end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

use crate::machine::{Cores, Place};

/// The two cores of a run; with more threads than cores, threads share them in turn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Core {
    First,
    Second,
}

impl Core {
    /// First, second, first, ...
    pub(crate) fn in_turn(index: usize) -> Core {
        if index.is_multiple_of(2) {
            Core::First
        } else {
            Core::Second
        }
    }

    fn place(self) -> Place {
        match self {
            Core::First => Place::Server,
            Core::Second => Place::Client,
        }
    }
}

/// What a number of operations took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) operations: u64,
    /// From the common start to the end of the last thread.
    pub(crate) wall: Duration,
    /// Of all threads together, user and system.
    pub(crate) cpu: Duration,
}

/// Threads that will run together.
pub(crate) struct Team<'a, R> {
    cores: &'a Cores,
    members: Vec<(Core, Work<'a, R>)>,
}

type Work<'a, R> = Box<dyn FnOnce() -> R + Send + 'a>;

/// What a thread reports when it is done.
struct Done<R> {
    result: R,
    cpu: Duration,
    at: Instant,
}

impl<'a, R: Send> Team<'a, R> {
    pub(crate) fn new(cores: &'a Cores) -> Self {
        Team {
            cores,
            members: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, core: Core, work: impl FnOnce() -> R + Send + 'a) {
        self.members.push((core, Box::new(work)));
    }

    /// Runs all at once; their results are in the order in which they were added.
    pub(crate) fn run(self, operations: u64) -> Result<(Took, Vec<R>)> {
        let (ready, go) = (AtomicUsize::new(0), AtomicBool::new(false));
        let count = self.members.len();
        let cores = self.cores;
        let (start, done) = std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .members
                .into_iter()
                .map(|(core, work)| {
                    let (ready, go) = (&ready, &go);
                    scope.spawn(move || {
                        let placed = cores.enter(core.place());
                        ready.fetch_add(1, Ordering::Release);
                        while !go.load(Ordering::Acquire) {
                            std::thread::yield_now();
                        }
                        placed.map(|()| timed(work))
                    })
                })
                .collect();
            while ready.load(Ordering::Acquire) < count {
                std::thread::yield_now();
            }
            let start = Instant::now();
            go.store(true, Ordering::Release);
            let done: Result<Vec<Done<R>>> = threads
                .into_iter()
                .map(|thread| match thread.join() {
                    Ok(done) => done,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect();
            (start, done)
        });
        let done = done?;
        let end = done.iter().map(|done| done.at).max().unwrap_or(start);
        let took = Took {
            operations,
            wall: end - start,
            cpu: done.iter().map(|done| done.cpu).sum(),
        };
        Ok((took, done.into_iter().map(|done| done.result).collect()))
    }
}

fn timed<R>(work: impl FnOnce() -> R) -> Done<R> {
    let before = thread_cpu();
    let result = work();
    Done {
        result,
        cpu: thread_cpu() - before,
        at: Instant::now(),
    }
}

/// CPU time of the calling thread so far.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_run_at_the_same_time_and_report_in_order() {
        let cores = Cores::find().expect("an affinity");
        let met = std::sync::Barrier::new(3);
        let mut team = Team::new(&cores);
        for index in 0..3 {
            let met = &met;
            team.add(Core::in_turn(index), move || {
                met.wait();
                index
            });
        }
        let (took, results) = team.run(1).expect("all are placed");
        assert_eq!(results, [0, 1, 2]);
        assert!(took.wall > Duration::ZERO && took.cpu > Duration::ZERO);
    }
}
