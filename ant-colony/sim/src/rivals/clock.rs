//! CLOCK, also called second chance (Corbató, *A paging experiment with the Multics system*, 1968).

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Table};

/// As FIFO, but what was hit since it was last looked at goes round again.
pub(crate) struct Clock {
    capacity: u64,
    /// Whether the object was hit.
    table: Table<bool>,
    queue: List,
}

impl Clock {
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        Self {
            capacity,
            table: Table::new(objects),
            queue: List::new(),
        }
    }

    fn evict(&mut self) {
        while let Some(slot) = self.queue.pop(&mut self.table) {
            if !std::mem::take(&mut self.table[slot].note) {
                return self.table.remove(slot);
            }
            self.queue.push(&mut self.table, slot);
        }
    }
}

impl Subject for Clock {
    fn access(&mut self, request: Request) -> Outcome {
        if let Some(slot) = self.table.find(request.object) {
            self.table[slot].note = true;
            return Outcome::Hit;
        }
        let size = u64::from(request.size);
        if size <= self.capacity {
            while self.queue.used() + size > self.capacity {
                self.evict();
            }
            let slot = self.table.insert(request.object, request.size, false);
            self.queue.push(&mut self.table, slot);
        }
        Outcome::Miss
    }
}
