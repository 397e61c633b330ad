//! First in, first out: the baseline of all comparisons.

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Table};

/// Evicts what came first; a hit changes nothing.
pub(crate) struct Fifo {
    capacity: u64,
    table: Table<()>,
    queue: List,
}

impl Fifo {
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        Self {
            capacity,
            table: Table::new(objects),
            queue: List::new(),
        }
    }
}

impl Subject for Fifo {
    fn access(&mut self, request: Request) -> Outcome {
        if self.table.find(request.object).is_some() {
            return Outcome::Hit;
        }
        let size = u64::from(request.size);
        if size <= self.capacity {
            while self.queue.used() + size > self.capacity
                && let Some(victim) = self.queue.pop(&mut self.table)
            {
                self.table.remove(victim);
            }
            let slot = self.table.insert(request.object, request.size, ());
            self.queue.push(&mut self.table, slot);
        }
        Outcome::Miss
    }
}
