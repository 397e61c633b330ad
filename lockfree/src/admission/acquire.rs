//! Waiting for a permit.

use core::fmt;
use core::future::Future;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::error::{AcquireError, TryAcquireError};
use super::gate::{Gate, Permit, Queued};
use super::queue::{Node, Status};
use crate::wait::poll_budget;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not polled yet.
    New,
    /// The node has been queued, and nothing came of it yet.
    Queued,
    /// Has given its result.
    Done,
}

/// The future of [`Gate::acquire`]. It joins the queue when it is first polled.
#[must_use = "futures do nothing unless polled"]
pub struct Acquire<'g> {
    gate: &'g Gate,
    deadline: u64,
    phase: Phase,
    node: Node,
    /// While it is queued, others hold the address of `node`.
    _pinned: PhantomPinned,
}

impl<'g> Acquire<'g> {
    pub(super) fn new(gate: &'g Gate, deadline: u64) -> Self {
        Self {
            gate,
            deadline,
            phase: Phase::New,
            node: Node::new(deadline),
            _pinned: PhantomPinned,
        }
    }

    /// Takes a permit or joins the queue.
    fn start(&mut self, cx: &Context<'_>) -> Poll<Result<Permit<'g>, AcquireError>> {
        ready!(poll_budget(cx));
        match self.gate.try_acquire() {
            Ok(permit) => return Poll::Ready(Ok(permit)),
            Err(TryAcquireError::Closed) => return Poll::Ready(Err(AcquireError::Closed)),
            Err(TryAcquireError::Busy) => {}
        }
        let waker = cx.waker().clone();
        // SAFETY: the node is new, and as we are pinned it stays here until `drop`, which removes
        // it.
        match unsafe { self.gate.queue(&raw const self.node, self.deadline, waker) } {
            Queued::Admitted(permit) => Poll::Ready(Ok(permit)),
            Queued::Refused(error) => Poll::Ready(Err(error)),
            Queued::Waiting => {
                self.phase = Phase::Queued;
                Poll::Pending
            }
        }
    }

    /// Looks how it stands with the queued node.
    fn resume(&self, cx: &Context<'_>) -> Poll<Result<Permit<'g>, AcquireError>> {
        if self.node.status() == Status::Waiting {
            // SAFETY: the node has been queued, and only `drop` removes it.
            unsafe { self.gate.set_waker(&self.node, cx.waker().clone()) };
        }
        match self.node.status() {
            Status::Waiting => Poll::Pending,
            Status::Granted => Poll::Ready(Ok(self.gate.granted())),
            Status::Late => Poll::Ready(Err(AcquireError::Late)),
            Status::Closed => Poll::Ready(Err(AcquireError::Closed)),
        }
    }
}

impl<'g> Future for Acquire<'g> {
    type Output = Result<Permit<'g>, AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out, and the node stays where it is.
        let this = unsafe { self.get_unchecked_mut() };
        let polled = match this.phase {
            Phase::New => this.start(cx),
            Phase::Queued => this.resume(cx),
            Phase::Done => panic!("polled again after it was ready"),
        };
        if polled.is_ready() {
            this.phase = Phase::Done;
        }
        polled
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.phase != Phase::Queued {
            return;
        }
        // SAFETY: the node has been queued, and this is the only place that removes it.
        if unsafe { self.gate.remove(&self.node) } == Status::Granted {
            drop(self.gate.granted());
        }
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("deadline", &self.deadline)
            .field("has_queued", &(self.phase == Phase::Queued))
            .finish_non_exhaustive()
    }
}
