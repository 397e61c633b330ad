//! The places of a shard's entries, linked into two queues. Places never move and are used again, so
//! that a queue of any length grows and shrinks in constant time.

use ant_colony_policy::{Frequency, Queue};

/// No slot.
const NONE: u32 = u32::MAX;
/// Slots are allocated in chunks of this many, so that no insertion has to move the others.
const CHUNK: usize = 1024;

/// Names one value of one entry: its slot, and how often the slot was written, in 30 bits that wrap.
/// Who knows a name would have to sleep through exactly 2^30 writes of one slot, or a multiple, to
/// take another value for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl Id {
    const GENERATIONS: u32 = 1 << (u32::BITS - Frequency::BITS);

    const fn next_generation(generation: u32) -> u32 {
        (generation + 1) % Self::GENERATIONS
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Slot {
    hash: u64,
    weight: u64,
    generation: u32,
    /// Towards the oldest.
    older: u32,
    /// Towards the youngest; of a free slot, the next free one.
    younger: u32,
    /// None if the slot is free.
    queue: Option<Queue>,
}

/// A queue: its ends, and how much is in it.
#[derive(Clone, Copy)]
struct List {
    oldest: u32,
    youngest: u32,
    used: Used,
}

/// An amount of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) count: usize,
    pub(crate) weight: u64,
}

pub(crate) struct Slots {
    chunks: Vec<Box<[Slot; CHUNK]>>,
    /// Slots that were ever used: the first ones.
    len: usize,
    free: u32,
    lists: [List; 2],
}

impl Slots {
    /// More entries than this cannot be named.
    pub(crate) const LEN_MAX: usize = NONE as usize - 1;

    pub(crate) const fn new() -> Self {
        let list = List {
            oldest: NONE,
            youngest: NONE,
            used: Used {
                count: 0,
                weight: 0,
            },
        };
        Self {
            chunks: Vec::new(),
            len: 0,
            free: NONE,
            lists: [list; 2],
        }
    }

    /// Slots that were ever used.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn used(&self, queue: Queue) -> Used {
        self.lists[queue as usize].used
    }

    /// Both queues together.
    pub(crate) fn used_in_all(&self) -> Used {
        let (small, main) = (self.used(Queue::Small), self.used(Queue::Main));
        Used {
            count: small.count + main.count,
            weight: small.weight + main.weight,
        }
    }

    /// The entry that has been in `queue` longest, with its hash.
    pub(crate) fn oldest(&self, queue: Queue) -> Option<(u64, Id)> {
        let slot = self.lists[queue as usize].oldest;
        (slot != NONE).then(|| self.name(slot))
    }

    /// The entry in this slot, with its hash.
    pub(crate) fn at(&self, slot: usize) -> Option<(u64, Id)> {
        let used = slot < self.len && self[slot as u32].queue.is_some();
        used.then(|| self.name(slot as u32))
    }

    pub(crate) fn holds(&self, id: Id) -> bool {
        self.at(id.slot as usize).is_some_and(|(_, now)| now == id)
    }

    pub(crate) fn weight(&self, id: Id) -> u64 {
        self[id.slot].weight
    }

    /// A new entry at the young end of `queue`.
    pub(crate) fn add(&mut self, hash: u64, weight: u64, queue: Queue) -> Id {
        let slot = self.take_free();
        let place = &mut self[slot];
        place.hash = hash;
        place.weight = weight;
        place.generation = Id::next_generation(place.generation);
        self.link(slot, queue);
        self.name(slot).1
    }

    /// Another value for an entry, which keeps its place.
    pub(crate) fn renew(&mut self, id: Id, weight: u64) -> Id {
        let place = &mut self[id.slot];
        let before = std::mem::replace(&mut place.weight, weight);
        place.generation = Id::next_generation(place.generation);
        if let Some(queue) = place.queue {
            let used = &mut self.lists[queue as usize].used;
            used.weight = used.weight - before + weight;
        }
        self.name(id.slot).1
    }

    /// Moves an entry to the young end of `queue`.
    pub(crate) fn requeue(&mut self, id: Id, queue: Queue) {
        self.unlink(id.slot);
        self.link(id.slot, queue);
    }

    /// Forgets an entry.
    pub(crate) fn remove(&mut self, id: Id) {
        self.unlink(id.slot);
        self[id.slot].younger = self.free;
        self.free = id.slot;
    }

    fn name(&self, slot: u32) -> (u64, Id) {
        let Slot {
            hash, generation, ..
        } = self[slot];
        (hash, Id { slot, generation })
    }

    fn take_free(&mut self) -> u32 {
        if self.free != NONE {
            let slot = self.free;
            self.free = self[slot].younger;
            return slot;
        }
        if self.len == self.chunks.len() * CHUNK {
            let empty = Slot {
                hash: 0,
                weight: 0,
                generation: 0,
                older: NONE,
                younger: NONE,
                queue: None,
            };
            self.chunks.push(Box::new([empty; CHUNK]));
        }
        self.len += 1;
        (self.len - 1) as u32
    }

    fn link(&mut self, slot: u32, queue: Queue) {
        let list = &mut self.lists[queue as usize];
        let youngest = std::mem::replace(&mut list.youngest, slot);
        if youngest == NONE {
            list.oldest = slot;
        } else {
            self[youngest].younger = slot;
        }
        let place = &mut self[slot];
        (place.older, place.younger) = (youngest, NONE);
        place.queue = Some(queue);
        let weight = place.weight;
        let used = &mut self.lists[queue as usize].used;
        used.count += 1;
        used.weight += weight;
    }

    fn unlink(&mut self, slot: u32) {
        let Slot {
            older,
            younger,
            weight,
            queue,
            ..
        } = self[slot];
        let queue = queue.expect("only entries are unlinked");
        self[slot].queue = None;
        let list = &mut self.lists[queue as usize];
        list.used.count -= 1;
        list.used.weight -= weight;
        if older == NONE {
            list.oldest = younger;
        }
        if younger == NONE {
            list.youngest = older;
        }
        if older != NONE {
            self[older].younger = younger;
        }
        if younger != NONE {
            self[younger].older = older;
        }
    }
}

impl std::ops::Index<u32> for Slots {
    type Output = Slot;

    fn index(&self, slot: u32) -> &Slot {
        &self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }
}

impl std::ops::IndexMut<u32> for Slots {
    fn index_mut(&mut self, slot: u32) -> &mut Slot {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(slots: &mut Slots, queue: Queue) -> Vec<u64> {
        let mut hashes = Vec::new();
        while let Some((hash, id)) = slots.oldest(queue) {
            slots.remove(id);
            hashes.push(hash);
        }
        hashes
    }

    #[test]
    fn queues_keep_their_order_whatever_leaves_the_middle() {
        let mut slots = Slots::new();
        let ids: Vec<Id> = (0..5).map(|i| slots.add(i, 1, Queue::Small)).collect();
        slots.remove(ids[2]);
        slots.requeue(ids[0], Queue::Main);
        slots.requeue(ids[4], Queue::Main);
        slots.requeue(ids[1], Queue::Small);
        assert_eq!(drain(&mut slots, Queue::Small), [3, 1]);
        assert_eq!(drain(&mut slots, Queue::Main), [0, 4]);
        assert_eq!(slots.used_in_all(), Used::default());
    }

    #[test]
    fn a_slot_that_is_used_again_has_another_name() {
        let mut slots = Slots::new();
        let first = slots.add(1, 1, Queue::Small);
        slots.remove(first);
        assert!(!slots.holds(first));
        let second = slots.add(2, 1, Queue::Small);
        assert_eq!(first.slot, second.slot);
        assert!(!slots.holds(first) && slots.holds(second));
        let third = slots.renew(second, 7);
        assert!(!slots.holds(second) && slots.holds(third));
        assert_eq!(slots.used(Queue::Small).weight, 7);
    }

    #[test]
    fn more_than_one_chunk_is_addressed_as_one_row() {
        let mut slots = Slots::new();
        let count = 3 * CHUNK as u64;
        for hash in 0..count {
            slots.add(hash, 1, Queue::Main);
        }
        assert_eq!(slots.len() as u64, count);
        assert!(drain(&mut slots, Queue::Main).into_iter().eq(0..count));
    }
}
