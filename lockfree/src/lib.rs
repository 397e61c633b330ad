//! Lock-free structures for schedulers, caches, kernels and the frameworks above them.
//!
//! Each module is one structure and opens with its protocol. None needs an operating system: the
//! crate is `no_std` with `alloc`, and waiting is by hook (see [`wait`]): a structure wakes a
//! [`core::task::Waker`], and what that means is up to whoever made the waker.

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod admission;
pub mod deque;
pub mod latest;
pub mod map;
pub mod mpmc;
pub mod mpsc;
pub mod reply;
pub mod sequenced;
pub mod spsc;
mod sync;
pub mod wait;
