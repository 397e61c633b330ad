//! What the workers of one runtime share: tasks from outside, the set of idle workers, and who is woken
//! for a task.
//!
//! A task that others may take finds a worker by the protocol of [`Idle`], in which a parking worker's
//! last look at all queues is [`Shared::work_visible`]. The duty to look is passed on also by a worker
//! that has found nothing, but gets something to run before its last look, or instead of taking what
//! that has shown.
//!
//! The policy says where a searching worker looks first and whom to wake, but neither is left to it
//! alone: no worker parks before it has looked at every queue, and a task that was queued has somebody
//! woken for it. There is one exception each:
//! - A task that is alone in its queue and whose worker seems quick is left to it; the worker that
//!   leaves it sleeps for at most 50 µs (see `worker`).
//! - Where workers share no cache, the policy may refuse to wake one for a task just queued, if
//!   that costs more than it saves. Whoever queued it asks again at the start of its next turn, and then somebody is
//!   woken at any price: the task waits at most for one turn of its worker. A poll that makes the turn
//!   long is noticed by the monitor (see `stall`), which also wakes somebody at any price; where there is
//!   none, nothing is refused. Tasks of other classes than normal are never refused.
//!
//! A lone worker is not in the parked set, as it need not be chosen: it is nudged (see `remote`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst, fence};
use std::time::Instant;

use beehive_policy::{
    Aggregate, Class, Domain, Help, LoadSignal, Moment, Nanos, Placement, Queue, Tier, Topology,
    View, WorkerId,
};
use beehive_task::drain::Drain;
use beehive_task::idle::Idle;
use beehive_task::list::{Batch, TaskList};
use beehive_task::live::LiveSet;
use crossbeam_utils::CachePadded;
use hallows_lockfree::deque;
use parking_lot::Mutex;

use crate::blocking::Pool;
use crate::cancel::CancellationToken;
use crate::clock::Clock;
use crate::dump::registry::Registry;
use crate::entrance::Entrance;
use crate::fork;
use crate::options::{Task, TaskMeta, TaskOptions};
use crate::panic::{self, Panics};
use crate::policy::Policy;
use crate::queues::SharedQueues;
use crate::remote::{AggregateCell, Remote};
use crate::stall::monitor::Alarm;
use crate::thread::Affinity;

/// State common to all workers of a runtime.
pub(crate) struct Shared {
    /// Origin of the runtime's clock.
    pub(crate) start: Instant,
    /// For short times: deadlines, and how long tasks run.
    pub(crate) clock: Clock,
    pub(crate) remotes: Box<[Arc<Remote>]>,
    /// Stealable tasks queued by threads that are not workers, and those that found no room in a
    /// worker's own queue.
    pub(crate) entrance: Entrance,
    /// Fork-join jobs that others than their owners may take.
    pub(crate) jobs: fork::Board,
    /// The same for tasks of other classes than normal.
    pub(crate) others: SharedQueues,
    /// Tasks that nobody may run any more, on their way to being dropped.
    discarded: TaskList<TaskMeta>,
    /// Stealable tasks that wait, in one set per worker to spread the locks.
    pub(crate) live: Box<[CachePadded<Mutex<LiveSet<TaskMeta>>>]>,
    /// All tasks, if task dumps are on.
    pub(crate) tasks: Option<Registry>,
    /// Threads for what blocks.
    pub(crate) blocking: Arc<Pool>,
    topology: Arc<Topology>,
    /// Which worker is bound to which core.
    pub(crate) affinity: Affinity,
    /// What is queued in each domain, where there are several.
    aggregates: Box<[CachePadded<AggregateCell>]>,
    /// Whether some workers share no cache, so that to wake one may cost more than it saves.
    caches_differ: bool,
    /// Whether somebody notices a poll that lasts too long.
    pub(crate) monitored: bool,
    /// A word for each domain.
    pub(crate) idle: Idle,
    stopping: AtomicBool,
    /// Cancelled when the runtime's shutdown is requested.
    pub(crate) shutdown: CancellationToken,
    pub(crate) panics: Panics,
    /// A task has panicked, and the policy is to stop.
    failed: AtomicBool,
    /// No worker will run a task again.
    closed: AtomicBool,
    /// Of tasks that nobody may run any more.
    draining: Drain,
    /// Wakes the monitor.
    pub(crate) alarm: Alarm,
    /// Whether connections that can move are told to.
    balance: bool,
    /// Decisions for threads that are not workers.
    outside: Mutex<Outside>,
}

pub(crate) struct Outside {
    policy: Policy,
    placement: Placement,
}

impl Shared {
    pub(crate) fn new(
        remotes: Vec<Arc<Remote>>,
        topology: Arc<Topology>,
        policy: Policy,
        balance: bool,
        blocking: Arc<Pool>,
    ) -> Self {
        let workers = remotes.len();
        Self {
            start: Instant::now(),
            clock: Clock::new(),
            entrance: Entrance::new(),
            jobs: fork::Board::new(workers),
            others: SharedQueues::new(),
            discarded: TaskList::new(),
            live: (0..workers).map(|_| CachePadded::default()).collect(),
            tasks: None,
            blocking,
            aggregates: topology.domains().map(|_| CachePadded::default()).collect(),
            idle: Idle::new(topology.domains().count()),
            caches_differ: (1..workers)
                .map(WorkerId::new)
                .any(|worker| topology.tier(WorkerId::new(0), worker) > Tier::Llc),
            monitored: false,
            topology,
            affinity: Affinity::default(),
            stopping: AtomicBool::new(false),
            shutdown: CancellationToken::new(),
            panics: Panics::default(),
            failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            draining: Drain::new(),
            alarm: Alarm::default(),
            balance,
            outside: Mutex::new(Outside {
                policy,
                placement: Placement::new(workers),
            }),
            remotes: remotes.into_boxed_slice(),
        }
    }

    /// Queues a stealable task from a thread that is not a worker of this runtime.
    pub(crate) fn inject(&self, task: Task) {
        match task.metadata().queue_class() {
            Class::Normal => self.entrance.push(task),
            _ => self.others.push(self.clock.now(), task),
        }
        // Its fence is also that between queueing and the look at `closed`.
        let can_send = self.idle.can_send();
        if self.closed.load(SeqCst) {
            self.drain();
        } else if let [only] = &self.remotes[..] {
            only.nudge();
        } else if can_send {
            self.wake_from_outside();
        }
    }

    /// What a task with these options carries.
    ///
    /// # Panics
    ///
    /// If there is no such worker, or a deadline without the latency class.
    pub(crate) fn meta(&self, options: TaskOptions) -> TaskMeta {
        let chosen = options.chosen_worker();
        assert!(
            chosen.is_none_or(|chosen| chosen.index() < self.remotes.len()),
            "the runtime has no such worker; `Handle::workers` gives those it has"
        );
        options.into_meta(&self.clock)
    }

    /// Drops a task that nobody may run any more.
    pub(crate) fn discard(&self, task: Task) {
        self.discarded.push(task);
        fence(SeqCst);
        self.drain();
    }

    /// Stealable tasks are queued at `owner`: wake a worker that the policy chooses, if none searches;
    /// true if one is on its way.
    pub(crate) fn offer(
        &self,
        policy: &mut Policy,
        now: Nanos,
        moment: Moment,
        owner: WorkerId,
        queue: impl FnOnce() -> Queue,
    ) -> bool {
        if !self.idle.can_send() {
            return false;
        }
        match policy.on_help(now, moment, owner, queue(), self) {
            Some(Help::Wake(worker) | Help::Poke(worker)) => {
                self.wake(worker, Some(owner)) || self.wake_anybody(policy, None)
            }
            None => {
                let may_refuse = self.caches_differ && self.monitored && moment == Moment::Push;
                !may_refuse && self.wake_anybody(policy, None)
            }
        }
    }

    /// Stealable tasks are queued somewhere: wake a worker if none searches; true if one is on its way.
    pub(crate) fn offer_any(&self, policy: &mut Policy) -> bool {
        self.wake_anybody(policy, None)
    }

    /// A worker is in the middle of something long: wakes another one if there is something to take.
    pub(crate) fn rescue(&self) {
        if self.work_visible() && self.idle.can_send() {
            self.wake_from_outside();
        }
    }

    /// The caller is no worker: wakes one unless one searches. To wake the worker that is bound to the
    /// caller's own core would interrupt the caller.
    fn wake_from_outside(&self) {
        let caller = self.affinity.worker_here();
        self.wake_anybody(&mut self.outside.lock().policy, caller);
    }

    /// Wakes a worker unless one searches; true if one is on its way.
    fn wake_anybody(&self, policy: &mut Policy, caller: Option<WorkerId>) -> bool {
        while self.idle.can_send()
            && let Some(worker) = policy.on_unowned(caller, self)
        {
            if self.wake(worker, None) {
                return true;
            }
        }
        false
    }

    /// Wakes a worker to search; false if it is not parked, whatever the policy believed. Then the
    /// caller must try again as long as [`Idle::can_send`] allows.
    fn wake(&self, worker: WorkerId, hint: Option<WorkerId>) -> bool {
        let (word, bit) = self.place_in_idle(worker);
        let sent = self.idle.send(word, bit);
        if sent {
            self.remotes[worker.index()].send_searching(hint);
        }
        sent
    }

    /// The worker's word and bit.
    fn place_in_idle(&self, worker: WorkerId) -> (usize, u64) {
        (
            self.topology.domain(worker).index(),
            self.topology.bit(worker),
        )
    }

    pub(crate) fn enter_parked(&self, worker: WorkerId) {
        let (word, bit) = self.place_in_idle(worker);
        self.idle.enter(word, bit);
    }

    /// Clears the worker's parked bit; true if it was set.
    pub(crate) fn leave_parked(&self, worker: WorkerId) -> bool {
        let (word, bit) = self.place_in_idle(worker);
        self.idle.leave(word, bit)
    }

    /// Whether any stealable task or job is queued anywhere.
    pub(crate) fn work_visible(&self) -> bool {
        self.has_injected()
            || self.remotes.iter().any(|remote| remote.has_stealable())
            || !self.jobs.is_empty()
    }

    /// Whether a stealable task waits outside the workers' own queues.
    pub(crate) fn has_injected(&self) -> bool {
        !self.entrance.is_empty() || !self.others.is_empty()
    }

    /// Whether any stealable task is queued anywhere but at this worker, or any job.
    pub(crate) fn work_visible_besides(&self, me: WorkerId) -> bool {
        let mut others = self.remotes.iter().enumerate();
        self.has_injected()
            || others.any(|(index, remote)| index != me.index() && remote.has_stealable())
            || !self.jobs.is_empty()
    }

    /// A worker at which stealable tasks are queued.
    pub(crate) fn loaded(&self) -> Option<WorkerId> {
        let mut remotes = self.remotes.iter();
        let loaded = remotes.position(|remote| remote.has_stealable());
        loaded.map(WorkerId::new)
    }

    pub(crate) fn signal(&self, worker: WorkerId) -> LoadSignal {
        let (word, bit) = self.place_in_idle(worker);
        LoadSignal {
            parked: self.idle.parked(word) & bit != 0,
            ..self.remotes[worker.index()].signal().load()
        }
    }

    /// A worker has published its signal: so has its domain.
    pub(crate) fn publish_aggregate(&self, worker: WorkerId) {
        if let [_, _, ..] = self.aggregates[..] {
            let domain = self.topology.domain(worker);
            let members = self.topology.members(domain).iter();
            let signals = members.map(|member| self.remotes[member.index()].signal().load());
            self.aggregates[domain.index()].publish(Aggregate::of(signals));
        }
    }

    /// Chooses a worker for a connection.
    pub(crate) fn place(&self) -> WorkerId {
        self.outside
            .lock()
            .placement
            .place(|worker| self.signal(worker))
    }

    /// Chooses a worker for a connection that can move, if connections do.
    pub(crate) fn place_movable(&self) -> WorkerId {
        if !self.balance {
            return self.place();
        }
        let now = Nanos(self.start.elapsed().as_nanos() as u64);
        self.outside
            .lock()
            .placement
            .place_movable(now, |worker| self.signal(worker))
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    /// Ends the runtime because a task has panicked.
    pub(crate) fn fail(&self) {
        self.failed.store(true, SeqCst);
        self.shutdown.cancel();
        self.stop();
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(SeqCst)
    }

    /// Tasks that wait, or are queued, for no worker in particular, and blocking work. What is queued at
    /// the entrance counts as one.
    pub(crate) fn waiting_anywhere(&self) -> usize {
        let waiting: usize = self.live.iter().map(|set| set.lock().len()).sum();
        waiting + usize::from(self.has_injected()) + self.blocking.busy()
    }

    /// Asks all workers to stop.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, SeqCst);
        self.remotes.iter().for_each(|remote| remote.nudge());
    }

    /// Drops all stealable tasks. To be called when no worker runs any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
        fence(SeqCst);
        // The owners of these queues are gone: whatever they left is dropped here.
        self.remotes.iter().for_each(|remote| {
            drop_all(&remote.stealer);
            remote.others.drop_all();
        });
        loop {
            self.drain();
            let waiting: Vec<_> = self
                .live
                .iter()
                .flat_map(|set| set.lock().claim_all())
                .collect();
            if waiting.is_empty() && self.live.iter().all(|set| set.lock().is_empty()) {
                break;
            }
            // Queued rather than dropped here: dropping a task may wake another one, and a long chain
            // of them must not be dropped by recursion.
            waiting
                .into_iter()
                .for_each(|task| self.discarded.push(task));
            self.drain();
            // Another thread may be just about to queue a task that it woke.
            std::thread::yield_now();
        }
    }

    /// Drops the tasks that nobody may run any more, or leaves them to whoever does so already:
    /// dropping a task may wake another one, and a long chain of them must not be dropped by
    /// recursion.
    fn drain(&self) {
        let drop_doomed = || {
            drop_each(self.discarded.take_all());
            if self.closed.load(SeqCst) {
                drop_each(self.entrance.take(1, usize::MAX));
                self.others.drop_all();
            }
        };
        self.draining.run(|| self.has_doomed(), drop_doomed);
    }

    /// Whether there are tasks that nobody may run any more.
    fn has_doomed(&self) -> bool {
        !self.discarded.is_empty() || self.closed.load(SeqCst) && self.has_injected()
    }
}

impl View for Shared {
    fn signal(&self, worker: WorkerId) -> LoadSignal {
        self.remotes[worker.index()].signal().load()
    }

    fn aggregate(&self, domain: Domain) -> Aggregate {
        self.aggregates[domain.index()].load()
    }

    /// Not counted: while anybody searches, nobody else is asked.
    fn claims(&self, _worker: WorkerId) -> u32 {
        0
    }

    fn parked(&self, domain: Domain) -> u64 {
        self.idle.parked(domain.index())
    }

    /// Nobody: a worker of this runtime waits in its reactor, where it is parked.
    fn resting(&self, _domain: Domain) -> u64 {
        0
    }
}

/// Drops what the queue of a worker that is gone holds.
fn drop_all(queue: &deque::Stealer<Task>) {
    let steal = || {
        loop {
            match queue.steal() {
                deque::Steal::Success(task) => return Some(task),
                deque::Steal::Retry => std::hint::spin_loop(),
                deque::Steal::Empty => return None,
            }
        }
    };
    panic::each(std::iter::from_fn(steal), drop);
}

fn drop_each(mut tasks: Batch<TaskMeta>) {
    panic::each(std::iter::from_fn(|| tasks.pop()), drop);
}
