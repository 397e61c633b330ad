//! Waiting by hook: everything that waits takes a [`Context`](core::task::Context), and is woken through its waker. A
//! thread, an async task and a kernel object differ only in who made the waker.
//!
//! Structures offer `try_…` (never waits), `poll_…` (for futures and hooks) and `async` methods;
//! with the feature `std`, [`block`] turns any `poll_…` into a call that parks the thread.

mod cell;
#[cfg(all(feature = "std", not(any(feature = "loom", feature = "shuttle"))))]
mod park;
mod spin;

pub use cell::WakerCell;
#[cfg(all(feature = "std", not(any(feature = "loom", feature = "shuttle"))))]
pub use park::block;
pub use spin::Spin;
