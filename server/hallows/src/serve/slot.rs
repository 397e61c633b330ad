//! What a worker's background task sees of one connection, and how it reaches
//! the connection's own task: a request is left here and the task is woken. Both
//! run on the same thread, so plain cells suffice.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::task::Waker;

use beehive::net::local::{Shutdown, ShutdownHandle};

/// The size of a receive buffer that no large request has enlarged.
pub(super) const INPUT_BASE: usize = 16 * 1024;
/// A receive buffer larger than this is shrunk when it is hardly used.
const INPUT_LARGE: usize = 32 * 1024;
/// Idle time after which the receive buffer is given back.
const RELEASE_AFTER_US: u64 = 2_000_000;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed, or the network did.
    Gone,
    /// A reply said so: QUIT, a protocol error, CLIENT KILL.
    Asked,
    /// Idle for longer than `timeout`.
    Idle,
    /// Replies were left unread for too long.
    SlowReader,
    /// Replies larger than the output limit.
    OutputLimit,
    /// An unfinished request larger than the query limit.
    QueryLimit,
    /// The buffers of all clients were too large together, and this one's largest.
    ClientMemory,
    /// A defect: executing a request panicked.
    Panicked,
}

impl End {
    /// Whether an operator should know.
    pub(super) fn is_remarkable(self) -> bool {
        !matches!(self, Self::Gone | Self::Asked | Self::Idle)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the client has gone",
            Self::Asked => "closed by a command",
            Self::Idle => "idle for too long (--timeout)",
            Self::SlowReader => "it left replies unread for too long (--output-timeout)",
            Self::OutputLimit => "its replies are larger than --output-limit",
            Self::QueryLimit => "its request is larger than --query-limit",
            Self::ClientMemory => "the buffers of all clients are larger than --client-memory",
            Self::Panicked => "executing a request panicked: a defect of the server",
        })
    }
}

/// What the connection's task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting for requests.
    Reading,
    /// Executing, or asleep on request.
    Executing,
    /// Waiting for the client to read replies of this size.
    Writing(usize),
}

/// What the background task wants of the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trim {
    /// Give it back, if it is empty.
    Release,
    /// Shrink it to this capacity.
    Shrink(usize),
}

/// One connection, as its worker's background task sees it.
#[derive(Debug)]
pub(super) struct Slot {
    /// Position in the worker's roster.
    pub(super) index: Cell<usize>,
    /// What the task is doing.
    pub(super) phase: Cell<Phase>,
    /// Monotonic time of the last progress.
    pub(super) active_us: Cell<u64>,
    /// Capacity of the receive buffer.
    pub(super) capacity: Cell<usize>,
    /// Bytes of an unfinished request in it.
    pub(super) unfinished: Cell<usize>,
    /// Most bytes it held since the background task last looked.
    pub(super) peak: Cell<usize>,
    /// Bytes counted against the limit of all clients.
    pub(super) charged: Cell<usize>,
    trim: Cell<Option<Trim>>,
    verdict: Cell<Option<End>>,
    waker: RefCell<Option<Waker>>,
    shutdown: ShutdownHandle,
}

impl Slot {
    pub(super) fn new(shutdown: ShutdownHandle, now_us: u64) -> Rc<Self> {
        Rc::new(Self {
            index: Cell::new(0),
            phase: Cell::new(Phase::Reading),
            active_us: Cell::new(now_us),
            capacity: Cell::new(0),
            unfinished: Cell::new(0),
            peak: Cell::new(0),
            charged: Cell::new(0),
            trim: Cell::new(None),
            verdict: Cell::new(None),
            waker: RefCell::new(None),
            shutdown,
        })
    }

    /// Ends the connection from outside its task, whatever the task waits for.
    pub(super) fn end(&self, why: End) {
        self.verdict.set(Some(why));
        self.shutdown.shutdown(Shutdown::Both);
    }

    /// Lets the task answer what was received, and then end.
    pub(super) fn drain(&self) {
        self.shutdown.shutdown(Shutdown::Read);
    }

    /// Why the connection was ended, when its socket says only that it was.
    pub(super) fn verdict(&self) -> End {
        self.ended().unwrap_or(End::Gone)
    }

    /// Why the connection was ended from outside, if it was.
    pub(super) fn ended(&self) -> Option<End> {
        self.verdict.get()
    }

    /// Remembers how to wake the task.
    pub(super) fn register(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    /// What to do with the receive buffer, if anything was asked.
    pub(super) fn take_trim(&self) -> Option<Trim> {
        self.trim.take()
    }

    /// Looks whether the receive buffer should become smaller, and if so asks the
    /// task to do it. Starts a new period of observation of its peak.
    pub(super) fn consider_trim(&self, now_us: u64) {
        let (capacity, peak) = (
            self.capacity.get(),
            self.peak.replace(self.unfinished.get()),
        );
        if self.phase.get() != Phase::Reading || capacity == 0 {
            return;
        }
        let idle_us = now_us.saturating_sub(self.active_us.get());
        let trim = if idle_us > RELEASE_AFTER_US && self.unfinished.get() == 0 {
            Trim::Release
        } else if capacity > INPUT_LARGE && peak < capacity / 2 {
            Trim::Shrink(peak.max(INPUT_BASE))
        } else {
            return;
        };
        self.trim.set(Some(trim));
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}
