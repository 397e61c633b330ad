//! Ant Colony's learned policy over residents in an array.

use ant_colony_policy::{Ant, Detail, Mark, Settings, Shortlist};

use crate::subject::{Outcome, Request, Subject};
use crate::trails::Lender;

const ABSENT: u32 = u32::MAX;

/// A cache under the learned policy.
pub(crate) struct Colony {
    policy: Ant,
    capacity: u64,
    used: u64,
    /// Residents that the policy is shown to choose from, beside the newest.
    shown: usize,
    shortlist: Shortlist<u32>,
    /// By object: its place among the residents.
    places: Vec<u32>,
    /// Residents in no order but that the newest is the last: their marks apart, because many are
    /// looked at for each victim.
    marks: Vec<Mark>,
    residents: Vec<Request>,
    /// Where to look next: around and around, so that each is looked at equally often.
    hand: usize,
    now: u64,
    /// How many objects the policy was told that the cache holds, where sizes differ and decide it.
    told: Option<usize>,
}

impl Colony {
    /// The default: at most 12 bytes for an object, and few are looked at for a victim.
    pub(crate) fn lean(capacity: u64, objects: u32) -> Self {
        let settings = Settings::lean(capacity.min(u64::from(objects)) as usize);
        Self::new(capacity, objects, 8, settings)
    }

    /// Full quality at any cost.
    pub(crate) fn full(capacity: u64, objects: u32) -> Self {
        let settings = Settings::full(capacity.min(u64::from(objects)) as usize);
        Self::new(capacity, objects, 64, settings)
    }

    /// For objects of different sizes, which are compared by what they earn for each byte. Earnings
    /// are spread wider then, so that it pays to look at more.
    pub(crate) fn by_bytes(capacity: u64, objects: u32, expected: usize, detail: Detail) -> Self {
        let (shown, settings) = match detail {
            Detail::Lean => (16, Settings::lean(expected)),
            Detail::Full => (64, Settings::full(expected)),
        };
        Self {
            told: Some(expected),
            ..Self::new(capacity, objects, shown, settings)
        }
    }

    fn new(capacity: u64, objects: u32, shown: usize, settings: Settings) -> Self {
        Self {
            policy: Ant::new(settings),
            capacity,
            used: 0,
            shown,
            shortlist: Shortlist::default(),
            places: vec![ABSENT; objects as usize],
            marks: Vec::new(),
            residents: Vec::new(),
            hand: 0,
            now: 0,
            told: None,
        }
    }

    /// What its residents take of the capacity.
    #[cfg(test)]
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    fn evict(&mut self) -> Option<Request> {
        let place = self.victim()?;
        let request = self.residents.swap_remove(place);
        let mark = self.marks.swap_remove(place);
        self.used -= u64::from(request.size);
        self.places[request.object as usize] = ABSENT;
        if let Some(moved) = self.residents.get(place) {
            self.places[moved.object as usize] = place as u32;
        }
        self.policy.on_evict(hash(request.key), mark, self.now);
        self.tell_objects();
        Some(request)
    }

    /// Tells the policy if the cache holds another number of objects than it was told.
    fn tell_objects(&mut self) {
        let (held, Some(told)) = (self.residents.len(), self.told) else {
            return;
        };
        if held * 4 > told * 5 || held * 5 < told * 4 {
            self.told = Some(held.max(1));
            self.policy.set_objects(held.max(1), self.now);
        }
    }

    fn victim(&mut self) -> Option<usize> {
        while !self.residents.is_empty() {
            self.look_around();
            while let Some((object, mark)) = self.shortlist.pop() {
                let place = self.places[object as usize];
                if place != ABSENT && self.marks[place as usize] == mark {
                    return Some(place as usize);
                }
            }
        }
        None
    }

    fn look_around(&mut self) {
        if self.told.is_some() {
            return self.look_around_by_bytes();
        }
        let newest = self.marks.len() - 1;
        let mark = self.marks[newest];
        let worth = self.policy.worth(mark, self.now);
        self.shortlist
            .offer(worth, self.residents[newest].object, mark);
        let mut left = self.shown.min(newest);
        while left > 0 {
            let start = if self.hand < newest { self.hand } else { 0 };
            let end = newest.min(start + left);
            let object = |place: usize| self.residents[start + place].object;
            let shown = &self.marks[start..end];
            self.policy
                .show(shown, self.now, &mut self.shortlist, object);
            self.hand = end;
            left -= end - start;
        }
    }

    fn look_around_by_bytes(&mut self) {
        self.offer_by_bytes(self.marks.len() - 1);
        self.hand %= self.marks.len();
        self.policy.sample(self.marks[self.hand], self.now);
        for _ in 0..self.shown.min(self.marks.len()) {
            self.offer_by_bytes(self.hand);
            self.hand = (self.hand + 1) % self.marks.len();
        }
    }

    fn offer_by_bytes(&mut self, place: usize) {
        let (mark, resident) = (self.marks[place], self.residents[place]);
        let worth = self.policy.worth(mark, self.now).per_byte(resident.size);
        self.shortlist.offer(worth, resident.object, mark);
    }

    fn sample(&mut self) {
        if let Some(&mark) = self.marks.get(self.hand) {
            self.policy.sample(mark, self.now);
        }
        self.hand = (self.hand + 7) % self.marks.len().max(1);
    }

    fn insert(&mut self, request: Request, mark: Mark) {
        self.places[request.object as usize] = self.residents.len() as u32;
        self.residents.push(request);
        self.marks.push(mark);
        self.used += u64::from(request.size);
    }
}

impl Subject for Colony {
    fn access(&mut self, request: Request) -> Outcome {
        self.now += 1;
        let place = self.places[request.object as usize];
        if place != ABSENT {
            let mark = &mut self.marks[place as usize];
            if let Some(next) = self.policy.on_hit(*mark, self.now) {
                *mark = next;
            }
            return Outcome::Hit;
        }
        let size = u64::from(request.size);
        if size <= self.capacity {
            if self.used + size <= self.capacity {
                self.sample();
            }
            while self.used + size > self.capacity {
                self.evict();
            }
            let mark = self.policy.on_miss(hash(request.key), self.now);
            self.insert(request, mark);
        }
        Outcome::Miss
    }
}

impl Lender for Colony {
    fn holds(&self, object: u32) -> bool {
        self.places[object as usize] != ABSENT
    }

    fn resize(&mut self, capacity: u64) -> Option<u64> {
        self.capacity = capacity;
        let mut left = None;
        while self.used > capacity {
            left = self.evict().map(|request| request.key);
        }
        left
    }
}

/// Of a key, for those who know objects by hash.
pub(crate) fn hash(key: u64) -> u64 {
    let x = key.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_bytes_count_they_are_never_exceeded_and_small_objects_stay() {
        const ROOM: u64 = 5_000;
        let mut random = fastrand::Rng::with_seed(7);
        let mut cache = Colony::by_bytes(ROOM, 1_000, 200, Detail::Lean);
        let mut hits = [0, 0];
        for _ in 0..100_000 {
            let object = random.u32(0..1_000);
            let kind = object as usize % 2;
            let request = Request {
                key: u64::from(object),
                object,
                size: [10, 40][kind],
            };
            hits[kind] += u32::from(cache.access(request) == Outcome::Hit);
            assert!(cache.used() <= ROOM);
        }
        // All small ones fit, and nothing else does then.
        assert!(hits[0] > 5 * hits[1], "{hits:?}");
    }
}
