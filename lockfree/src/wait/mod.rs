//! Waiting by hook: everything that waits takes a [`Context`](core::task::Context), and is woken
//! through its waker. A thread, an async task and a kernel object differ only in who made the waker.
//!
//! Structures offer a `try_…` that never waits, and for who waits a future: an `async` method beside a
//! `poll_…` for hooks, or a named future where the waiter has a place in a queue. With the feature
//! `std`, `block` turns any `poll_…`, and `block_on` any future, into a call that parks the thread.
//!
//! Each of them first calls [`poll_budget`], so that a task for which everything is ready does not keep
//! its thread from others.

#[cfg(all(feature = "std", not(any(feature = "loom", feature = "shuttle"))))]
pub mod budget;
mod cell;
#[cfg(not(all(feature = "std", not(any(feature = "loom", feature = "shuttle")))))]
mod no_budget;
#[cfg(all(feature = "std", not(any(feature = "loom", feature = "shuttle"))))]
mod park;
mod spin;

#[cfg(all(feature = "std", not(any(feature = "loom", feature = "shuttle"))))]
pub use budget::poll_budget;
pub use cell::WakerCell;
#[cfg(not(all(feature = "std", not(any(feature = "loom", feature = "shuttle")))))]
pub use no_budget::poll_budget;
#[cfg(all(feature = "std", not(any(feature = "loom", feature = "shuttle"))))]
pub use park::{block, block_on};
pub use spin::Spin;
