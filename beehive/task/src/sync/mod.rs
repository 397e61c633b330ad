//! The one place that atomics and cells come from: the processor's, or loom's, which replace them for
//! model checking (feature `loom`).
//!
//! The cells have loom's interface: access through a closure, so that loom can see a data race.

#[cfg(feature = "loom")]
#[path = "loom.rs"]
mod source;
#[cfg(not(feature = "loom"))]
#[path = "native.rs"]
mod source;

pub(crate) use source::{UnsafeCell, atomic};
