//! S3-FIFO with an adaptive small queue over residents in two lists: the policy of the byte store,
//! with objects where that has segments.

use ant_colony_policy::{Fate, Frequency, Policy, Queue};

use crate::ant::hash;
use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Table};

#[derive(Clone, Copy)]
struct Note {
    hash: u64,
    frequency: Frequency,
}

/// A cache under the yardstick.
pub(crate) struct Yardstick {
    policy: Policy,
    capacity: u64,
    table: Table<Note>,
    residents: usize,
    /// By [`Queue`].
    queues: [List; 2],
}

impl Yardstick {
    /// One that is expected to hold so many objects.
    pub(crate) fn new(capacity: u64, objects: u32, expected: usize) -> Self {
        Self {
            policy: Policy::new(expected),
            capacity,
            table: Table::new(objects),
            residents: 0,
            queues: [const { List::new() }; 2],
        }
    }

    fn used(&self, queue: Queue) -> usize {
        self.queues[queue as usize].used() as usize
    }

    /// One object leaves, or moves.
    fn reclaim(&mut self) {
        self.policy.set_objects(self.residents);
        let (small, main) = (self.used(Queue::Small), self.used(Queue::Main));
        let queue = self.policy.next_victim(small, main, small + main);
        let queue = if self.used(queue) == 0 {
            Queue::Main
        } else {
            queue
        };
        let Some(slot) = self.queues[queue as usize].pop(&mut self.table) else {
            return;
        };
        let Note { hash, frequency } = self.table[slot].note;
        match self.policy.on_reclaim(queue, frequency, hash, 0) {
            Fate::Keep { queue, frequency } => {
                self.table[slot].note.frequency = frequency;
                self.queues[queue as usize].push(&mut self.table, slot);
            }
            Fate::Evict => {
                self.residents -= 1;
                self.table.remove(slot);
            }
        }
    }
}

impl Subject for Yardstick {
    fn access(&mut self, request: Request) -> Outcome {
        if let Some(slot) = self.table.find(request.object) {
            let note = &mut self.table[slot].note;
            note.frequency = note.frequency.hit();
            return Outcome::Hit;
        }
        if u64::from(request.size) <= self.capacity {
            let hash = hash(request.key);
            let queue = self.policy.on_insert(hash);
            let room = self.capacity - u64::from(request.size);
            while self.queues.iter().map(List::used).sum::<u64>() > room {
                self.reclaim();
            }
            let frequency = Frequency::ZERO;
            let note = Note { hash, frequency };
            let slot = self.table.insert(request.object, request.size, note);
            self.residents += 1;
            self.queues[queue as usize].push(&mut self.table, slot);
        }
        Outcome::Miss
    }
}
