//! How a worker that has nothing to run finds tasks and jobs: at the entrance, at the other workers, and by
//! looking on for a moment before it parks.

use beehive_policy::{Nanos, Probe, Queue, Step};
use beehive_task::job::Stolen;
use hallows_lockfree::deque::{Steal, Stealer};

use crate::options::Task;

use super::{INJECTED_PART, Worker};
use crate::metrics::Phase;

/// How long a worker looks on for shared work before it parks: about what parking and waking cost.
const LINGER_NS: u64 = 10_000;
/// See [`pause`].
const LOOK_PAUSES: u32 = 25;

impl Worker {
    /// Looks for tasks at the entrance and at other workers; true if some are now in the own queue.
    pub(super) fn search(&self) -> bool {
        if self.shared.remotes.len() == 1 {
            return self.take_injected();
        }
        self.shared.idle.begin_search();
        self.search_counted()
    }

    /// The search itself, by a worker that has been counted as searching.
    pub(super) fn search_counted(&self) -> bool {
        let before = self.enter(Phase::Searching);
        self.remote.counters.searches.add(1);
        let found = self.take_injected() || self.steal_counted();
        let busy = found || self.has_tasks();
        let job = if busy { None } else { self.fork.steal() };
        self.end_search(found || job.is_some());
        let found = self.execute(job) || found;
        self.enter(before);
        found
    }

    /// Executes a job, if there is one.
    fn execute(&self, job: Option<Stolen>) -> bool {
        let Some(job) = job else { return false };
        let before = self.enter(Phase::Running);
        self.remote.counters.jobs.add(1);
        self.fork.execute(job);
        self.enter(before);
        true
    }

    /// Jobs that others may take have been exposed: wakes one of them if that helps.
    pub(crate) fn offer_jobs(&self) {
        self.shared.offer_any(&mut self.policy.borrow_mut());
    }

    /// This worker is searching no more. What has been queued meanwhile was left to it, if it was the
    /// last one: if it has something to do now, the duty goes to another one, else it still has to look.
    fn end_search(&self, found: bool) {
        let last = self.shared.idle.end_search();
        let busy = found || self.has_tasks();
        self.owes_look.set(last && !busy);
        if last && busy {
            self.pass_on();
        }
    }

    /// Wakes another worker if there is more to take than this one takes next, and nobody searches.
    pub(super) fn pass_on(&self) {
        let several = self.stealable.len() > 1 || self.queues.has_stealable();
        if several || self.shared.work_visible_besides(self.id) {
            self.shared.offer_any(&mut self.policy.borrow_mut());
        }
    }

    /// Looks on for a short time before parking, if there was shared work just now, or jobs: to wake a
    /// worker costs both sides more than that. It counts as searching, so nobody is woken meanwhile.
    pub(super) fn linger(&self) -> bool {
        let recent = self.shared_work.take() | self.fork.lingers();
        if !recent || self.shared.remotes.len() == 1 {
            return false;
        }
        self.shared.idle.begin_search();
        let until = Nanos(self.shared.clock.now().0 + LINGER_NS);
        let mut job = None;
        let found = loop {
            pause();
            if self.remote.wants_attention() || self.take_injected() || self.steal_counted() {
                break true;
            }
            job = self.fork.steal();
            if job.is_some() {
                break true;
            }
            if self.shared.clock.now() >= until && !self.fork.lingers() {
                break false;
            }
        };
        self.end_search(found);
        self.execute(job);
        found
    }

    /// Takes this worker's share of the tasks at the entrance, as far as there is room; true if that
    /// is any.
    pub(super) fn take_injected(&self) -> bool {
        let room = self.stealable.capacity() - self.stealable.len();
        let taken_max = room.min(self.stealable.capacity() / INJECTED_PART);
        let mut batch = self
            .shared
            .entrance
            .take(self.shared.remotes.len(), taken_max);
        let others = self.remote.others.len();
        let taken = self.queues.take(&self.shared.others) || !batch.is_empty();
        let taken_count = batch.len() + self.remote.others.len().saturating_sub(others);
        self.remote.counters.injected.add(taken_count as u64);
        while let Some(task) = batch.pop() {
            self.requeue_stealable(task);
        }
        taken
    }

    /// Takes over latency tasks that wait at one other worker, another one each time: the worker that
    /// queued them may be in the middle of something long.
    pub(super) fn rescue(&self) {
        let next = self.rescued.get() + 1;
        let workers = self.shared.remotes.len();
        let looked_at = if next < workers { next } else { 0 };
        self.rescued.set(looked_at);
        if looked_at != self.id.index() {
            self.queues.rescue(&self.shared.remotes[looked_at].others);
        }
    }

    /// Takes half of the tasks of another worker; true if it has some. The policy says where to look
    /// first; before this worker gives up it has looked everywhere, whatever the policy says.
    pub(super) fn steal(&self) -> bool {
        self.steal_by_policy() || self.steal_anywhere()
    }

    fn steal_by_policy(&self) -> bool {
        let now = self.turn_time.get();
        let hint = self.remote.take_hint().or(self.hint.take());
        self.policy.borrow_mut().on_idle(now, hint);
        loop {
            let step = self.policy.borrow_mut().on_search(now, &*self.shared);
            let Step::Probe(Probe { victim, .. }) = step else {
                return false;
            };
            let victim = &self.shared.remotes[victim.index()];
            if self.queues.steal(&victim.others) {
                return true;
            }
            let found = victim.stealer.len() > 1 && self.take_half(&victim.stealer);
            let left = Queue {
                length: victim.stealer.len() as u32,
                head: victim.signal().load().head,
            };
            if let Some(left) = self.policy.borrow_mut().on_visit(left) {
                victim.signal().correct(left);
            }
            if found {
                return true;
            }
        }
    }

    /// Looks at every other worker.
    ///
    /// A task that is alone in its queue is left there if its worker is quick to take it: to move it
    /// would cost more than its wait. [`left_alone`](Worker::left_alone) says so then.
    fn steal_anywhere(&self) -> bool {
        self.left_alone.set(false);
        let mut alone = self.alone.borrow_mut();
        alone.clear();
        for (index, remote) in self.shared.remotes.iter().enumerate() {
            if index == self.id.index() {
                continue;
            }
            if self.queues.steal(&remote.others) {
                return true;
            }
            match remote.stealer.len() {
                0 => {}
                1 => alone.extend(remote.stealer.oldest().map(|task| (index, task))),
                _ if self.take_half(&remote.stealer) => return true,
                _ => {}
            }
        }
        if alone.is_empty() {
            return false;
        }
        self.leave_alone();
        for &(index, task) in &*alone {
            let stealer = &self.shared.remotes[index].stealer;
            if stealer.oldest() == Some(task) {
                return self.take_half(stealer);
            }
        }
        self.left_alone.set(true);
        false
    }

    fn take_half(&self, stealer: &Stealer<Task>) -> bool {
        retry(|| stealer.steal_half(&self.stealable))
    }

    /// Gives another worker the time to take a task itself that is alone in its queue.
    fn leave_alone(&self) {
        let wait = self.policy.borrow().lone_wait().unwrap_or(Nanos(0));
        let end = Nanos(self.shared.clock.now().0 + wait.0);
        pause();
        while self.shared.clock.now() < end {
            pause();
        }
    }
}

/// Lets about a microsecond pass between two looks: each takes lines from the worker looked at.
fn pause() {
    (0..LOOK_PAUSES).for_each(|_| std::hint::spin_loop());
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
