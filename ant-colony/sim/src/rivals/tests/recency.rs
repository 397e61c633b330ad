//! Models of the rivals that are made of lists of recency: SLRU, ARC, LIRS and W-TinyLFU.

use super::super::w_tiny_lfu::Sketch;
use super::{Model, follows, take};

/// Segments of recency from the lowest on; what is too much sinks, and out of the lowest.
struct Slru {
    lists: Vec<Vec<u64>>,
    limits: Vec<usize>,
    capacity: usize,
}

impl Slru {
    fn new(capacity: usize, shares: &[usize]) -> Self {
        let all: usize = shares.iter().sum();
        Self {
            lists: vec![Vec::new(); shares.len()],
            limits: shares.iter().map(|share| capacity * share / all).collect(),
            capacity,
        }
    }

    fn is_full(&self) -> bool {
        self.lists.iter().map(Vec::len).sum::<usize>() >= self.capacity
    }

    fn hit(&mut self, key: u64) -> bool {
        let Some(from) = self.lists.iter().position(|list| list.contains(&key)) else {
            return false;
        };
        take(&mut self.lists[from], key);
        let to = (from + 1).min(self.lists.len() - 1);
        self.lists[to].push(key);
        if from == to {
            return true;
        }
        for level in (0..=to).rev() {
            let (surplus, limit) = (self.lists[level].len(), self.limits[level]);
            let sinking: Vec<u64> = self.lists[level]
                .drain(..surplus.saturating_sub(limit))
                .collect();
            if sinking.is_empty() {
                break;
            }
            if level > 0 {
                self.lists[level - 1].extend(sinking);
            }
        }
        true
    }

    fn victim(&self) -> Option<u64> {
        self.lists.iter().flatten().next().copied()
    }

    fn evict(&mut self) {
        if let Some(list) = self.lists.iter_mut().find(|list| !list.is_empty()) {
            list.remove(0);
        }
    }

    fn insert(&mut self, key: u64) {
        let with_room = (0..self.lists.len()).find(|&i| self.lists[i].len() < self.limits[i]);
        self.lists[with_room.unwrap_or(0)].push(key);
    }
}

#[test]
fn slru_lifts_by_one_segment_what_is_hit_and_lets_the_oldest_sink() {
    follows("slru", |capacity| {
        let mut cache = Slru::new(capacity, &[1; 4]);
        Box::new(move |key| {
            let is_hit = cache.hit(key);
            if !is_hit {
                if cache.is_full() {
                    cache.evict();
                }
                cache.insert(key);
            }
            is_hit
        })
    });
}

/// Figure 4 of the paper, with its names.
#[derive(Default)]
struct Arc {
    c: usize,
    p: f64,
    t1: Vec<u64>,
    t2: Vec<u64>,
    b1: Vec<u64>,
    b2: Vec<u64>,
}

impl Arc {
    fn access(&mut self, x: u64) -> bool {
        if take(&mut self.t1, x) || take(&mut self.t2, x) {
            self.t2.push(x);
            return true;
        }
        let (b1, b2) = (self.b1.len() as f64, self.b2.len() as f64);
        if self.b1.contains(&x) {
            let delta = if b1 >= b2 { 1.0 } else { b2 / b1 };
            self.p = (self.p + delta).min(self.c as f64);
            take(&mut self.b1, x);
            self.replace(false);
            self.t2.push(x);
        } else if self.b2.contains(&x) {
            let delta = if b2 >= b1 { 1.0 } else { b1 / b2 };
            self.p = (self.p - delta).max(0.0);
            take(&mut self.b2, x);
            self.replace(true);
            self.t2.push(x);
        } else {
            self.make_room();
            self.t1.push(x);
        }
        false
    }

    fn make_room(&mut self) {
        let l1 = self.t1.len() + self.b1.len();
        let l2 = self.t2.len() + self.b2.len();
        if l1 == self.c {
            if self.t1.len() < self.c {
                self.b1.remove(0);
                self.replace(false);
            } else {
                self.t1.remove(0);
            }
        } else if l1 + l2 >= self.c {
            if l1 + l2 == 2 * self.c {
                self.b2.remove(0);
            }
            self.replace(false);
        }
    }

    fn replace(&mut self, is_in_b2: bool) {
        let t1 = self.t1.len() as f64;
        let is_first = t1 >= 1.0 && (is_in_b2 && t1 == self.p || t1 > self.p);
        // The paper leaves open what happens where T2 has nothing to give.
        if is_first || self.t2.is_empty() {
            self.b1.push(self.t1.remove(0));
        } else {
            self.b2.push(self.t2.remove(0));
        }
    }
}

#[test]
fn arc_moves_its_target_towards_the_list_whose_ghosts_return() {
    follows("arc", |c| {
        let mut cache = Arc {
            c,
            ..Arc::default()
        };
        Box::new(move |key| cache.access(key))
    });
}

/// The stack and the queue of the paper, with a bound for the stack.
#[derive(Default)]
struct Lirs {
    capacity: usize,
    low_most: usize,
    /// Oldest first, as all lists here.
    stack: Vec<u64>,
    low: Vec<u64>,
    queue: Vec<u64>,
    /// What is in the stack but not resident, in order of its eviction.
    gone: Vec<u64>,
}

impl Lirs {
    fn access(&mut self, key: u64) -> bool {
        let is_hit = self.low.contains(&key) || self.queue.contains(&key);
        if self.low.contains(&key) {
            self.lift(key);
            self.prune();
        } else if self.stack.contains(&key) {
            // Its recency is below that of the oldest low object: they change places.
            take(&mut self.queue, key);
            take(&mut self.gone, key);
            take(&mut self.stack, key);
            self.make_room();
            self.lift(key);
            self.low.push(key);
            self.prune();
            while self.low.len() > self.low_most {
                self.demote();
            }
        } else if is_hit {
            take(&mut self.queue, key);
            self.queue.push(key);
            self.lift(key);
        } else {
            self.make_room();
            self.lift(key);
            if self.low.len() < self.low_most {
                self.low.push(key);
                self.prune();
            } else {
                self.queue.push(key);
            }
        }
        while self.stack.len() > 2 * self.capacity && !self.gone.is_empty() {
            let oldest = self.gone.remove(0);
            take(&mut self.stack, oldest);
        }
        is_hit
    }

    fn lift(&mut self, key: u64) {
        take(&mut self.stack, key);
        self.stack.push(key);
    }

    /// Below the oldest low object nothing counts.
    fn prune(&mut self) {
        while self
            .stack
            .first()
            .is_some_and(|oldest| !self.low.contains(oldest))
        {
            let oldest = self.stack.remove(0);
            take(&mut self.gone, oldest);
        }
    }

    fn demote(&mut self) {
        if self.stack.is_empty() {
            return;
        }
        let oldest = self.stack.remove(0);
        take(&mut self.low, oldest);
        self.queue.push(oldest);
        self.prune();
    }

    fn make_room(&mut self) {
        while self.low.len() + self.queue.len() >= self.capacity {
            if self.queue.is_empty() {
                self.demote();
                continue;
            }
            let victim = self.queue.remove(0);
            if self.stack.contains(&victim) {
                self.gone.push(victim);
            }
        }
    }
}

#[test]
fn lirs_keeps_what_was_asked_for_twice_within_the_recency_of_its_oldest_low_object() {
    follows("lirs", |capacity| {
        let mut cache = Lirs {
            capacity,
            low_most: capacity - (capacity / 100).max(1),
            ..Lirs::default()
        };
        Box::new(move |key| cache.access(key))
    });
}

/// The window takes what the main part leaves; the counts are the rival's own, see below.
fn w_tiny_lfu(capacity: usize) -> Model {
    let room = capacity - capacity / 100;
    let mut window = Vec::new();
    let mut main = Slru::new(room, &[1, 4]);
    let mut sketch = Sketch::new(room as u64);
    Box::new(move |key| {
        if take(&mut window, key) {
            window.push(key);
            return true;
        }
        if main.hit(key) {
            sketch.add(key as u32);
            sketch.age();
            return true;
        }
        while window.len() + main.lists.iter().map(Vec::len).sum::<usize>() >= capacity {
            if window.is_empty() {
                main.evict();
                continue;
            }
            let candidate: u64 = window.remove(0);
            match main.victim().filter(|_| main.is_full()) {
                None => main.insert(candidate),
                Some(victim)
                    if sketch.estimate(candidate as u32) > sketch.estimate(victim as u32) =>
                {
                    main.evict();
                    main.insert(candidate);
                }
                Some(_) => {}
            }
            sketch.add(candidate as u32);
        }
        window.push(key);
        sketch.add(key as u32);
        false
    })
}

#[test]
fn w_tiny_lfu_admits_what_is_asked_for_more_often_than_the_victim() {
    follows("wtinylfu", w_tiny_lfu);
}

#[test]
fn the_sketch_counts_never_too_little_seldom_too_much_and_halves_in_time() {
    const OBJECTS: u32 = 1_000;
    let mut sketch = Sketch::new(u64::from(OBJECTS));
    let count = |object: u32| 1 + object % 7;
    for object in 0..OBJECTS {
        (0..count(object)).for_each(|_| sketch.add(object));
    }
    let estimates: Vec<u32> = (0..OBJECTS).map(|object| sketch.estimate(object)).collect();
    let pairs = || (0..OBJECTS).map(count).zip(&estimates);
    assert!(pairs().all(|(count, &estimate)| estimate >= count));
    let wrong = pairs()
        .filter(|&(count, &estimate)| estimate != count)
        .count();
    assert!(wrong <= 10, "{wrong} of {OBJECTS}");
    (0..32 * OBJECTS).for_each(|_| sketch.age());
    let halves = estimates.iter().map(|estimate| estimate / 2);
    assert!(halves.eq((0..OBJECTS).map(|object| sketch.estimate(object))));
}
