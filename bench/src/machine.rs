//! Where on the machine things run: the server on one core and the client on another, or the threads
//! that share a structure, so that neither takes the other's time and both see the same caches in
//! every round.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores this run uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    both: CpuSet,
    server: CpuSet,
    client: CpuSet,
    /// With a single core there is nothing to separate.
    separate: bool,
}

/// Who may run where.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// The core of a pinned server.
    Server,
    /// The core of the client of a pinned server.
    Client,
    /// On either of these two: servers with two threads, and their clients.
    Both,
}

impl Cores {
    /// The first two cores this process may use.
    pub(crate) fn find() -> Result<Cores> {
        let all = sched_getaffinity(None).context("the CPU affinity could not be read")?;
        let usable: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|cpu| all.is_set(*cpu))
            .collect();
        Ok(match usable[..] {
            [server, client, ..] => Cores {
                both: set_of(&[server, client]),
                server: set_of(&[server]),
                client: set_of(&[client]),
                separate: true,
            },
            _ => Cores {
                both: all,
                server: all,
                client: all,
                separate: false,
            },
        })
    }

    pub(crate) fn are_separate(&self) -> bool {
        self.separate
    }

    /// Puts the calling thread in `place`.
    pub(crate) fn enter(&self, place: Place) -> Result<()> {
        let set = match place {
            Place::Server => self.server,
            Place::Client => self.client,
            Place::Both => self.both,
        };
        sched_setaffinity(None, &set).context("the CPU affinity could not be set")
    }

    /// Runs `work` on a thread of its own in `place`; processes it starts stay there.
    pub(crate) fn run<T: Send>(&self, place: Place, work: impl FnOnce() -> T + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                self.enter(place)?;
                Ok(work())
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

fn set_of(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_where_it_is_placed_and_the_caller_stays_free() {
        let cores = Cores::find().expect("an affinity");
        let before = sched_getaffinity(None).expect("an affinity");
        let inside = cores
            .run(Place::Server, || {
                sched_getaffinity(None).expect("an affinity")
            })
            .expect("placed");
        assert_eq!(
            inside.count(),
            if cores.are_separate() {
                1
            } else {
                before.count()
            }
        );
        assert_eq!(sched_getaffinity(None).expect("an affinity"), before);
    }
}
