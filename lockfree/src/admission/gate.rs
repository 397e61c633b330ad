//! The gate: its word, and who takes and gives permits.

use core::fmt;
use core::task::Waker;

use crossbeam_utils::CachePadded;

use super::acquire;
use super::error::{AcquireError, TryAcquireError};
use super::lock::Lock;
use super::queue::{Node, Queue, Status};
use super::wakers::Wakers;
use crate::sync::atomic::{
    AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// Nobody is admitted any more. Set once, never cleared.
const CLOSED: usize = 1;
/// Somebody is in the queue, or about to be; who changes it holds the lock.
const QUEUED: usize = 1 << 1;
/// One free permit; their number is in the bits from here on.
const PERMIT: usize = 1 << 2;

/// Admits a bounded number at a time, and lets a bounded number wait in order.
pub struct Gate {
    word: CachePadded<AtomicUsize>,
    queue: CachePadded<Lock<Queue>>,
    waiting_max: usize,
}

/// What became of somebody who wanted to queue.
pub(super) enum Queued<'g> {
    /// Is in the list now.
    Waiting,
    /// Needs not wait.
    Admitted(Permit<'g>),
    /// May not wait.
    Refused(AcquireError),
}

impl Gate {
    /// The largest number of permits.
    pub const PERMITS_MAX: usize = usize::MAX / PERMIT;

    /// A gate with `permits` free permits, at which up to `waiting_max` may wait.
    ///
    /// # Panics
    ///
    /// If `permits` is more than [`Gate::PERMITS_MAX`].
    #[must_use]
    pub fn new(permits: usize, waiting_max: usize) -> Self {
        assert!(
            permits <= Self::PERMITS_MAX,
            "a gate with {permits} permits was asked for, at most {} are allowed",
            Self::PERMITS_MAX
        );
        Self {
            word: CachePadded::new(AtomicUsize::new(permits * PERMIT)),
            queue: CachePadded::new(Lock::new(Queue::new())),
            waiting_max,
        }
    }

    /// Takes a permit if one is free and nobody waits for it.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::Busy`] or [`TryAcquireError::Closed`].
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        let mut word = self.word.load(Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            if word & QUEUED != 0 || word < PERMIT {
                return Err(TryAcquireError::Busy);
            }
            match self
                .word
                .compare_exchange_weak(word, word - PERMIT, Acquire, Relaxed)
            {
                Ok(_) => return Ok(Permit { gate: self }),
                Err(now) => word = now,
            }
        }
    }

    /// Takes a permit, and waits for it if `deadline` leaves the time: the last moment at which
    /// the permit is still of use, in the unit in which [`Gate::shed`] is told the time.
    ///
    /// The deadline is a bound on waiting only: whoever finds a permit free is admitted whatever the
    /// gate was told of the time, and can see for itself whether the permit is still of use.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped leaves the queue; a permit that it had been handed passes on to
    /// the next. A new future queues at the end.
    pub fn acquire(&self, deadline: u64) -> acquire::Acquire<'_> {
        acquire::Acquire::new(self, deadline)
    }

    /// Tells the time: refuses all waiters whose deadline is past at `now`, or will be when it is
    /// their turn if a permit comes free every `pace`. With a pace of 0 only the first counts.
    /// Returns how many were refused. Time does not go back: of several `now` the latest counts, with
    /// its `pace`.
    ///
    /// # Panics
    ///
    /// If a waker panics, after all others have been woken. (If a second one does, while the first
    /// panic unwinds, that aborts.)
    pub fn shed(&self, now: u64, pace: u64) -> usize {
        self.queue.with(|queue| queue.set_time(now, pace));
        self.settle(Queue::settle_late)
    }

    /// Refuses all waiters and whoever comes later. Permits that are out stay valid.
    ///
    /// # Panics
    ///
    /// As [`Gate::shed`].
    pub fn close(&self) {
        self.word.fetch_or(CLOSED, Acquire);
        self.settle(Queue::settle_all);
    }

    /// True once the gate has been closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.word.load(Relaxed) & CLOSED != 0
    }

    /// How many permits are free at this moment.
    #[must_use]
    pub fn available(&self) -> usize {
        self.word.load(Relaxed) / PERMIT
    }

    /// How many wait at this moment.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.with(|queue| queue.len())
    }

    /// Puts a waiter into the queue unless it may or must not wait.
    ///
    /// # Safety
    ///
    /// The node is not in the list, its status is waiting, and it stays where it is until its
    /// status has changed or it has been [removed](Gate::remove).
    pub(super) unsafe fn queue(
        &self,
        node: *const Node,
        deadline: u64,
        waker: Waker,
    ) -> Queued<'_> {
        let mut waker = Some(waker);
        let queued = self.queue.with(|queue| {
            let before = self.word.fetch_or(QUEUED, Release);
            let refused = if before & CLOSED != 0 {
                AcquireError::Closed
            } else if before & QUEUED == 0 && before >= PERMIT {
                self.word.fetch_sub(PERMIT | QUEUED, Acquire);
                return Queued::Admitted(Permit { gate: self });
            } else if queue.len() >= self.waiting_max {
                AcquireError::Full {
                    allowed: self.waiting_max,
                }
            } else if queue.is_late(queue.len(), deadline) {
                AcquireError::Late
            } else {
                // SAFETY: as the caller promises.
                unsafe { queue.push(node, waker.take()) };
                return Queued::Waiting;
            };
            self.clear_queued(queue);
            Queued::Refused(refused)
        });
        // A waker that is not needed may run any code when it is dropped: not under the lock.
        drop(waker);
        queued
    }

    /// Replaces the waker of a waiter; does nothing if its status has changed.
    ///
    /// # Safety
    ///
    /// The node has been queued and not been removed.
    pub(super) unsafe fn set_waker(&self, node: &Node, waker: Waker) {
        let unused = self.queue.with(|queue| {
            if node.status() == Status::Waiting {
                // SAFETY: a node that was queued and waits is in the list.
                unsafe { queue.set_waker(node, waker) }
            } else {
                Some(waker)
            }
        });
        drop(unused);
    }

    /// Takes a waiter out of the queue, and gives how it stood with it.
    ///
    /// # Safety
    ///
    /// The node has been queued and not been removed.
    pub(super) unsafe fn remove(&self, node: &Node) -> Status {
        let (status, waker) = self.queue.with(|queue| {
            let status = node.status();
            if status != Status::Waiting {
                return (status, None);
            }
            // SAFETY: a node that was queued and waits is in the list.
            let waker = unsafe { queue.unlink(node) };
            self.clear_queued(queue);
            (status, waker)
        });
        drop(waker);
        status
    }

    /// The permit that a waiter was handed.
    pub(super) fn granted(&self) -> Permit<'_> {
        Permit { gate: self }
    }

    /// Clears `QUEUED` if nobody waits.
    fn clear_queued(&self, queue: &Queue) {
        if queue.is_empty() {
            self.word.fetch_and(!QUEUED, Relaxed);
        }
    }

    #[inline]
    pub(super) fn release(&self) {
        if self.word.fetch_add(PERMIT, AcqRel) & QUEUED != 0 {
            self.hand_over();
        }
    }

    /// Hands the permit that was just added to the first waiter, if there is still one.
    #[cold]
    fn hand_over(&self) {
        let waker = self.queue.with(|queue| {
            // Once the queue was empty, somebody may have taken the permit before we came here.
            if queue.is_empty() || self.word.load(Relaxed) < PERMIT {
                return None;
            }
            self.word.fetch_sub(PERMIT, Acquire);
            let waker = queue.settle_first(Status::Granted);
            self.clear_queued(queue);
            waker
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Settles waiters, as many at a time as `some` does, until it finds no more.
    fn settle(&self, some: fn(&mut Queue, &mut Wakers)) -> usize {
        Settling {
            gate: self,
            some,
            more: true,
        }
        .run()
    }
}

/// The settling of waiters. If a waker panics, the rest are settled when this is dropped.
struct Settling<'g> {
    gate: &'g Gate,
    some: fn(&mut Queue, &mut Wakers),
    more: bool,
}

impl Settling<'_> {
    fn run(&mut self) -> usize {
        let mut settled = 0;
        while self.more {
            let mut wakers = Wakers::new();
            self.gate.queue.with(|queue| {
                (self.some)(queue, &mut wakers);
                self.gate.clear_queued(queue);
            });
            self.more = wakers.is_full();
            settled += wakers.wake();
        }
        settled
    }
}

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.run();
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("available", &self.available())
            .field("waiting_max", &self.waiting_max)
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// Admission to the gate, until it is dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped is given back"]
pub struct Permit<'g> {
    gate: &'g Gate,
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.gate.release();
    }
}
