//! LIRS (Jiang and Zhang, *LIRS: an efficient low inter-reference recency set replacement policy*,
//! SIGMETRICS 2002), with the stack bounded at twice the capacity.

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Slot, Table};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Low inter-reference recency: resident, and only in the stack.
    Low,
    /// High inter-reference recency, resident: also in the queue.
    High,
    /// High, evicted: also among the ghosts.
    Gone,
}

/// Keeps objects whose last two accesses were close; 1% is for all others.
pub(crate) struct Lirs {
    capacity: u64,
    low_limit: u64,
    low_used: u64,
    /// The stack (S) by recency; its oldest is low.
    stacked: Table<Kind>,
    stack: List,
    /// Members of the queue and of the ghosts, one of which every high object of the stack is in.
    queued: Table<()>,
    /// Resident high objects (Q).
    queue: List,
    ghosts: List,
}

impl Lirs {
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        Self {
            capacity,
            low_limit: capacity - (capacity / 100).max(1),
            low_used: 0,
            stacked: Table::new(objects),
            stack: List::new(),
            queued: Table::new(objects),
            queue: List::new(),
            ghosts: List::new(),
        }
    }

    /// Puts an object on top of the stack that is not in it.
    fn stack_up(&mut self, object: u32, size: u32, kind: Kind) {
        let slot = self.stacked.insert(object, size, kind);
        self.stack.push(&mut self.stacked, slot);
        if kind == Kind::Low {
            self.low_used += u64::from(size);
            // Matters for the first low object above others, if no low one was left.
            self.prune();
        }
    }

    fn unstack(&mut self, slot: Slot) {
        self.stack.unlink(&mut self.stacked, slot);
        self.stacked.remove(slot);
    }

    fn enqueue(&mut self, object: u32, size: u32) {
        let slot = self.queued.insert(object, size, ());
        self.queue.push(&mut self.queued, slot);
    }

    /// Takes an object out of the queue or the ghosts, whichever it is in.
    fn dequeue(&mut self, object: u32, kind: Kind) {
        if let Some(slot) = self.queued.find(object) {
            let list = match kind {
                Kind::Gone => &mut self.ghosts,
                _ => &mut self.queue,
            };
            list.unlink(&mut self.queued, slot);
            self.queued.remove(slot);
        }
    }

    /// Removes what lies below the oldest low object: its recency says nothing any more.
    fn prune(&mut self) {
        while let Some(slot) = self.stack.oldest() {
            let kind = self.stacked[slot].note;
            if kind == Kind::Low {
                return;
            }
            if kind == Kind::Gone {
                self.dequeue(self.stacked[slot].object, kind);
            }
            self.unstack(slot);
        }
    }

    /// The low object of the longest recency becomes a high one.
    fn demote(&mut self) {
        if let Some(slot) = self.stack.oldest() {
            let (object, size) = (self.stacked[slot].object, self.stacked[slot].size);
            self.low_used -= u64::from(size);
            self.unstack(slot);
            self.enqueue(object, size);
            self.prune();
        }
    }

    fn demote_surplus(&mut self) {
        while self.low_used > self.low_limit {
            self.demote();
        }
    }

    fn make_room(&mut self, size: u32) {
        while self.low_used + self.queue.used() + u64::from(size) > self.capacity {
            let Some(slot) = self.queue.pop(&mut self.queued) else {
                self.demote();
                continue;
            };
            match self.stacked.find(self.queued[slot].object) {
                Some(stacked) => {
                    self.stacked[stacked].note = Kind::Gone;
                    self.ghosts.push(&mut self.queued, slot);
                }
                None => self.queued.remove(slot),
            }
        }
    }

    fn bound_stack(&mut self) {
        while self.stack.used() > 2 * self.capacity
            && let Some(slot) = self.ghosts.pop(&mut self.queued)
        {
            if let Some(stacked) = self.stacked.find(self.queued[slot].object) {
                self.unstack(stacked);
            }
            self.queued.remove(slot);
        }
    }

    /// An object that is in the stack.
    fn access_stacked(&mut self, request: Request, slot: Slot) -> Outcome {
        let kind = self.stacked[slot].note;
        if kind == Kind::Low {
            self.stack.renew(&mut self.stacked, slot);
            self.prune();
            return Outcome::Hit;
        }
        let size = match kind {
            Kind::Gone => request.size,
            _ => self.stacked[slot].size,
        };
        self.dequeue(request.object, kind);
        self.unstack(slot);
        if u64::from(size) <= self.capacity {
            self.make_room(size);
            self.stack_up(request.object, size, Kind::Low);
            self.demote_surplus();
        }
        if kind == Kind::Gone {
            Outcome::Miss
        } else {
            Outcome::Hit
        }
    }

    fn access_new(&mut self, request: Request) {
        let size = u64::from(request.size);
        if size > self.capacity {
            return;
        }
        self.make_room(request.size);
        if self.low_used + size <= self.low_limit {
            self.stack_up(request.object, request.size, Kind::Low);
        } else {
            self.stack_up(request.object, request.size, Kind::High);
            self.enqueue(request.object, request.size);
        }
    }
}

impl Subject for Lirs {
    fn access(&mut self, request: Request) -> Outcome {
        let outcome = if let Some(slot) = self.stacked.find(request.object) {
            self.access_stacked(request, slot)
        } else if let Some(slot) = self.queued.find(request.object) {
            self.queue.renew(&mut self.queued, slot);
            self.stack_up(request.object, self.queued[slot].size, Kind::High);
            Outcome::Hit
        } else {
            self.access_new(request);
            Outcome::Miss
        };
        self.bound_stack();
        outcome
    }
}
