//! When an entry that was taken out of the map can be freed: hazard slots that need no threads.
//!
//! Who reads an entry shows its address in a slot for as long as it reads. Who has taken an entry
//! out puts it on a list of retired entries; of those, from time to time, the ones are freed whose
//! address no slot shows.
//!
//! Protocol.
//! 1. A reader shows the address in a slot. There are two kinds of slots.
//!    - *Owned* ones: a thread that has a [number](super::owner) has a line of slots to itself. It finds a free
//!      one, stores the address there, and the [light](super::barrier::light) half of an asymmetric fence
//!      follows, which costs nothing.
//!    - *Shared* ones, for threads without a number and for who has all of its own slots in use. One
//!      compare-and-swap takes a free one and shows the address at once: these slots belong to nobody,
//!      so there is nothing to register, and a thread may hold as many as it likes. If all are taken,
//!      it goes on to another block of them, which it may have to allocate, and a sequentially
//!      consistent fence follows the swap.
//! 2. The reader looks again whether the entry is still in the map
//!    ([`Spot::current`](super::table::Spot::current)). If not, it lets go and searches again.
//!    Without this, the entry may have been freed before its address was shown. If so, it reads the
//!    entry through the pointer that it has found *now*: the address may be that of another entry
//!    than before, one that was allocated where the first had been freed.
//! 3. A remover takes the entry out of the map, then retires it, on the list of its number, or of a
//!    stripe if it has none.
//! 4. The 64th retirement on a list takes the whole list, *then* the [heavy](super::barrier::heavy) half of the
//!    fence, which is also a sequentially consistent one, *then* reads all slots, and frees what is
//!    not shown.
//!
//! Why it is right: let R be the reader's second look (2), F the fence (4). The swap (1) precedes R
//! in the single order of sequentially consistent operations. If the reclaimer did not see the
//! address, F precedes the swap. If R still saw the entry, R read something older than what the
//! remover wrote before F, so R precedes F. Both cannot be. This needs the swap, R and F to be
//! sequentially consistent; on x86 that costs nothing beyond the swap itself.
//!
//! For owned slots, the asymmetric fence says it directly: either what the reader stored before its
//! half is seen by the loads after the reclaimer's half, or what happened before the reclaimer's half
//! is seen by the loads after the reader's half. In the second case R does not find the entry. The
//! model checker has a fence in the place of each half.
//!
//! If the reclaimer did not see the address because it did not see the block, what F precedes is
//! only the swap that linked the block, which is not sequentially consistent. But it happens before
//! the reader's fence, so F precedes that fence, which precedes R, and again R cannot precede F.
//!
//! Freeing a slot releases, reading the slots acquires: the reader's last look happens before the
//! entry is dropped. Showing another entry in an owned slot releases as well, because the reclaimer
//! may see only that. Retiring releases and F, after the list was taken, acquires: so does the removal.
//!
//! An owned slot is taken by a load and a store. Nothing may come between that takes the same slot: a
//! signal handler may read, since it has let go before it returns, if its thread has used a map
//! before (the first use takes a number, which may allocate). A list of a number is pushed to
//! without a swap; it belongs to one thread at a time.
//!
//! Garbage bound: fewer than 64 entries for each list, of the 32 numbers and 16 stripes; besides, on
//! each, what was shown in a slot when it was last freed (a walk shows a whole chain at a time), since
//! that waits for the list's next turn; one for each thread that stopped while it
//! was retiring, and what one that stopped *while it was freeing* has in hand. A reader that stops
//! forever keeps what it reads alive and nothing else; with epochs it would keep everything that
//! is retired after it. That is why this is not crossbeam-epoch (which also needs a handle per
//! thread when there is no `std`). If dropping an entry panics, the rest of what was to be freed waits
//! for the next retirement on the list. In a thread that the kernel has refused the heavy half since
//! the process registered for it (locked up by a filter of system calls), nothing is freed until the
//! map is dropped.
//!
//! Source: hazard pointers (Michael, 2004), with one swap as both ownership and announcement, and
//! stripes by stack address instead of registered threads, where there are no threads to speak of;
//! asymmetric fences for them: Goldblatt, *Asymmetric Thread Fences* (P1202, 2022).

mod slots;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;
use core::ptr;

use self::slots::{Own, Retired, Shared};
use super::barrier;
use super::owner::OWNERS;
use super::stripe::{STRIPES, stripe};
use crate::sync::MODELLED;
use crate::sync::atomic::{
    AtomicPtr, Ordering::Acquire, Ordering::Release, Ordering::SeqCst, fence,
};

/// After how many retirements the entries of a list are freed.
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

/// All slots and all retired nodes of one map. (The [slab map](crate::slab_map) has lists of its own,
/// and uses only the slots, for addresses that are no nodes.)
pub struct Domain<T> {
    owned: [Own<T>; OWNERS],
    shared: Shared<T>,
    /// Those of threads without a number.
    retired: [Padded<Retired<T>>; STRIPES],
}

#[repr(align(64))]
struct Padded<T>(T);

impl<T> Domain<T> {
    pub(crate) fn new() -> Self {
        Self {
            owned: slots::owned(),
            shared: Shared::new(),
            retired: core::array::from_fn(|_| Padded(Retired::new())),
        }
    }

    /// Shows that `node` is being read; the caller has yet to find out whether it still is in
    /// the map.
    #[inline(always)]
    pub(crate) fn protect(&self, node: *mut Node<T>) -> Shown<'_, T> {
        let owned = Own::of(&self.owned).and_then(|own| own.show(node));
        Shown(match owned {
            Some(slot) => slot,
            None => self.show_shared(node),
        })
    }

    #[inline(never)]
    fn show_shared(&self, node: *mut Node<T>) -> &AtomicPtr<Node<T>> {
        match self.shared.show(node) {
            Some(slot) => {
                // loom takes sequentially consistent accesses for acquire and release, but knows
                // the fence.
                #[cfg(feature = "loom")]
                fence(SeqCst);
                slot
            }
            None => self.show_further(node),
        }
    }

    /// Shows `node` in a slot of a later block.
    #[cold]
    fn show_further(&self, node: *mut Node<T>) -> &AtomicPtr<Node<T>> {
        let mut slots = &self.shared;
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
        let (retired, count) = match Own::of(&self.owned) {
            Some(own) => (&own.retired, own.retired.add_alone(node)),
            None => {
                let retired = &self.retired[stripe()].0;
                (retired, retired.add(node))
            }
        };
        // Not only the one that makes it 64: that thread may stop before it takes the list.
        if count >= FREE_EVERY {
            self.free(retired);
        }
    }

    /// Frees those nodes of a list that nobody reads.
    #[cold]
    fn free(&self, retired: &Retired<T>) {
        let batch = retired.take();
        if !barrier::heavy() {
            // They wait until the kernel permits it again, which is asked after as many more.
            batch.put_back();
            return;
        }
        let shown = self.shown();
        for node in batch {
            if shown.binary_search(&node).is_ok() {
                retired.push(node);
            } else {
                // SAFETY: retired from a box; by the protocol nobody reads it or ever will.
                drop(unsafe { Box::from_raw(node) });
            }
        }
    }

    /// What is shown, in order. To be asked after the heavy half.
    pub(crate) fn shown(&self) -> Vec<*mut Node<T>> {
        let mut shown = Vec::new();
        self.owned
            .iter()
            .for_each(|own| add_shown(&own.slots, &mut shown));
        let mut blocks = Some(&self.shared);
        while let Some(block) = blocks {
            block
                .lines
                .iter()
                .for_each(|line| add_shown(&line.0, &mut shown));
            blocks = block.next();
        }
        shown.sort_unstable();
        shown
    }

    fn lists(&self) -> impl Iterator<Item = &Retired<T>> {
        let shared = self.retired.iter().map(|list| &list.0);
        self.owned.iter().map(|own| &own.retired).chain(shared)
    }
}

impl<T> Drop for Domain<T> {
    fn drop(&mut self) {
        drop_all(self.lists().flat_map(Retired::take), |node| {
            // SAFETY: retired from a box; nobody uses the domain any more.
            drop(unsafe { Box::from_raw(node) });
        });
    }
}

/// Adds what some slots show.
#[inline]
fn add_shown<T, const N: usize>(slots: &[AtomicPtr<Node<T>>; N], shown: &mut Vec<*mut Node<T>>) {
    let nodes = slots.each_ref().map(|slot| slot.load(Acquire));
    // Nearly always nothing, which one branch says.
    if nodes.iter().fold(0, |any, node| any | node.addr()) != 0 {
        shown.extend(nodes.into_iter().filter(|node| !node.is_null()));
    }
}

/// Calls `drop` for all; if it panics, for the rest all the same before the panic goes on.
pub(crate) fn drop_all<T>(all: impl Iterator<Item = T>, drop: impl Fn(T)) {
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
pub(crate) struct Shown<'d, T>(&'d AtomicPtr<Node<T>>);

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
