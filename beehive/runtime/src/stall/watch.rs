//! What a worker shows of its polls: written by the worker, read by the monitor.
//!
//! The parts are written one by one, so the monitor can see a step together with the future or the
//! name of the next one. How it finds that out is the protocol of [`beehive_task::progress`].

use std::any::type_name;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};

use beehive_task::progress::{Alarm, Progress};
use parking_lot::Mutex;

use crate::options::{Name, TaskMeta};

/// Gives the name of a type of future.
type Describe = fn() -> &'static str;

/// What is polled in a turn besides tasks.
const MAIN: &Describe = &(main_future as Describe);

fn main_future() -> &'static str {
    "the future of `block_on`"
}

/// One worker's polls.
pub(crate) struct Watch {
    /// Counts polls, and turns of the worker's loop; shows the future that is polled, or was last.
    progress: Progress<Describe>,
    /// Whether `name` holds one. Used by the worker only.
    named: AtomicBool,
    /// The name of the task that is polled, if it has one.
    name: Mutex<Option<Name>>,
    /// The worker's thread by the kernel's number.
    thread: AtomicI32,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            progress: Progress::new(MAIN),
            named: AtomicBool::new(false),
            name: Mutex::new(None),
            thread: AtomicI32::new(0),
        }
    }

    /// The worker begins to run on the calling thread. True if the monitor must be woken.
    #[must_use = "a monitor that sleeps must be woken"]
    pub(crate) fn start(&self, alarm: &Alarm) -> bool {
        let thread = rustix::thread::gettid();
        self.thread.store(thread.as_raw_nonzero().get(), Relaxed);
        self.resume(alarm)
    }

    /// The worker begins to wait for events, or stops.
    pub(crate) fn pause(&self) {
        self.progress.pause();
    }

    /// The worker goes on. True if the monitor must be woken.
    #[must_use = "a monitor that sleeps must be woken"]
    pub(crate) fn resume(&self, alarm: &Alarm) -> bool {
        self.progress.resume(alarm)
    }

    /// The worker begins a turn of its loop.
    pub(crate) fn begin_turn(&self) {
        if self.named.load(Relaxed) {
            self.change_name(None);
        }
        self.progress.begin_step(MAIN);
    }

    /// The worker is about to run a task, whose future then calls [`begin_poll`](Self::begin_poll).
    #[inline]
    pub(crate) fn begin_task(&self, task: &TaskMeta) {
        if task.is_named() || self.named.load(Relaxed) {
            self.change_name(task.full_name().cloned());
        }
    }

    #[cold]
    fn change_name(&self, name: Option<Name>) {
        self.named.store(name.is_some(), Relaxed);
        self.progress.end_step();
        let before = std::mem::replace(&mut *self.name.lock(), name);
        drop(before);
    }

    /// A future of this type is about to be polled.
    #[inline]
    pub(crate) fn begin_poll<F>(&self) {
        self.progress
            .begin_step(const { &(type_name::<F> as Describe) });
    }

    /// The step that the worker is in; `None` while it waits for events.
    pub(super) fn current_step(&self) -> Option<u64> {
        self.progress.current_step()
    }

    /// Name and type of what is polled. They belong to a step seen before only if that is still the
    /// current one.
    pub(super) fn describe(&self) -> (Option<Name>, &'static str) {
        let future = self.progress.shown();
        (self.name.lock().clone(), future())
    }

    pub(super) fn thread(&self) -> i32 {
        self.thread.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::options::TaskOptions;

    fn named_task() -> TaskMeta {
        let named = TaskOptions::new().name(String::from("import"));
        named.into_meta(&Clock::new())
    }

    #[test]
    fn a_poll_is_described_by_name_and_type() {
        let watch = Watch::new();
        assert_eq!(watch.describe(), (None, "the future of `block_on`"));
        watch.begin_task(&named_task());
        watch.begin_poll::<Option<u8>>();
        let (name, future) = watch.describe();
        assert_eq!(name.as_deref(), Some("import"));
        assert!(future.contains("Option<u8>"), "{future}");
        watch.begin_task(&TaskMeta::default());
        watch.begin_poll::<u16>();
        assert_eq!(watch.describe(), (None, "u16"));
        watch.begin_task(&named_task());
        watch.begin_turn();
        assert_eq!(watch.describe(), (None, "the future of `block_on`"));
    }

    #[test]
    fn a_name_that_changes_ends_the_step() {
        let watch = Watch::new();
        assert!(!watch.start(&Alarm::new()));
        watch.begin_poll::<u16>();
        let before = watch.current_step();
        watch.begin_task(&named_task());
        assert!(before.is_some() && watch.current_step() != before);
    }
}
