//! With the feature: spans and events.

use std::any::type_name;
use std::panic::Location;

use beehive_policy::WorkerId;
use tracing::instrument::Instrumented;
use tracing::{Instrument, Span, debug_span, trace};

use crate::options::TaskMeta;

/// Puts the future of a task into the task's span.
pub(crate) fn in_span<F>(
    task: &TaskMeta,
    location: &'static Location<'static>,
    future: F,
) -> Instrumented<F> {
    let span = debug_span!(
        target: "beehive::task",
        parent: None,
        "task",
        name = task.name(),
        class = ?task.class(),
        future = type_name::<F>(),
        %location,
    );
    span.follows_from(Span::current());
    future.instrument(span)
}

/// The worker is about to wait for events.
pub(crate) fn parks(worker: WorkerId) {
    trace!(target: "beehive::worker", worker = worker.index(), "parks");
}

/// The worker has waited.
pub(crate) fn resumes(worker: WorkerId, woken: bool) {
    trace!(target: "beehive::worker", worker = worker.index(), woken, "resumes");
}

/// The worker has taken tasks from another one.
pub(crate) fn stole(worker: WorkerId, tasks: usize) {
    trace!(target: "beehive::worker", worker = worker.index(), tasks, "stole");
}
