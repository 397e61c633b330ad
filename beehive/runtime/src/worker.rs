//! The worker: one thread's run queues, timers and reactor, and the loop over them.
//!
//! One turn of the loop: receive what other threads sent; run tasks for a quantum (limited in time and
//! in polls), by class, taking local and stealable tasks in turn; with nothing left to run, search the
//! other workers; then one visit to the reactor, which submits, waits if there is nothing to run, and
//! collects events; then fire timers. So IO and timers are seen within one quantum, whatever the local
//! load. What other threads send, tasks for this worker as well as those for any, is seen after the
//! poll during which it came: to look costs two loads of lines that nobody writes meanwhile, and a
//! quantum of long polls would delay it a hundredfold.

mod account;
mod current;
mod measure;
mod park;
mod run;
mod search;
#[cfg(test)]
mod tests;
mod timers;

use std::cell::{Cell, RefCell};
use std::ptr::null;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use beehive_policy::{
    Activity, Class, HeadClock, LoadSignal, Moment, Move, Nanos, Occasion, Quantum, Queue, Wait,
    Work, WorkerId, Working,
};
use beehive_task::cell::{LiveKey, Member};
use beehive_task::live::LiveSet;
use beehive_task::queue::LocalQueue;
use beehive_task::wheel::Wheel;
use hallows_lockfree::deque::{Full, Worker as Deque};
use hallows_lockfree::mpsc::Receiver;

use crate::budget::{self, PollBudget};
use crate::counters::Counters;
use crate::driver::Driver;
use crate::fork;
use crate::metrics::Phase;
use crate::options::{Task, TaskMeta};
use crate::panic;
use crate::policy::Policy;
use crate::queues::{ClassQueues, Reach};
use crate::remote::{Message, Remote};
use crate::shared::Shared;
use crate::slice::Slices;
use account::Account;
use current::CURRENT;
pub use current::worker_id;
pub(crate) use current::{polled, try_with_current, with_current};

/// Tasks from the entrance may fill one part in so many of a worker's own queue at once, and are looked
/// for while no more is filled.
const INJECTED_PART: usize = 2;
/// One in this many quanta is timed, to estimate the service time without reading the clock often.
const TIMED_QUANTA: u32 = 16;

/// Everything that belongs to one worker's thread.
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) remote: Arc<Remote>,
    /// Tasks of the normal class that stay on this worker.
    local: LocalQueue<Task>,
    /// Tasks of the other classes, and whose turn it is among all.
    queues: ClassQueues,
    /// Shared tasks that were queued here when the worker stopped, for the next time that it runs.
    chosen: RefCell<Vec<Task>>,
    /// Preemptible tasks of this worker that have used a slice.
    pub(crate) slices: Rc<Slices>,
    /// Tasks of the normal class that others may take. What finds no room here goes to the shared queue.
    stealable: Deque<Task>,
    inbox: RefCell<Receiver<Message>>,
    /// Local tasks that wait.
    live: RefCell<LiveSet<TaskMeta>>,
    timers: RefCell<Wheel<Waker>>,
    pub(crate) driver: Rc<Driver>,
    /// Fork-join jobs.
    pub(crate) fork: fork::Local,
    policy: RefCell<Policy>,
    /// It has polled a task that others could have taken, since it last lingered.
    shared_work: Cell<bool>,
    /// The last search left a task alone to its worker, and found nothing else.
    left_alone: Cell<bool>,
    /// Reused memory for tasks that are alone in their queues, for messages, and for wakers of one turn.
    alone: RefCell<Vec<(usize, u32)>>,
    messages: RefCell<Vec<Message>>,
    ready: RefCell<Vec<Waker>>,
    /// Another thread has chosen this worker to search, and it counts as searching.
    sent: Cell<bool>,
    /// Others have relied on its search, and it has not taken the last look that ends it.
    owes_look: Cell<bool>,
    /// Since when the head of the stealable queue waits.
    head: RefCell<HeadClock>,
    /// Where tasks have been seen.
    hint: Cell<Option<WorkerId>>,
    quanta: Cell<u32>,
    /// Of this thread, if they are wanted.
    pub(crate) counters: Option<Counters>,
    /// Tasks that have come from another worker since the last run of tasks.
    arrived: Cell<u32>,
    quantum: RefCell<Quantum>,
    /// Polls until the clock is read again; zero when the quantum is over.
    stride: Cell<u32>,
    /// The next worker to look at for latency tasks that wait.
    rescued: Cell<usize>,
    /// How long the poll in progress may go on.
    pub(crate) budget: PollBudget,
    /// When the last poll of a latency task began.
    latency_poll_start: Cell<Nanos>,
    account: Account,
    /// The time after the last visit to the reactor.
    turn_time: Cell<Nanos>,
    /// What the last visit to the reactor brought.
    activity: Cell<Activity>,
    /// When the last visit to the reactor began to wait, if it did.
    wait_start: Cell<Option<Nanos>>,
    /// Where connections should go, and how many still.
    departures: Cell<Option<Move>>,
    /// Connections for which something was done lately.
    working: Cell<Working>,
    /// Since when what is done counts as work for the next connection that sends, by the runtime's clock
    /// for short times.
    work_start: Cell<Nanos>,
}

/// What of a worker remains when it has stopped, for the next time that it runs.
pub(crate) struct Kept {
    /// May hold tasks.
    stealable: Deque<Task>,
    /// While it exists, the worker may run again.
    inbox: Receiver<Message>,
    /// Shared tasks that were queued and may run nowhere else.
    chosen: Vec<Task>,
    /// Empty, but it still recognises the keys of timers that it had.
    timers: Wheel<Waker>,
}

impl Kept {
    /// For a worker that has never run.
    pub(crate) fn new(stealable: Deque<Task>, inbox: Receiver<Message>) -> Self {
        Self {
            stealable,
            inbox,
            chosen: Vec::new(),
            timers: Wheel::new(0),
        }
    }

    /// The worker will never run again: drops what is left for it.
    pub(crate) fn end(mut self) {
        // Dropping a task may wake others, which are then in the inbox.
        panic::each(self.chosen.drain(..), drop);
        panic::each(std::iter::from_fn(|| self.inbox.try_recv().ok()), drop);
    }
}

impl Worker {
    pub(crate) fn new(
        id: WorkerId,
        shared: Arc<Shared>,
        kept: Kept,
        driver: Rc<Driver>,
        policy: Policy,
        queues: ClassQueues,
    ) -> Self {
        let chosen = kept.chosen;
        let worker = Self {
            id,
            remote: shared.remotes[id.index()].clone(),
            timers: RefCell::new(kept.timers),
            fork: fork::Local::new(id, shared.clone()),
            shared,
            local: LocalQueue::new(),
            queues,
            chosen: RefCell::default(),
            slices: Rc::new(Slices::new()),
            stealable: kept.stealable,
            inbox: RefCell::new(kept.inbox),
            live: RefCell::default(),
            driver,
            policy: RefCell::new(policy),
            shared_work: Cell::new(false),
            left_alone: Cell::new(false),
            alone: RefCell::default(),
            messages: RefCell::default(),
            ready: RefCell::default(),
            sent: Cell::new(false),
            owes_look: Cell::new(false),
            head: RefCell::default(),
            hint: Cell::default(),
            quanta: Cell::new(0),
            counters: None,
            arrived: Cell::new(0),
            quantum: RefCell::default(),
            stride: Cell::new(0),
            rescued: Cell::new(id.index()),
            budget: PollBudget::default(),
            latency_poll_start: Cell::default(),
            account: Account::default(),
            turn_time: Cell::default(),
            activity: Cell::default(),
            wait_start: Cell::default(),
            departures: Cell::default(),
            working: Cell::default(),
            work_start: Cell::default(),
        };
        chosen.into_iter().for_each(|task| worker.push_local(task));
        worker
    }

    /// Runs this worker on the calling thread until `finish` gives a value, then drops its local
    /// tasks. `finish` is asked once per turn; it must not panic, or the queue is lost.
    ///
    /// Returns the value, what the worker needs to run again, and its driver, which is stopped.
    ///
    /// # Panics
    ///
    /// If the calling thread is a worker already.
    pub(crate) fn run<T>(
        self,
        mut finish: impl FnMut(&Self) -> Option<T>,
    ) -> (T, Kept, Rc<Driver>) {
        let worker = Rc::new(self);
        assert!(
            CURRENT.get().is_null(),
            "a Beehive runtime cannot run inside a task of a runtime"
        );
        CURRENT.set(Rc::as_ptr(&worker));
        budget::enter();
        worker.shared.alarm.worker_starts(&worker.remote.watch);
        // SAFETY: `Running` leaves when it is dropped, on this thread, and keeps the worker until then.
        unsafe { worker.fork.enter() };
        let running = Running { worker };
        let value = running.worker.turn_until(&mut finish);
        let worker = running.worker.clone();
        drop(running);
        match Rc::try_unwrap(worker) {
            Ok(worker) => {
                let kept = Kept {
                    stealable: worker.stealable,
                    inbox: worker.inbox.into_inner(),
                    chosen: worker.chosen.into_inner(),
                    timers: worker.timers.into_inner(),
                };
                (value, kept, worker.driver)
            }
            Err(_) => unreachable!("nothing else holds a worker once it has stopped"),
        }
    }

    fn turn_until<T>(&self, finish: &mut impl FnMut(&Self) -> Option<T>) -> T {
        loop {
            self.begin_quantum();
            self.slices.begin_turn();
            loop {
                self.receive();
                self.settle_look();
                self.budget.begin(Class::Normal);
                self.offer_waiting();
                self.remote.watch.begin_turn();
                if let Some(value) = finish(self) {
                    return value;
                }
                if self.run_tasks() == 0 {
                    self.count_poll();
                }
                if self.quantum_is_over() || self.slices.turn_is_over() || !self.is_called() {
                    break;
                }
            }
            self.queues.pause(self.has_normal_tasks());
            let busy = self.has_tasks();
            self.end_run(busy);
            if busy || self.search() || self.linger() {
                self.enter(Phase::Reactor);
                self.visit_reactor(Some(Duration::ZERO), Wait::FIRST);
            } else {
                self.park();
            }
            self.note_time();
        }
    }

    /// Queues a task that others may take, and wakes one of them if that helps.
    pub(crate) fn push_stealable(&self, task: Task) {
        self.requeue_stealable(task);
        if self.shared.remotes.len() == 1 {
            return;
        }
        if !self.offer(Moment::Push)
            && self.remote.signal().queued() == 0
            && !self.stealable.is_empty()
        {
            // That there is something to take must not wait for the end of the quantum.
            self.publish(self.turn_time.get(), Occasion::Cry);
        }
    }

    /// Asks for help with the own queue, if that pays.
    fn offer(&self, moment: Moment) -> bool {
        let now = self.turn_time.get();
        let policy = &mut self.policy.borrow_mut();
        if self.queues.has_stealable() {
            return self.shared.offer_any(policy);
        }
        let queue = || self.queue(now);
        self.shared.offer(policy, now, moment, self.id, queue)
    }

    fn queue(&self, now: Nanos) -> Queue {
        let oldest = self.remote.stealer.oldest();
        let length = self.stealable.len() as u32;
        self.head.borrow_mut().observe(now, oldest, length)
    }

    /// Queues a task that others may take and that this worker has just polled. It is not offered:
    /// either this worker polls it at once, or a task that was offered is ahead of it, and who looks for
    /// that one finds both. See [`offer_waiting`](Self::offer_waiting) for the exceptions.
    pub(crate) fn requeue_stealable(&self, task: Task) {
        if task.metadata().queue_class() != Class::Normal {
            return self.queues.push_stealable(task);
        }
        if let Err(Full(task)) = self.stealable.push(task) {
            self.shared.entrance.push(task);
        }
    }

    /// Queues a task that this worker has just polled and that is ready again. See
    /// [`TaskOptions::weight`](crate::TaskOptions::weight).
    #[inline]
    pub(crate) fn requeue(&self, task: Task, reach: Reach) {
        let task = if task.metadata().is_weighted() {
            self.queues.put_ahead(task, reach)
        } else {
            Some(task)
        };
        match (task, reach) {
            (Some(task), Reach::Local) => self.push_local(task),
            (Some(task), Reach::Stealable) => self.requeue_stealable(task),
            (None, _) => {}
        }
    }

    /// Offers what waits in the stealable queue while this worker does something else first.
    fn offer_waiting(&self) {
        let waits = !self.stealable.is_empty() || self.queues.has_stealable();
        if waits && self.shared.remotes.len() > 1 {
            self.offer(Moment::Start);
        }
    }

    /// Queues a task that stays on this worker.
    pub(crate) fn push_local(&self, task: Task) {
        match task.metadata().queue_class() {
            Class::Normal => self.local.push(task),
            _ => self.queues.push_local(task),
        }
    }

    /// Enters a task that stays on this worker into the set of those that wait.
    pub(crate) fn enter_local(&self, task: Member<TaskMeta>) -> LiveKey {
        LiveKey {
            set: self.id.index() as u32,
            place: self.live.borrow_mut().insert(task),
        }
    }

    /// A task that entered here has ended.
    pub(crate) fn leave_local(&self, key: LiveKey) {
        self.live.borrow_mut().remove(key.place);
    }

    fn has_tasks(&self) -> bool {
        self.has_fresh_tasks() || !self.slices.is_empty()
    }

    /// Whether there are tasks that have not used a slice.
    fn has_fresh_tasks(&self) -> bool {
        self.has_normal_tasks() || self.queues.has_tasks()
    }

    fn has_normal_tasks(&self) -> bool {
        !self.local.is_empty() || !self.stealable.is_empty()
    }

    fn receive(&self) {
        // First the messages, which takes back the call for attention: what called comes before it,
        // so it is seen below.
        let mut messages = self.messages.take();
        self.remote
            .receive(&mut self.inbox.borrow_mut(), &mut messages);
        self.count_messages(messages.len());
        for message in messages.drain(..) {
            match message {
                Message::Run(task) => self.push_local(task),
                Message::CancelTimer(key) => panic::each(self.cancel_timer(key).into_iter(), drop),
            }
        }
        self.messages.replace(messages);
        if self.sent.take() {
            self.search_counted();
            return;
        }
        if self.shared.has_injected() && self.take_injected() {
            self.offer_waiting();
        }
        self.rescue();
    }

    /// Whether another thread has sent something that [`receive`](Self::receive) would find.
    fn is_called(&self) -> bool {
        let room = self.stealable.len() <= self.stealable.capacity() / INJECTED_PART;
        self.remote.wants_attention()
            || (room && !self.shared.entrance.is_empty())
            || self.shared.others.has_latency()
    }

    fn visit_reactor(&self, timeout: Option<Duration>, wait: Wait) {
        self.collect_events(timeout, wait);
        self.wake_ready();
    }

    fn collect_events(&self, timeout: Option<Duration>, wait: Wait) {
        let mut ready = self.ready.take();
        self.activity
            .set(self.driver.turn(timeout, wait, &mut ready));
        self.ready.replace(ready);
    }

    /// Wakes the tasks whose events have been collected.
    fn wake_ready(&self) {
        let mut ready = self.ready.take();
        panic::each(ready.drain(..), Waker::wake);
        self.ready.replace(ready);
    }

    /// Time since the start of the runtime.
    fn now(&self) -> Nanos {
        Nanos(self.shared.start.elapsed().as_nanos() as u64)
    }

    /// What is to be done once per turn with the time that it is after the wait.
    fn note_time(&self) {
        let now = self.now();
        self.turn_time.set(now);
        self.work_start.set(self.shared.clock.now());
        let waited = self
            .wait_start
            .take()
            .map_or(Nanos(0), |from| now.since(from));
        let mut policy = self.policy.borrow_mut();
        policy.on_events(now, waited, self.activity.get());
        let mut working = self.working.get();
        let connections = working.end_turn(now);
        self.working.set(working);
        let read = |worker| self.shared.signal(worker);
        if let Some(departures) = policy.on_balance(now, connections, read) {
            self.departures.set(departures);
        }
        drop(policy);
        self.publish(now, Occasion::Routine);
        self.fire_timers(now);
    }

    /// A connection is about to send or to let others run: what was done since the last one was, or since
    /// the reactor, counts as work for this one.
    pub(crate) fn note_work(&self, work: &mut Work) {
        if self.shared.remotes.len() > 1 {
            let now = self.shared.clock.now();
            let start = self.work_start.replace(now);
            work.add(now, now.since(start));
            let mut working = self.working.get();
            working.count(work);
            self.working.set(working);
        }
    }

    /// Where a connection that is active should go, if not here; it is then counted as gone.
    pub(crate) fn depart(&self, work: &Work) -> Option<WorkerId> {
        let mut departures = self.departures.get()?;
        let goes = departures.admits(work, self.work_start.get());
        self.departures.set(Some(departures));
        goes.then(|| {
            let mut working = self.working.get();
            working.remove(work);
            self.working.set(working);
            self.remote.counters.moved.add(1);
            departures.to
        })
    }

    fn publish(&self, now: Nanos, occasion: Occasion) {
        let mut policy = self.policy.borrow_mut();
        if !policy.on_publish(now, occasion) {
            return;
        }
        let queue = self.queue(now);
        self.remote.signal().publish(&LoadSignal {
            queued: queue.length,
            head: queue.head,
            service_ns: policy.service_ns(),
            busy_permille: policy.busy_permille(),
            stamp: now,
            ..LoadSignal::default()
        });
        self.shared.publish_aggregate(self.id);
    }

    /// Wakes whatever sleeps by a timer of this worker: it goes to sleep again elsewhere.
    fn wake_sleepers(&self) {
        let mut ready = Vec::new();
        self.timers.borrow_mut().fire_all(|waker| ready.push(waker));
        panic::each(ready.into_iter(), Waker::wake);
    }

    /// Takes a task that stays on this worker, in no order.
    fn pop_any_local(&self) -> Option<Task> {
        let task = self.local.pop().or_else(|| self.queues.pop_local());
        task.or_else(|| self.slices.take_any())
    }

    /// Empties the local queues: keeps shared tasks for the next time, drops local ones.
    fn keep_chosen(&self) {
        let queued = std::iter::from_fn(|| self.pop_any_local());
        panic::each(queued, |task| match task.metadata().affinity() {
            Some(_) => self.chosen.borrow_mut().push(task),
            None => drop(task),
        });
    }

    /// Drops all local tasks, on this thread.
    ///
    /// Afterwards no local task that was ever polled exists: each is a member of `live` or has ended.
    fn drop_local_tasks(&self) {
        for (task, reach) in self.queues.stop() {
            match reach {
                Reach::Local => self.push_local(task),
                Reach::Stealable => self.requeue_stealable(task),
            }
        }
        loop {
            self.receive();
            self.keep_chosen();
            let waiting = self.live.borrow().claim_all();
            // Dropping a task may wake others, which are then in a queue.
            let ended = waiting.is_empty()
                && self.live.borrow().is_empty()
                && self.local.is_empty()
                && self.queues.is_local_empty()
                && self.slices.is_empty();
            panic::each(waiting.into_iter(), drop);
            if ended {
                break;
            }
            // Another thread may be just about to send a task that it woke.
            std::thread::yield_now();
        }
    }
}

/// A worker that is this thread's current one; ends its tasks and releases the thread when dropped.
struct Running {
    worker: Rc<Worker>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _leave = Leave;
        self.worker.remote.watch.pause();
        self.worker.drop_local_tasks();
        self.worker.driver.stop();
        self.worker.wake_sleepers();
        // Shared tasks of this worker among those that have just been woken.
        self.worker.keep_chosen();
        self.worker.hand_over();
        self.worker.end_account();
    }
}

/// Makes the calling thread a worker no more when dropped, also if it unwinds: what it knows of its
/// worker is a plain pointer.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        fork::Local::leave();
        budget::leave();
        CURRENT.set(null());
    }
}
