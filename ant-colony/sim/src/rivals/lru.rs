//! Least recently used.

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Table};

/// Evicts what was not asked for the longest.
pub(crate) struct Lru {
    capacity: u64,
    table: Table<()>,
    queue: List,
}

impl Lru {
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        Self {
            capacity,
            table: Table::new(objects),
            queue: List::new(),
        }
    }
}

impl Subject for Lru {
    fn access(&mut self, request: Request) -> Outcome {
        if let Some(slot) = self.table.find(request.object) {
            self.queue.renew(&mut self.table, slot);
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
