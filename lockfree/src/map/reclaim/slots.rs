//! Where readers show what they read, and the lists of what waits to be freed.

use alloc::boxed::Box;
use core::ptr;

use super::Node;
use crate::map::barrier;
use crate::map::owner::{OWNERS, number};
use crate::map::stripe::{STRIPES, stripe};
use crate::sync::MODELLED;
use crate::sync::atomic::{
    AtomicPtr, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
    Ordering::SeqCst,
};

/// Shared slots in a cache line.
const LINE: usize = if MODELLED { 1 } else { 8 };
/// Slots of one thread: with its list, a cache line.
const OWN: usize = if MODELLED { 1 } else { 6 };

type Slot<T> = AtomicPtr<Node<T>>;

fn empty<T, const N: usize>() -> [Slot<T>; N] {
    core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()))
}

/// What belongs to a thread's number.
#[repr(align(64))]
pub(super) struct Own<T> {
    pub(super) slots: [Slot<T>; OWN],
    pub(super) retired: Retired<T>,
}

pub(super) fn owned<T>() -> [Own<T>; OWNERS] {
    core::array::from_fn(|_| Own {
        slots: empty(),
        retired: Retired::new(),
    })
}

impl<T> Own<T> {
    /// This thread's, if it has a number.
    #[inline(always)]
    pub(super) fn of(all: &[Self; OWNERS]) -> Option<&Self> {
        all.get(number())
    }

    /// Shows `node` in a free slot, if there is one. To be called by the owner.
    #[inline(always)]
    pub(super) fn show(&self, node: *mut Node<T>) -> Option<&Slot<T>> {
        let first = &self.slots[0];
        // Acquire: another thread may have freed it, if what was being read was sent there. Who sees
        // only what is shown next must see that the other one has read.
        let slot = if first.load(Acquire).is_null() {
            first
        } else {
            self.another_free()?
        };
        slot.store(node, Release);
        barrier::light();
        Some(slot)
    }

    #[cold]
    fn another_free(&self) -> Option<&Slot<T>> {
        let mut others = self.slots[1..].iter();
        others.find(|slot| slot.load(Acquire).is_null())
    }
}

/// Shared slots, a line for each stripe; and more of them, if ever all were taken.
pub(super) struct Shared<T> {
    pub(super) lines: [Line<T>; STRIPES],
    more: AtomicPtr<Shared<T>>,
}

#[repr(align(64))]
pub(super) struct Line<T>(pub(super) [Slot<T>; LINE]);

impl<T> Shared<T> {
    pub(super) fn new() -> Self {
        Self {
            lines: core::array::from_fn(|_| Line(empty())),
            more: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Shows `node` in a free slot, if there is one; this thread's stripe first.
    pub(super) fn show(&self, node: *mut Node<T>) -> Option<&Slot<T>> {
        let (others, first) = self.lines.split_at(stripe());
        (first.iter().chain(others))
            .flat_map(|line| &line.0)
            .find(|slot| {
                slot.load(Relaxed).is_null()
                    && slot
                        .compare_exchange(ptr::null_mut(), node, SeqCst, Relaxed)
                        .is_ok()
            })
    }

    /// The next block of slots, if there is one.
    pub(super) fn next(&self) -> Option<&Self> {
        // SAFETY: null or a block that is freed only when the domain is dropped.
        unsafe { self.more.load(Acquire).as_ref() }
    }

    /// The next block of slots, made if there is none.
    #[cold]
    pub(super) fn next_or_new(&self) -> &Self {
        if self.next().is_none() {
            let new = Box::into_raw(Box::new(Self::new()));
            if self
                .more
                .compare_exchange(ptr::null_mut(), new, Release, Relaxed)
                .is_err()
            {
                // SAFETY: just made and not published.
                drop(unsafe { Box::from_raw(new) });
            }
        }
        self.next().expect("published by us or by who was faster")
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let more = self.more.load(Relaxed);
        if !more.is_null() {
            // SAFETY: made by `next_or_new`; nobody uses the domain any more.
            drop(unsafe { Box::from_raw(more) });
        }
    }
}

/// A list of retired nodes.
#[repr(C)]
pub(super) struct Retired<T> {
    pub(super) list: AtomicPtr<Node<T>>,
    /// How many have been retired since the list was last taken.
    pub(super) count: AtomicUsize,
}

impl<T> Retired<T> {
    pub(super) fn new() -> Self {
        Self {
            list: AtomicPtr::new(ptr::null_mut()),
            count: AtomicUsize::new(0),
        }
    }

    /// Adds a node; returns how many have come since the list was last taken.
    pub(super) fn add(&self, node: *mut Node<T>) -> usize {
        self.push(node);
        self.count.fetch_add(1, Relaxed) + 1
    }

    /// The same by the only thread that uses the list.
    pub(super) fn add_alone(&self, node: *mut Node<T>) -> usize {
        let head = self.list.load(Relaxed);
        // SAFETY: retired and on no list, so it is not freed, and `next` is ours.
        unsafe { &(*node).next }.store(head, Relaxed);
        self.list.store(node, Release);
        let count = self.count.load(Relaxed) + 1;
        self.count.store(count, Relaxed);
        count
    }

    pub(super) fn push(&self, node: *mut Node<T>) {
        let mut head = self.list.load(Relaxed);
        loop {
            // SAFETY: retired and on no list, so it is not freed, and `next` is ours.
            unsafe { &(*node).next }.store(head, Relaxed);
            match self
                .list
                .compare_exchange_weak(head, node, Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Takes the whole list.
    pub(super) fn take(&self) -> Batch<'_, T> {
        // Before the swap: what others add in between is counted once too often, not forgotten.
        self.count.store(0, Relaxed);
        // The fence that follows acquires the list as well, but ThreadSanitizer knows no fences.
        let list = self.list.swap(ptr::null_mut(), Acquire);
        Batch {
            retired: self,
            list,
        }
    }
}

/// A list of retired nodes that was taken; what is left when it is dropped (because dropping an
/// entry panicked) goes back, and counts as retired anew.
pub(super) struct Batch<'d, T> {
    retired: &'d Retired<T>,
    list: *mut Node<T>,
}

impl<T> Batch<'_, T> {
    /// Puts all of it back without counting it: in one step, if nothing has been retired since.
    pub(super) fn put_back(mut self) {
        let back = self.retired.list.compare_exchange(
            ptr::null_mut(),
            self.list,
            Release, // the whole list goes back
            Relaxed,
        );
        if back.is_ok() {
            self.list = ptr::null_mut();
        }
    }
}

impl<T> Iterator for Batch<'_, T> {
    type Item = *mut Node<T>;

    fn next(&mut self) -> Option<*mut Node<T>> {
        let node = self.list;
        // SAFETY: null or a node of a list that only we have.
        self.list = unsafe { node.as_ref() }?.next.load(Relaxed);
        Some(node)
    }
}

impl<T> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        while let Some(node) = self.next() {
            self.retired.add(node);
        }
    }
}
