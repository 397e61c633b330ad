//! A worker's run queues of all classes but normal, and the choice of the class that runs next.
//!
//! While only tasks of the normal class without weights are queued, which is the rule, the choice of
//! a task costs one look at a flag more than without classes: [`ClassQueues::is_mixed`] is false. As
//! soon as any other task is queued it is true, and the policy's [`Shares`] decide by class, until
//! only normal tasks are left.
//!
//! Time is charged to classes from decision to decision. A decision is made when a class becomes
//! ready or empty, which is noticed between two polls, and when a slice is over, for which the clock
//! is read after each poll while several classes are ready.
//!
//! A weighted task that makes itself ready while it runs takes the place ahead of its class's queue
//! (`ahead`) all but every `weight`-th time. It is not visible to thieves there; but until its poll
//! ends nobody could run it, and then it is next in its class.

mod shared;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use beehive_policy::{Class, ClassSet, DeadlineQueue, Nanos, Shares, Weights, deadline};

use crate::clock::Clock;
use crate::options::Task;
use crate::panic;
use crate::remote::Remote;
use shared::SharedQueue;

/// Who may run a task that is ready.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This worker only.
    Local,
    /// Whoever takes it.
    Stealable,
}

/// Stealable tasks of all classes but normal.
pub(crate) struct SharedQueues {
    latency: SharedQueue,
    background: SharedQueue,
}

impl SharedQueues {
    pub(crate) fn new() -> Self {
        Self {
            latency: SharedQueue::new(),
            background: SharedQueue::new(),
        }
    }

    pub(crate) fn push(&self, now: Nanos, task: Task) {
        match task.metadata().queue_class() {
            Class::Latency => self.latency.push(now, task),
            _ => self.background.push(now, task),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.latency.is_empty() && self.background.is_empty()
    }

    /// How many there are of a class; of normal tasks none.
    pub(crate) fn len_of(&self, class: Class) -> usize {
        match class {
            Class::Latency => self.latency.len() as usize,
            Class::Background => self.background.len() as usize,
            Class::Normal => 0,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        (self.latency.len() + self.background.len()) as usize
    }

    pub(crate) fn has_latency(&self) -> bool {
        !self.latency.is_empty()
    }

    /// Moves half of the tasks of one class: of latency if there are any. True if there were some.
    fn steal_half(&self, into: &Self) -> bool {
        self.latency.steal_half(&into.latency) || self.background.steal_half(&into.background)
    }

    pub(crate) fn drop_all(&self) {
        let next = || self.latency.pop().or_else(|| self.background.pop());
        panic::each(std::iter::from_fn(next), drop);
    }
}

/// The run queues of one worker but for its normal tasks; only its thread uses them.
pub(crate) struct ClassQueues {
    latency: RefCell<DeadlineQueue<Task>>,
    background: RefCell<DeadlineQueue<Task>>,
    /// Of the worker: what others may take.
    remote: Arc<Remote>,
    /// The weighted task that is next in its class, for each class.
    ahead: RefCell<[Option<(Task, Reach)>; Class::COUNT]>,
    /// Whether there may be other tasks than normal ones in their queues.
    mixed: Cell<bool>,
    shares: RefCell<Shares>,
    /// The class whose slice it is, and which classes were ready when that was decided.
    slice: Cell<Option<(Class, ClassSet)>>,
    clock: Clock,
    /// The last reading of the clock.
    now: Cell<Nanos>,
}

impl ClassQueues {
    /// Queues that hold what others may take of the worker of `remote`.
    pub(crate) fn new(remote: Arc<Remote>, weights: Weights, clock: &Clock) -> Self {
        Self {
            latency: RefCell::default(),
            background: RefCell::default(),
            mixed: Cell::new(!remote.others.is_empty()),
            remote,
            ahead: RefCell::default(),
            shares: RefCell::new(Shares::new(weights)),
            slice: Cell::new(None),
            now: Cell::new(clock.now()),
            clock: clock.clone(),
        }
    }

    /// Reads the clock.
    #[inline]
    pub(crate) fn read_clock(&self) -> Nanos {
        let now = self.clock.now();
        self.now.set(now);
        now
    }

    /// The last reading of the clock.
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        self.now.get()
    }

    /// Whether there may be other tasks than normal ones in their queues.
    #[inline]
    pub(crate) fn is_mixed(&self) -> bool {
        self.mixed.get()
    }

    /// Queues a task of another class than normal that stays on this worker.
    pub(crate) fn push_local(&self, task: Task) {
        self.mixed.set(true);
        let deadline = task.metadata().deadline();
        let queue = match task.metadata().queue_class() {
            Class::Latency => &self.latency,
            _ => &self.background,
        };
        queue.borrow_mut().push(self.now.get(), deadline, task);
    }

    /// Queues a task of another class than normal that others may take.
    pub(crate) fn push_stealable(&self, task: Task) {
        self.mixed.set(true);
        self.remote.others.push(self.now.get(), task);
    }

    /// A weighted task is ready again after its poll: lets it go ahead of its queue, or gives it back
    /// if it is to wait this time.
    pub(crate) fn put_ahead(&self, task: Task, reach: Reach) -> Option<Task> {
        let place = &mut self.ahead.borrow_mut()[task.metadata().queue_class().index()];
        if place.is_some() || !task.metadata().takes_extra_poll() {
            return Some(task);
        }
        self.mixed.set(true);
        *place = Some((task, reach));
        None
    }

    /// Whose turn it is, if `normal` says whether normal tasks are queued; `None` if no other class
    /// is ready.
    pub(crate) fn choose(&self, normal: bool) -> Option<Class> {
        let ready = self.ready(normal);
        let plain = ready == ClassSet::EMPTY.with(Class::Normal, true);
        if ready.is_empty() || plain && self.ahead.borrow()[Class::Normal.index()].is_none() {
            self.mixed.set(false);
            self.end_slice(ClassSet::EMPTY);
            return None;
        }
        let mut shares = self.shares.borrow_mut();
        if let Some((class, decided)) = self.slice.get()
            && decided == ready
            && (ready.is_single() || !shares.is_over(self.read_clock()))
        {
            return Some(class);
        }
        let class = shares.next(self.read_clock(), ready)?;
        let before = self.slice.replace(Some((class, ready)));
        self.note_class(before, Some(class));
        Some(class)
    }

    /// Which classes have tasks.
    fn ready(&self, normal: bool) -> ClassSet {
        let others = &self.remote.others;
        let latency = !self.latency.borrow().is_empty() || !others.latency.is_empty();
        let background = !self.background.borrow().is_empty() || !others.background.is_empty();
        let ahead = self.ahead.borrow();
        let queued = Class::ALL.into_iter().zip([latency, normal, background]);
        queued.fold(ClassSet::EMPTY, |ready, (class, queued)| {
            ready.with(class, queued || ahead[class.index()].is_some())
        })
    }

    /// The worker does something else than run tasks by class.
    #[inline]
    pub(crate) fn pause(&self, normal: bool) {
        if self.slice.get().is_some() {
            self.end_slice(self.ready(normal));
        }
    }

    fn end_slice(&self, ready: ClassSet) {
        let before = self.slice.take();
        if before.is_some() {
            self.shares.borrow_mut().stop(self.read_clock(), ready);
            self.note_class(before, None);
        }
    }

    fn note_class(&self, before: Option<(Class, ClassSet)>, class: Option<Class>) {
        let before = before.map(|(class, _)| class);
        let counters = &self.remote.counters;
        counters.change_class(before, class, self.now.get());
    }

    /// Takes the task that goes ahead of the queue of its class.
    pub(crate) fn pop_ahead(&self, class: Class) -> Option<Task> {
        let ahead = self.ahead.borrow_mut()[class.index()].take();
        ahead.map(|(task, _)| task)
    }

    /// Takes the next task of a class other than normal.
    pub(crate) fn pop(&self, class: Class) -> Option<Task> {
        let ahead = self.pop_ahead(class);
        if ahead.is_some() {
            return ahead;
        }
        let (local, stealable) = match class {
            Class::Latency => (&self.latency, &self.remote.others.latency),
            _ => (&self.background, &self.remote.others.background),
        };
        let local_due = local.borrow().first_due();
        let local_first = match (local_due, stealable.first_due()) {
            (Some(local), Some(stealable)) => local <= stealable,
            (local, _) => local.is_some(),
        };
        if local_first {
            local.borrow_mut().pop()
        } else {
            stealable.pop()
        }
    }

    /// Takes a task that stays on this worker, in no order.
    pub(crate) fn pop_local(&self) -> Option<Task> {
        let latency = self.latency.borrow_mut().pop();
        latency.or_else(|| self.background.borrow_mut().pop())
    }

    /// Whether nothing that stays on this worker is queued here.
    pub(crate) fn is_local_empty(&self) -> bool {
        self.latency.borrow().is_empty() && self.background.borrow().is_empty()
    }

    /// How many tasks of this class that stay on this worker are queued here; normal ones are not.
    pub(crate) fn local_len(&self, class: Class) -> usize {
        match class {
            Class::Latency => self.latency.borrow().len(),
            Class::Background => self.background.borrow().len(),
            Class::Normal => 0,
        }
    }

    /// Whether anything is queued here.
    #[inline]
    pub(crate) fn has_tasks(&self) -> bool {
        self.mixed.get() && !self.ready(false).is_empty()
    }

    /// Whether others can take anything that is queued here.
    #[inline]
    pub(crate) fn has_stealable(&self) -> bool {
        self.mixed.get() && !self.remote.others.is_empty()
    }

    /// Takes tasks from the entrance; true if there were any.
    pub(crate) fn take(&self, entrance: &SharedQueues) -> bool {
        let own = &self.remote.others;
        let latency = entrance.latency.steal_half(&own.latency);
        let background = entrance.background.steal_half(&own.background);
        self.note_taken(latency || background)
    }

    /// Takes half of another worker's tasks of one class; true if there were any.
    pub(crate) fn steal(&self, from: &SharedQueues) -> bool {
        self.note_taken(from.steal_half(&self.remote.others))
    }

    /// Takes latency tasks that another worker lets wait, if there are none here; true if there were
    /// any.
    pub(crate) fn rescue(&self, from: &SharedQueues) -> bool {
        let neglected = from
            .latency
            .first_due()
            .is_some_and(|due| deadline::is_neglected(self.now.get(), due));
        let own = &self.remote.others.latency;
        let idle = || own.is_empty() && self.latency.borrow().is_empty();
        self.note_taken(neglected && idle() && from.latency.steal_half(own))
    }

    fn note_taken(&self, taken: bool) -> bool {
        self.mixed.set(self.mixed.get() || taken);
        taken
    }

    /// The worker stops: gives back the tasks that go ahead of their queues.
    pub(crate) fn stop(&self) -> impl Iterator<Item = (Task, Reach)> + use<> {
        self.end_slice(ClassSet::EMPTY);
        self.ahead.take().into_iter().flatten()
    }
}

#[cfg(test)]
mod tests;
