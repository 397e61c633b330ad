//! What flights are made of that threads meet in. `tests/loom` includes `flight/`, with loom's in place
//! of these.

pub(crate) use std::sync::atomic::AtomicUsize;

pub(crate) use event_listener::{Event, EventListener};
