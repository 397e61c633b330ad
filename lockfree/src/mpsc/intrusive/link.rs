//! What makes a thing fit to be sent: a link inside, and an owner that can be turned into it.

use alloc::boxed::Box;
use core::mem::offset_of;
use core::ptr::{NonNull, null_mut};

use crate::sync::UnsafeCell;

/// The place in a node by which it hangs in an inbox.
pub struct Link {
    next: UnsafeCell<*mut Link>,
}

// SAFETY: the link is accessed by one thread at a time, by the protocol of the inbox.
unsafe impl Send for Link {}
// SAFETY: as above; the cell has no public access.
unsafe impl Sync for Link {}

impl Link {
    /// A link that hangs nowhere.
    #[must_use]
    pub fn new() -> Self {
        Self {
            next: UnsafeCell::new(null_mut()),
        }
    }

    pub(super) fn set_next(&self, next: *mut Link) {
        // SAFETY: the caller owns the node.
        self.next.with_mut(|cell| unsafe { *cell = next });
    }

    pub(super) fn next(&self) -> *mut Link {
        // SAFETY: the caller owns the node.
        self.next.with(|cell| unsafe { *cell })
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

/// An owner of a node with a [`Link`] in it, such as `Box<Task>`.
///
/// # Safety
///
/// 1. `into_link` gives the link of a node that stays where it is, alive and not to be accessed
///    mutably by anybody, until `from_link` is called with that link. The pointer must be good for
///    reading and writing the link, and `from_link` must be able to reach the whole node from it.
/// 2. Until then nobody else may call `into_link` for the same node. A `Box` is the only owner by
///    itself. An `Arc` is not: wrap it in a type of which there is one per node, such as the right
///    to run a task that a bit in the task's state guards.
/// 3. `from_link` gives the owner back, with all that it owned. It may be called on any thread if
///    the owner is [`Send`].
pub unsafe trait Linked: Sized {
    /// Gives the node up, for its link.
    fn into_link(self) -> NonNull<Link>;

    /// Takes the node back.
    ///
    /// # Safety
    ///
    /// `link` came from [`Linked::into_link`] of this type, and this is called once for that call.
    unsafe fn from_link(link: NonNull<Link>) -> Self;
}

/// A value with a link: in a box it can be sent again and again without allocation.
#[derive(Default)]
pub struct Node<T> {
    link: Link,
    /// What is sent.
    pub value: T,
}

impl<T> Node<T> {
    /// A node that holds `value`.
    pub fn new(value: T) -> Self {
        let link = Link::new();
        Self { link, value }
    }
}

// SAFETY: a box is the only owner of its node, which stays where it is; the link's pointer is made
// from the one to the whole node, so the node can be reached from it.
unsafe impl<T> Linked for Box<Node<T>> {
    fn into_link(self) -> NonNull<Link> {
        let node = NonNull::from(Box::leak(self)).cast::<u8>();
        // SAFETY: the link is within the node.
        unsafe { node.byte_add(offset_of!(Node<T>, link)) }.cast()
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: by the caller, the link is within a node.
        let node = unsafe { link.byte_sub(offset_of!(Node<T>, link)) };
        // SAFETY: the node came from a box.
        unsafe { Box::from_raw(node.cast::<Node<T>>().as_ptr()) }
    }
}
