//! SIEVE (Zhang et al., *SIEVE is simpler than LRU*, NSDI 2024).

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Slot, Table};

/// As CLOCK, but what was hit stays where it is: a hand moves over it towards newer objects.
pub(crate) struct Sieve {
    capacity: u64,
    /// Whether the object was hit.
    table: Table<bool>,
    queue: List,
    /// Where the search goes on; at the oldest if there is none.
    hand: Option<Slot>,
}

impl Sieve {
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        Self {
            capacity,
            table: Table::new(objects),
            queue: List::new(),
            hand: None,
        }
    }

    fn evict(&mut self) {
        while let Some(slot) = self.hand.or(self.queue.oldest()) {
            self.hand = List::newer(&self.table, slot);
            if !std::mem::take(&mut self.table[slot].note) {
                self.queue.unlink(&mut self.table, slot);
                return self.table.remove(slot);
            }
        }
    }
}

impl Subject for Sieve {
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
