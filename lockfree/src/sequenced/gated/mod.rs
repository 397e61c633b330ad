//! Gated mode: every joined consumer reads every item, and holds the publisher up until it has.
//!
//! # Protocol
//! Items are numbered. The publisher is at `tail`; a consumer's cursor is the next it will read.
//! 1. The publisher may write all before its `limit`, which it keeps to itself. Only at the limit
//!    does it look for a new one (the gate). Without the copy it would fetch every consumer's cache
//!    line for each item.
//! 2. It writes the slots at `tail`, then stores the new `tail` (release). Without the release a
//!    consumer could see the number before the item.
//! 3. A consumer loads `tail` (acquire), reads what it has not, and stores its cursor (release)
//!    once for all that it read: otherwise the publisher could overwrite what is being read. If
//!    it found few, it pauses before it looks again: see `pace.rs` of the SPSC ring.
//! 4. At the gate the publisher announces its `tail`, fences, and looks at the cursors (acquire).
//!    The new limit is the ring's length after the slowest, or after `tail` if nobody is joined.
//! 5. Who joins takes a seat with its cursor at the current `tail`, fences, and looks at the
//!    announcement. If that is later than its cursor, the publisher may have looked before it saw
//!    the seat, so it moves its cursor up to the current `tail` and looks again.
//! 6. Who leaves frees its seat (release), which counts as having read everything.
//! 7. With waiting, 2, 3, 6 and a cursor that moved up in 5 are followed by a fence and a look at
//!    who waits, see `signal.rs`.
//!
//! Why 4 and 5 are enough: the two fences have an order. If the joiner's is the earlier, the gate
//! sees its cursor. If the gate's is the earlier, the joiner sees the announcement `a` or a later
//! one, and so keeps a cursor of at least `a`; that gate's limit is at most `a` and a ring's length,
//! so it allows only what overwrites items before `a`. All later gates have later announcements.
//! The joiner tries again only if the publisher has passed a gate meanwhile: joining is lock-free.
//! To the publisher a joiner in between is a consumer that has not read.
//!
//! # Invariants
//! - All slots hold a value from the beginning: publishing replaces one, which is dropped then or
//!   changed in place. So each is dropped once, by the publisher or with the ring, and a claim that
//!   is given up leaves nothing undone.
//! - Slots from `tail` up to the limit are the publisher's; those from a consumer's cursor up to
//!   `tail` are only read.
//!
//! # Limits
//! A stalled consumer stalls the publisher after a ring's length, and one that is stopped while it
//! joins, before it has moved up, stalls it at once; nothing grows. Items stay in their slots until
//! they are overwritten, also when all have read them. Everything is wait-free except joining and
//! waiting. A side that is stopped between clearing the other's mark and waking it leaves it asleep
//! until then, whatever the others do.

mod claim;
mod consumer;
mod poll;
mod publisher;
mod view;

pub use claim::Claim;
pub use consumer::{Consumer, Joiner};
pub use publisher::Publisher;
pub use view::View;

use alloc::vec::Vec;
use core::marker::PhantomData;

use crossbeam_utils::CachePadded;

use super::seats::Seats;
use crate::spsc::signal::Signal;
use crate::spsc::slots::Slots;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// A ring of `capacity` items made by `make`, for at most `consumers_max` consumers at a time that
/// poll.
///
/// # Panics
/// If `capacity` is not a power of two up to [`CAPACITY_MAX`](crate::spsc::CAPACITY_MAX), or
/// `consumers_max` is 0.
#[must_use]
pub fn ring<T>(capacity: usize, consumers_max: usize, make: impl FnMut() -> T) -> Publisher<T> {
    start(capacity, consumers_max, make, 0)
}

/// The same with waiting.
///
/// # Panics
/// As [`ring`].
#[must_use]
pub fn channel<T>(
    capacity: usize,
    consumers_max: usize,
    make: impl FnMut() -> T,
) -> Publisher<T, true> {
    start(capacity, consumers_max, make, 0)
}

fn start<T, const WAIT: bool>(
    capacity: usize,
    consumers_max: usize,
    make: impl FnMut() -> T,
    first: u64,
) -> Publisher<T, WAIT> {
    super::check_capacity(capacity);
    let seats = Seats::new(consumers_max);
    let mut items = Vec::with_capacity(capacity);
    items.resize_with(capacity, make);
    let slots = Slots::new(capacity);
    for (position, item) in items.into_iter().enumerate() {
        // SAFETY: nobody else knows of the slots yet.
        unsafe { slots.write(position, item) };
    }
    let shared = Shared {
        tail: CachePadded::new(AtomicU64::new(first)),
        rare: CachePadded::new(Rare {
            announced: AtomicU64::new(first),
            closed: AtomicBool::new(false),
            room: Signal::new(),
        }),
        seats,
        slots,
        capacity,
        shares: PhantomData,
    };
    Publisher::new(Arc::new(shared), first)
}

/// What all sides see.
struct Shared<T, const WAIT: bool> {
    /// The next item's number: stored by the publisher alone.
    tail: CachePadded<AtomicU64>,
    rare: CachePadded<Rare>,
    seats: Seats,
    slots: Slots<T>,
    capacity: usize,
    /// Consumers on several threads have `&T`.
    shares: PhantomData<*const T>,
}

/// What is written at the gate, or once per wait.
struct Rare {
    /// Where the publisher was when it last looked who is joined.
    announced: AtomicU64,
    closed: AtomicBool,
    /// The publisher waits here.
    room: Signal,
}

impl<T, const WAIT: bool> Shared<T, WAIT> {
    /// Wakes the publisher if it waits. Fenced, because a swap by each consumer would be contended.
    fn notify_room(&self) {
        fence(Ordering::SeqCst);
        self.rare.room.notify_fenced();
    }
}

// SAFETY: items move between threads (`Send`) and are shared by consumers (`Sync`); all else is
// atomic.
unsafe impl<T: Send + Sync, const WAIT: bool> Send for Shared<T, WAIT> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync, const WAIT: bool> Sync for Shared<T, WAIT> {}

impl<T, const WAIT: bool> Drop for Shared<T, WAIT> {
    fn drop(&mut self) {
        // SAFETY: all handles are gone, so this is the only access; all slots hold a value.
        unsafe { self.slots.drop_items(0, self.capacity) };
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
