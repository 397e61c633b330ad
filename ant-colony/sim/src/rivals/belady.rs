//! Belady's MIN (*A study of replacement algorithms for a virtual-storage computer*, 1966).

use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::future::Future;
use crate::subject::{Outcome, Request, Subject};
use crate::table::Table;

/// Evicts what will be asked for last. No policy that admits every object has fewer misses where
/// objects count. Where bytes count it is the same rule, and no bound: that optimum is NP-hard.
pub(crate) struct Belady {
    capacity: u64,
    used: u64,
    future: Arc<Future>,
    /// Requests so far.
    now: usize,
    /// When the object will be asked for next.
    table: Table<u32>,
    resident: usize,
    /// Next uses with their objects; those that the table does not confirm are out of date.
    order: BinaryHeap<(u32, u32)>,
}

impl Belady {
    pub(crate) fn new(capacity: u64, objects: u32, future: Arc<Future>) -> Self {
        Self {
            capacity,
            used: 0,
            future,
            now: 0,
            table: Table::new(objects),
            resident: 0,
            order: BinaryHeap::new(),
        }
    }

    fn evict(&mut self) {
        while let Some((next_use, object)) = self.order.pop() {
            if let Some(slot) = self.table.find(object)
                && self.table[slot].note == next_use
            {
                self.used -= u64::from(self.table[slot].size);
                self.resident -= 1;
                return self.table.remove(slot);
            }
        }
    }

    fn note(&mut self, object: u32, next_use: u32) {
        if self.order.len() > 4 * self.resident + 1_024 {
            let table = &self.table;
            self.order.retain(|&(next_use, object)| {
                let slot = table.find(object);
                slot.is_some_and(|slot| table[slot].note == next_use)
            });
        }
        self.order.push((next_use, object));
    }
}

impl Subject for Belady {
    fn access(&mut self, request: Request) -> Outcome {
        let next_use = self.future.next_use(self.now);
        self.now += 1;
        if let Some(slot) = self.table.find(request.object) {
            self.table[slot].note = next_use;
            self.note(request.object, next_use);
            return Outcome::Hit;
        }
        let size = u64::from(request.size);
        if size <= self.capacity {
            while self.used + size > self.capacity {
                self.evict();
            }
            self.table.insert(request.object, request.size, next_use);
            self.used += size;
            self.resident += 1;
            self.note(request.object, next_use);
        }
        Outcome::Miss
    }
}
