//! What the runtime tells `tracing` with the feature `tracing`: a span around each task, events of the
//! workers.
//!
//! - Each task has a span `task` of target `beehive::task` and level debug, with the fields `name` (if
//!   it was given one), `class`, `future` and `location`. It is entered for each poll and for the drop of
//!   the future, and closes with it. It has no parent, for a task may outlive who spawned it; but it
//!   follows from the span in which it was spawned.
//! - Workers emit events of target `beehive::worker` and level trace: `parks`, `resumes` (with whether
//!   another thread woke it), `stole` (with how many tasks).
//!
//! Warnings about stalls do not depend on the feature. Without it, nothing of this is compiled; with it
//! but without a subscriber that wants these targets, it costs a load and a comparison each.

#[cfg(not(feature = "tracing"))]
mod disabled;
#[cfg(feature = "tracing")]
mod enabled;

#[cfg(not(feature = "tracing"))]
pub(crate) use disabled::{in_span, parks, resumes, stole};
#[cfg(feature = "tracing")]
pub(crate) use enabled::{in_span, parks, resumes, stole};
