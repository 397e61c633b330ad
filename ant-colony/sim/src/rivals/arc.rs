//! ARC (Megiddo and Modha, *ARC: a self-tuning, low overhead replacement cache*, FAST 2003).

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Slot, Table};

/// The paper's lists; B1 and B2 are ghosts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    T1,
    T2,
    B1,
    B2,
}

/// Balances what was seen once against what was seen again by hits among the ghosts of both.
pub(crate) struct Arc {
    capacity: u64,
    /// What T1 is meant to take (p).
    target: f64,
    table: Table<Place>,
    /// By [`Place`].
    lists: [List; 4],
}

impl Arc {
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        Self {
            capacity,
            target: 0.0,
            table: Table::new(objects),
            lists: [const { List::new() }; 4],
        }
    }

    fn used(&self, place: Place) -> u64 {
        self.lists[place as usize].used()
    }

    fn is_full(&self, size: u32) -> bool {
        self.used(Place::T1) + self.used(Place::T2) + u64::from(size) > self.capacity
    }

    fn enter(&mut self, place: Place, slot: Slot) {
        self.table[slot].note = place;
        self.lists[place as usize].push(&mut self.table, slot);
    }

    fn leave(&mut self, slot: Slot) {
        let place = self.table[slot].note;
        self.lists[place as usize].unlink(&mut self.table, slot);
    }

    /// Forgets the oldest of a list.
    fn drop_oldest(&mut self, place: Place) -> bool {
        let oldest = self.lists[place as usize].pop(&mut self.table);
        oldest.inspect(|&slot| self.table.remove(slot)).is_some()
    }

    /// One object becomes a ghost (REPLACE).
    fn replace(&mut self, is_in_b2: bool) {
        let recent = self.used(Place::T1) as f64;
        let too_many = recent > self.target || (recent == self.target && is_in_b2);
        let (from, to) = if (recent > 0.0 && too_many) || self.used(Place::T2) == 0 {
            (Place::T1, Place::B1)
        } else {
            (Place::T2, Place::B2)
        };
        if let Some(slot) = self.lists[from as usize].pop(&mut self.table) {
            self.enter(to, slot);
        }
    }

    /// Makes room for an object that no list knows (case IV).
    fn evict_for_unknown(&mut self, size: u32) {
        let seen_once = self.used(Place::T1) + self.used(Place::B1);
        let seen_again = self.used(Place::T2) + self.used(Place::B2);
        if seen_once + u64::from(size) > self.capacity {
            if !self.drop_oldest(Place::B1) {
                self.drop_oldest(Place::T1);
                return;
            }
        } else if seen_once + seen_again >= 2 * self.capacity {
            self.drop_oldest(Place::B2);
        }
        self.replace(false);
    }

    /// Cases II and III: a ghost tells which side deserves more.
    fn learn(&mut self, place: Place) {
        let (b1, b2) = (self.used(Place::B1) as f64, self.used(Place::B2) as f64);
        self.target = if place == Place::B1 {
            (self.target + (b2 / b1).max(1.0)).min(self.capacity as f64)
        } else {
            (self.target - (b1 / b2).max(1.0)).max(0.0)
        };
    }
}

impl Subject for Arc {
    fn access(&mut self, request: Request) -> Outcome {
        let known = self.table.find(request.object);
        match known.map(|slot| (slot, self.table[slot].note)) {
            Some((slot, Place::T1 | Place::T2)) => {
                self.leave(slot);
                self.enter(Place::T2, slot);
                return Outcome::Hit;
            }
            _ if u64::from(request.size) > self.capacity => {}
            Some((slot, ghost)) => {
                self.learn(ghost);
                self.leave(slot);
                self.table[slot].size = request.size;
                while self.is_full(request.size) {
                    self.replace(ghost == Place::B2);
                }
                self.enter(Place::T2, slot);
            }
            None => {
                while self.is_full(request.size) {
                    self.evict_for_unknown(request.size);
                }
                let slot = self.table.insert(request.object, request.size, Place::T1);
                self.lists[Place::T1 as usize].push(&mut self.table, slot);
            }
        }
        Outcome::Miss
    }
}
