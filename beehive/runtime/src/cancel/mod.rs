//! Ending work early: by token, by dropping a handle, or because something else was faster.
//!
//! A task ends at its next suspension point, when its future is dropped; nothing interrupts code
//! between two of them. Three ways lead there:
//!
//! - a [`CancellationToken`] asks: each task decides at which awaits it listens;
//! - [`JoinHandle::cancel`](crate::JoinHandle::cancel), [`AbortHandle`] and [`AbortOnDrop`] end one
//!   task wherever it waits, and a [`JoinSet`](crate::JoinSet) ends its tasks when it is dropped;
//! - [`race()`] drops the slower of two futures. To wait for several, `join!` and `select!` of the
//!   crates `futures` and `futures-lite` work here as everywhere, since they are futures like any.

mod abort;
mod node;
mod race;
mod token;

pub use abort::{AbortHandle, AbortOnDrop, Aborted, abortable};
pub use race::{Either, race};
pub use token::{CancellationToken, Cancelled, CancelledOwned, DropGuard};
