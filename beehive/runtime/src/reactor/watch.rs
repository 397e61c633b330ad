//! Readiness of files that tasks on any worker may use.
//!
//! A [`Watch`] is the part of one worker's reactor that other threads may reach: an epoll instance
//! (edge triggered) and the [`Readiness`] of each file it watches. On the epoll reactor it is the
//! reactor's own instance; on io_uring it is one more, which the ring polls. How a task waits for an
//! event is the protocol of [`beehive_task::readiness`].
//!
//! A file is watched by the worker on which a task first had to wait for it, its home. When that
//! worker stops, its files lose their home, count as ready and wake their tasks, which find a new
//! one. Locks: the wakers of a file may be locked before the sources of the home (when the home
//! itself begins the watch) and after them (when it hands out events): both happen on the home's
//! thread only, and all others take one of the two at a time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Waker};

use beehive_task::readiness::{Direction, Event as News, Place, Seen, State, Waiters};
use parking_lot::Mutex;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use slab::Slab;

use super::{Census, Counted};
use crate::worker;

/// Marks the numbers of these files among all that an epoll instance reports.
pub(crate) const SHARED: u64 = 1 << 32;
/// Events taken by one system call.
const EVENTS_MAX: usize = 256;

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
    waiters: Waiters,
}

/// What is known of one file, and who waits for it.
pub(crate) struct Readiness {
    state: State,
    waiting: Mutex<Waiting>,
}

impl Readiness {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: State::new(),
            waiting: Mutex::default(),
        })
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Tells whether the direction is ready, or leaves the task's waker; it wakes another task whose
    /// place it takes.
    pub(crate) fn ready_or_wait(
        self: &Arc<Self>,
        fd: BorrowedFd<'_>,
        direction: Direction,
        cx: &Context<'_>,
        place: Place<'_>,
    ) -> io::Result<Option<Seen>> {
        let seen = self.state.seen(direction);
        if seen.is_some() {
            return Ok(seen);
        }
        let mut waiting = self.waiting.lock();
        if waiting.home.is_none() {
            waiting.home = Some(Home::here(fd, self)?);
        }
        let left = waiting.waiters.wait(&self.state, direction, cx, place);
        drop(waiting);
        match left {
            Err(seen) => Ok(Some(seen)),
            Ok(displaced) => {
                displaced.into_iter().for_each(Waker::wake);
                Ok(None)
            }
        }
    }

    fn notify(&self, flags: EventFlags, ready: &mut Vec<Waker>) {
        let told = self.state.tell(news(flags));
        self.waiting.lock().waiters.take(told, ready);
    }

    fn lose_home(&self, ready: &mut Vec<Waker>) {
        let mut waiting = self.waiting.lock();
        let home = waiting.home.take();
        let told = self.state.tell(News::BOTH);
        waiting.waiters.take(told, ready);
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
        let waker = self.waiting.lock().waiters.forget(key);
        drop(waker);
    }
}

/// What the flags of epoll tell.
fn news(flags: EventFlags) -> News {
    let mut news = News::default();
    if flags.contains(EventFlags::IN) {
        news = news.ready(Direction::Read);
    }
    if flags.contains(EventFlags::OUT) {
        news = news.ready(Direction::Write);
    }
    let hang_up = flags.intersects(EventFlags::HUP | EventFlags::ERR);
    if hang_up || flags.intersects(EventFlags::RDHUP) {
        news = news.closed(Direction::Read);
    }
    if hang_up {
        news = news.closed(Direction::Write);
    }
    news
}
