//! A worker's access to the kernel: the reactor it was given, and what all reactors have in common.
//!
//! Streams and listeners hold the driver of the worker they live on. A stream kept beyond the end
//! of its worker finds the driver stopped and reports an error.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use beehive_policy::{Activity, Wait};
use hallows_lockfree::wait::poll_budget;

use crate::panic;
use crate::reactor::epoll::Epoll;
use crate::reactor::uring::Uring;
use crate::reactor::watch::Watch;
use crate::remote::Remote;

/// The reactor behind a driver.
pub(crate) enum Reactor {
    Epoll(Epoll),
    Uring(Box<Uring>),
}

/// One worker's reactor.
pub(crate) struct Driver {
    // Dropped before `remote`, whose eventfd it watches.
    pub(crate) reactor: Reactor,
    pub(crate) remote: Arc<Remote>,
    stopped: Cell<bool>,
}

thread_local! {
    /// The driver of the last worker that ran on this thread by `Runtime::block_on`: to make a reactor
    /// costs tens of microseconds, more than many a call of `block_on` lasts.
    static SPARE: RefCell<Option<Rc<Driver>>> = const { RefCell::new(None) };
}

/// The driver that this thread keeps for the worker behind `remote`, as good as new.
pub(crate) fn take_spare(remote: &Arc<Remote>) -> Option<Rc<Driver>> {
    let spare = SPARE.take();
    let driver = spare.filter(|driver| Arc::ptr_eq(&driver.remote, remote))?;
    driver.stopped.set(false);
    Some(driver)
}

/// Keeps a driver that has been stopped, until this thread keeps another one or drops its runtime; but
/// not if something of the past may be in it.
pub(crate) fn keep_spare(mut driver: Rc<Driver>) {
    if Rc::get_mut(&mut driver).is_some_and(|driver| driver.is_unused()) {
        SPARE.replace(Some(driver));
    }
}

/// Drops the driver that this thread keeps for the worker behind `remote`.
pub(crate) fn drop_spare(remote: &Arc<Remote>) {
    drop(take_spare(remote));
}

impl Driver {
    /// Whether no socket is left in it, and no other thread has ever used it.
    fn is_unused(&self) -> bool {
        match &self.reactor {
            // Other threads may know its watch, which is closed now.
            Reactor::Epoll(_) => false,
            Reactor::Uring(uring) => uring.is_unused(),
        }
    }

    pub(crate) fn new(reactor: Reactor, remote: Arc<Remote>) -> Self {
        Self {
            reactor,
            remote,
            stopped: Cell::new(false),
        }
    }

    /// Visits the kernel: submits, waits up to `timeout` (`None`: without limit) and puts the wakers
    /// of what has become ready into `ready`.
    ///
    /// # Panics
    ///
    /// If the kernel refuses to wait, which means that the reactor's own state is broken.
    pub(crate) fn turn(
        &self,
        timeout: Option<Duration>,
        wait: Wait,
        ready: &mut Vec<Waker>,
    ) -> Activity {
        let result = match &self.reactor {
            Reactor::Epoll(epoll) => epoll.turn(timeout, wait, ready),
            Reactor::Uring(uring) => uring.turn(timeout, wait, ready),
        };
        result.unwrap_or_else(|error| panic!("the reactor cannot wait for events: {error}"))
    }

    /// The part of the reactor that other threads may reach.
    pub(crate) fn watch(&self) -> io::Result<Arc<Watch>> {
        match &self.reactor {
            Reactor::Epoll(epoll) => Ok(epoll.watch().clone()),
            Reactor::Uring(uring) => uring.watch(),
        }
    }

    /// Whether the poll in progress may go on; see [`budget`](crate::budget).
    pub(crate) fn poll_budget(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.stopped.get() {
            return Poll::Ready(Err(io::Error::other(
                "the runtime of this socket has stopped; create sockets in the runtime that uses them",
            )));
        }
        poll_budget(cx).map(Ok)
    }

    /// No local task of this worker will run again. Shared tasks that wait for a file which is
    /// watched here are woken, to have it watched elsewhere; what the ring does for them is finished.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
        let mut ready = Vec::new();
        let watch = match &self.reactor {
            Reactor::Epoll(epoll) => Some(epoll.watch().clone()),
            Reactor::Uring(uring) => {
                uring.finish_files(&mut ready);
                uring.watch_if_any()
            }
        };
        if let Some(watch) = watch {
            watch.close(&mut ready);
        }
        panic::each(ready.into_iter(), Waker::wake);
    }
}
