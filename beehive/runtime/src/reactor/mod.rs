//! Reactors: how a worker learns from the kernel that IO can go on or is done.

use std::os::fd::BorrowedFd;

use beehive_policy::Activity;
use beehive_policy::wait::WINDOW_EVENTS;

pub(crate) mod epoll;
pub(crate) mod source;
pub(crate) mod uring;
pub(crate) mod watch;

/// Makes the eventfd by which other threads wake this one unreadable; true if it was readable, which
/// may be news or not. Whoever waits for it to become readable needs this: nothing else reads it.
fn drain(wake: BorrowedFd<'_>) -> bool {
    rustix::io::read(wake, &mut [0; 8]).is_ok()
}

/// Counts from how many different connections recent events came, at the cost of one word per
/// connection.
#[derive(Debug)]
struct Census {
    /// Number of the current window; a connection that carries it has been counted.
    window: u32,
    events: u32,
    sources: u32,
    /// Connections of the last complete window.
    active: u32,
    /// Events since the last report.
    unreported: u32,
}

/// A connection's mark: the window in which it was counted last.
#[derive(Debug, Default)]
struct Counted(u32);

impl Census {
    fn new() -> Self {
        Self {
            window: 1,
            events: 0,
            sources: 0,
            active: 0,
            unreported: 0,
        }
    }

    /// Counts an event of the connection with this mark.
    fn count(&mut self, mark: &mut Counted) {
        self.unreported += 1;
        self.events += 1;
        if mark.0 != self.window {
            mark.0 = self.window;
            self.sources += 1;
        }
        if self.events == WINDOW_EVENTS {
            self.active = self.sources;
            self.window = self.window.wrapping_add(1);
            self.events = 0;
            self.sources = 0;
        }
    }

    /// What has been counted since the last call.
    fn report(&mut self) -> Activity {
        Activity {
            events: std::mem::take(&mut self.unreported),
            active: self.active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::Arc;
    use std::task::Waker;
    use std::time::Duration;

    use beehive_policy::Wait;
    use rustix::event::{EventfdFlags, eventfd};

    /// Gathers so long that only a wake can end it, several times.
    fn gather(
        wake: &Arc<OwnedFd>,
        turn: impl Fn(Option<Duration>, Wait, &mut Vec<Waker>) -> std::io::Result<Activity>,
    ) {
        let wait = Wait {
            min_events: 32,
            gather_us: u32::MAX,
        };
        for _ in 0..6 {
            let waker = wake.clone();
            let waker = std::thread::spawn(move || {
                // Most come during the wait, though none has to.
                std::thread::sleep(Duration::from_millis(5));
                rustix::io::write(&waker, &1_u64.to_ne_bytes())
            });
            turn(None, wait, &mut Vec::new()).unwrap();
            waker.join().unwrap().unwrap();
        }
    }

    #[test]
    fn a_worker_that_is_woken_gathers_no_longer() {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let wake = Arc::new(eventfd(0, flags).unwrap());
        let epoll = epoll::Epoll::new(wake.as_fd()).unwrap();
        gather(&wake, |timeout, wait, ready| {
            epoll.turn(timeout, wait, ready)
        });
        drain(wake.as_fd());
        match uring::Uring::new(wake.as_fd()) {
            Ok(uring) => gather(&wake, |timeout, wait, ready| {
                uring.turn(timeout, wait, ready)
            }),
            Err(error) => eprintln!("SKIPPED: {error}"),
        }
    }

    #[test]
    fn the_census_counts_different_connections() {
        let mut census = Census::new();
        let mut marks: Vec<Counted> = (0..10).map(|_| Counted::default()).collect();
        for round in 0..WINDOW_EVENTS as usize {
            census.count(&mut marks[round % 10]);
        }
        assert_eq!(
            census.report(),
            Activity {
                events: WINDOW_EVENTS,
                active: 10
            }
        );
        (0..WINDOW_EVENTS).for_each(|_| census.count(&mut marks[0]));
        assert_eq!(
            census.report(),
            Activity {
                events: WINDOW_EVENTS,
                active: 1
            }
        );
    }
}
