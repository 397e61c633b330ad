//! 2Q (Johnson and Shasha, *2Q: a low overhead high performance buffer management replacement
//! algorithm*, VLDB 1994).

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Table};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    /// Seen once, in order of entry (A1in).
    In,
    /// Evicted from there, only remembered (A1out).
    Out,
    /// Came back after that, by recency (Am).
    Main,
}

/// A queue of new objects, and an LRU list of those that came back after they had left it.
pub(crate) struct TwoQ {
    capacity: u64,
    in_limit: u64,
    out_limit: u64,
    table: Table<Queue>,
    input: List,
    output: List,
    main: List,
}

impl TwoQ {
    /// A quarter for new objects, as many ghosts as half the capacity: the paper's advice.
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        Self {
            capacity,
            in_limit: capacity / 4,
            out_limit: capacity / 2,
            table: Table::new(objects),
            input: List::new(),
            output: List::new(),
            main: List::new(),
        }
    }

    fn make_room(&mut self, size: u32) {
        while self.input.used() + self.main.used() + u64::from(size) > self.capacity {
            if self.input.used() <= self.in_limit
                && let Some(slot) = self.main.pop(&mut self.table)
            {
                self.table.remove(slot);
            } else if let Some(slot) = self.input.pop(&mut self.table) {
                self.table[slot].note = Queue::Out;
                self.output
                    .push_ghost(&mut self.table, slot, self.out_limit);
            }
        }
    }

    /// The main list keeps to its share even if the queue of new objects does not use its own.
    fn trim_main(&mut self, size: u32) {
        while self.main.used() + u64::from(size) > self.capacity - self.in_limit
            && let Some(slot) = self.main.pop(&mut self.table)
        {
            self.table.remove(slot);
        }
    }
}

impl Subject for TwoQ {
    fn access(&mut self, request: Request) -> Outcome {
        let known = self.table.find(request.object);
        match known.map(|slot| (slot, self.table[slot].note)) {
            Some((_, Queue::In)) => return Outcome::Hit,
            Some((slot, Queue::Main)) => {
                self.main.renew(&mut self.table, slot);
                return Outcome::Hit;
            }
            _ if u64::from(request.size) > self.capacity => {}
            Some((slot, Queue::Out)) => {
                self.output.unlink(&mut self.table, slot);
                self.table[slot].size = request.size;
                self.make_room(request.size);
                self.trim_main(request.size);
                self.table[slot].note = Queue::Main;
                self.main.push(&mut self.table, slot);
            }
            None => {
                self.make_room(request.size);
                let slot = self.table.insert(request.object, request.size, Queue::In);
                self.input.push(&mut self.table, slot);
            }
        }
        Outcome::Miss
    }
}
