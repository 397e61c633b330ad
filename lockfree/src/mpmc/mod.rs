//! A bounded queue for many producers and many consumers.
//!
//! [`Queue`] never waits; [`WaitQueue`] adds waiting at both ends.
//!
//! # Protocol
//!
//! Values lie in a ring of slots. `tail` counts the positions of pushes, `head` those of pops; a
//! position belongs to the slot of its low bits. A slot's stamp says for which position it is ready:
//! vacant for a push, or occupied for a pop.
//!
//! 1. A producer reads `tail` and the stamp of the slot there (acquire). If that is vacant for this
//!    position, it claims the position: a compare-exchange of `tail`. Without the look at the stamp
//!    first it could claim a slot that still has a value.
//! 2. It stores the value, then the stamp as occupied (release).
//! 3. A consumer claims at `head` what is occupied, in the same way; it takes the value, then
//!    stores the stamp as vacant for the position one round later (release). Without that
//!    release the next value could be stored before this one is read.
//! 4. A stamp behind the position means full or empty, if the count has not moved meanwhile; one
//!    ahead means that the count that was read is out of date.
//!
//! A stamp is twice the position, and odd if occupied: so a queue with one slot tells "occupied"
//! from "vacant a round later", too.
//!
//! Waiting ([`WaitQueue`]):
//!
//! 5. Who finds nothing to do enters the list of its end, then tries again. Who has pushed or popped
//!    looks whether the other end's list has anybody, and wakes who came first. Between its
//!    entering and trying, and between its doing and looking, each puts a SeqCst fence: one of the
//!    two sees the other. Without the fences both could miss.
//! 6. A wake takes the waiter from the list. If that waiter succeeds by itself at the same time, or
//!    gives up, the wake was for something that it did not take: it wakes the next one, if anything
//!    is there to be done.
//!
//! # Memory orders
//!
//! The stamps carry everything: release when stored, acquire when read. `tail` and `head` only
//! deal out positions, so relaxed will do: a position that is out of date fails at the stamp or at
//! the compare-exchange.
//!
//! # Progress
//!
//! This queue is *not* lock-free, and promises less: no operation ever waits for another, but a
//! thread that is stopped between claiming a position and storing the stamp makes the queue look
//! full or empty to the others when they come to that slot: at once for those at the other end,
//! after a round for those at its own. Up to there they go on. Nothing is lost, and no garbage
//! arises. So "full" and "empty" are exact when no other operation is going on; else they may mean
//! "not yet". What succeeds is linearizable as a bounded first-in-first-out queue.
//!
//! The lists of waiters are behind a spin lock, which only those who wait, or wake somebody, take.
//!
//! # Limits
//!
//! - Positions wrap around. A thread that is stopped between reading a stamp and its compare-exchange,
//!   while an exact multiple of 2³² positions are claimed at its end, would claim a slot that is not
//!   ready: at 10 ns for each that needs a stop of 43 seconds, to the position. (On 64-bit machines it
//!   is 2⁶⁴, thousands of years.)
//! - A [`Push`] or [`Pop`] that is forgotten ([`core::mem::forget`]) while it waits stays in the list,
//!   and the wake that it gets there wakes nobody else.
//!
//! # Source
//!
//! Dmitry Vyukov's bounded queue (2010). SCQ (Nikolaev, 2019) would be lock-free, for a second
//! ring of indices and three more read-modify-writes on the way of each value.
//!
//! # When not to use it
//!
//! - With one producer and one consumer: [`spsc`](crate::spsc).
//! - With one consumer: [`mpsc`](crate::mpsc), where producers never meet a stopped one.
//! - Where a thread must not depend on others that may be stopped for ever.
//! - [`WaitQueue`] in interrupt handlers: its spin lock may be held by who was interrupted.
//!
//! # Figures
//! Ratios to peers, above 1 is better; how they were measured is in the README.
//! - `mpmc_1p1c`, million messages per second, 1 to 1: 0.76 to crossbeam-array-queue, 0.69 to
//!   concurrent-queue, 1.25 to kanal.
//! - `mpmc_2p2c`, million messages per CPU second, 2 to 2: 1.39 to kanal, 1.50 to
//!   crossbeam-array-queue, 1.44 to concurrent-queue.
//! - `mpmc_2p2c`, the same, with sides that sleep: 1.14 to kanal, 2.03 to crossbeam-channel.

mod queue;
pub(crate) mod waiters;
mod waiting;

pub use queue::{CAPACITY_MAX, Full, Queue};
pub use waiting::{Pop, Push, WaitQueue};
