//! What a worker shows of its polls: written by the worker, read by the monitor.
//!
//! The parts are written one by one, so the monitor can see a step together with the future or the
//! name of a neighbour. It reports only a step that it has seen several times, long apart, and what
//! belongs to that step was written at its beginning.

use std::any::type_name;
use std::ptr::from_ref;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering::Relaxed, Ordering::SeqCst,
};

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
    /// Counts polls, and turns of the worker's loop.
    steps: AtomicU64,
    /// Of the future that is polled, or was last. Always points to a constant.
    future: AtomicPtr<Describe>,
    /// Whether `name` holds one. Used by the worker only.
    named: AtomicBool,
    /// The name of the task that is polled, if it has one.
    name: Mutex<Option<Name>>,
    /// Whether the worker does anything but wait for events.
    active: AtomicBool,
    /// The worker's thread by the kernel's number.
    thread: AtomicI32,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            steps: AtomicU64::new(0),
            future: AtomicPtr::new(from_ref(MAIN).cast_mut()),
            named: AtomicBool::new(false),
            name: Mutex::new(None),
            active: AtomicBool::new(false),
            thread: AtomicI32::new(0),
        }
    }

    /// The worker begins to run on the calling thread.
    pub(crate) fn start(&self) {
        let thread = rustix::thread::gettid();
        self.thread.store(thread.as_raw_nonzero().get(), Relaxed);
        self.resume();
    }

    /// The worker begins to wait for events, or stops.
    pub(crate) fn pause(&self) {
        self.active.store(false, SeqCst);
    }

    /// The worker goes on.
    pub(crate) fn resume(&self) {
        self.active.store(true, SeqCst);
    }

    /// The worker begins a turn of its loop.
    pub(crate) fn begin_turn(&self) {
        self.step(MAIN);
    }

    /// The worker is about to run a task, whose future then calls [`begin_poll`](Self::begin_poll).
    #[inline]
    pub(crate) fn begin_task(&self, task: &TaskMeta) {
        if task.is_named() || self.named.load(Relaxed) {
            self.change_name(task);
        }
    }

    #[cold]
    fn change_name(&self, task: &TaskMeta) {
        let name = task.full_name().cloned();
        self.named.store(name.is_some(), Relaxed);
        let before = std::mem::replace(&mut *self.name.lock(), name);
        drop(before);
    }

    /// A future of this type is about to be polled.
    #[inline]
    pub(crate) fn begin_poll<F>(&self) {
        self.step(const { &(type_name::<F> as Describe) });
    }

    #[inline]
    fn step(&self, future: &'static Describe) {
        self.future.store(from_ref(future).cast_mut(), Relaxed);
        // Only the worker counts.
        let step = self.steps.load(Relaxed).wrapping_add(1);
        self.steps.store(step, Relaxed);
    }

    /// The step that the worker is in; `None` while it waits for events.
    pub(super) fn current_step(&self) -> Option<u64> {
        self.active.load(SeqCst).then(|| self.steps.load(Relaxed))
    }

    /// Name and type of what is polled.
    pub(super) fn describe(&self) -> (Option<Name>, &'static str) {
        // SAFETY: `step` and `new` store references to constants.
        let future = unsafe { &*self.future.load(Relaxed) };
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

    #[test]
    fn a_poll_is_described_by_name_and_type() {
        let watch = Watch::new();
        assert_eq!(watch.describe(), (None, "the future of `block_on`"));
        let named = TaskOptions::new().name(String::from("import"));
        watch.begin_task(&named.into_meta(&Clock::new()));
        watch.begin_poll::<Option<u8>>();
        let (name, future) = watch.describe();
        assert_eq!(name.as_deref(), Some("import"));
        assert!(future.contains("Option<u8>"), "{future}");
        watch.begin_task(&TaskMeta::default());
        watch.begin_poll::<u16>();
        assert_eq!(watch.describe(), (None, "u16"));
    }

    #[test]
    fn a_worker_is_in_a_step_unless_it_waits() {
        let watch = Watch::new();
        assert_eq!(watch.current_step(), None);
        watch.start();
        let first = watch.current_step();
        watch.begin_turn();
        assert!(first.is_some() && watch.current_step() != first);
        watch.pause();
        assert_eq!(watch.current_step(), None);
    }
}
