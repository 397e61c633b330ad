//! When an entry that was taken out of the map can be freed: hazard slots that need no threads.
//!
//! Who reads an entry shows its address in a slot for as long as it reads. Who has taken an entry
//! out puts it on a list of retired entries; of those, from time to time, the ones are freed whose
//! address no slot shows.
//!
//! Protocol.
//! 1. A reader finds a free slot and puts the address there with one compare-and-swap: that takes
//!    the slot and shows the address at once. Slots belong to nobody, so there is nothing to
//!    register, no thread-local variable, and a thread may hold as many as it likes.
//!    If all slots are taken, it goes on to another block of them, which it may have to allocate,
//!    and a sequentially consistent fence follows the swap.
//! 2. The reader looks again whether the entry is still in the map
//!    ([`Spot::current`](super::table::Spot::current)). If not, it lets go and searches again.
//!    Without this, the entry may have been freed before its address was shown. If so, it reads the
//!    entry through the pointer that it has found *now*: the address may be that of another entry
//!    than before, one that was allocated where the first had been freed.
//! 3. A remover takes the entry out of the map, then retires it.
//! 4. The 64th retirement on a stripe takes the stripe's whole list, *then* a sequentially
//!    consistent fence, *then* reads all slots, and frees what is not shown.
//!
//! Why it is right: let R be the reader's second look (2), F the fence (4). The swap (1) precedes R
//! in the single order of sequentially consistent operations. If the reclaimer did not see the
//! address, F precedes the swap. If R still saw the entry, R read something older than what the
//! remover wrote before F, so R precedes F. Both cannot be. This needs the swap, R and F to be
//! sequentially consistent; on x86 that costs nothing beyond the swap itself.
//!
//! If the reclaimer did not see the address because it did not see the block, what F precedes is
//! only the swap that linked the block, which is not sequentially consistent. But it happens before
//! the reader's fence, so F precedes that fence, which precedes R, and again R cannot precede F.
//!
//! Freeing a slot releases, reading the slots acquires: the reader's last look happens before the
//! entry is dropped. Retiring releases and F, after the list was taken, acquires: so does the removal.
//!
//! Garbage bound: fewer than 64 entries for each of the 16 stripes; one for each slot that shows
//! one (a walk shows a whole chain at a time); one for each thread that stopped while it was
//! retiring, and what one that stopped *while it was freeing* has in hand. A reader that stops
//! forever keeps what it reads alive and nothing else; with epochs it would keep everything that
//! is retired after it. That is why this is not crossbeam-epoch (which also needs a handle per
//! thread when there is no `std`); seize needs thread-local variables. If dropping an entry panics,
//! the rest of what was to be freed waits for the next retirement on the stripe.
//!
//! Source: hazard pointers (Michael, 2004); one swap as both ownership and announcement, and
//! stripes by stack address instead of registered threads, because the crate has no threads.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;
use core::ptr;

use super::stripe::{STRIPES, stripe};
use crate::sync::MODELLED;
use crate::sync::atomic::{
    AtomicPtr, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
    Ordering::SeqCst, fence,
};

/// Hazard slots in a cache line.
const LINE: usize = if MODELLED { 1 } else { 8 };
/// After how many retirements a stripe's entries are freed.
const FREE_EVERY: usize = if MODELLED {
    1
} else if cfg!(miri) {
    8
} else {
    64
};

/// A value that can be retired.
pub struct Node<T> {
    /// The next retired node.
    next: AtomicPtr<Node<T>>,
    item: T,
}

impl<T> Node<T> {
    pub(super) fn new(item: T) -> Box<Self> {
        Box::new(Self {
            next: AtomicPtr::new(ptr::null_mut()),
            item,
        })
    }
}

impl<T> Deref for Node<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

/// All slots and all retired nodes of one map.
pub struct Domain<T> {
    slots: Slots<T>,
    retired: [Retired<T>; STRIPES],
}

/// Hazard slots, a line for each stripe; and more of them, if ever all were taken.
struct Slots<T> {
    lines: [Line<T>; STRIPES],
    more: AtomicPtr<Slots<T>>,
}

#[repr(align(64))]
struct Line<T>([AtomicPtr<Node<T>>; LINE]);

#[repr(align(64))]
struct Retired<T> {
    list: AtomicPtr<Node<T>>,
    /// How many have been retired since the list was last taken.
    count: AtomicUsize,
}

impl<T> Slots<T> {
    fn new() -> Self {
        let line = || core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        Self {
            lines: core::array::from_fn(|_| Line(line())),
            more: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Shows `node` in a free slot, if there is one; this thread's stripe first.
    fn show(&self, node: *mut Node<T>) -> Option<&AtomicPtr<Node<T>>> {
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
    fn next(&self) -> Option<&Self> {
        // SAFETY: null or a block that is freed only when the domain is dropped.
        unsafe { self.more.load(Acquire).as_ref() }
    }

    /// The next block of slots, made if there is none.
    #[cold]
    fn next_or_new(&self) -> &Self {
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

impl<T> Drop for Slots<T> {
    fn drop(&mut self) {
        let more = self.more.load(Relaxed);
        if !more.is_null() {
            // SAFETY: made by `next_or_new`; nobody uses the domain any more.
            drop(unsafe { Box::from_raw(more) });
        }
    }
}

impl<T> Domain<T> {
    pub(super) fn new() -> Self {
        Self {
            slots: Slots::new(),
            retired: core::array::from_fn(|_| Retired {
                list: AtomicPtr::new(ptr::null_mut()),
                count: AtomicUsize::new(0),
            }),
        }
    }

    /// Shows that `node` is being read; the caller has yet to find out whether it still is in
    /// the map.
    #[inline]
    pub(super) fn protect(&self, node: *mut Node<T>) -> Shown<'_, T> {
        Shown(match self.slots.show(node) {
            Some(slot) => {
                // loom takes sequentially consistent accesses for acquire and release, but knows
                // the fence.
                #[cfg(feature = "loom")]
                fence(SeqCst);
                slot
            }
            None => self.show_further(node),
        })
    }

    /// Shows `node` in a slot of a later block.
    #[cold]
    fn show_further(&self, node: *mut Node<T>) -> &AtomicPtr<Node<T>> {
        let mut slots = &self.slots;
        let slot = loop {
            slots = slots.next_or_new();
            if let Some(slot) = slots.show(node) {
                break slot;
            }
        };
        // Who has not seen the block has not seen the slot: see the proof.
        fence(SeqCst);
        slot
    }

    /// Frees `node` when nobody reads it any more.
    ///
    /// # Safety
    /// `node` came from a box, was taken out of the map by the caller, and is retired only once.
    pub(super) unsafe fn retire(&self, node: *mut Node<T>) {
        let retired = &self.retired[stripe()];
        retired.push(node);
        // Not only the one that makes it 64: that thread may stop before it takes the list.
        if retired.count.fetch_add(1, Relaxed) + 1 >= FREE_EVERY {
            self.free(retired);
        }
    }

    /// Frees those nodes of a stripe that nobody reads.
    #[cold]
    fn free(&self, retired: &Retired<T>) {
        let batch = Batch {
            retired,
            // The fence acquires the list as well, but ThreadSanitizer knows no fences.
            list: retired.list.swap(ptr::null_mut(), Acquire),
        };
        retired.count.store(0, Relaxed);
        fence(SeqCst);
        let mut shown = Vec::new();
        let mut slots = Some(&self.slots);
        while let Some(block) = slots {
            let all = block.lines.iter().flat_map(|line| &line.0);
            shown.extend(
                all.map(|slot| slot.load(Acquire))
                    .filter(|node| !node.is_null()),
            );
            slots = block.next();
        }
        shown.sort_unstable();
        for node in batch {
            if shown.binary_search(&node).is_ok() {
                retired.push(node);
            } else {
                // SAFETY: retired from a box; by the protocol nobody reads it or ever will.
                drop(unsafe { Box::from_raw(node) });
            }
        }
    }
}

impl<T> Retired<T> {
    fn push(&self, node: *mut Node<T>) {
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
}

/// A list of retired nodes that was taken; what is left when it is dropped (because dropping an
/// entry panicked) goes back, and counts as retired anew.
struct Batch<'d, T> {
    retired: &'d Retired<T>,
    list: *mut Node<T>,
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
            self.retired.push(node);
            self.retired.count.fetch_add(1, Relaxed);
        }
    }
}

impl<T> Drop for Domain<T> {
    fn drop(&mut self) {
        let all = self.retired.iter().flat_map(|retired| Batch {
            retired,
            list: retired.list.swap(ptr::null_mut(), Relaxed),
        });
        drop_all(all, |node| {
            // SAFETY: retired from a box; nobody uses the domain any more.
            drop(unsafe { Box::from_raw(node) });
        });
    }
}

/// Calls `drop` for all; if it panics, for the rest all the same before the panic goes on.
pub(super) fn drop_all<T>(all: impl Iterator<Item = T>, drop: impl Fn(T)) {
    struct Rest<I: Iterator<Item = T>, T, F: Fn(T)>(I, F);
    impl<I: Iterator<Item = T>, T, F: Fn(T)> Rest<I, T, F> {
        fn run(&mut self) {
            for item in self.0.by_ref() {
                self.1(item);
            }
        }
    }
    impl<I: Iterator<Item = T>, T, F: Fn(T)> Drop for Rest<I, T, F> {
        fn drop(&mut self) {
            self.run();
        }
    }
    Rest(all, drop).run();
}

/// A slot that shows the address of a node.
pub(super) struct Shown<'d, T>(&'d AtomicPtr<Node<T>>);

impl<'d, T> Shown<'d, T> {
    /// The node that is shown, which will not be freed as long as it is.
    ///
    /// # Safety
    /// `node` has the address that is shown, and was in the map at a moment after
    /// [`Domain::protect`] in the single order of sequentially consistent operations.
    pub(super) unsafe fn confirm(self, node: *mut Node<T>) -> Protected<'d, T> {
        Protected { node, _shown: self }
    }
}

impl<T> Drop for Shown<'_, T> {
    fn drop(&mut self) {
        self.0.store(ptr::null_mut(), Release);
    }
}

/// A node that can be read.
pub struct Protected<'d, T> {
    node: *mut Node<T>,
    _shown: Shown<'d, T>,
}

impl<T> Deref for Protected<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by `confirm` it was in the map when it was shown already, so it is not freed.
        unsafe { &(*self.node).item }
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
