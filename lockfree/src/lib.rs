//! Lock-free structures for schedulers, caches, kernels and the frameworks above them.
//!
//! Each module is one structure and opens with its protocol. None needs an operating system: the
//! crate is `no_std` with `alloc`, and waiting is by hook (see [`wait`]): a structure wakes a
//! [`core::task::Waker`], and what that means is up to whoever made the waker.
//!
//! The target must have atomics of 64 bits (`target_has_atomic = "64"`). All 64-bit targets that Rust
//! has atomics for do; of those with 32 bits for instance x86 and ARMv7-A do, ARMv6-M, ARMv7-M and
//! RISC-V do not, and for these the crate does not compile.

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
pub mod slab_map;
pub mod spsc;
mod sync;
pub mod wait;
