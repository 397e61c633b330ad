//! The places of a shard's entries, linked into two queues. Places never move and are used again, so
//! that a queue of any length grows and shrinks in constant time. An entry keeps its place when it gets
//! another value, which is in another [slot](Slot) of the map.

use std::mem;

use ant_colony_policy::Queue;
use hallows_lockfree::slab_map::Slot;

use crate::eviction::Victim;

/// No place.
const NONE: u32 = u32::MAX;
/// Places are allocated in chunks of this many, so that no insertion has to move the others.
const CHUNK: usize = 1024;

#[derive(Clone, Copy)]
pub(crate) struct Place {
    hash: u64,
    weight: u64,
    /// Towards the oldest; of the oldest, nobody looks.
    older: u32,
    /// Towards the youngest; of a free place, the next free one.
    younger: u32,
    /// Where the value is; of a free place, nobody looks.
    slot: Option<Slot>,
    /// None if the place is free.
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

#[repr(C)]
pub(crate) struct Places {
    lists: [List; 2],
    free: u32,
    /// Places that were ever used: the first ones.
    len: usize,
    chunks: Vec<Box<[Place; CHUNK]>>,
}

impl Places {
    /// No more entries than this: their slots, and those of what waits to be dropped, have 32 bits.
    pub(crate) const LEN_MAX: usize = 1 << 31;

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

    /// Places that were ever used.
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

    /// The entry that has been in `queue` longest.
    pub(crate) fn oldest(&self, queue: Queue) -> Option<u32> {
        let place = self.lists[queue as usize].oldest;
        (place != NONE).then_some(place)
    }

    /// The place with this number, if there is an entry.
    #[inline]
    pub(crate) fn at(&self, number: usize) -> Option<u32> {
        let used = number < self.len && self[number as u32].queue.is_some();
        used.then_some(number as u32)
    }

    /// What is known of an entry.
    #[inline]
    pub(crate) fn victim(&self, place: u32) -> Victim {
        let Place {
            hash, weight, slot, ..
        } = self[place];
        Victim {
            place,
            hash,
            weight,
            slot,
        }
    }

    /// The hash of an entry's key.
    pub(crate) fn hash(&self, place: u32) -> u64 {
        self[place].hash
    }

    pub(crate) fn weight(&self, place: u32) -> u64 {
        self[place].weight
    }

    /// Where the value of the entry in a place is, if there is an entry.
    #[inline]
    pub(crate) fn slot(&self, place: u32) -> Option<Slot> {
        let place = &self[self.at(place as usize)?];
        place.slot
    }

    /// The value is in another slot of the map now.
    pub(crate) fn set_slot(&mut self, place: u32, slot: Slot) {
        self[place].slot = Some(slot);
    }

    /// A new entry at the young end of `queue`, whose value will be in `slot`.
    #[inline(always)]
    pub(crate) fn add(&mut self, hash: u64, weight: u64, queue: Queue, slot: Slot) -> u32 {
        let number = match self.free {
            NONE => self.another(),
            free => free,
        };
        let older = self.append(queue, number, weight);
        let place = &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK];
        self.free = place.younger;
        *place = Place {
            hash,
            weight,
            older,
            younger: NONE,
            slot: Some(slot),
            queue: Some(queue),
        };
        number
    }

    /// An entry gets another weight, and keeps its place.
    pub(crate) fn reweigh(&mut self, place: u32, weight: u64) {
        let place = &mut self[place];
        let before = std::mem::replace(&mut place.weight, weight);
        if let Some(queue) = place.queue {
            let used = &mut self.lists[queue as usize].used;
            used.weight = used.weight - before + weight;
        }
    }

    /// Moves an entry to the young end of `queue`.
    pub(crate) fn requeue(&mut self, place: u32, queue: Queue) {
        self.unlink(place, NONE);
        self.link(place, queue);
    }

    /// Forgets an entry. If it was the oldest of its queue: hash and slot of the one that is now.
    #[inline(always)]
    pub(crate) fn remove(&mut self, place: u32) -> Option<(u64, Slot)> {
        let free = mem::replace(&mut self.free, place);
        let next = self.unlink(place, free)?;
        Some((next.hash, next.slot?))
    }

    /// A place that was never used, and is free now. (Apart, for a chunk passes over the stack.)
    #[cold]
    #[inline(never)]
    fn another(&mut self) -> u32 {
        if self.len == self.chunks.len() * CHUNK {
            let empty = Place {
                hash: 0,
                weight: 0,
                older: NONE,
                younger: NONE,
                slot: None,
                queue: None,
            };
            self.chunks.push(Box::new([empty; CHUNK]));
        }
        self.len += 1;
        (self.len - 1) as u32
    }

    fn link(&mut self, number: u32, queue: Queue) {
        let older = self.append(queue, number, self[number].weight);
        let place = &mut self[number];
        (place.older, place.younger) = (older, NONE);
        place.queue = Some(queue);
    }

    /// Makes a place the youngest of a queue; the one that was.
    #[inline(always)]
    fn append(&mut self, queue: Queue, number: u32, weight: u64) -> u32 {
        let list = &mut self.lists[queue as usize];
        list.used.count += 1;
        list.used.weight += weight;
        let older = mem::replace(&mut list.youngest, number);
        if older == NONE {
            list.oldest = number;
        } else {
            self[older].younger = number;
        }
        older
    }

    /// Takes an entry out of its queue; the next free place after it is `free`. If it was the oldest,
    /// the one that is now.
    #[inline(always)]
    fn unlink(&mut self, number: u32, free: u32) -> Option<&Place> {
        let place = &mut self[number];
        let younger = mem::replace(&mut place.younger, free);
        let (older, weight) = (place.older, place.weight);
        let queue = place.queue.take().expect("only entries are unlinked");
        let list = &mut self.lists[queue as usize];
        list.used.count -= 1;
        list.used.weight -= weight;
        if list.oldest == number {
            list.oldest = younger;
            if younger == NONE {
                list.youngest = NONE;
                return None;
            }
            return Some(&self[younger]);
        }
        if younger == NONE {
            list.youngest = older;
        } else {
            self[younger].older = older;
        }
        self[older].younger = younger;
        None
    }
}

impl std::ops::Index<u32> for Places {
    type Output = Place;

    #[inline(always)]
    fn index(&self, place: u32) -> &Place {
        &self.chunks[place as usize / CHUNK][place as usize % CHUNK]
    }
}

impl std::ops::IndexMut<u32> for Places {
    #[inline(always)]
    fn index_mut(&mut self, place: u32) -> &mut Place {
        &mut self.chunks[place as usize / CHUNK][place as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use hallows_lockfree::slab_map::{Hazards, slab_map};

    use super::*;

    fn slot() -> Slot {
        let (mut writer, _) = slab_map(&Hazards::new());
        writer.insert(0, (), (), |(), ()| 0)
    }

    fn drain(places: &mut Places, queue: Queue) -> Vec<u64> {
        let mut hashes = Vec::new();
        while let Some(place) = places.oldest(queue) {
            hashes.push(places.hash(place));
            places.remove(place);
        }
        hashes
    }

    #[test]
    fn queues_keep_their_order_whatever_leaves_the_middle() {
        let mut places = Places::new();
        let added: Vec<u32> = (0..5)
            .map(|i| places.add(i, 1, Queue::Small, slot()))
            .collect();
        places.remove(added[2]);
        places.requeue(added[0], Queue::Main);
        places.requeue(added[4], Queue::Main);
        places.requeue(added[1], Queue::Small);
        assert_eq!(drain(&mut places, Queue::Small), [3, 1]);
        assert_eq!(drain(&mut places, Queue::Main), [0, 4]);
        assert_eq!(places.used_in_all(), Used::default());
    }

    #[test]
    fn a_place_is_used_again_and_counts_the_weight_it_has_now() {
        let mut places = Places::new();
        let first = places.add(1, 1, Queue::Small, slot());
        places.remove(first);
        assert_eq!(places.at(first as usize), None);
        let second = places.add(2, 1, Queue::Small, slot());
        assert_eq!(first, second);
        places.reweigh(second, 7);
        assert_eq!((places.hash(second), places.weight(second)), (2, 7));
        assert_eq!(places.used(Queue::Small).weight, 7);
    }

    #[test]
    fn more_than_one_chunk_is_addressed_as_one_row() {
        let mut places = Places::new();
        let count = 3 * CHUNK as u64;
        let slot = slot();
        for hash in 0..count {
            places.add(hash, 1, Queue::Main, slot);
        }
        assert_eq!(places.len() as u64, count);
        assert!(drain(&mut places, Queue::Main).into_iter().eq(0..count));
    }
}
