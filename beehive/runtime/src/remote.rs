//! What other threads see of a worker: its inbox, its parking state, its load signal and the thief's
//! end of its queue.
//!
//! Waking protocol. Without it, a message could arrive between the worker's last look at its inbox
//! and its wait.
//! 1. A sender puts its message in the inbox, sets `attention`, then swaps `state` to running; if it
//!    was parked, the sender writes the eventfd.
//! 2. The worker sets `state` to parked, then looks at `attention`; only if it is clear it waits.
//!
//! All four are sequentially consistent: either the sender sees the parked state, or the worker
//! sees the attention flag.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst,
};

use beehive_policy::{LoadSignal, Nanos};
use beehive_task::Runnable;
use beehive_task::wheel::TimerKey;
use crossbeam_utils::CachePadded;
use hallows_lockfree::deque::Stealer;
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};

const RUNNING: u8 = 0;
const PARKED: u8 = 1;

/// What arrives in a worker's inbox.
pub(crate) enum Message {
    /// A task of this worker is ready.
    Run(Runnable),
    /// A timer that was dropped on another thread.
    CancelTimer(TimerKey),
}

#[derive(Default)]
struct Inbox {
    messages: Vec<Message>,
    /// Set once the worker has stopped for good: it will not look again.
    closed: bool,
}

/// The shared part of one worker.
pub(crate) struct Remote {
    /// Takes tasks from the worker's stealable queue.
    pub(crate) stealer: Stealer<Runnable>,
    inbox: Mutex<Inbox>,
    wake: OwnedFd,
    attention: CachePadded<AtomicBool>,
    state: AtomicU8,
    /// Given by whoever woke this worker to search for tasks; each counts as a searching worker.
    search_tokens: AtomicU32,
    signal: CachePadded<SignalCell>,
}

impl Remote {
    pub(crate) fn new(stealer: Stealer<Runnable>) -> std::io::Result<Self> {
        Ok(Self {
            stealer,
            inbox: Mutex::default(),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            attention: CachePadded::new(AtomicBool::new(false)),
            state: AtomicU8::new(RUNNING),
            search_tokens: AtomicU32::new(0),
            signal: CachePadded::new(SignalCell::default()),
        })
    }

    /// Puts a message into the inbox; gives it back if the worker has stopped.
    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        {
            let mut inbox = self.inbox.lock();
            if inbox.closed {
                return Err(message);
            }
            inbox.messages.push(message);
        }
        self.nudge();
        Ok(())
    }

    /// Makes the worker look around: at its inbox, and at whatever else its loop checks.
    pub(crate) fn nudge(&self) {
        self.attention.store(true, SeqCst);
        if self.state.swap(RUNNING, SeqCst) == PARKED {
            // It cannot fail in a way that matters: a full counter means a wake is already pending.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    /// Moves the messages into an empty vector; the two exchange their memory.
    pub(crate) fn receive(&self, into: &mut Vec<Message>) {
        if self.attention.load(Relaxed) && self.attention.swap(false, SeqCst) {
            std::mem::swap(&mut self.inbox.lock().messages, into);
        }
    }

    /// Refuses messages from now on and returns those that were not received.
    #[must_use = "the messages must be dropped outside the lock"]
    pub(crate) fn close(&self) -> Vec<Message> {
        let mut inbox = self.inbox.lock();
        inbox.closed = true;
        std::mem::take(&mut inbox.messages)
    }

    /// Announces that the worker is about to wait; false if it must look around instead.
    pub(crate) fn park(&self) -> bool {
        self.state.store(PARKED, SeqCst);
        !self.attention.load(SeqCst)
    }

    /// The worker runs again.
    pub(crate) fn unpark(&self) {
        self.state.store(RUNNING, SeqCst);
    }

    /// Wakes the worker to search; the caller has counted it as searching.
    pub(crate) fn send_searching(&self) {
        self.search_tokens.fetch_add(1, SeqCst);
        self.nudge();
    }

    /// Takes the duty to search, if it has been given.
    pub(crate) fn take_search_token(&self) -> bool {
        // Only the worker takes, so what is seen here is still there.
        let given = self.search_tokens.load(SeqCst) > 0;
        if given {
            self.search_tokens.fetch_sub(1, SeqCst);
        }
        given
    }

    /// Becomes readable when the worker is to be woken from its wait.
    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    pub(crate) fn signal(&self) -> &SignalCell {
        &self.signal
    }
}

/// A load signal in atomics: written by its worker only, read by anybody.
///
/// Fields are read one by one, so a reader may see a mixture of two signals; decisions that use
/// signals must bear staleness anyway.
#[derive(Default)]
pub(crate) struct SignalCell {
    queued: AtomicU32,
    service_ns: AtomicU32,
    busy_permille: AtomicU32,
    connections: AtomicU32,
    arrivals: AtomicU32,
    stamp: AtomicU64,
}

impl SignalCell {
    /// What the worker has published. Whether it is parked is known elsewhere.
    pub(crate) fn load(&self) -> LoadSignal {
        LoadSignal {
            queued: self.queued.load(Relaxed),
            service_ns: self.service_ns.load(Relaxed),
            busy_permille: self.busy_permille.load(Relaxed),
            parked: false,
            connections: self.connections.load(Relaxed),
            arrivals: self.arrivals.load(Relaxed),
            stamp: Nanos(self.stamp.load(Relaxed)),
        }
    }

    /// Publishes queue, service time and load; connections are always current.
    pub(crate) fn publish(&self, signal: &LoadSignal) {
        self.queued.store(signal.queued, Relaxed);
        self.service_ns.store(signal.service_ns, Relaxed);
        self.busy_permille.store(signal.busy_permille, Relaxed);
        self.stamp.store(signal.stamp.0, Relaxed);
    }

    /// A connection has come to live at this worker.
    pub(crate) fn connection_arrived(&self) {
        self.connections.fetch_add(1, Relaxed);
        self.arrivals.fetch_add(1, Relaxed);
    }

    /// A connection of this worker has gone.
    pub(crate) fn connection_left(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallows_lockfree::deque::Worker;

    fn remote() -> Remote {
        Remote::new(Worker::new(1).stealer()).unwrap()
    }

    #[test]
    fn a_worker_with_mail_does_not_park() {
        let remote = remote();
        assert!(remote.park());
        remote.unpark();
        remote.nudge();
        assert!(!remote.park());
    }

    #[test]
    fn the_eventfd_is_written_only_while_parked() {
        let remote = remote();
        let mut count = [0; 8];
        remote.nudge();
        assert!(rustix::io::read(remote.wake_fd(), &mut count).is_err());
        remote.receive(&mut Vec::new());
        assert!(remote.park());
        remote.nudge();
        assert_eq!(rustix::io::read(remote.wake_fd(), &mut count), Ok(8));
    }

    #[test]
    fn a_closed_inbox_gives_the_message_back() {
        let remote = remote();
        assert!(remote.send(Message::CancelTimer(key())).is_ok());
        assert_eq!(remote.close().len(), 1);
        assert!(remote.send(Message::CancelTimer(key())).is_err());
    }

    fn key() -> TimerKey {
        beehive_task::wheel::Wheel::new(0).insert(1, ())
    }
}
