//! How a worker that has nothing to run finds tasks: at the entrance, at the other workers, and by
//! looking on for a moment before it parks.

use beehive_policy::Nanos;
use hallows_lockfree::deque::Steal;

use super::{INJECTED_PART, Worker};

/// How long a worker looks on for shared work before it parks: about what parking and waking cost.
const LINGER_NS: u64 = 10_000;
/// Pauses between two of these looks, about a microsecond: each takes lines from the one that works.
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
        let found = self.take_injected() || self.steal();
        self.end_search(found);
        found
    }

    /// This worker is searching no more. The duty goes to another one if there is more than this one
    /// takes next.
    fn end_search(&self, found: bool) {
        let last = self.shared.end_search();
        if found && last && (self.stealable.len() > 1 || self.shared.work_visible_besides(self.id))
        {
            self.shared.offer(&mut self.policy.borrow_mut());
        }
    }

    /// Looks on for a short time before parking, if there was shared work just now: to wake a worker
    /// costs both sides more than that. It counts as searching, so nobody is woken meanwhile.
    ///
    /// A task that is alone in the queue of another worker is left there as long as that worker is
    /// quick to take it: moving it would cost more than the wait.
    pub(super) fn linger(&self) -> bool {
        if !self.shared_work.take() || self.shared.remotes.len() == 1 {
            return false;
        }
        self.shared.begin_search();
        let until = Nanos(self.shared.clock.now().0 + LINGER_NS);
        let mut waiting = None;
        let found = loop {
            (0..LOOK_PAUSES).for_each(|_| std::hint::spin_loop());
            if self.remote.wants_attention() || self.take_injected() {
                break true;
            }
            let seen = self.shared.oldest_besides(self.id);
            let ripe =
                seen.is_some_and(|(_, _, several)| several) || seen.is_some() && seen == waiting;
            if ripe && self.steal() {
                break true;
            }
            waiting = seen;
            if self.shared.clock.now() >= until {
                break false;
            }
        };
        self.end_search(found);
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
        let taken = !batch.is_empty();
        while let Some(task) = batch.pop() {
            self.requeue_stealable(task);
        }
        taken
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
