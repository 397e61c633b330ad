//! How a worker that has nothing to run finds tasks and jobs: at the entrance, at the other workers, and by
//! looking on for a moment before it parks.

use beehive_policy::Nanos;
use beehive_task::job::Stolen;
use hallows_lockfree::deque::Steal;

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
        self.shared.begin_search();
        self.search_counted()
    }

    /// The search itself, by a worker that has been counted as searching.
    pub(super) fn search_counted(&self) -> bool {
        let before = self.enter(Phase::Searching);
        self.remote.counters.searches.add(1);
        let found = self.take_injected() || self.steal_counted();
        let job = if found { None } else { self.fork.steal() };
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

    /// Something that others may take has been queued: wakes one of them if that helps.
    pub(crate) fn offer(&self) {
        self.shared.offer(&mut self.policy.borrow_mut());
    }

    /// This worker is searching no more. The duty goes to another one if there is more than this one
    /// takes next.
    fn end_search(&self, found: bool) {
        let last = self.shared.end_search();
        let several = self.stealable.len() > 1 || self.queues.has_stealable();
        if found && last && (several || self.shared.work_visible_besides(self.id)) {
            self.shared.offer(&mut self.policy.borrow_mut());
        }
    }

    /// Looks on for a short time before parking, if there was shared work just now, or jobs: to wake a
    /// worker costs both sides more than that. It counts as searching, so nobody is woken meanwhile.
    pub(super) fn linger(&self) -> bool {
        let recent = self.shared_work.take() | self.fork.lingers();
        if !recent || self.shared.remotes.len() == 1 {
            return false;
        }
        self.shared.begin_search();
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

    /// Takes half of the tasks of another worker; true if it has some.
    ///
    /// A task that is alone in its queue is left there if its worker is quick to take it: to move it
    /// would cost more than its wait. [`left_alone`](Worker::left_alone) says so then.
    pub(super) fn steal(&self) -> bool {
        let mut search = self
            .policy
            .borrow_mut()
            .on_idle(|worker| self.shared.signal(worker));
        let mut alone = None;
        while let Some(victim) = search.next_victim() {
            let victim = &self.shared.remotes[victim.index()];
            if self.queues.steal(&victim.others) {
                return true;
            }
            let stealer = &victim.stealer;
            match stealer.len() {
                0 => {}
                1 => alone = stealer.oldest().map(|task| (stealer, task)),
                _ if retry(|| stealer.steal_half(&self.stealable)) => return true,
                _ => {}
            }
        }
        let Some((stealer, task)) = alone else {
            self.left_alone.set(false);
            return false;
        };
        pause();
        let waits = stealer.oldest() == Some(task);
        self.left_alone.set(!waits);
        waits && retry(|| stealer.steal_half(&self.stealable))
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
