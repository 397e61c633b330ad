//! Mechanism of Beehive that needs no operating system: the task cell with its join handle
//! ([`cell`]), the set of live tasks that makes shutdown complete ([`live`]), the list by which tasks
//! come from other threads ([`list`]), the run queue of one worker ([`queue`]), what is seen of a queue
//! without its lock ([`glance`]), fork-join jobs ([`job`]), how a waiting worker is woken ([`doorbell`])
//! and which one ([`idle`]), who waits for a file ([`readiness`]), what a monitor of long polls sees
//! ([`progress`]), work that one thread does for all ([`drain`]), and the timer wheel ([`wheel`]).
//!
//! Nothing here blocks, reads a clock or starts a thread. A world (the Linux runtime, a kernel, a
//! simulator) owns the loop that runs tasks and turns the wheel.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod cell;
pub mod doorbell;
pub mod drain;
pub mod glance;
pub mod idle;
pub mod job;
pub mod list;
pub mod live;
pub mod progress;
pub mod queue;
pub mod readiness;
mod sync;
pub mod wheel;

pub use cell::{JoinError, JoinHandle, Runnable};
