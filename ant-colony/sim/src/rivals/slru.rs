//! Segmented LRU (Karedla, Love and Wherry, *Caching strategies to improve disk system
//! performance*, 1994), here of several segments.

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Slot, Table};

/// Lists of recency above each other: a hit lifts an object by one, what does not fit sinks by one.
pub(crate) struct Segments {
    capacity: u64,
    /// In which segment the object is.
    table: Table<usize>,
    lists: Vec<List>,
    limits: Vec<u64>,
}

impl Segments {
    /// Segments of these shares, from the lowest to the highest.
    pub(crate) fn new(capacity: u64, objects: u32, shares: &[u64]) -> Self {
        let total: u64 = shares.iter().sum();
        Self {
            capacity,
            table: Table::new(objects),
            lists: shares.iter().map(|_| List::new()).collect(),
            limits: shares
                .iter()
                .map(|share| capacity * share / total)
                .collect(),
        }
    }

    /// Whether the object is there; if so, it is lifted.
    pub(crate) fn hit(&mut self, object: u32) -> bool {
        let Some(slot) = self.table.find(object) else {
            return false;
        };
        let level = self.table[slot].note;
        if level + 1 == self.lists.len() {
            self.lists[level].renew(&mut self.table, slot);
        } else {
            self.lists[level].unlink(&mut self.table, slot);
            self.enter(level + 1, slot);
            self.settle(level + 1);
        }
        true
    }

    /// Adds an object for which there is room: to the lowest segment with room, else to the lowest.
    pub(crate) fn insert(&mut self, object: u32, size: u32) {
        let fits = |(list, limit): (&List, &u64)| list.used() + u64::from(size) <= *limit;
        let level = self.lists.iter().zip(&self.limits).position(fits);
        let slot = self.table.insert(object, size, 0);
        self.enter(level.unwrap_or(0), slot);
    }

    /// What would be evicted next.
    pub(crate) fn victim(&self) -> Option<u32> {
        let oldest = self.lists.iter().find_map(List::oldest)?;
        Some(self.table[oldest].object)
    }

    pub(crate) fn evict(&mut self) {
        let occupied = self.lists.iter_mut().find(|list| list.oldest().is_some());
        if let Some(slot) = occupied.and_then(|list| list.pop(&mut self.table)) {
            self.table.remove(slot);
        }
    }

    pub(crate) fn used(&self) -> u64 {
        self.lists.iter().map(List::used).sum()
    }

    pub(crate) fn has_room(&self, size: u32) -> bool {
        self.used() + u64::from(size) <= self.capacity
    }

    fn enter(&mut self, level: usize, slot: Slot) {
        self.table[slot].note = level;
        self.lists[level].push(&mut self.table, slot);
    }

    /// What is too much in a segment sinks, and may push others down.
    fn settle(&mut self, from: usize) {
        for level in (0..=from).rev() {
            let mut sank = false;
            while self.lists[level].used() > self.limits[level]
                && let Some(slot) = self.lists[level].pop(&mut self.table)
            {
                match level.checked_sub(1) {
                    Some(below) => self.enter(below, slot),
                    None => self.table.remove(slot),
                }
                sank = true;
            }
            if !sank {
                return;
            }
        }
    }
}

/// Four segments of equal size.
pub(crate) struct Slru(Segments);

impl Slru {
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        Self(Segments::new(capacity, objects, &[1; 4]))
    }
}

impl Subject for Slru {
    fn access(&mut self, request: Request) -> Outcome {
        if self.0.hit(request.object) {
            return Outcome::Hit;
        }
        if u64::from(request.size) <= self.0.capacity {
            while !self.0.has_room(request.size) {
                self.0.evict();
            }
            self.0.insert(request.object, request.size);
        }
        Outcome::Miss
    }
}
