//! Inboxes: many senders, one receiver.
//!
//! [`unbounded`], [`bounded`] and [`waiting`] make channels for values, which this page is about; in
//! the last, senders can wait for room. [`intrusive`] is an inbox for nodes that bring their own link
//! along.
//!
//! # Protocol
//!
//! Values lie in slots, slots in segments, segments in a list. A slot's `stamp` says whether the
//! value of a certain position is there. `tail` counts tickets, and has two marks in its low bits.
//!
//! 1. A sender takes a ticket: one `fetch_add` on `tail`, and it has the position that is its own
//!    (in a bounded channel a compare-exchange, so that there is never a ticket too many). The
//!    order of tickets is the order of values, except around gaps (5).
//! 2. It loads `newest`, a segment near the tail, and walks from there to the segment of its
//!    position: on, making segments that are not there yet, or back, if others have moved `newest`
//!    on meanwhile. Whoever walks on moves `newest` along.
//! 3. It stores its value and then the stamp (release). That is the whole send, and all senders can
//!    do it at the same time. The stamp is stored and not exchanged: a second read-modify-write
//!    would double the time of a send.
//! 4. The receiver takes the value at its cursor when the stamp is there (acquire). Stamps contain
//!    the position, so segments that are used again need no clearing.
//! 5. If the ticket at the cursor is issued but the value does not come, its sender was interrupted
//!    between 1 and 3. The receiver remembers the slot as a gap and passes it by. Before it takes a
//!    value at the cursor or from a gap, it looks once more at all gaps before: a sender fills its
//!    slots in order, so whoever sees a value sees what its sender sent before. If that is in a gap
//!    which looked empty a moment ago, it goes first, and the gaps before it are looked at again.
//!    Without these looks, values of one sender could overtake each other.
//! 6. "Empty" is answered only when the cursor has reached `tail`. Then at the time when the
//!    receiver began to look nothing was completely sent that was not received: a slot found empty
//!    was empty then, and tickets not seen were not issued then. So the channel is linearizable as
//!    a first-in-first-out queue, gaps or no.
//! 7. A segment is given back when all its slots are received, `newest` has moved on from it, and
//!    all tickets that were issued before that are received, too: a sender that may have loaded
//!    `newest` before holds such a ticket, and has left the list when its slot is filled. Whoever
//!    moves `newest` on reads `tail` thereafter and stores it in the segment for this (`left`). It
//!    reads by a `fetch_add` of zero: then every later ticket's `fetch_add` acquires what this
//!    released, and its owner sees `newest` as moved.
//!
//! Sleeping and closing:
//!
//! 8. A receiver that found nothing registers its waker, marks `tail` as asleep, and looks again. A
//!    sender sees the mark by the very `fetch_add` that gives it its ticket; it clears the mark and
//!    wakes when its value is there. So a send pays nothing for a receiver that is awake. The mark
//!    is cleared before the wake: after it, it might be a newer one.
//! 9. Senders that had their ticket before the mark do not see it. If such a value is on the way,
//!    the receiver does not sleep but has itself polled again at once.
//! 10. The last sender marks `tail` as closed, then wakes. The receiver marks it when it closes the
//!     channel, and remembers the tail of that time as the end: what has a ticket before it is still
//!     received, and tickets after it, which senders take until they see the mark, do not count.
//!     When the receiver goes it closes, waits for values on the way and drops all: else such a
//!     value, with whatever waits for its drop, would live as long as any sender does.
//!
//! Waiting for room ([`waiting`]):
//!
//! 11. A sender that finds no room enters a list and tries again. The receiver counts what it has
//!     received, then looks whether the list has anybody, and wakes so many, first come first. Each
//!     puts a SeqCst fence between the two: one sees the other. Without the fences both could miss.
//!     Closing does the same, and wakes all.
//! 12. A sender that was woken but gives up, or has got other room, wakes the next one if there is
//!     room: else the room that it was woken for would stay empty while others wait. The list is
//!     that of [`mpmc::WaitQueue`](crate::mpmc::WaitQueue), behind a spin lock that only those who
//!     wait, or wake somebody, take.
//!
//! Every receive pays for the fence, a batch only once. So waiting is a choice of type.
//!
//! # Memory orders
//!
//! The stamp's release and acquire hand over the value. `fetch_add` acquires for step 7 and for the
//! waker's registration, which comes before the mark's release. `newest` and `next` release and
//! acquire what is in a new segment. What the receiver reads of `tail` may be out of date: tickets
//! that it misses belong to sends that happen at the same time. In `received` and `left` too only
//! the number counts.
//!
//! # Progress and garbage
//!
//! Unbounded sends are wait-free but for the allocation of a segment and the walk to it; no sender
//! waits for another. Bounded ones are lock-free: the compare-exchange fails when another succeeds.
//! A sender that is stopped between 1 and 3
//! - delays no other sender, and no value but its own: the receiver goes on around the gap;
//! - keeps the segments from its own on from being given back: the garbage is a slot for every
//!   value sent meanwhile. Otherwise it is three segments: the one being received, the one before,
//!   which is given back an issue of tickets later, and a spare one;
//! - keeps the receiver from sleeping (9) and from going (10): it is polled again and again.
//!
//! A sender that is stopped in 8, between clearing the mark and waking, leaves the receiver asleep
//! until it goes on, also if others send: they see no mark. In a [`waiting`] channel, a thread that is
//! stopped while it holds the lock of the list delays those who wait for room or wake.
//!
//! # Limits
//!
//! - Positions wrap around. On 32-bit machines a sender of a bounded channel that is stopped while it
//!   looks for room, for as long as 2²⁹ values are sent, may note a count of received values that
//!   looks newer than the true one; from then on the capacity is not kept.
//! - Where a failed allocation unwinds instead of ending the program, a sender that gets no memory
//!   for a segment leaves a ticket that is never filled, as if it were stopped for ever.
//! - A future of [`BoundedSender::send`] that is forgotten ([`core::mem::forget`]) while it waits
//!   stays in the list, and the wake that it gets there wakes nobody else.
//!
//! # Source
//!
//! Tickets into segments and receiving around slow senders: Jiffy (Adas and Friedman, 2020). When a
//! segment may be given back: tokio's block list, where the same counter does it; here `newest`
//! does not wait for a full segment, so a slow sender makes no walks longer. Marks in the counter
//! are this module's.
//!
//! # When not to use it
//!
//! - Between one sender and one receiver: a ring (see [`spsc`](crate::spsc)) is several times
//!   faster and allocates nothing.
//! - For things that already live in a box or an arc: [`intrusive`] sends them without a copy.
//! - For large values: a segment has room for 128. Box them.
//! - [`waiting`] in interrupt handlers: its spin lock may be held by who was interrupted.
//! - Where the receiver has strict priority over its senders on the same core: by 9 and 10 it may
//!   poll for ever what only they can finish. [`intrusive`] has no such state.
//!
//! # Figures
//! Ratios to peers, above 1 is better; how they were measured is in the README.
//! - `mpsc_2p1c`, million messages per second, 2 senders: 1.93 to crossbeam-channel, 2.72 to
//!   std-mpsc, 1.39 to kanal, 1.66 to mutex-vec.
//! - `mpsc_2p1c`, the same, bounded to 1,024: 1.23 to crossbeam-channel-bounded, 1.51 to
//!   std-sync-channel, 0.95 to kanal.
//! - `mpsc_2p1c`, the same, linked nodes without allocation: 1.54 to crossbeam-channel, 1.23 to
//!   crossbeam-seg-queue.

mod bound;
mod channel;
mod consumer;
mod error;
pub mod intrusive;
mod receiver;
mod segment;
mod sending;
mod slot;

pub use bound::BoundedSender;
pub use channel::Sender;
pub use error::{SendError, TryRecvError, TrySendError};
pub use receiver::Receiver;
pub use sending::Sending;

use channel::Channel;

/// The greatest capacity of a bounded channel.
pub const CAPACITY_MAX: usize = usize::MAX >> 4;

/// The sender of a channel made by [`waiting`].
pub type WaitSender<T> = BoundedSender<T, true>;
/// The receiver of a channel made by [`waiting`].
pub type WaitReceiver<T> = Receiver<T, true>;

/// A channel without bound.
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    Channel::open(0)
}

/// A channel in which at most `capacity` values wait. A sender that finds no room is refused.
///
/// # Panics
///
/// If `capacity` is zero or more than [`CAPACITY_MAX`].
#[must_use]
pub fn bounded<T>(capacity: usize) -> (BoundedSender<T>, Receiver<T>) {
    with_capacity(capacity)
}

/// A channel in which at most `capacity` values wait, and whose senders can wait for room.
///
/// # Panics
///
/// If `capacity` is zero or more than [`CAPACITY_MAX`].
#[must_use]
pub fn waiting<T>(capacity: usize) -> (WaitSender<T>, WaitReceiver<T>) {
    with_capacity(capacity)
}

fn with_capacity<T, const WAIT: bool>(
    capacity: usize,
) -> (BoundedSender<T, WAIT>, Receiver<T, WAIT>) {
    assert!(
        (1..=CAPACITY_MAX).contains(&capacity),
        "a bounded channel for {capacity} values was asked for; 1 to {CAPACITY_MAX} are allowed",
    );
    let (sender, receiver) = Channel::open(0);
    (BoundedSender::new(sender, capacity), receiver)
}
