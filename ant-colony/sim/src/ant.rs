//! Ant Colony's learned policy over residents in an array.

use ant_colony_policy::{Ant, Mark, Settings, Shortlist};

use crate::subject::{Outcome, Request, Subject};

const ABSENT: u32 = u32::MAX;

/// How many residents the policy is shown to choose from.
#[derive(Debug, Clone, Copy)]
struct Shown {
    /// Groups of neighbours at random places: a line of the cache each.
    groups: usize,
    /// The last newcomers.
    newest: usize,
}

const GROUP: usize = 8;

/// A cache under the learned policy.
pub(crate) struct Colony {
    policy: Ant,
    capacity: u64,
    used: u64,
    shown: Shown,
    shortlist: Shortlist<u32>,
    /// By object: its place among the residents.
    places: Vec<u32>,
    /// Residents in no order: their marks apart, because many are looked at for each victim.
    marks: Vec<Mark>,
    residents: Vec<Request>,
    newest: Vec<u32>,
    next_newest: usize,
    now: u64,
    random: u64,
}

impl Colony {
    /// The default: at most 12 bytes for an object, and 18 residents are looked at for a victim.
    pub(crate) fn lean(capacity: u64, objects: u32) -> Self {
        let shown = Shown {
            groups: 2,
            newest: 2,
        };
        Self::new(capacity, objects, shown, Settings::lean)
    }

    /// Full quality at any cost.
    pub(crate) fn full(capacity: u64, objects: u32) -> Self {
        let shown = Shown {
            groups: 4,
            newest: 4,
        };
        Self::new(capacity, objects, shown, Settings::full)
    }

    fn new(capacity: u64, objects: u32, shown: Shown, settings: fn(usize) -> Settings) -> Self {
        let settings = settings(capacity.min(u64::from(objects)) as usize);
        Self {
            policy: Ant::new(settings),
            capacity,
            used: 0,
            shown,
            shortlist: Shortlist::default(),
            places: vec![ABSENT; objects as usize],
            marks: Vec::new(),
            residents: Vec::new(),
            newest: Vec::new(),
            next_newest: 0,
            now: 0,
            random: 0x2545_f491_4f6c_dd1d,
        }
    }

    fn evict(&mut self) {
        let Some(place) = self.victim() else { return };
        let request = self.residents.swap_remove(place);
        let mark = self.marks.swap_remove(place);
        self.used -= u64::from(request.size);
        self.places[request.object as usize] = ABSENT;
        if let Some(moved) = self.residents.get(place) {
            self.places[moved.object as usize] = place as u32;
        }
        self.policy.on_evict(hash(request.key), mark, self.now);
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
        let residents = self.marks.len();
        for _ in 0..self.shown.groups {
            let start = self.below(residents.saturating_sub(GROUP - 1).max(1));
            for place in start..(start + GROUP).min(residents) {
                self.offer(place);
            }
        }
        for i in 0..self.newest.len() {
            let place = self.places[self.newest[i] as usize];
            if place != ABSENT {
                self.offer(place as usize);
            }
        }
    }

    fn offer(&mut self, place: usize) {
        let mark = self.marks[place];
        let worth = self.policy.worth(mark, self.now);
        let object = self.residents[place].object;
        self.shortlist.offer(worth, object, mark);
    }

    fn insert(&mut self, request: Request, mark: Mark) {
        self.places[request.object as usize] = self.residents.len() as u32;
        self.residents.push(request);
        self.marks.push(mark);
        self.used += u64::from(request.size);
        if self.newest.len() < self.shown.newest {
            self.newest.push(request.object);
        } else if let Some(oldest) = self.newest.get_mut(self.next_newest) {
            *oldest = request.object;
            self.next_newest = (self.next_newest + 1) % self.shown.newest;
        }
    }

    /// xorshift64 (Marsaglia 2003).
    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (((self.random >> 32) * bound as u64) >> 32) as usize
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
            while self.used + size > self.capacity {
                self.evict();
            }
            let mark = self.policy.on_miss(hash(request.key), self.now);
            self.insert(request, mark);
        }
        Outcome::Miss
    }
}

fn hash(key: u64) -> u64 {
    let x = key.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}
