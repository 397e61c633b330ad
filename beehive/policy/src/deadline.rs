//! The order of tasks within the latency class: earliest deadline first.
//!
//! Every task has a time by which it is *due*:
//! - a task with a deadline, at its deadline, but no earlier than when it became ready;
//! - a task without one, [`IMPLIED`] after it became ready. So these are first in, first out among
//!   each other.
//!
//! Because nothing is due before it became ready, a task whose deadline has long passed cannot hold
//! up the others for ever by becoming ready again and again: whatever becomes ready after the time at
//! which a waiting task is due, stays behind it. Ties go to the one that came first.
//!
//! The queue is a heap for tasks with deadlines beside a ring for those without, which need no
//! sorting: O(log n) for the former, O(1) for the latter.
//!
//! After Liu and Layland, "Scheduling algorithms for multiprogramming in a hard-real-time
//! environment" (JACM 1973).

use alloc::collections::{BinaryHeap, VecDeque};
use core::cmp::Ordering;

use crate::{Nanos, quantum};

/// How long after it became ready a task without a deadline is due.
pub const IMPLIED: Nanos = Nanos(1_000_000);

/// Whether another worker should take over what is due then: it has waited for a quantum where it
/// is, or its deadline is near.
#[must_use]
pub fn is_neglected(now: Nanos, due: Nanos) -> bool {
    due.since(now).0 + quantum::LENGTH.0 <= IMPLIED.0
}

/// When a task that becomes ready now is due.
fn due(now: Nanos, deadline: Option<Nanos>) -> Nanos {
    let implied = Nanos(now.0.saturating_add(IMPLIED.0));
    deadline.map_or(implied, |deadline| deadline.max(now))
}

#[derive(Debug)]
struct Entry<T> {
    due: Nanos,
    /// Counts up: earlier entries come first among those that are due at the same time.
    number: u64,
    item: T,
}

impl<T> Entry<T> {
    fn key(&self) -> (Nanos, u64) {
        (self.due, self.number)
    }
}

// Orders for a heap with its greatest element on top: the earliest is the greatest.
impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

/// Ready tasks in the order in which they are due.
#[derive(Debug)]
pub struct DeadlineQueue<T> {
    heap: BinaryHeap<Entry<T>>,
    /// Tasks without a deadline; what is behind another is due no earlier.
    ring: VecDeque<Entry<T>>,
    pushed: u64,
}

impl<T> DeadlineQueue<T> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            ring: VecDeque::new(),
            pushed: 0,
        }
    }

    /// Adds what has become ready now.
    pub fn push(&mut self, now: Nanos, deadline: Option<Nanos>, item: T) {
        let mut entry = self.entry(due(now, deadline), item);
        if deadline.is_some() {
            self.heap.push(entry);
        } else {
            // Clocks of different threads may disagree a little: that must not break the order.
            let last = self.ring.back().map_or(Nanos(0), |last| last.due);
            entry.due = entry.due.max(last);
            self.ring.push_back(entry);
        }
    }

    fn entry(&mut self, due: Nanos, item: T) -> Entry<T> {
        self.pushed += 1;
        Entry {
            due,
            number: self.pushed,
            item,
        }
    }

    /// Takes what is due first.
    pub fn pop(&mut self) -> Option<T> {
        self.pop_entry().map(|entry| entry.item)
    }

    fn pop_entry(&mut self) -> Option<Entry<T>> {
        let heap_first = match (self.heap.peek(), self.ring.front()) {
            (Some(heap), Some(ring)) => heap.key() < ring.key(),
            (heap, _) => heap.is_some(),
        };
        if heap_first {
            self.heap.pop()
        } else {
            self.ring.pop_front()
        }
    }

    /// When the first is due.
    #[must_use]
    pub fn first_due(&self) -> Option<Nanos> {
        let heap = self.heap.peek().map(|entry| entry.due);
        let ring = self.ring.front().map(|entry| entry.due);
        heap.into_iter().chain(ring).min()
    }

    /// Moves up to `count` of those that are due first to another queue, where they are due at the
    /// same time as here.
    pub fn move_first(&mut self, count: usize, to: &mut Self) {
        for _ in 0..count {
            let Some(Entry { due, item, .. }) = self.pop_entry() else {
                break;
            };
            let entry = to.entry(due, item);
            to.heap.push(entry);
        }
    }

    /// Number of tasks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len() + self.ring.len()
    }

    /// Whether there are no tasks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Default for DeadlineQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn drain<T>(queue: &mut DeadlineQueue<T>) -> Vec<T> {
        core::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn the_earliest_deadline_comes_first_and_none_counts_as_a_millisecond() {
        let mut queue = DeadlineQueue::new();
        let now = Nanos(5_000_000);
        queue.push(now, Some(Nanos(6_500_000)), "late");
        queue.push(now, None, "first without");
        queue.push(now, None, "second without");
        queue.push(now, Some(Nanos(5_500_000)), "soon");
        assert_eq!(queue.first_due(), Some(Nanos(5_500_000)));
        let order = drain(&mut queue);
        assert_eq!(order, ["soon", "first without", "second without", "late"]);
    }

    #[test]
    fn a_task_without_deadline_is_neglected_after_a_quantum() {
        let mut queue = DeadlineQueue::new();
        queue.push(Nanos(7), None, ());
        let due = queue.first_due().unwrap();
        assert!(!is_neglected(Nanos(6 + quantum::LENGTH.0), due));
        assert!(is_neglected(Nanos(7 + quantum::LENGTH.0), due));
    }

    #[test]
    fn one_that_is_always_overdue_does_not_hold_up_the_others() {
        let mut queue = DeadlineQueue::new();
        queue.push(Nanos(0), None, "patient");
        let mut now = 0;
        while queue.pop() != Some("patient") {
            now += 10_000;
            queue.push(Nanos(now), Some(Nanos(0)), "pushy");
            assert!(now <= IMPLIED.0 + 20_000, "still waiting");
        }
    }

    proptest! {
        #[test]
        fn all_leave_in_the_order_in_which_they_are_due(
            pushes in prop::collection::vec((0..50_u64, prop::option::of(0..5_000_u64)), 0..100),
        ) {
            let mut queue = DeadlineQueue::new();
            let mut model = Vec::new();
            let mut now = 0;
            for (index, (step, deadline)) in pushes.into_iter().enumerate() {
                now += step;
                let deadline = deadline.map(Nanos);
                queue.push(Nanos(now), deadline, index);
                model.push((due(Nanos(now), deadline), index));
            }
            model.sort_unstable();
            prop_assert_eq!(queue.len(), model.len());
            prop_assert_eq!(queue.first_due(), model.first().map(|&(due, _)| due));
            let order: Vec<_> = model.into_iter().map(|(_, index)| index).collect();
            prop_assert_eq!(drain(&mut queue), order);
        }

        #[test]
        fn what_is_moved_is_due_first_and_nothing_is_lost(
            here in prop::collection::vec((0..50_u64, prop::option::of(0..5_000_u64)), 0..50),
            there in prop::collection::vec(prop::option::of(0..5_000_u64), 0..20),
            count in 0..60_usize,
        ) {
            let (mut from, mut to) = (DeadlineQueue::new(), DeadlineQueue::new());
            for &deadline in &there {
                to.push(Nanos(0), deadline.map(Nanos), 0);
            }
            let mut now = 0;
            for &(step, deadline) in &here {
                now += step;
                let deadline = deadline.map(Nanos);
                from.push(Nanos(now), deadline, due(Nanos(now), deadline).0);
            }
            from.move_first(count, &mut to);
            let (kept, moved) = (drain(&mut from), drain(&mut to));
            prop_assert_eq!(kept.len() + moved.len(), here.len() + there.len());
            prop_assert_eq!(kept.len(), here.len().saturating_sub(count));
            let last_moved = moved.iter().copied().max().unwrap_or(0);
            prop_assert!(kept.iter().all(|&due| due >= last_moved));
        }
    }
}
