//! The one place that atomics, cells and spinning come from: the processor's, or those of a model
//! checker that replaces them (features `loom` and `shuttle`).
//!
//! The cells have loom's interface: access through a closure, so that loom can see a data race.

#[cfg(feature = "loom")]
#[path = "loom.rs"]
mod source;
#[cfg(all(feature = "shuttle", not(feature = "loom")))]
#[path = "shuttle.rs"]
mod source;
#[cfg(not(any(feature = "loom", feature = "shuttle")))]
#[path = "native.rs"]
mod source;

#[allow(
    unused_imports,
    reason = "each source gives the same names, used or not"
)]
pub(crate) use source::{Arc, UnsafeCell, atomic, spin_loop};

/// True where a model checker explores schedules: capacities shrink, and loops yield early.
#[allow(dead_code, reason = "only some structures have capacities to shrink")]
pub(crate) const MODELLED: bool = cfg!(any(feature = "loom", feature = "shuttle"));
