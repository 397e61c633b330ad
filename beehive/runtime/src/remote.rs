//! What other threads see of a worker: its inbox, its doorbell, its load signal and the thief's end of
//! its queue.
//!
//! Waking follows the protocol of [`Doorbell`]; what wakes a worker that waits is an eventfd, which its
//! reactor listens to. A worker answers the bell before it looks at what others call it for: messages,
//! tasks at the entrance.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use beehive_policy::{Aggregate, LoadSignal, Nanos, Queue, WorkerId};
use beehive_task::doorbell::Doorbell;
use beehive_task::wheel::TimerKey;
use crossbeam_utils::CachePadded;
use hallows_lockfree::deque::Stealer;
use hallows_lockfree::mpsc::{self, Receiver, SendError, Sender};
use rustix::event::{EventfdFlags, eventfd};

use crate::metrics::Counters;
use crate::options::Task;
use crate::queues::SharedQueues;
use crate::slice::current::SliceEnd;
use crate::stall::watch::Watch;

/// No worker is named.
const NOBODY: u32 = u32::MAX;

/// What arrives in a worker's inbox.
pub(crate) enum Message {
    /// A task of this worker is ready.
    Run(Task),
    /// A timer that was dropped on another thread.
    CancelTimer(TimerKey),
}

/// Messages that a worker takes at once, so that other work is not held up by a flood of them.
const RECEIVED_MAX: usize = 1_024;

/// The shared part of one worker.
pub(crate) struct Remote {
    /// Takes tasks from the worker's stealable queue.
    pub(crate) stealer: Stealer<Task>,
    /// The worker's stealable tasks of other classes than normal.
    pub(crate) others: SharedQueues,
    inbox: Sender<Message>,
    wake: OwnedFd,
    bell: Doorbell,
    /// Where whoever woke this worker last has seen tasks.
    hint: AtomicU32,
    signal: CachePadded<SignalCell>,
    /// Of the preemptible task that runs there.
    pub(crate) slice_end: SliceEnd,
    /// The worker's polls.
    pub(crate) watch: CachePadded<Watch>,
    /// What the worker counts.
    pub(crate) counters: CachePadded<Counters>,
}

impl Remote {
    /// Also gives the worker's end of the inbox; without it, the worker has stopped for good.
    pub(crate) fn new(stealer: Stealer<Task>) -> std::io::Result<(Self, Receiver<Message>)> {
        let (inbox, messages) = mpsc::unbounded();
        let remote = Self {
            stealer,
            others: SharedQueues::new(),
            inbox,
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            bell: Doorbell::new(),
            hint: AtomicU32::new(NOBODY),
            signal: CachePadded::new(SignalCell::default()),
            slice_end: SliceEnd::new(),
            watch: CachePadded::new(Watch::new()),
            counters: CachePadded::new(Counters::new()),
        };
        Ok((remote, messages))
    }

    /// Puts a message into the inbox; gives it back if the worker has stopped.
    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        self.inbox
            .send(message)
            .map_err(|SendError(message)| message)?;
        self.nudge();
        Ok(())
    }

    /// Makes the worker look around: at its inbox, and at whatever else its loop checks.
    pub(crate) fn nudge(&self) {
        if self.bell.ring() {
            // It cannot fail in a way that matters: a full counter means a wake is already pending.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        } else {
            self.slice_end.cut();
        }
    }

    /// Whether the worker was nudged and has not looked around since.
    pub(crate) fn wants_attention(&self) -> bool {
        self.bell.is_rung()
    }

    /// Moves messages from the worker's inbox to `into`.
    pub(crate) fn receive(&self, inbox: &mut Receiver<Message>, into: &mut Vec<Message>) {
        if self.bell.answer() {
            // `Empty` is no news. A sender that is about to fill its place calls for attention then.
            let received = inbox.try_recv_many(into, RECEIVED_MAX);
            if received == Ok(RECEIVED_MAX) {
                self.bell.remind();
            }
        }
    }

    /// Announces that the worker is about to wait; false if it must look around instead.
    pub(crate) fn park(&self) -> bool {
        self.bell.begin_wait()
    }

    /// The worker runs again.
    pub(crate) fn unpark(&self) {
        self.bell.end_wait();
    }

    /// Wakes the worker to search, at first where it is told.
    pub(crate) fn send_searching(&self, hint: Option<WorkerId>) {
        let hint = hint.map_or(NOBODY, |worker| worker.index() as u32);
        self.hint.store(hint, Relaxed);
        self.nudge();
    }

    /// Where it has been told to search, once.
    pub(crate) fn take_hint(&self) -> Option<WorkerId> {
        if self.hint.load(Relaxed) == NOBODY {
            return None;
        }
        let hint = self.hint.swap(NOBODY, Relaxed);
        (hint != NOBODY).then(|| WorkerId::new(hint as usize))
    }

    /// Whether tasks are queued here that others may take.
    pub(crate) fn has_stealable(&self) -> bool {
        !self.stealer.is_empty() || !self.others.is_empty()
    }

    /// Becomes readable when the worker is to be woken from its wait.
    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    pub(crate) fn signal(&self) -> &SignalCell {
        &self.signal
    }
}

/// A load signal in atomics: written by its worker, corrected by thieves, read by anybody.
///
/// Fields are read one by one, so a reader may see a mixture of two signals; decisions that use
/// signals must bear staleness anyway.
#[derive(Default)]
pub(crate) struct SignalCell {
    queued: AtomicU32,
    head: AtomicU64,
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
            head: Nanos(self.head.load(Relaxed)),
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
        self.head.store(signal.head.0, Relaxed);
        self.service_ns.store(signal.service_ns, Relaxed);
        self.busy_permille.store(signal.busy_permille, Relaxed);
        self.stamp.store(signal.stamp.0, Relaxed);
    }

    /// How many tasks the others believe to be queued here.
    pub(crate) fn queued(&self) -> u32 {
        self.queued.load(Relaxed)
    }

    /// A thief has seen how long the queue is. Writes only what is news, to leave the line where
    /// it is.
    pub(crate) fn correct(&self, queue: Queue) {
        if self.queued() != queue.length {
            self.queued.store(queue.length, Relaxed);
        }
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

/// The load of a domain in atomics: written by its members, read by other domains.
pub(crate) struct AggregateCell {
    queued: AtomicU32,
    /// The greatest number if no task waits.
    head: AtomicU64,
}

impl Default for AggregateCell {
    fn default() -> Self {
        Self {
            queued: AtomicU32::new(0),
            head: AtomicU64::new(u64::MAX),
        }
    }
}

impl AggregateCell {
    pub(crate) fn load(&self) -> Aggregate {
        let head = self.head.load(Relaxed);
        Aggregate {
            queued: self.queued.load(Relaxed),
            head: (head != u64::MAX).then_some(Nanos(head)),
        }
    }

    pub(crate) fn publish(&self, aggregate: Aggregate) {
        self.queued.store(aggregate.queued, Relaxed);
        let head = aggregate.head.map_or(u64::MAX, |head| head.0);
        self.head.store(head, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallows_lockfree::deque::Worker;

    fn remote() -> (Remote, Receiver<Message>) {
        Remote::new(Worker::new(1).stealer()).unwrap()
    }

    #[test]
    fn a_worker_with_mail_does_not_park() {
        let (remote, _inbox) = remote();
        assert!(remote.park());
        remote.unpark();
        remote.nudge();
        assert!(!remote.park());
    }

    #[test]
    fn the_eventfd_is_written_only_while_parked() {
        let (remote, mut inbox) = remote();
        let mut count = [0; 8];
        remote.nudge();
        assert!(rustix::io::read(remote.wake_fd(), &mut count).is_err());
        remote.receive(&mut inbox, &mut Vec::new());
        assert!(remote.park());
        remote.nudge();
        assert_eq!(rustix::io::read(remote.wake_fd(), &mut count), Ok(8));
    }

    #[test]
    fn an_inbox_that_is_gone_gives_the_message_back() {
        let (remote, inbox) = remote();
        assert!(remote.send(Message::CancelTimer(key())).is_ok());
        drop(inbox);
        assert!(remote.send(Message::CancelTimer(key())).is_err());
    }

    #[test]
    fn more_messages_than_are_taken_at_once_arrive_without_another_call() {
        let (remote, mut inbox) = remote();
        let count = RECEIVED_MAX + 1;
        for _ in 0..count {
            assert!(remote.send(Message::CancelTimer(key())).is_ok());
        }
        let mut messages = Vec::new();
        remote.receive(&mut inbox, &mut messages);
        assert_eq!(messages.len(), RECEIVED_MAX);
        remote.receive(&mut inbox, &mut messages);
        assert_eq!(messages.len(), count);
    }

    fn key() -> TimerKey {
        beehive_task::wheel::Wheel::new(0).insert(1, ())
    }
}
