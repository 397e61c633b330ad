//! Scheduling decisions of Beehive, and nothing else: events and load signals go in, decisions come
//! out.
//!
//! Like a bee that reads the waggle dance, a worker sees only brief, possibly stale signals of the
//! others and decides for itself: whom to steal from ([`search`]), whose tasks to run before its own (`pull`), whom to ask for help
//! ([`help`]),
//! when to publish its own signal ([`signal`]), where a new connection should live ([`place`]), on
//! how many workers connections should live ([`balance`]), how long to gather events before working
//! ([`wait`]), whose turn it is among classes and tasks ([`share`], [`deadline`]), which tasks are
//! not what they say ([`demotion`]), and how long to
//! run tasks before looking around ([`quantum`]) and one task before another one's turn ([`budget`],
//! [`mod@slice`]). It sees the others through a [`View`], knows by [`topology`] how far away they are,
//! and by [`Prices`] what that costs.
//!
//! What processor and kernel count, where they do, comes in as numbers too ([`counters`]).
//!
//! The crate owns no queue, clock, thread or waker, and knows no operating system. Time, seeds and
//! signals are arguments, so one recorded stream of events gives the same decisions in the Linux
//! runtime, in a kernel and in the simulator. A wrong decision costs time, never safety: the
//! mechanism checks each.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod balance;
pub mod budget;
pub mod class;
pub mod counters;
pub mod deadline;
pub mod demotion;
mod elements;
pub mod help;
pub mod place;
mod policy;
mod price;
mod pull;
pub mod quantum;
mod random;
pub mod search;
mod service;
pub mod share;
pub mod signal;
pub mod slice;
pub mod topology;
mod view;
pub mod wait;
pub mod work;

pub use balance::Move;
pub use class::{Class, ClassSet};
pub use deadline::DeadlineQueue;
pub use elements::Elements;
pub use help::{Help, Moment};
pub use place::Placement;
pub use policy::{Config, Policy};
pub use price::Prices;
pub use quantum::Quantum;
pub use search::{Probe, Step};
pub use share::{Shares, Weights};
pub use signal::{HeadClock, LoadSignal, Occasion, Queue};
pub use topology::{Domain, Place, Tier, Topology};
pub use view::{Aggregate, View};
pub use wait::{Activity, Wait};
pub use work::{Work, Working};

/// Names a worker: a number from zero up to the number of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(u16);

impl WorkerId {
    /// The worker with this number.
    ///
    /// # Panics
    ///
    /// If the number is above 65,535.
    #[must_use]
    pub const fn new(index: usize) -> Self {
        assert!(
            index <= u16::MAX as usize,
            "a runtime has at most 65,536 workers"
        );
        Self(index as u16)
    }

    /// The number.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Nanoseconds on a clock that never goes back; its origin is the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Time from `earlier` to here; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}
