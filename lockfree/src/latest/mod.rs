//! The latest value: whoever reads wants the newest one and does not miss the others. For frames,
//! configuration, readings of sensors.
//!
//! - [`triple_buffer`]: one writer, one reader, values of any type and size. Both ends are
//!   wait-free at any rate: neither can hold up the publishing or fetching of the other.
//! - [`seqlock()`]: one writer, any number of readers, a few words. Readers write nothing. For a writer
//!   that writes seldom; see there why.
//! - [`signal()`]: "something has changed" from any number of threads, as one wake-up of one listener.
//!
//! The reader of a triple buffer and the listener of a signal can wait for a change. Whoever wakes them
//! and is stopped in the middle of that delays no change, but as long as it is stopped waiting is
//! polling: each poll is woken by itself, as [`WakerCell`](crate::wait::WakerCell) says.
//!
//! Each has its own introduction.

mod seqlock;
mod signal;
mod triple;

pub use seqlock::{SeqReader, SeqWriter, seqlock};
pub use signal::{Listener, Notifier, signal};
pub use triple::{Closed, Reader, Writer, triple_buffer};
