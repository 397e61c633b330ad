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
    shortlist: Shortlist,
    /// By object: its place among the residents.
    places: Vec<u32>,
    /// Residents in no order: their marks apart, because many are looked at for each victim.
    marks: Vec<Mark>,
    residents: Vec<Request>,
    /// The place of a victim that nobody has taken yet.
    vacant: Option<usize>,
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
            vacant: None,
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

    /// Makes room; the victim's place stays vacant for whoever comes next.
    fn evict(&mut self) -> Option<Request> {
        self.close_gap();
        let place = self.victim()?;
        let request = self.residents[place];
        self.used -= u64::from(request.size);
        self.places[request.object as usize] = ABSENT;
        self.policy
            .on_evict(hash(request.key), self.marks[place], self.now);
        self.vacant = Some(place);
        self.tell_objects();
        Some(request)
    }

    /// The last resident moves to the vacant place, if there is one.
    fn close_gap(&mut self) {
        let Some(place) = self.vacant.take() else {
            return;
        };
        self.residents.swap_remove(place);
        self.marks.swap_remove(place);
        if let Some(moved) = self.residents.get(place) {
            self.places[moved.object as usize] = place as u32;
        }
    }

    /// Tells the policy if the cache holds another number of objects than it was told.
    fn tell_objects(&mut self) {
        let (held, Some(told)) = (self.residents.len() - 1, self.told) else {
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
            // What has the listed mark is worth what was listed, whoever it is.
            while let Some((place, mark)) = self.shortlist.pop() {
                if self.marks.get(place as usize) == Some(&mark) {
                    return Some(place as usize);
                }
            }
        }
        None
    }

    /// Shows the policy the next few residents, the last ones again where too few are left.
    fn look_around(&mut self) {
        if self.told.is_some() {
            return self.look_around_by_bytes();
        }
        let shown = self.shown.min(self.marks.len());
        let start = self.hand.min(self.marks.len() - shown);
        let end = start + shown;
        let marks = &self.marks[start..end];
        self.policy
            .show(marks, self.now, &mut self.shortlist, start as u32);
        self.hand = if end < self.marks.len() { end } else { 0 };
    }

    fn look_around_by_bytes(&mut self) {
        self.hand %= self.marks.len();
        self.policy.sample(self.marks[self.hand], self.now);
        for _ in 0..self.shown.min(self.marks.len()) {
            self.offer(self.hand);
            self.hand = (self.hand + 1) % self.marks.len();
        }
    }

    fn offer(&mut self, place: usize) {
        let mark = self.marks[place];
        let mut worth = self.policy.worth(mark, self.now);
        if self.told.is_some() {
            worth = worth.per_byte(self.residents[place].size);
        }
        self.shortlist.offer(worth, place as u32, mark);
    }

    fn sample(&mut self) {
        if let Some(&mark) = self.marks.get(self.hand) {
            self.policy.sample(mark, self.now);
        }
        self.hand = (self.hand + 7) % self.marks.len().max(1);
    }

    /// The newest is offered at once: of those that are never asked for again, it is the youngest.
    fn insert(&mut self, request: Request, mark: Mark) {
        let place = if let Some(place) = self.vacant.take() {
            self.residents[place] = request;
            self.marks[place] = mark;
            place
        } else {
            self.residents.push(request);
            self.marks.push(mark);
            self.marks.len() - 1
        };
        self.places[request.object as usize] = place as u32;
        self.used += u64::from(request.size);
        self.offer(place);
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
        self.close_gap();
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
