//! What can be said about a task when it is spawned, and what of it a task carries.
//!
//! ```
//! use beehive::{Class, Runtime, TaskOptions, spawn_with};
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = Runtime::builder().workers(1).build()?;
//! let options = TaskOptions::new().name("answer").class(Class::Latency);
//! let answer = runtime.block_on(async { spawn_with(options, async { 42 }).await });
//! assert_eq!(answer.ok(), Some(42));
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Instant;

use beehive_policy::demotion::Conduct;
use beehive_policy::{Class, Nanos, WorkerId};

use crate::clock::Clock;
use crate::dump::record::Record;

/// A task of this runtime that is ready to be polled once.
pub(crate) type Task = beehive_task::Runnable<TaskMeta>;

/// Waits for a task's result; see [`beehive_task::JoinHandle`].
pub type JoinHandle<T> = beehive_task::JoinHandle<T, TaskMeta>;

/// How a task is to be scheduled, and what it is called.
///
/// The default is an unnamed task of the normal class with weight 1; a task spawned without options
/// is the same and costs nothing more.
#[derive(Debug, Clone, Default)]
pub struct TaskOptions {
    name: Option<Name>,
    class: Class,
    /// One less than the weight.
    extra_polls: u8,
    deadline: Option<Instant>,
    affinity: Option<WorkerId>,
}

impl TaskOptions {
    /// The default.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            name: None,
            class: Class::Normal,
            extra_polls: 0,
            deadline: None,
            affinity: None,
        }
    }

    /// What the task is called in whatever lists tasks.
    #[must_use]
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its class; classes share each worker's time by their weights
    /// ([`Builder::class_weights`](crate::Builder::class_weights)).
    ///
    /// The latency class is for polls of some microseconds. A task whose polls last for more than 50 µs
    /// again and again is treated as normal, until it has kept to that for some 30 polls.
    #[must_use]
    pub const fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// How many polls it gets for each poll of another task of its class and worker, while both stay
    /// ready: after a poll that made it ready again, it goes to the end of its queue only every
    /// `weight`-th time. So among tasks whose polls last as long, this is their share of the class's
    /// time. Between classes it changes nothing.
    ///
    /// # Panics
    ///
    /// If the weight is zero.
    #[must_use]
    pub const fn weight(mut self, weight: u8) -> Self {
        assert!(
            weight > 0,
            "a task's weight is at least 1; cancel a task that shall not run"
        );
        self.extra_polls = weight - 1;
        self
    }

    /// When the task should have been run: tasks of the latency class run in the order of their
    /// deadlines. One without a deadline counts as due a millisecond after it became ready, and one
    /// whose deadline has passed as due when it became ready, so that none can hold up the others.
    ///
    /// Only for the latency class: spawning any other task with a deadline panics.
    #[must_use]
    pub const fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Lets the task run on this worker only.
    #[must_use]
    pub const fn affinity(mut self, worker: WorkerId) -> Self {
        self.affinity = Some(worker);
        self
    }

    /// The worker it is to stay on.
    pub(crate) fn chosen_worker(&self) -> Option<WorkerId> {
        self.affinity
    }

    /// The same without a chosen worker.
    pub(crate) fn anywhere(mut self) -> Self {
        self.affinity = None;
        self
    }

    /// What a task with these options carries.
    ///
    /// # Panics
    ///
    /// If there is a deadline and the class is another than latency.
    pub(crate) fn into_meta(self, clock: &Clock) -> TaskMeta {
        assert!(
            self.deadline.is_none() || self.class == Class::Latency,
            "only tasks of the latency class are ordered by deadlines; add `.class(Class::Latency)`"
        );
        let deadline = self.deadline.map(|deadline| clock.at(deadline));
        let named = self.name.is_some() || deadline.is_some();
        TaskMeta {
            class: self.class,
            extra_polls: self.extra_polls,
            extra_polls_left: AtomicU8::new(self.extra_polls),
            affinity: self.affinity,
            conduct: AtomicU8::new(Conduct::default().to_bits()),
            details: named.then(|| {
                let name = self.name;
                Box::new(Details {
                    name,
                    deadline,
                    record: None,
                })
            }),
        }
    }
}

/// What the runtime knows about a task: opaque, and part of [`JoinHandle`]'s type.
#[derive(Debug, Default)]
pub struct TaskMeta {
    class: Class,
    extra_polls: u8,
    /// How many times it may still go ahead of its queue; used by the worker that runs it only.
    extra_polls_left: AtomicU8,
    affinity: Option<WorkerId>,
    /// The bits of its [`Conduct`]; changed by the worker that polls it only.
    conduct: AtomicU8,
    /// What most tasks do not have.
    details: Option<Box<Details>>,
}

#[derive(Debug, Default)]
struct Details {
    name: Option<Name>,
    deadline: Option<Nanos>,
    /// While task dumps are on.
    record: Option<Arc<Record>>,
}

impl TaskMeta {
    /// What the task is called.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.details.as_ref()?.name.as_deref()
    }

    /// Whether it was given a name, or something else that most tasks do not have.
    #[inline]
    pub(crate) fn is_named(&self) -> bool {
        self.details.is_some()
    }

    /// What the task is called, to keep.
    pub(crate) fn full_name(&self) -> Option<&Name> {
        self.details.as_ref()?.name.as_ref()
    }

    /// Gives it a record.
    pub(crate) fn attach(&mut self, record: Arc<Record>) {
        self.details.get_or_insert_default().record = Some(record);
    }

    /// Its record, if it has one.
    #[inline]
    pub(crate) fn record(&self) -> Option<&Arc<Record>> {
        self.details.as_ref()?.record.as_ref()
    }

    /// It is about to be queued.
    #[inline]
    pub(crate) fn note_ready(&self) {
        if let Some(record) = self.record() {
            record.note_ready();
        }
    }

    /// Its class.
    #[inline]
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// The class that it is queued in: another one than its own if it does not keep to that.
    #[inline]
    pub(crate) fn queue_class(&self) -> Class {
        self.conduct().class(self.class)
    }

    #[inline]
    fn conduct(&self) -> Conduct {
        Conduct::from_bits(self.conduct.load(Relaxed))
    }

    /// A poll has lasted for so long.
    pub(crate) fn note_poll(&self, poll: Nanos) {
        // Only one worker at a time runs a task, and handing a task over synchronises.
        let conduct = self.conduct().after(poll);
        self.conduct.store(conduct.to_bits(), Relaxed);
    }

    /// The only worker that may run it, if it is a shared task that was given one.
    #[inline]
    pub(crate) fn affinity(&self) -> Option<WorkerId> {
        self.affinity
    }

    /// By the clock of its runtime.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        self.details.as_ref()?.deadline
    }

    /// Whether it may go ahead of its queue at times.
    #[inline]
    pub(crate) fn is_weighted(&self) -> bool {
        self.extra_polls > 0
    }

    /// It is ready again after its poll: whether it goes ahead of its queue this time.
    pub(crate) fn takes_extra_poll(&self) -> bool {
        // Only one worker at a time runs or queues a task, and handing a task over synchronises.
        let left = self.extra_polls_left.load(Relaxed);
        let taken = left.checked_sub(1);
        let after = taken.unwrap_or(self.extra_polls);
        self.extra_polls_left.store(after, Relaxed);
        taken.is_some()
    }
}

/// A task's name: a constant, or a shared text.
#[derive(Clone)]
pub struct Name(Text);

#[derive(Clone)]
enum Text {
    Constant(&'static str),
    Shared(Arc<str>),
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Text::Constant(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        Self(Text::Constant(text))
    }
}

impl From<Arc<str>> for Name {
    fn from(text: Arc<str>) -> Self {
        Self(Text::Shared(text))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beehive_policy::demotion;

    #[test]
    fn a_task_without_options_carries_sixteen_bytes() {
        assert_eq!(size_of::<TaskMeta>(), 16);
    }

    #[test]
    fn a_weighted_task_goes_to_the_end_of_its_queue_every_weight_th_time() {
        let meta = TaskOptions::new().weight(3).into_meta(&Clock::new());
        let ahead: Vec<_> = (0..7).map(|_| meta.takes_extra_poll()).collect();
        assert_eq!(ahead, [true, true, false, true, true, false, true]);
        assert!(!TaskMeta::default().takes_extra_poll() && !TaskMeta::default().is_weighted());
    }

    #[test]
    fn a_latency_task_whose_polls_are_long_is_queued_as_normal() {
        let long = Nanos(demotion::POLL_MAX.0 + 1);
        let latency = TaskOptions::new().class(Class::Latency);
        let meta = latency.into_meta(&Clock::new());
        meta.note_poll(long);
        assert_eq!(meta.queue_class(), Class::Latency);
        meta.note_poll(long);
        assert_eq!(meta.queue_class(), Class::Normal);
        assert_eq!(meta.class(), Class::Latency);
        (0..33).for_each(|_| meta.note_poll(Nanos(1_000)));
        assert_eq!(meta.queue_class(), Class::Latency);
    }

    #[test]
    #[should_panic(expected = "add `.class(Class::Latency)`")]
    fn a_deadline_outside_the_latency_class_is_refused() {
        let options = TaskOptions::new().deadline(Instant::now());
        options.into_meta(&Clock::new());
    }

    #[test]
    fn names_of_all_kinds_read_the_same() {
        let names = [
            Name::from("a"),
            Name::from(String::from("a")),
            Arc::<str>::from("a").into(),
        ];
        assert!(names.iter().all(|name| name.to_string() == "a"));
        assert!(names.iter().all(|name| *name == names[0]));
    }
}
