//! The tree behind cancellation tokens.
//!
//! Each node has a flag, the wakers of those who wait for it, and its children. A child keeps its
//! parent alive, a parent only knows its children.
//!
//! Protocol. Nobody is left out of a cancellation:
//! 1. A new child or a new waiter takes the node's lock and looks at the flag. If it is clear it
//!    enters itself; otherwise the child is born cancelled, and the waiter does not wait.
//! 2. A cancellation takes the lock, sets the flag, takes out all children and wakers, and releases
//!    the lock. What enters before is taken out, what comes later sees the flag.
//! 3. It goes on with the children in the same way, from a list and not by recursion, since a tree
//!    may be deep. No lock is held while another is taken.
//! 4. When the whole tree below is marked, it wakes: wakers may run any code.
//! 5. Whoever leaves removes its entry if there still is one: after a cancellation there is none,
//!    and nothing enters any more, so a key cannot name somebody else's entry.
//!
//! The flag is stored with release and read with acquire, so that what came before a cancellation is
//! visible to who sees it.

use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use slab::Slab;

use crate::panic;

/// A place in the tree.
#[derive(Default)]
pub(super) struct Node {
    cancelled: AtomicBool,
    entered: Mutex<Entered>,
    parent: Option<Parent>,
}

#[derive(Default)]
struct Entered {
    children: Slab<Weak<Node>>,
    waiting: Slab<Waker>,
}

struct Parent {
    node: Arc<Node>,
    /// The child's place among the parent's children; none if it was born cancelled.
    key: OnceLock<usize>,
}

impl Node {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Acquire)
    }

    pub(super) fn child(self: &Arc<Self>) -> Arc<Self> {
        let child = Arc::new(Self {
            cancelled: AtomicBool::new(false),
            entered: Mutex::default(),
            parent: Some(Parent {
                node: self.clone(),
                key: OnceLock::new(),
            }),
        });
        let mut entered = self.entered.lock();
        if self.is_cancelled() {
            child.cancelled.store(true, Release);
        } else if let Some(parent) = &child.parent {
            let place = entered.children.insert(Arc::downgrade(&child));
            parent.key.get_or_init(|| place);
        }
        drop(entered);
        child
    }

    /// Cancels this node and all below it.
    pub(super) fn cancel(self: &Arc<Self>) {
        let mut marked = vec![self.clone()];
        let mut wakers = Vec::new();
        while let Some(node) = marked.pop() {
            let entered = {
                let mut entered = node.entered.lock();
                node.cancelled.store(true, Release);
                std::mem::take(&mut *entered)
            };
            marked.extend(entered.children.iter().filter_map(|(_, it)| it.upgrade()));
            wakers.extend(entered.waiting.into_iter().map(|(_, waker)| waker));
        }
        panic::each(wakers.into_iter(), Waker::wake);
    }

    /// Ready when the node is cancelled; otherwise the task is entered, or its entry at `key` renewed.
    pub(super) fn poll_cancelled(&self, cx: &Context<'_>, key: &mut Option<usize>) -> Poll<()> {
        if self.is_cancelled() {
            return Poll::Ready(());
        }
        let mut entered = self.entered.lock();
        if self.is_cancelled() {
            return Poll::Ready(());
        }
        let previous = match *key {
            None => {
                *key = Some(entered.waiting.insert(cx.waker().clone()));
                None
            }
            Some(key) if entered.waiting[key].will_wake(cx.waker()) => None,
            Some(key) => Some(std::mem::replace(
                &mut entered.waiting[key],
                cx.waker().clone(),
            )),
        };
        drop(entered);
        drop(previous);
        Poll::Pending
    }

    /// Removes the entry of a task that waits no longer.
    pub(super) fn stop_waiting(&self, key: usize) {
        let waker = self.entered.lock().waiting.try_remove(key);
        drop(waker);
    }
}

impl Drop for Node {
    /// Leaves the parent. A parent that only this node kept alive goes as well, and so on up: by a
    /// loop, since a tree may be deep.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(Parent { node, key }) = parent {
            let entry = key
                .into_inner()
                .and_then(|key| node.entered.lock().children.try_remove(key));
            drop(entry);
            parent = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_is_gone_leaves_no_entry() {
        let root = Arc::new(Node::default());
        let children: Vec<_> = (0..10).map(|_| root.child()).collect();
        assert_eq!(root.entered.lock().children.len(), 10);
        drop(children);
        assert!(root.entered.lock().children.is_empty());
    }

    #[test]
    fn a_deep_tree_is_cancelled_and_dropped_without_recursion() {
        let root = Arc::new(Node::default());
        let mut leaf = root.child();
        for _ in 0..200_000 {
            leaf = leaf.child();
        }
        root.cancel();
        assert!(leaf.is_cancelled());
        drop(leaf);
        assert_eq!(Arc::strong_count(&root), 1);
    }
}
