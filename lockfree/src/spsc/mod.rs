//! SPSC ring: a bounded queue between one producer and one consumer, both wait-free.
//!
//! [`ring`] gives a pair for threads that poll; [`channel`] gives the same pair with waiting. Both
//! move single items (`try_push`, `try_pop`) or runs of slots in place ([`Producer::reserve`],
//! [`Consumer::read`]), so that a payload is written where it is read.
//!
//! # Protocol
//! A position counts items since the start, wraps at the word's end, and masked gives the slot. The
//! ring holds the items from `head` (next to be taken) up to `tail` (next to be written).
//! 1. The producer knows `tail` and a `head` that may be old. Only if the old one says that there
//!    is not room enough does it load the shared `head` (acquire). Without the copy every push would fetch
//!    the cache line that the consumer is writing.
//! 2. It writes the slots at `tail`, then stores the new `tail` (release). Without the release the
//!    consumer could see the position before the items.
//! 3. The consumer knows `head` and a `tail` that may be old, and loads the shared `tail` (acquire)
//!    only if the old one says that nothing is there. A single-item consumer that found few items
//!    pauses before its next load: see `pace.rs`.
//! 4. It takes the items at `head`, then stores the new `head` (release). Without the release the
//!    producer could overwrite an item that is still being read.
//! 5. Who is dropped says so in a flag of its own; the consumer looks at the flag only if the ring
//!    is empty, and then looks at `tail` again, because items may have come before the flag. The
//!    producer looks at it only when it loads `head`.
//! 6. With waiting, each publication is followed by a swap that says whether the other side waits;
//!    who waits registers, swaps and looks again. One of the two sees the other (see `signal.rs`).
//!    The swap costs more than the rest of a push, which is why waiting is a choice of type: `WAIT`
//!    is false for [`ring`].
//!
//! # Invariants
//! - Each index is stored by its side only, and `tail - head <= capacity`, in wrapping arithmetic.
//! - Slots in `head..tail` hold items and belong to the consumer; all others are the producer's.
//! - An index known by a handle is never ahead of the truth: it understates room or items.
//! - What a chunk has moved out of a slot lies before the handle's own `head` at once, so that a
//!   leaked chunk loses items but never repeats them.
//!
//! # Source
//! Lamport's ring with cached indices (as in FastForward and MCRingBuffer); that both sides also
//! cache their own index is from rtrb's pull request 132.
//!
//! # Limits, and when not to use it
//! The capacity is fixed, from 1 to [`CAPACITY_MAX`]; the memory is that of the next power of two.
//! With waiting, a side that is stopped between clearing the other's mark and waking it leaves it
//! asleep until then. One producer and one consumer, by type: use the MPSC inbox for several senders. For a value of
//! which only the newest matters use the triple buffer; for several readers of each item, the
//! sequenced ring.
//!
//! # Figures
//! Ratios to peers, above 1 is better; how they were measured is in the README.
//! - `spsc_single`, million messages per second, one by one: 2.36 to rtrb, 2.58 to ringbuf, 3.47 to
//!   std-sync-channel, 5.03 to crossbeam-channel.
//! - `spsc_single`, the same, with sides that can wait: 1.86 to std-sync-channel, 2.70 to
//!   crossbeam-channel.
//! - `spsc_chunk64`, million messages per second, 64 at a time: 0.91 to rtrb, 2.27 to ringbuf.
//! - `spsc_rtt`, there and back, ns: 1.25 to rtrb, 1.56 to ringbuf, 0.84 to atomics.

mod consumer;
mod error;
pub(crate) mod pace;
mod poll;
mod producer;
mod read;
pub(crate) mod signal;
pub(crate) mod slots;
mod write;

pub use consumer::Consumer;
pub use error::{ChunkError, Closed, PopError, PushError};
pub use producer::Producer;
pub use read::{Drain, ReadChunk};
pub use write::WriteChunk;

use crossbeam_utils::CachePadded;

use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use signal::Signal;
use slots::Slots;

/// The greatest capacity: positions of a full ring must differ in both directions.
pub const CAPACITY_MAX: usize = 1 << (usize::BITS - 2);

/// The producer of a [`channel`].
pub type Sender<T> = Producer<T, true>;
/// The consumer of a [`channel`].
pub type Receiver<T> = Consumer<T, true>;

/// A ring of `capacity` items for two threads that poll.
///
/// # Panics
/// If `capacity` is 0 or greater than [`CAPACITY_MAX`].
#[must_use]
pub fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    pair(capacity, 0)
}

/// A ring of `capacity` items whose sides can wait for each other.
///
/// # Panics
/// If `capacity` is 0 or greater than [`CAPACITY_MAX`].
#[must_use]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    pair(capacity, 0)
}

fn pair<T, const WAIT: bool>(
    capacity: usize,
    start: usize,
) -> (Producer<T, WAIT>, Consumer<T, WAIT>) {
    assert!(
        (1..=CAPACITY_MAX).contains(&capacity),
        "a ring of {capacity} items was asked for; 1 to {CAPACITY_MAX} are allowed"
    );
    let shared = Arc::new(Shared {
        tail: CachePadded::new(AtomicUsize::new(start)),
        head: CachePadded::new(AtomicUsize::new(start)),
        rare: CachePadded::new(Rare {
            producer_gone: AtomicBool::new(false),
            consumer_gone: AtomicBool::new(false),
        }),
        items: CachePadded::new(Signal::new()),
        room: CachePadded::new(Signal::new()),
        slots: Slots::new(capacity),
        capacity,
    });
    let producer = Producer::new(Arc::clone(&shared), start);
    (producer, Consumer::new(shared, start))
}

/// What both sides see.
struct Shared<T, const WAIT: bool> {
    /// Where the producer is: stored by it alone.
    tail: CachePadded<AtomicUsize>,
    /// Where the consumer is: stored by it alone.
    head: CachePadded<AtomicUsize>,
    rare: CachePadded<Rare>,
    /// The consumer waits here; the producer writes here with each publication if `WAIT`.
    items: CachePadded<Signal>,
    /// The producer waits here; the consumer writes here with each publication if `WAIT`.
    room: CachePadded<Signal>,
    slots: Slots<T>,
    capacity: usize,
}

/// What is written once.
struct Rare {
    producer_gone: AtomicBool,
    consumer_gone: AtomicBool,
}

impl<T, const WAIT: bool> Drop for Shared<T, WAIT> {
    fn drop(&mut self) {
        let head = self.head.load(Ordering::Relaxed);
        let tail = self.tail.load(Ordering::Relaxed);
        // SAFETY: both handles are gone, so this is the only access; slots from head to tail hold
        // items (module invariant).
        unsafe { self.slots.drop_items(head, tail.wrapping_sub(head)) };
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
