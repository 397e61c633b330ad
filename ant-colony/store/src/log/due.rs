//! When each segment is next to be scanned for expired records: a binary heap by time
//! that knows where each segment stands, so that a time can be changed.

use super::SegmentId;
use crate::Millis;
use alloc::vec::Vec;

const NOWHERE: u32 = u32::MAX;

/// Segments in order of their next scan.
#[derive(Default)]
pub(crate) struct DueQueue {
    heap: Vec<(Millis, SegmentId)>,
    /// Position in `heap` by segment.
    place: Vec<u32>,
}

impl DueQueue {
    /// The segment that is due first.
    pub(crate) fn first(&self) -> Option<(Millis, SegmentId)> {
        self.heap.first().copied()
    }

    /// When `id` is due, if at all.
    pub(crate) fn get(&self, id: SegmentId) -> Option<Millis> {
        let place = *self.place.get(id as usize)?;
        self.heap.get(place as usize).map(|entry| entry.0)
    }

    /// Makes `id` due at `at`, or never.
    pub(crate) fn set(&mut self, id: SegmentId, at: Option<Millis>) {
        match at {
            Some(at) => self.schedule(id, at),
            None => self.cancel(id),
        }
    }

    /// Makes `id` due at `at`, unless it is due sooner.
    pub(crate) fn advance(&mut self, id: SegmentId, at: Millis) {
        if self.get(id).is_none_or(|due| at < due) {
            self.schedule(id, at);
        }
    }

    fn schedule(&mut self, id: SegmentId, at: Millis) {
        if self.place.len() <= id as usize {
            self.place.resize(id as usize + 1, NOWHERE);
        }
        let place = self.place[id as usize];
        if place == NOWHERE {
            self.heap.push((at, id));
            self.rise(self.heap.len() - 1);
        } else {
            self.heap[place as usize].0 = at;
            let place = self.rise(place as usize);
            self.sink(place);
        }
    }

    fn cancel(&mut self, id: SegmentId) {
        let Some(place) = self.place.get_mut(id as usize) else {
            return;
        };
        let hole = core::mem::replace(place, NOWHERE);
        if hole == NOWHERE {
            return;
        }
        let last = self.heap.pop().expect("the segment is in the heap");
        if last.1 != id {
            self.heap[hole as usize] = last;
            let place = self.rise(hole as usize);
            self.sink(place);
        }
    }

    fn rise(&mut self, mut at: usize) -> usize {
        let entry = self.heap[at];
        while at > 0 && entry.0 < self.heap[(at - 1) / 2].0 {
            self.put(at, self.heap[(at - 1) / 2]);
            at = (at - 1) / 2;
        }
        self.put(at, entry);
        at
    }

    fn sink(&mut self, mut at: usize) {
        let entry = self.heap[at];
        loop {
            let children = 2 * at + 1..self.heap.len().min(2 * at + 3);
            let Some(child) = children.min_by_key(|&child| self.heap[child].0) else {
                break;
            };
            if entry.0 <= self.heap[child].0 {
                break;
            }
            self.put(at, self.heap[child]);
            at = child;
        }
        self.put(at, entry);
    }

    fn put(&mut self, at: usize, entry: (Millis, SegmentId)) {
        self.heap[at] = entry;
        self.place[entry.1 as usize] = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    #[test]
    fn it_agrees_with_a_map_after_any_changes() {
        let mut queue = DueQueue::default();
        let mut model = BTreeMap::new();
        let mut random: u64 = 1;
        for _ in 0..(if cfg!(miri) { 300 } else { 20_000 }) {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let id = (random >> 33) as u32 % 50;
            let at = (random >> 40) % 1000;
            match random >> 62 {
                0 => {
                    queue.set(id, None);
                    model.remove(&id);
                }
                1 => {
                    queue.advance(id, at);
                    let due = model.entry(id).or_insert(at);
                    *due = at.min(*due);
                }
                _ => {
                    queue.set(id, Some(at));
                    model.insert(id, at);
                }
            }
            assert_eq!(queue.get(id), model.get(&id).copied());
            assert_eq!(
                queue.first().map(|due| due.0),
                model.values().min().copied()
            );
        }
    }
}
