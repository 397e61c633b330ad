//! The waiters: nodes in pinned futures, in a doubly linked list that is accessed under the lock.

use core::ptr;
use core::task::Waker;

use super::wakers::Wakers;
use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicU8, Ordering::Acquire, Ordering::Release};

/// How it stands with a waiter. Only [`Status::Waiting`] changes, and only once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Status {
    /// In the list, or not queued yet.
    Waiting,
    /// Has been handed a permit.
    Granted,
    /// Its deadline cannot be met.
    Late,
    /// The gate was closed.
    Closed,
}

/// A waiter. Who owns it pins it while it is in the list.
pub(super) struct Node {
    status: AtomicU8,
    link: UnsafeCell<Link>,
}

/// What is accessed under the lock.
struct Link {
    previous: *const Node,
    next: *const Node,
    deadline: u64,
    waker: Option<Waker>,
}

// SAFETY: a node is accessed through its status, which is atomic, and its link, under the lock.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

impl Node {
    /// A node that is not in the list.
    pub(super) fn new(deadline: u64) -> Self {
        Self {
            status: AtomicU8::new(Status::Waiting as u8),
            link: UnsafeCell::new(Link {
                previous: ptr::null(),
                next: ptr::null(),
                deadline,
                waker: None,
            }),
        }
    }

    /// How it stands with this waiter; if the status has changed, nobody else touches the node.
    pub(super) fn status(&self) -> Status {
        match self.status.load(Acquire) {
            status if status == Status::Granted as u8 => Status::Granted,
            status if status == Status::Late as u8 => Status::Late,
            status if status == Status::Closed as u8 => Status::Closed,
            _ => Status::Waiting,
        }
    }

    /// Accesses the link.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, or the node is not in the list and the caller owns it; the node
    /// exists; `f` does not access the same link.
    unsafe fn link<R>(node: *const Self, f: impl FnOnce(&mut Link) -> R) -> R {
        // SAFETY: the node exists.
        let node = unsafe { &*node };
        // SAFETY: nobody else accesses the link meanwhile.
        node.link.with_mut(|link| f(unsafe { &mut *link }))
    }
}

/// The list, and what it knows of the time.
pub(super) struct Queue {
    first: *const Node,
    last: *const Node,
    length: usize,
    /// The latest time that it was told.
    now: u64,
    /// The expected time between two permits, as it was told with `now`.
    pace: u64,
}

// SAFETY: the nodes may be accessed from any thread under the lock.
unsafe impl Send for Queue {}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            first: ptr::null(),
            last: ptr::null(),
            length: 0,
            now: 0,
            pace: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn set_time(&mut self, now: u64, pace: u64) {
        if now >= self.now {
            self.now = now;
            self.pace = pace;
        }
    }

    /// Whether a waiter with so many before it can be served in time.
    pub(super) fn is_late(&self, before: usize, deadline: u64) -> bool {
        let turns = (before as u64).saturating_add(1);
        let expected = self.now.saturating_add(self.pace.saturating_mul(turns));
        expected > deadline
    }

    /// Appends a node.
    ///
    /// # Safety
    ///
    /// The node is not in the list, waits, and stays where it is until it is removed.
    pub(super) unsafe fn push(&mut self, node: *const Node, waker: Option<Waker>) {
        let last = self.last;
        // SAFETY: we hold the lock, and the caller's node exists.
        unsafe {
            Node::link(node, |link| {
                link.previous = last;
                link.next = ptr::null();
                link.waker = waker;
            });
        }
        if last.is_null() {
            self.first = node;
        } else {
            // SAFETY: we hold the lock, and nodes in the list exist.
            unsafe { Node::link(last, |link| link.next = node) };
        }
        self.last = node;
        self.length += 1;
    }

    /// Takes a node out and gives its waker.
    ///
    /// # Safety
    ///
    /// The node is in the list.
    pub(super) unsafe fn unlink(&mut self, node: *const Node) -> Option<Waker> {
        // SAFETY: we hold the lock, and nodes in the list exist.
        let (previous, next, waker) =
            unsafe { Node::link(node, |link| (link.previous, link.next, link.waker.take())) };
        if previous.is_null() {
            self.first = next;
        } else {
            // SAFETY: as above.
            unsafe { Node::link(previous, |link| link.next = next) };
        }
        if next.is_null() {
            self.last = previous;
        } else {
            // SAFETY: as above.
            unsafe { Node::link(next, |link| link.previous = previous) };
        }
        self.length -= 1;
        waker
    }

    /// Takes a node out for good; its owner will find `status`. Gives its waker.
    ///
    /// # Safety
    ///
    /// The node is in the list. It may be gone when this returns.
    unsafe fn settle(&mut self, node: *const Node, status: Status) -> Option<Waker> {
        // SAFETY: the node is in the list.
        let waker = unsafe { self.unlink(node) };
        // SAFETY: its owner has to take the lock before it frees a node that waits.
        unsafe { &*node }.status.store(status as u8, Release);
        waker
    }

    /// Settles the first waiter, if there is one.
    pub(super) fn settle_first(&mut self, status: Status) -> Option<Waker> {
        if self.first.is_null() {
            return None;
        }
        // SAFETY: the first node is in the list.
        unsafe { self.settle(self.first, status) }
    }

    /// Settles waiters that are late, from the front, until `wakers` is full.
    pub(super) fn settle_late(&mut self, wakers: &mut Wakers) {
        let mut node = self.first;
        let mut before = 0;
        while !node.is_null() && !wakers.is_full() {
            // SAFETY: we hold the lock, and nodes in the list exist.
            let (deadline, next) = unsafe { Node::link(node, |link| (link.deadline, link.next)) };
            if self.is_late(before, deadline) {
                // SAFETY: the node is in the list.
                wakers.add(unsafe { self.settle(node, Status::Late) });
            } else {
                before += 1;
            }
            node = next;
        }
    }

    /// Settles waiters, from the front, until `wakers` is full.
    pub(super) fn settle_all(&mut self, wakers: &mut Wakers) {
        while !self.is_empty() && !wakers.is_full() {
            wakers.add(self.settle_first(Status::Closed));
        }
    }

    /// Replaces the waker of a node and gives the one that is not needed.
    ///
    /// # Safety
    ///
    /// The node is in the list.
    pub(super) unsafe fn set_waker(&mut self, node: *const Node, waker: Waker) -> Option<Waker> {
        // SAFETY: we hold the lock, and nodes in the list exist.
        unsafe { Node::link(node, |link| link.waker.replace(waker)) }
    }
}
