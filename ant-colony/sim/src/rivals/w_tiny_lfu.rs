//! W-TinyLFU (Einziger, Friedman and Manes, *TinyLFU: a highly efficient cache admission policy*,
//! ACM Transactions on Storage 2017).

use crate::subject::{Outcome, Request, Subject};
use crate::table::{List, Table};

use super::slru::Segments;

/// A window of 1% by recency; what leaves it must be asked for more often than what the main part,
/// a segmented LRU, would evict.
pub(crate) struct WTinyLfu {
    capacity: u64,
    table: Table<()>,
    window: List,
    main: Segments,
    sketch: Sketch,
}

impl WTinyLfu {
    pub(crate) fn new(capacity: u64, objects: u32) -> Self {
        let main = capacity - capacity / 100;
        Self {
            capacity,
            table: Table::new(objects),
            window: List::new(),
            main: Segments::new(main, objects, &[1, 4]),
            sketch: Sketch::new(main.min(u64::from(objects))),
        }
    }

    /// One object leaves the cache.
    fn evict(&mut self) {
        while let Some(slot) = self.window.pop(&mut self.table) {
            let (object, size) = (self.table[slot].object, self.table[slot].size);
            self.table.remove(slot);
            let has_room = self.main.has_room(size);
            if has_room {
                self.main.insert(object, size);
            } else {
                self.compete(object, size);
            }
            self.sketch.add(object);
            if !has_room {
                return;
            }
        }
        self.main.evict();
    }

    /// What leaves the window against what the main part would evict.
    fn compete(&mut self, object: u32, size: u32) {
        let candidate = self.sketch.estimate(object);
        while !self.main.has_room(size)
            && let Some(victim) = self.main.victim()
        {
            if candidate <= self.sketch.estimate(victim) {
                return;
            }
            self.main.evict();
        }
        self.main.insert(object, size);
    }
}

impl Subject for WTinyLfu {
    fn access(&mut self, request: Request) -> Outcome {
        if let Some(slot) = self.table.find(request.object) {
            self.window.renew(&mut self.table, slot);
            return Outcome::Hit;
        }
        if self.main.hit(request.object) {
            self.sketch.add(request.object);
            self.sketch.age();
            return Outcome::Hit;
        }
        let size = u64::from(request.size);
        if size <= self.capacity {
            while self.window.used() + self.main.used() + size > self.capacity {
                self.evict();
            }
            let slot = self.table.insert(request.object, request.size, ());
            self.window.push(&mut self.table, slot);
            self.sketch.add(request.object);
        }
        Outcome::Miss
    }
}

/// Approximate counts: a counting Bloom filter whose counters are halved now and then.
pub(super) struct Sketch {
    counters: Vec<u32>,
    hits: u64,
    /// Hits of the main part after which the counts are halved.
    period: u64,
}

impl Sketch {
    /// For one false positive in 1,000.
    const HASHES: u64 = 10;
    const COUNTERS_PER_OBJECT: f64 = 14.378;

    pub(super) fn new(objects: u64) -> Self {
        let counters = (objects as f64 * Self::COUNTERS_PER_OBJECT).ceil() as usize;
        Self {
            counters: vec![0; counters.max(2 * Self::HASHES as usize)],
            hits: 0,
            period: 32 * objects,
        }
    }

    fn places(&self, object: u32) -> impl Iterator<Item = usize> + use<> {
        let hash = (u64::from(object) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let hash = hash ^ (hash >> 32);
        let (first, step) = (hash >> 32, hash & 0xffff_ffff | 1);
        let counters = self.counters.len() as u64;
        (0..Self::HASHES).map(move |index| ((first + index * step) % counters) as usize)
    }

    pub(super) fn add(&mut self, object: u32) {
        for place in self.places(object) {
            self.counters[place] = self.counters[place].saturating_add(1);
        }
    }

    pub(super) fn estimate(&self, object: u32) -> u32 {
        let counts = self.places(object).map(|place| self.counters[place]);
        counts.min().unwrap_or(0)
    }

    pub(super) fn age(&mut self) {
        self.hits += 1;
        if self.hits >= self.period {
            self.hits = 0;
            for counter in &mut self.counters {
                *counter /= 2;
            }
        }
    }
}
