//! Readiness of files that tasks on any worker may use.
//!
//! A [`Watch`] is the part of one worker's reactor that other threads may reach: an epoll instance
//! (edge triggered) and the [`Readiness`] of each file it watches. On the epoll reactor it is the
//! reactor's own instance; on io_uring it is one more, which the ring polls.
//!
//! Protocol. A task must never wait for an edge that has been.
//! 1. A task reads the state; if its direction is ready, it tries the system call.
//! 2. If that would block, it clears the direction, but only if no event has come since step 1,
//!    which the count of events in the state tells. It goes back to 1.
//! 3. If the direction is not ready, the task takes the lock, begins the watch if there is none,
//!    looks at the state once more, and leaves its waker.
//! 4. An event first sets the state, then takes the lock and the wakers.
//!
//! Either step 3 sees the state of step 4, or step 4 finds the waker of step 3.
//!
//! A file is watched by the worker on which a task first had to wait for it, its home. When that
//! worker stops, its files lose their home, count as ready and wake their tasks, which find a new
//! one. Locks: the wakers of a file may be locked before the sources of the home (when the home
//! itself begins the watch) and after them (when it hands out events): both happen on the home's
//! thread only, and all others take one of the two at a time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};
use std::task::{Context, Waker};

use parking_lot::Mutex;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use slab::Slab;

use super::epoll::Direction;
use super::{Census, Counted};
use crate::worker;

/// Marks the numbers of these files among all that an epoll instance reports.
pub(crate) const SHARED: u64 = 1 << 32;
/// Events taken by one system call.
const EVENTS_MAX: usize = 256;

/// The direction may be tried.
const READ: u64 = 1;
const WRITE: u64 = 1 << 1;
/// No further edge will come in this direction: the peer has closed, or an error is pending.
const READ_CLOSED: u64 = 1 << 2;
const WRITE_CLOSED: u64 = 1 << 3;
/// One in the count of events, which fills the upper bits.
const EVENT: u64 = 1 << 4;

/// A worker's watch over files.
pub(crate) struct Watch {
    epoll: OwnedFd,
    sources: Mutex<Sources>,
}

#[derive(Default)]
struct Sources {
    entries: Slab<Entry>,
    /// The worker has stopped.
    closed: bool,
}

struct Entry {
    readiness: Arc<Readiness>,
    counted: Counted,
}

impl Watch {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            sources: Mutex::default(),
        }))
    }

    /// Watches a file; tells of what is ready already, too.
    fn begin(self: &Arc<Self>, fd: BorrowedFd<'_>, readiness: &Arc<Readiness>) -> io::Result<Home> {
        let mut sources = self.sources.lock();
        if sources.closed {
            return Err(stopped());
        }
        let entry = sources.entries.vacant_entry();
        let key = entry.key();
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let number = EventData::new_u64(SHARED | key as u64);
        epoll::add(&self.epoll, fd, number, flags)?;
        entry.insert(Entry {
            readiness: readiness.clone(),
            counted: Counted::default(),
        });
        Ok(Home {
            watch: self.clone(),
            key,
        })
    }

    /// Hands out an event by its number, if it is one of these files'.
    pub(super) fn dispatch(
        &self,
        number: u64,
        flags: EventFlags,
        census: &mut Census,
        ready: &mut Vec<Waker>,
    ) {
        let mut sources = self.sources.lock();
        // The watch over this file may have ended since the event was fetched.
        if let Some(entry) = sources.entries.get_mut((number & !SHARED) as usize) {
            if flags.contains(EventFlags::IN) {
                census.count(&mut entry.counted);
            }
            entry.readiness.notify(flags, ready);
        }
    }

    /// Takes all events there are, without waiting.
    pub(super) fn collect(&self, census: &mut Census, ready: &mut Vec<Waker>) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
        loop {
            events.clear();
            match epoll::wait(
                &self.epoll,
                spare_capacity(&mut events),
                Some(&Timespec::default()),
            ) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                // Copied: the fields of a packed structure cannot be borrowed.
                let (number, flags) = (event.data.u64(), event.flags);
                self.dispatch(number, flags, census, ready);
            }
            if events.len() < EVENTS_MAX {
                return Ok(());
            }
        }
    }

    /// The worker stops: its files lose their home.
    pub(crate) fn close(&self, ready: &mut Vec<Waker>) {
        let entries = {
            let mut sources = self.sources.lock();
            sources.closed = true;
            std::mem::take(&mut sources.entries)
        };
        for (_, entry) in &entries {
            entry.readiness.lose_home(ready);
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

fn stopped() -> io::Error {
    io::Error::other("the runtime has stopped; nobody watches this file")
}

/// Where a file is watched.
struct Home {
    watch: Arc<Watch>,
    key: usize,
}

impl Home {
    /// Chooses the calling worker.
    fn here(fd: BorrowedFd<'_>, readiness: &Arc<Readiness>) -> io::Result<Self> {
        let watch = worker::try_with_current(|worker| match worker {
            Some(worker) => worker.driver.watch(),
            None => Err(io::Error::other(
                "no Beehive worker on this thread: a socket or pipe has to be awaited in a task or \
                 inside `Runtime::block_on`",
            )),
        })?;
        watch.begin(fd, readiness)
    }
}

#[derive(Default)]
struct Waiting {
    home: Option<Home>,
    /// Of `poll` methods, one for each direction.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Of futures, which leave when they are dropped.
    futures: Slab<(Direction, Option<Waker>)>,
}

/// What is known of one file.
pub(crate) struct Readiness {
    state: AtomicU64,
    waiting: Mutex<Waiting>,
}

/// The state by which a direction was found ready.
#[derive(Clone, Copy)]
pub(crate) struct Seen(u64);

/// Where a task leaves its waker.
pub(crate) enum Place<'a> {
    /// The one of the direction; it displaces, and wakes, another task's.
    Direction,
    /// The future's own, once it has one.
    Future(&'a mut Option<usize>),
}

impl Readiness {
    /// Both directions count as ready until they prove not to be.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU64::new(READ | WRITE),
            waiting: Mutex::default(),
        })
    }

    /// The present state, ready or not.
    pub(crate) fn now(&self) -> Seen {
        Seen(self.state.load(Acquire))
    }

    fn seen(&self, direction: Direction) -> Option<Seen> {
        let state = self.state.load(Acquire);
        let (ready, closed) = bits(direction);
        (state & (ready | closed) != 0).then_some(Seen(state))
    }

    /// Tells whether the direction is ready, or leaves the task's waker.
    pub(crate) fn ready_or_wait(
        self: &Arc<Self>,
        fd: BorrowedFd<'_>,
        direction: Direction,
        cx: &Context<'_>,
        place: Place<'_>,
    ) -> io::Result<Option<Seen>> {
        if let Some(seen) = self.seen(direction) {
            return Ok(Some(seen));
        }
        let mut waiting = self.waiting.lock();
        if waiting.home.is_none() {
            waiting.home = Some(Home::here(fd, self)?);
        }
        if let Some(seen) = self.seen(direction) {
            return Ok(Some(seen));
        }
        let displaced = waiting.leave(direction, cx, place);
        drop(waiting);
        displaced.into_iter().for_each(Waker::wake);
        Ok(None)
    }

    /// An operation would have blocked: the direction is not ready, unless an event came meanwhile.
    pub(crate) fn exhausted(&self, direction: Direction, seen: Seen) {
        let (ready, closed) = bits(direction);
        self.clear(ready | closed, seen);
    }

    /// A read or write did less than it could: the next one would block, unless the direction is
    /// closed, for which there will be no further edge.
    pub(crate) fn drained(&self, direction: Direction, seen: Seen) {
        let (ready, closed) = bits(direction);
        if seen.0 & closed == 0 {
            self.clear(ready, seen);
        }
    }

    fn clear(&self, bits: u64, seen: Seen) {
        let same = |state: u64| (state / EVENT == seen.0 / EVENT).then_some(state & !bits);
        let _ = self.state.fetch_update(AcqRel, Acquire, same);
    }

    fn notify(&self, flags: EventFlags, ready: &mut Vec<Waker>) {
        let hang_up = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        let mut set = 0;
        if hang_up || flags.intersects(EventFlags::RDHUP) {
            set |= READ | READ_CLOSED;
        }
        if flags.contains(EventFlags::IN) {
            set |= READ;
        }
        if hang_up {
            set |= WRITE | WRITE_CLOSED;
        }
        if flags.contains(EventFlags::OUT) {
            set |= WRITE;
        }
        self.add(set);
        self.waiting.lock().take(set, ready);
    }

    fn add(&self, set: u64) {
        let add = |state: u64| Some((state | set).wrapping_add(EVENT));
        let _ = self.state.fetch_update(AcqRel, Acquire, add);
    }

    fn lose_home(&self, ready: &mut Vec<Waker>) {
        let mut waiting = self.waiting.lock();
        let home = waiting.home.take();
        self.add(READ | WRITE);
        waiting.take(READ | WRITE, ready);
        drop(waiting);
        drop(home);
    }

    /// The file is about to be closed, or to be used without a reactor.
    pub(crate) fn end(&self, fd: BorrowedFd<'_>) {
        let home = self.waiting.lock().home.take();
        if let Some(Home { watch, key }) = home {
            // It fails if the watch has closed, which comes to the same.
            let _ = epoll::delete(&watch.epoll, fd);
            let entry = watch.sources.lock().entries.try_remove(key);
            drop(entry);
        }
    }

    /// A future no longer waits.
    pub(crate) fn forget_future(&self, key: usize) {
        let waker = self.waiting.lock().futures.try_remove(key);
        drop(waker);
    }
}

impl Waiting {
    /// Keeps the task's waker; gives one that it displaces and that must be woken.
    fn leave(&mut self, direction: Direction, cx: &Context<'_>, place: Place<'_>) -> Option<Waker> {
        let slot = match (place, direction) {
            (Place::Direction, Direction::Read) => &mut self.reader,
            (Place::Direction, Direction::Write) => &mut self.writer,
            (Place::Future(key), _) => {
                let key = *key.get_or_insert_with(|| self.futures.insert((direction, None)));
                &mut self.futures[key].1
            }
        };
        match slot {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            slot => slot.replace(cx.waker().clone()),
        }
    }

    fn take(&mut self, set: u64, ready: &mut Vec<Waker>) {
        if set & READ != 0 {
            ready.extend(self.reader.take());
        }
        if set & WRITE != 0 {
            ready.extend(self.writer.take());
        }
        for (_, (direction, waker)) in &mut self.futures {
            if set & bits(*direction).0 != 0 {
                ready.extend(waker.take());
            }
        }
    }
}

/// The bits of a direction: ready, closed.
fn bits(direction: Direction) -> (u64, u64) {
    match direction {
        Direction::Read => (READ, READ_CLOSED),
        Direction::Write => (WRITE, WRITE_CLOSED),
    }
}
