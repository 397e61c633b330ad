//! S3-FIFO (Yang et al., *FIFO queues are all you need for cache eviction*, SOSP 2023).

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Slot, Table};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    Small,
    Main,
    Ghost,
}

#[derive(Clone, Copy)]
struct Note {
    queue: Queue,
    /// Hits that count, up to [`Rules::hits_max`].
    hits: u8,
    /// What had entered the small queue when this one had.
    entered: u64,
}

/// Wherein relatives of S3-FIFO differ.
pub(super) struct Rules {
    /// Hits in the small queue that lead to the main one.
    pub(super) promotion: u8,
    /// More hits are not counted: rounds in the main queue.
    pub(super) hits_max: u8,
    /// What must have entered the small queue after an object of it, for its hits to count.
    pub(super) window: u64,
}

/// A small queue filters what is not asked for again; a main queue gives a round for each hit.
pub(crate) struct S3Fifo {
    capacity: u64,
    small_limit: u64,
    ghost_limit: u64,
    rules: Rules,
    entered: u64,
    /// Before the first eviction, what the small queue has no room for enters the main one.
    is_warm: bool,
    table: Table<Note>,
    small: List,
    main: List,
    ghosts: List,
}

impl S3Fifo {
    /// A tenth for the small queue, ghosts for the rest.
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        let rules = Rules {
            promotion: 2,
            hits_max: 3,
            window: 0,
        };
        Self::with_rules(capacity, objects, rules)
    }

    pub(super) fn with_rules(capacity: u64, objects: u32, rules: Rules) -> Self {
        Self {
            capacity,
            small_limit: capacity / 10,
            ghost_limit: capacity * 9 / 10,
            rules,
            entered: 0,
            is_warm: false,
            table: Table::new(objects),
            small: List::new(),
            main: List::new(),
            ghosts: List::new(),
        }
    }

    fn make_room(&mut self, size: u32) {
        while self.small.used() + self.main.used() + u64::from(size) > self.capacity {
            self.is_warm = true;
            if self.main.used() > self.capacity - self.small_limit || self.small.used() == 0 {
                self.evict_main();
            } else {
                self.evict_small();
            }
        }
    }

    fn evict_small(&mut self) {
        while let Some(slot) = self.small.pop(&mut self.table) {
            if self.table[slot].note.hits < self.rules.promotion {
                self.table[slot].note.queue = Queue::Ghost;
                return self
                    .ghosts
                    .push_ghost(&mut self.table, slot, self.ghost_limit);
            }
            self.enter_main(slot);
        }
    }

    fn evict_main(&mut self) {
        while let Some(slot) = self.main.pop(&mut self.table) {
            let Some(left) = self.table[slot].note.hits.checked_sub(1) else {
                return self.table.remove(slot);
            };
            self.table[slot].note.hits = left;
            self.main.push(&mut self.table, slot);
        }
    }

    fn enter_main(&mut self, slot: Slot) {
        let note = &mut self.table[slot].note;
        note.queue = Queue::Main;
        note.hits = 0;
        self.main.push(&mut self.table, slot);
    }

    fn insert_new(&mut self, request: Request) {
        self.make_room(request.size);
        let note = Note {
            queue: Queue::Small,
            hits: 0,
            entered: self.entered + u64::from(request.size),
        };
        let slot = self.table.insert(request.object, request.size, note);
        if !self.is_warm && self.small.used() >= self.small_limit {
            return self.enter_main(slot);
        }
        self.entered += u64::from(request.size);
        self.small.push(&mut self.table, slot);
    }
}

impl Subject for S3Fifo {
    fn access(&mut self, request: Request) -> Outcome {
        let Some(slot) = self.table.find(request.object) else {
            if u64::from(request.size) <= self.capacity {
                self.insert_new(request);
            }
            return Outcome::Miss;
        };
        let note = &mut self.table[slot].note;
        if note.queue != Queue::Ghost {
            let counts =
                note.queue == Queue::Main || self.entered - note.entered >= self.rules.window;
            note.hits = (note.hits + u8::from(counts)).min(self.rules.hits_max);
            return Outcome::Hit;
        }
        if u64::from(request.size) <= self.capacity {
            self.ghosts.unlink(&mut self.table, slot);
            self.table[slot].size = request.size;
            self.make_room(request.size);
            self.enter_main(slot);
        }
        Outcome::Miss
    }
}
