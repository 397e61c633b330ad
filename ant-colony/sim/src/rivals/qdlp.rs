//! Quick demotion and lazy promotion (Yang et al., *FIFO can be better than LRU: the power of lazy
//! promotion and quick demotion*, HotOS 2023).

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Slot, Table};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    Probation,
    Main,
    Ghost,
}

const HITS_MAX: u8 = 3;

/// A tenth is a queue for new objects in front of a CLOCK with counters of two bits.
pub(crate) struct Qdlp {
    capacity: u64,
    main_limit: u64,
    ghost_limit: u64,
    /// Where it is, and its hits there.
    table: Table<(Queue, u8)>,
    probation: List,
    main: List,
    ghosts: List,
}

impl Qdlp {
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        Self {
            capacity,
            main_limit: capacity - capacity / 10,
            ghost_limit: capacity * 9 / 10,
            table: Table::new(objects),
            probation: List::new(),
            main: List::new(),
            ghosts: List::new(),
        }
    }

    fn make_room(&mut self, size: u32) {
        while self.probation.used() + self.main.used() + u64::from(size) > self.capacity {
            let Some(slot) = self.probation.pop(&mut self.table) else {
                self.evict_main();
                continue;
            };
            if self.table[slot].note.1 > 0 {
                self.enter_main(slot);
            } else {
                self.table[slot].note.0 = Queue::Ghost;
                self.ghosts
                    .push_ghost(&mut self.table, slot, self.ghost_limit);
            }
        }
    }

    fn evict_main(&mut self) {
        while let Some(slot) = self.main.pop(&mut self.table) {
            let Some(left) = self.table[slot].note.1.checked_sub(1) else {
                return self.table.remove(slot);
            };
            self.table[slot].note.1 = left;
            self.main.push(&mut self.table, slot);
        }
    }

    fn enter_main(&mut self, slot: Slot) {
        let size = u64::from(self.table[slot].size);
        while self.main.used() + size > self.main_limit && self.main.used() > 0 {
            self.evict_main();
        }
        self.table[slot].note = (Queue::Main, 0);
        self.main.push(&mut self.table, slot);
    }
}

impl Subject for Qdlp {
    fn access(&mut self, request: Request) -> Outcome {
        let known = self.table.find(request.object);
        match known.map(|slot| (slot, self.table[slot].note)) {
            Some((slot, (Queue::Probation | Queue::Main, hits))) => {
                self.table[slot].note.1 = (hits + 1).min(HITS_MAX);
                return Outcome::Hit;
            }
            _ if u64::from(request.size) > self.capacity => {}
            Some((slot, (Queue::Ghost, _))) => {
                self.ghosts.unlink(&mut self.table, slot);
                self.table[slot].size = request.size;
                self.make_room(request.size);
                self.enter_main(slot);
            }
            None => {
                self.make_room(request.size);
                let note = (Queue::Probation, 0);
                let slot = self.table.insert(request.object, request.size, note);
                self.probation.push(&mut self.table, slot);
            }
        }
        Outcome::Miss
    }
}
