//! Readiness by epoll, edge triggered.
//!
//! A source has two directions. Each is *ready* from an event until an operation finds the kernel's
//! buffer drained or full; a task that finds it not ready leaves its waker. An edge that arrives
//! between the failed operation and the waker is not lost, because events are taken on this same
//! thread only, in [`Epoll::turn`].
//!
//! Closing the file removes it from epoll. An event that was already fetched for a removed source
//! may then reach the next user of its number; that one sees a readiness that is not true, tries,
//! and finds out.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use beehive_policy::{Activity, Wait};
pub(crate) use beehive_task::readiness::Direction;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use slab::Slab;

use super::watch::{SHARED, Watch};
use super::{Census, Counted, drain};

/// Events taken by one system call.
const EVENTS_MAX: usize = 256;
/// The number of the eventfd that other threads wake this one with.
const WAKE: u64 = u64::MAX;

/// Names a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SourceKey(usize);

#[derive(Default)]
struct Half {
    ready: bool,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Source {
    read: Half,
    write: Half,
    counted: Counted,
    /// The peer has closed, or an error is pending: reading always finds something out.
    hang_up: bool,
}

impl Source {
    fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }
}

/// An epoll instance and its sources.
pub(crate) struct Epoll {
    /// The instance, with the files that are not bound to this worker.
    watch: Arc<Watch>,
    /// The eventfd that other threads wake this one with.
    wake: OwnedFd,
    sources: RefCell<Slab<Source>>,
    events: RefCell<Vec<Event>>,
    census: RefCell<Census>,
}

impl Epoll {
    /// A reactor that also returns from its wait when `wake` becomes readable.
    pub(crate) fn new(wake: BorrowedFd<'_>) -> io::Result<Self> {
        let watch = Watch::new()?;
        // Edge triggered: each write to the eventfd is an edge, so it need not be read after a wait.
        epoll::add(
            &watch,
            wake,
            EventData::new_u64(WAKE),
            EventFlags::IN | EventFlags::ET,
        )?;
        Ok(Self {
            watch,
            wake: wake.try_clone_to_owned()?,
            sources: RefCell::default(),
            events: RefCell::new(Vec::with_capacity(EVENTS_MAX)),
            census: RefCell::new(Census::new()),
        })
    }

    /// The part of this reactor that other threads may reach.
    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// Begins to watch a socket. It counts as writable and as not readable until events say else.
    pub(crate) fn register(&self, fd: BorrowedFd<'_>) -> io::Result<SourceKey> {
        let mut sources = self.sources.borrow_mut();
        let entry = sources.vacant_entry();
        let key = SourceKey(entry.key());
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.watch, fd, EventData::new_u64(key.0 as u64), flags)?;
        let mut source = Source::default();
        source.write.ready = true;
        entry.insert(source);
        Ok(key)
    }

    /// Ends the watch over a socket that stays open. An event that was fetched already may follow.
    pub(crate) fn unwatch(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.watch, fd)?)
    }

    /// Forgets a source whose file is about to be closed, or is not watched any more.
    pub(crate) fn deregister(&self, key: SourceKey) {
        let source = self.sources.borrow_mut().remove(key.0);
        drop(source);
    }

    /// Whether the direction is ready; if not, the task will be woken.
    pub(crate) fn poll_ready(
        &self,
        key: SourceKey,
        direction: Direction,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut sources = self.sources.borrow_mut();
        let half = sources[key.0].half(direction);
        if half.ready {
            return Poll::Ready(());
        }
        let previous = match &mut half.waker {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            slot => slot.replace(cx.waker().clone()),
        };
        drop(sources);
        drop(previous);
        Poll::Pending
    }

    /// An operation found nothing more to do in this direction; the next edge makes it ready again.
    pub(crate) fn exhausted(&self, key: SourceKey, direction: Direction) {
        self.sources.borrow_mut()[key.0].half(direction).ready = false;
    }

    /// A read took less than it could: the buffer is drained, unless the peer has closed, for which
    /// there will be no further edge.
    pub(crate) fn drained(&self, key: SourceKey) {
        let mut sources = self.sources.borrow_mut();
        let source = &mut sources[key.0];
        source.read.ready = source.hang_up;
    }

    /// Waits and collects the wakers of sources that have become ready.
    pub(crate) fn turn(
        &self,
        timeout: Option<Duration>,
        wait: Wait,
        ready: &mut Vec<Waker>,
    ) -> io::Result<Activity> {
        let called = wait.min_events > 1 && self.gather(wait);
        let mut events = self.events.borrow_mut();
        events.clear();
        let timeout = if called {
            Some(Duration::ZERO)
        } else {
            timeout
        };
        let timeout = timeout.map(timespec);
        match epoll::wait(
            &self.watch,
            rustix::buffer::spare_capacity(&mut *events),
            timeout.as_ref(),
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut sources = self.sources.borrow_mut();
        let mut census = self.census.borrow_mut();
        for event in events.iter() {
            // Copied: the fields of a packed structure cannot be borrowed.
            let (number, flags) = (event.data.u64(), event.flags);
            if number == WAKE {
                continue;
            }
            if number & SHARED != 0 {
                self.watch.dispatch(number, flags, &mut census, ready);
            } else if let Some(source) = sources.get_mut(number as usize) {
                if flags.contains(EventFlags::IN) {
                    census.count(&mut source.counted);
                }
                dispatch(source, flags, ready);
            }
        }
        Ok(census.report())
    }

    /// Lets events gather, until another thread wakes this one; true if one may have.
    ///
    /// epoll cannot wait for several events, so they gather during a sleep. That is why the policy allows
    /// only short times.
    fn gather(&self, wait: Wait) -> bool {
        if drain(self.wake.as_fd()) {
            // If that was news, its edge is gone.
            return true;
        }
        let limit = timespec(Duration::from_micros(wait.gather_us.into()));
        let mut wake = [PollFd::new(&self.wake, PollFlags::IN)];
        // Where it fails, nothing gathers.
        poll(&mut wake, Some(&limit)).is_ok_and(|woken| woken > 0)
    }
}

fn dispatch(source: &mut Source, flags: EventFlags, ready: &mut Vec<Waker>) {
    let closed = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
    if flags.intersects(closed) {
        source.hang_up = true;
    }
    if flags.intersects(closed | EventFlags::IN) {
        source.read.ready = true;
        ready.extend(source.read.waker.take());
    }
    if flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
        source.write.ready = true;
        ready.extend(source.write.waker.take());
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
