//! Sequenced ring: one publisher numbers items, and every consumer sees each of them, at its own
//! pace. For message logs: a queue gives an item to one consumer, this gives it to all.
//!
//! - [`gated`]: the publisher never overwrites what a joined consumer has not read, so a slow
//!   consumer holds it up. Items are of any type, are read in place, and are reused.
//! - [`lossy`]: the publisher never waits; a consumer that falls behind by more than the ring loses
//!   items and is told how many. Items are words, which are copied out.
//!
//! Each module has its protocol. In both, consumers join and leave at any time; who joins sees what
//! is published from then on.
//!
//! # Source
//! The LMAX Disruptor: sequences, a cursor for each consumer, and a cached gate. Joining without a
//! lock (the announcement in [`gated`]) is ours. The slots of [`lossy`] are sequence locks.
//!
//! # When not to use it
//! If each item is for one consumer, use a queue. If only the newest value matters, use the triple
//! buffer. With several publishers, collect through the MPSC inbox and publish from its consumer.
//!
//! # Figures
//! Ratios to peers, above 1 is better; how they were measured is in the README.
//! - `ring_1p1c`, million items per second, 1 consumer, one by one: 2.23 to disruptor, 24.58 to
//!   tokio-broadcast, 14.87 to bus.
//! - `ring_1p1c`, the same, 64 at a time: 1.05 to disruptor-batch64.
//! - `ring_1p2c`, 2 consumers, one by one: 2.44 to disruptor, 21.52 to tokio-broadcast, 11.24 to
//!   bus.
//! - `ring_1p2c`, the same, 64 at a time: 1.23 to disruptor-batch64.

mod error;
pub mod gated;
pub mod lossy;
mod seats;

pub use error::{ClaimError, Closed, Full, JoinError, ReadError};

fn check_capacity(capacity: usize) {
    let max = crate::spsc::CAPACITY_MAX;
    assert!(
        capacity.is_power_of_two() && capacity <= max,
        "a ring of {capacity} items was asked for; powers of two from 1 to {max} are allowed"
    );
}
