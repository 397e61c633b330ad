//! The worker: one thread's run queues, timers and reactor, and the loop over them.
//!
//! One turn of the loop: receive what other threads sent; run up to [`QUANTUM`] polls, taking local
//! and stealable tasks in turn; with nothing left to run, search the other workers; then one visit
//! to the reactor, which submits, waits if there is nothing to run, and collects events; then fire
//! timers. So injected work, IO and timers are seen within one quantum, whatever the local load.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use beehive_policy::{Activity, LoadSignal, Move, Nanos, Policy, Wait, WorkerId};
use beehive_task::live::LiveSet;
use beehive_task::queue::LocalQueue;
use beehive_task::wheel::{TimerKey, Wheel};
use hallows_lockfree::deque::{Full, Steal, Worker as Deque};
use hallows_lockfree::mpsc::Receiver;

use crate::driver::Driver;
use crate::options::Task;
use crate::remote::{Message, Remote};
use crate::shared::{self, Shared};
use crate::slice::Slices;

/// Polls between two visits to the reactor and the inbox.
const QUANTUM: u32 = 61;
/// Tasks from the shared queue that a worker takes at once: the others leave theirs to it.
const INJECTED_MAX: usize = 32;
/// One in this many quanta is timed, to estimate the service time without reading the clock often.
const TIMED_QUANTA: u32 = 16;
/// A tick of the timer wheel: a millisecond.
const TICK_NS: u64 = 1_000_000;

/// Everything that belongs to one worker's thread.
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) remote: Arc<Remote>,
    /// Tasks that stay on this worker.
    local: LocalQueue<Task>,
    /// Shared tasks that were queued here when the worker stopped, for the next time that it runs.
    chosen: RefCell<Vec<Task>>,
    /// Preemptible tasks of this worker that have used a slice.
    pub(crate) slices: Rc<Slices>,
    /// Tasks that others may take. What finds no room here goes to the shared queue.
    stealable: Deque<Task>,
    inbox: RefCell<Receiver<Message>>,
    /// Local tasks that wait.
    pub(crate) live: Rc<RefCell<LiveSet>>,
    timers: RefCell<Wheel<Waker>>,
    pub(crate) driver: Rc<Driver>,
    policy: RefCell<Policy>,
    /// Reused memory for messages and for wakers of one turn.
    messages: RefCell<Vec<Message>>,
    ready: RefCell<Vec<Waker>>,
    /// How often another thread has chosen this worker to search; each time a token comes or has come.
    tokens_due: Cell<u32>,
    service_ns: Cell<u32>,
    quanta: Cell<u32>,
    /// The time after the last visit to the reactor.
    turn_time: Cell<Nanos>,
    /// What the last visit to the reactor brought.
    activity: Cell<Activity>,
    /// When the last visit to the reactor began to wait, if it did.
    wait_start: Cell<Option<Nanos>>,
    /// Where connections should go, and how many still.
    departures: Cell<Option<Move>>,
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
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Worker>>> = const { RefCell::new(None) };
}

/// Calls `f` with this thread's worker, if it is one.
pub(crate) fn try_with_current<T>(f: impl FnOnce(Option<&Rc<Worker>>) -> T) -> T {
    let mut f = Some(f);
    let result = CURRENT.try_with(|current| {
        let current = current.borrow();
        f.take().map(|f| f(current.as_ref()))
    });
    match (result, f) {
        (Ok(Some(result)), _) => result,
        // The thread is ending and its local storage is gone.
        (_, Some(f)) => f(None),
        (_, None) => unreachable!("the function is taken only where its result is returned"),
    }
}

/// Calls `f` with this thread's worker.
///
/// # Panics
///
/// If this thread is not a worker.
pub(crate) fn with_current<T>(f: impl FnOnce(&Rc<Worker>) -> T) -> T {
    try_with_current(|worker| {
        f(worker.expect(
            "no Beehive worker on this thread: call this from a task or inside `Runtime::block_on`",
        ))
    })
}

/// The worker that runs the calling task; `None` outside the runtime.
#[must_use]
pub fn worker_id() -> Option<WorkerId> {
    try_with_current(|worker| worker.map(|worker| worker.id))
}

impl Worker {
    pub(crate) fn new(
        id: WorkerId,
        shared: Arc<Shared>,
        kept: Kept,
        driver: Rc<Driver>,
        policy: Policy,
    ) -> Self {
        let local = LocalQueue::new();
        kept.chosen.into_iter().for_each(|task| local.push(task));
        Self {
            id,
            remote: shared.remotes[id.index()].clone(),
            timers: RefCell::new(kept.timers),
            shared,
            local,
            chosen: RefCell::default(),
            slices: Rc::new(Slices::new()),
            stealable: kept.stealable,
            inbox: RefCell::new(kept.inbox),
            live: Rc::default(),
            driver,
            policy: RefCell::new(policy),
            messages: RefCell::default(),
            ready: RefCell::default(),
            tokens_due: Cell::new(0),
            service_ns: Cell::new(0),
            quanta: Cell::new(0),
            turn_time: Cell::default(),
            activity: Cell::default(),
            wait_start: Cell::default(),
            departures: Cell::default(),
        }
    }

    /// Runs this worker on the calling thread until `finish` gives a value, then drops its local
    /// tasks. `finish` is asked once per turn; it must not panic, or the queue is lost.
    ///
    /// Returns the value and what the worker needs to run again.
    ///
    /// # Panics
    ///
    /// If the calling thread is a worker already.
    pub(crate) fn run<T>(self, mut finish: impl FnMut() -> Option<T>) -> (T, Kept) {
        let worker = Rc::new(self);
        CURRENT.with(|current| {
            let mut current = current.borrow_mut();
            assert!(
                current.is_none(),
                "a Beehive runtime cannot run inside a task of a runtime"
            );
            *current = Some(worker.clone());
        });
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
                (value, kept)
            }
            Err(_) => unreachable!("nothing else holds a worker once it has stopped"),
        }
    }

    fn turn_until<T>(&self, finish: &mut impl FnMut() -> Option<T>) -> T {
        loop {
            self.receive();
            self.driver.refill_budget();
            if let Some(value) = finish() {
                return value;
            }
            self.run_tasks();
            if self.has_tasks() || self.search() {
                self.visit_reactor(Some(Duration::ZERO), Wait::FIRST);
            } else {
                self.park();
            }
            self.note_time();
        }
    }

    /// Queues a task that others may take, and wakes one of them if that helps.
    pub(crate) fn push_stealable(&self, task: Task) {
        if let Err(Full(task)) = self.stealable.push(task) {
            self.shared.injector.push(task);
        }
        if self.shared.remotes.len() == 1 {
            return;
        }
        if self.stealable.len() == 1 {
            // That there is something to take must not wait for the end of the quantum.
            self.publish(self.turn_time.get());
        }
        self.shared.offer(&mut self.policy.borrow_mut());
    }

    /// Queues a task that stays on this worker.
    pub(crate) fn push_local(&self, task: Task) {
        self.local.push(task);
    }

    fn has_tasks(&self) -> bool {
        self.has_fresh_tasks() || !self.slices.is_empty()
    }

    /// Whether there are tasks that have not used a slice.
    fn has_fresh_tasks(&self) -> bool {
        !self.local.is_empty() || !self.stealable.is_empty()
    }

    fn receive(&self) {
        if self.take_search_token() {
            self.search_counted();
        } else if !self.shared.injector.is_empty() {
            self.take_injected();
        }
        let mut messages = self.messages.take();
        self.remote
            .receive(&mut self.inbox.borrow_mut(), &mut messages);
        for message in messages.drain(..) {
            match message {
                Message::Run(task) => self.push_local(task),
                Message::CancelTimer(key) => drop(self.cancel_timer(key)),
            }
        }
        self.messages.replace(messages);
    }

    fn run_tasks(&self) {
        let quantum = self.quanta.get().wrapping_add(1);
        self.quanta.set(quantum);
        let timed = quantum
            .is_multiple_of(TIMED_QUANTA)
            .then(std::time::Instant::now);
        let mut polls = 0;
        self.slices.begin_turn();
        while polls < QUANTUM {
            let Some(task) = self.next_task(polls) else {
                break;
            };
            self.driver.refill_budget();
            task.run();
            polls += 1;
            if self.slices.was_used() {
                if self.slices.turn_is_over() {
                    break;
                }
                self.receive();
            }
        }
        if let Some(started) = timed.filter(|_| polls > 0) {
            self.note_service(started.elapsed() / polls);
        }
    }

    /// Takes the task that comes next.
    fn next_task(&self, turn: u32) -> Option<Task> {
        if !self.slices.is_empty()
            && let Some(task) = self.slices.take(self.has_fresh_tasks())
        {
            return Some(task);
        }
        self.next_fresh_task(turn)
    }

    /// Takes a task; the two queues have precedence in turn, so that neither starves the other.
    fn next_fresh_task(&self, turn: u32) -> Option<Task> {
        if turn.is_multiple_of(2) {
            self.local.pop().or_else(|| self.stealable.pop_front())
        } else {
            self.stealable.pop_front().or_else(|| self.local.pop())
        }
    }

    fn note_service(&self, service: Duration) {
        let sample = u32::try_from(service.as_nanos()).unwrap_or(u32::MAX);
        let average = self.service_ns.get();
        self.service_ns.set(average - average / 8 + sample / 8);
    }

    /// Looks for tasks at the entrance and at other workers; true if some are now in the own queue.
    fn search(&self) -> bool {
        if self.shared.remotes.len() == 1 {
            return self.take_injected();
        }
        self.shared.begin_search();
        self.search_counted()
    }

    /// The search itself, by a worker that has been counted as searching.
    fn search_counted(&self) -> bool {
        let found = self.take_injected() || self.steal();
        let last = self.shared.end_search();
        if found && last && self.shared.work_visible() {
            self.shared.offer(&mut self.policy.borrow_mut());
        }
        found
    }

    fn take_injected(&self) -> bool {
        let injector = &self.shared.injector;
        let room = self.stealable.capacity() - self.stealable.len();
        let mut taken = 0;
        while taken < room.min(INJECTED_MAX)
            && let Some(task) = shared::take(|| injector.steal())
        {
            if let Err(Full(task)) = self.stealable.push(task) {
                injector.push(task);
                break;
            }
            taken += 1;
        }
        taken > 0
    }

    fn steal(&self) -> bool {
        let mut search = self
            .policy
            .borrow_mut()
            .on_idle(|worker| self.shared.signal(worker));
        while let Some(victim) = search.next_victim() {
            let stealer = &self.shared.remotes[victim.index()].stealer;
            if !stealer.is_empty() && retry(|| stealer.steal_half(&self.stealable)) {
                return true;
            }
        }
        false
    }

    /// Waits for IO, a timer or a message. See `remote` and `shared` for the order of the steps.
    fn park(&self) {
        let stealing = self.shared.remotes.len() > 1;
        if stealing {
            self.shared.enter_parked(self.id);
        }
        let idle = self.remote.park() && !self.shared.work_visible();
        if idle {
            let now = self.now();
            self.wait_start.set(Some(now));
            let wait = self.policy.borrow_mut().on_wait(now);
            self.visit_reactor(self.time_to_next_timer(now), wait);
        } else {
            self.visit_reactor(Some(Duration::ZERO), Wait::FIRST);
        }
        self.remote.unpark();
        if stealing && !self.shared.leave_parked(self.id) {
            self.tokens_due.set(self.tokens_due.get() + 1);
        }
    }

    fn take_search_token(&self) -> bool {
        let due = self.tokens_due.get();
        let taken = due > 0 && self.remote.take_search_token();
        self.tokens_due.set(due - u32::from(taken));
        taken
    }

    fn visit_reactor(&self, timeout: Option<Duration>, wait: Wait) {
        let mut ready = self.ready.take();
        self.activity
            .set(self.driver.turn(timeout, wait, &mut ready));
        ready.drain(..).for_each(Waker::wake);
        self.ready.replace(ready);
    }

    fn time_to_next_timer(&self, now: Nanos) -> Option<Duration> {
        let tick = self.timers.borrow().next_expiry()?;
        Some(Duration::from_nanos(
            Nanos(tick.saturating_mul(TICK_NS)).since(now).0,
        ))
    }

    /// Time since the start of the runtime.
    fn now(&self) -> Nanos {
        Nanos(self.shared.start.elapsed().as_nanos() as u64)
    }

    /// What is to be done once per turn with the time that it is after the wait.
    fn note_time(&self) {
        let now = self.now();
        self.turn_time.set(now);
        let waited = self
            .wait_start
            .take()
            .map_or(Nanos(0), |from| now.since(from));
        let mut policy = self.policy.borrow_mut();
        policy.on_events(now, waited, self.activity.get());
        if let Some(departures) = policy.on_balance(now, |worker| self.shared.signal(worker)) {
            self.departures.set(departures);
        }
        drop(policy);
        self.publish(now);
        self.fire_timers(now);
    }

    /// Where a connection that is active should go, if it should; it is then counted as gone.
    pub(crate) fn depart(&self) -> Option<WorkerId> {
        let Move { to, connections } = self.departures.get()?;
        let left = connections.checked_sub(1)?;
        self.departures.set(Some(Move {
            to,
            connections: left,
        }));
        Some(to)
    }

    fn publish(&self, now: Nanos) {
        let signal = LoadSignal {
            queued: self.stealable.len() as u32,
            service_ns: self.service_ns.get(),
            busy_permille: self.policy.borrow().busy_permille(),
            stamp: now,
            ..LoadSignal::default()
        };
        if self.policy.borrow_mut().on_publish(now, &signal) {
            self.remote.signal().publish(&signal);
        }
    }

    fn fire_timers(&self, now: Nanos) {
        let mut timers = self.timers.borrow_mut();
        if timers.is_empty() {
            return;
        }
        let mut ready = self.ready.take();
        timers.advance(now.0 / TICK_NS, |waker| ready.push(waker));
        drop(timers);
        ready.drain(..).for_each(Waker::wake);
        self.ready.replace(ready);
    }

    /// Enters a timer that wakes `waker` this long after the start of the runtime, or up to a tick
    /// later.
    pub(crate) fn insert_timer(&self, after: Duration, waker: Waker) -> TimerKey {
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        let mut timers = self.timers.borrow_mut();
        if timers.is_empty() {
            // An empty wheel is not turned: let it catch up, in one step.
            timers.advance(self.now().0 / TICK_NS, drop);
        }
        timers.insert(nanos.div_ceil(TICK_NS), waker)
    }

    /// Replaces the waker of a timer if it would wake another task; false if the timer has fired.
    pub(crate) fn update_timer(&self, key: TimerKey, waker: &Waker) -> bool {
        let mut timers = self.timers.borrow_mut();
        let Some(current) = timers.get_mut(key) else {
            return false;
        };
        let previous =
            (!current.will_wake(waker)).then(|| std::mem::replace(current, waker.clone()));
        drop(timers);
        drop(previous);
        true
    }

    pub(crate) fn cancel_timer(&self, key: TimerKey) -> Option<Waker> {
        self.timers.borrow_mut().cancel(key)
    }

    /// Wakes whatever sleeps by a timer of this worker: it goes to sleep again elsewhere.
    fn wake_sleepers(&self) {
        let mut ready = Vec::new();
        self.timers.borrow_mut().fire_all(|waker| ready.push(waker));
        ready.into_iter().for_each(Waker::wake);
    }

    /// Passes on what this worker owes to the others: its duty to search, and its stealable tasks.
    fn hand_over(&self) {
        while self.tokens_due.get() > 0 {
            if self.take_search_token() {
                self.shared.end_search();
            }
            std::hint::spin_loop();
        }
        if self.shared.work_visible() {
            self.shared.offer(&mut self.policy.borrow_mut());
        }
    }

    /// Drops all local tasks, on this thread.
    ///
    /// Afterwards no local task that was ever polled exists: each is a member of `live` or has ended.
    fn drop_local_tasks(&self) {
        loop {
            self.receive();
            while let Some(task) = self.local.pop().or_else(|| self.slices.take_any()) {
                match task.metadata().affinity() {
                    Some(_) => self.chosen.borrow_mut().push(task),
                    None => drop(task),
                }
            }
            let wakers = self.live.borrow().wakers();
            if wakers.is_empty() && self.local.is_empty() && self.slices.is_empty() {
                break;
            }
            wakers.into_iter().for_each(Waker::wake);
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
        self.worker.drop_local_tasks();
        self.worker.driver.stop();
        self.worker.wake_sleepers();
        self.worker.hand_over();
        CURRENT.with(|current| current.borrow_mut().take());
    }
}

/// Repeats a steal that lost a race until it has a result; true if something was stolen.
fn retry(mut steal: impl FnMut() -> Steal<usize>) -> bool {
    loop {
        match steal() {
            Steal::Success(_) => return true,
            Steal::Empty => return false,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}
