//! An inbox of linked nodes: sending allocates nothing and never fails for want of room, because
//! what is sent brings its link along. For tasks, timers and buffers that exist anyway.
//!
//! # Protocol
//!
//! `head` is the newest node sent, or a mark: empty, asked (empty, and the receiver sleeps), closed.
//!
//! 1. A sender links its node to what `head` was and swaps it in by compare-exchange (release). It
//!    only looks at the address of the node before, never into it: that one may be gone by then, and
//!    another be at the same address, or the same one again. The compare-exchange succeeds then, and
//!    the link means the one that is there now. But the pointer in it was made from the one of old,
//!    by which nobody may access the new one. So it counts as an address, and each sender exposes
//!    the provenance of its node.
//! 2. The receiver swaps in "empty" (acquire) and owns all nodes that hung there. Each
//!    compare-exchange continues the release of those before it, so one acquire sees all nodes. It
//!    turns the chain around, once per node, and hands the nodes out, oldest first.
//! 3. To sleep, the receiver registers its waker, then changes "empty" to "asked" (release). Fails
//!    that, there is something to take. The sender that replaces "asked" (acquire) wakes; no other
//!    sender does more than step 1. Without the mark every sender would have to look at the waker.
//! 4. The last sender sets `senders` to zero before it wakes, the receiver looks at it after it has
//!    registered: one sees the other, as [`WakerCell`] says.
//! 5. The receiver, when it goes, swaps in "closed" and drops what hung there; later sends give
//!    their node back.
//!
//! # Invariants
//!
//! A node's link is written by its sender until step 1 succeeds, thereafter by the receiver that
//! took it: never by two at a time, which is why the link is a plain cell.
//!
//! # Progress
//!
//! Sending is lock-free: a compare-exchange fails only if another sender's succeeded. Receiving is
//! wait-free but for the turning around, which is paid once per node. A thread stopped anywhere
//! delays no other, but for one that was stopped between step 3's exchange and its wake: the
//! receiver sleeps until then, also if others send. No garbage arises.
//!
//! # Source
//!
//! R. K. Treiber's stack (1986), taken whole; the mark for the sleeper is the idea of many run
//! queues, such as the kernel's `llist` with its "was empty" answer.
//!
//! # When not to use it
//!
//! For plain values: [`unbounded`](super::unbounded) keeps them side by side, where this follows a
//! pointer for each. For many senders at full speed: all meet at `head`.

mod batch;
mod link;

use core::future::poll_fn;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::task::{Context, Poll, ready};

use crossbeam_utils::CachePadded;

pub use batch::Batch;
pub use link::{Link, Linked, Node};

use super::{SendError, TryRecvError};
use crate::sync::Arc;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicPtr, AtomicUsize};
use crate::wait::{WakerCell, poll_budget};

const EMPTY: *mut Link = ptr::null_mut();
/// Empty, and the receiver wants to be woken. Not the address of any link: links are aligned.
const ASKED: *mut Link = ptr::without_provenance_mut(1);
/// The receiver is gone.
const CLOSED: *mut Link = ptr::without_provenance_mut(2);

fn is_node(head: *mut Link) -> bool {
    head != EMPTY && head != ASKED && head != CLOSED
}

struct Inbox {
    head: CachePadded<AtomicPtr<Link>>,
    waker: WakerCell,
    senders: AtomicUsize,
}

impl Inbox {
    /// Puts `link` at the head; false if the receiver is gone.
    fn push(&self, link: NonNull<Link>) -> bool {
        // The node that is sent next finds this one by its address (step 1).
        link.as_ptr().expose_provenance();
        let mut head = self.head.load(Relaxed);
        while head != CLOSED {
            match self.replace(head, link) {
                Ok(()) => return true,
                Err(now) => head = now,
            }
        }
        false
    }

    /// Puts `link` at the head if that is still `head`, and else gives what it is.
    #[inline]
    fn replace(&self, head: *mut Link, link: NonNull<Link>) -> Result<(), *mut Link> {
        let next = if head == ASKED { EMPTY } else { head };
        // SAFETY: the link is ours until it is at the head.
        unsafe { link.as_ref() }.set_next(next);
        self.head
            .compare_exchange_weak(head, link.as_ptr(), AcqRel, Relaxed)?;
        if head == ASKED {
            self.waker.wake();
        }
        Ok(())
    }
}

/// Sends to an intrusive inbox. Made by [`channel`].
pub struct Sender<P: Linked> {
    inbox: Arc<Inbox>,
    owners: PhantomData<*mut P>,
}

// SAFETY: it moves owners to the receiver's thread, and shares none.
unsafe impl<P: Linked + Send> Send for Sender<P> {}
// SAFETY: as above.
unsafe impl<P: Linked + Send> Sync for Sender<P> {}

/// The only receiver of an intrusive inbox. Made by [`channel`].
pub struct Receiver<P: Linked> {
    inbox: Arc<Inbox>,
    batch: Batch<P>,
}

/// An empty inbox.
#[must_use]
pub fn channel<P: Linked>() -> (Sender<P>, Receiver<P>) {
    let inbox = Arc::new(Inbox {
        head: CachePadded::new(AtomicPtr::new(EMPTY)),
        waker: WakerCell::new(),
        senders: AtomicUsize::new(1),
    });
    let sender = Sender {
        inbox: inbox.clone(),
        owners: PhantomData,
    };
    let batch = Batch::empty();
    (sender, Receiver { inbox, batch })
}

impl<P: Linked> Sender<P> {
    /// Sends `owner`. Never waits, never allocates.
    ///
    /// # Errors
    ///
    /// Gives it back if the receiver is gone.
    pub fn send(&self, owner: P) -> Result<(), SendError<P>> {
        let link = owner.into_link();
        if self.inbox.push(link) {
            return Ok(());
        }
        // SAFETY: it came from `into_link` and went nowhere.
        Err(SendError(unsafe { P::from_link(link) }))
    }
}

impl<P: Linked> Clone for Sender<P> {
    fn clone(&self) -> Self {
        self.inbox.senders.fetch_add(1, Relaxed);
        Self {
            inbox: self.inbox.clone(),
            owners: PhantomData,
        }
    }
}

impl<P: Linked> Drop for Sender<P> {
    fn drop(&mut self) {
        if self.inbox.senders.fetch_sub(1, Release) == 1 {
            self.inbox.waker.wake();
        }
    }
}

impl<P: Linked> Receiver<P> {
    /// Receives the oldest if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if none is sent, [`TryRecvError::Disconnected`] if none ever will be
    /// because all senders are gone.
    pub fn try_recv(&mut self) -> Result<P, TryRecvError> {
        if let Some(owner) = self.batch.next() {
            return Ok(owner);
        }
        if let Some(owner) = self.refill() {
            return Ok(owner);
        }
        if self.inbox.senders.load(Acquire) != 0 {
            return Err(TryRecvError::Empty);
        }
        // Again: the last sender may have sent before it went.
        self.refill().ok_or(TryRecvError::Disconnected)
    }

    /// Takes all that is there, oldest first. What is sent later is not in it, so that working it
    /// off comes to an end.
    pub fn take_all(&mut self) -> Batch<P> {
        let sent = self.take_sent();
        self.batch.append(sent);
        core::mem::replace(&mut self.batch, Batch::empty())
    }

    /// Receives the oldest, or has the task woken when there may be one. `None` if all senders are
    /// gone and all is received.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<P>> {
        ready!(poll_budget(cx));
        let mut ready = self.try_recv();
        if let Err(TryRecvError::Empty) = ready {
            self.inbox.waker.register(cx.waker());
            // Again: the last sender does not look whether it is asked before it wakes.
            ready = self.try_recv();
        }
        while let Err(TryRecvError::Empty) = ready {
            if self.ask() {
                return Poll::Pending;
            }
            ready = self.try_recv();
        }
        Poll::Ready(ready.ok())
    }

    /// Receives the oldest; `None` if all senders are gone and all is received.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing is lost.
    pub async fn recv(&mut self) -> Option<P> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// True if nothing waits to be received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty() && !is_node(self.inbox.head.load(Relaxed))
    }

    fn refill(&mut self) -> Option<P> {
        self.batch = self.take_sent();
        self.batch.next()
    }

    fn take_sent(&self) -> Batch<P> {
        // Looking first: a swap would take the line from the senders.
        if !is_node(self.inbox.head.load(Relaxed)) {
            return Batch::empty();
        }
        let head = self.inbox.head.swap(EMPTY, Acquire);
        // SAFETY: only the receiver takes nodes away, so what was a node still is one; those that
        // hang there were made by `into_link` and are ours now.
        unsafe { Batch::turned_around(head) }
    }

    /// Asks senders for a wake; false if something is there already.
    fn ask(&self) -> bool {
        let asked = self
            .inbox
            .head
            .compare_exchange(EMPTY, ASKED, Release, Relaxed);
        matches!(asked, Ok(_) | Err(ASKED))
    }
}

impl<P: Linked> Drop for Receiver<P> {
    fn drop(&mut self) {
        let head = self.inbox.head.swap(CLOSED, Acquire);
        if is_node(head) {
            // SAFETY: as in `take_sent`.
            drop(unsafe { Batch::<P>::turned_around(head) });
        }
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use alloc::boxed::Box;

    use super::{Linked, Node, Relaxed, channel};

    /// Miri watches that the node which is at the address now is not accessed by a pointer to the
    /// one that was there before.
    #[test]
    fn a_sender_that_was_stopped_links_to_another_node_at_the_same_address() {
        let (sender, mut receiver) = channel::<Box<Node<u32>>>();
        let memory = Box::into_raw(Box::new(Node::new(0)));
        // SAFETY: it came from a box.
        assert!(sender.send(unsafe { Box::from_raw(memory) }).is_ok());
        // A sender is stopped before its compare-exchange.
        let head = sender.inbox.head.load(Relaxed);
        let node = receiver.try_recv().expect("one was sent");
        assert_eq!(Box::into_raw(node), memory);
        // SAFETY: it is memory for a node, and nobody uses what is there.
        unsafe { memory.write(Node::new(1)) };
        // SAFETY: as above.
        assert!(sender.send(unsafe { Box::from_raw(memory) }).is_ok());
        // It goes on.
        let link = Box::new(Node::new(2)).into_link();
        link.as_ptr().expose_provenance();
        while sender.inbox.replace(head, link).is_err() {}
        for value in 1..=2 {
            assert!(receiver.try_recv().is_ok_and(|node| node.value == value));
        }
    }
}
