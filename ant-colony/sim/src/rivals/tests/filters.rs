//! Models of the rivals that filter new objects by a queue: S3-FIFO, Clock2Q+, QDLP and 2Q.

use std::collections::HashMap;

use super::{Model, follows, take};

/// Keys in order of entry, of which the oldest leave when there are too many.
fn remember(ghosts: &mut Vec<u64>, key: u64, most: usize) {
    ghosts.push(key);
    ghosts.drain(..ghosts.len().saturating_sub(most));
}

/// Algorithm 1 of the paper; before the first eviction the main queue takes what the small one has no
/// room for. The relative counts hits in the small queue only after `window` others entered it.
#[derive(Default)]
struct S3Fifo {
    small: Vec<u64>,
    main: Vec<u64>,
    ghosts: Vec<u64>,
    hits: HashMap<u64, usize>,
    /// What ever entered the small queue, in this order.
    entered: Vec<u64>,
    has_evicted: bool,
    capacity: usize,
    promotion: usize,
    hits_max: usize,
    window: usize,
}

impl S3Fifo {
    fn access(&mut self, key: u64) -> bool {
        let is_small = self.small.contains(&key);
        if is_small || self.main.contains(&key) {
            let since = self.entered.iter().rev().position(|&other| other == key);
            if !is_small || since.is_some_and(|others| others >= self.window) {
                let hits = self.hits.get_mut(&key).expect("resident");
                *hits = (*hits + 1).min(self.hits_max);
            }
            return true;
        }
        let returns = take(&mut self.ghosts, key);
        while self.small.len() + self.main.len() >= self.capacity {
            self.has_evicted = true;
            if self.main.len() > self.capacity - self.capacity / 10 || self.small.is_empty() {
                self.evict_main();
            } else {
                self.evict_small();
            }
        }
        self.hits.insert(key, 0);
        if returns || !self.has_evicted && self.small.len() >= self.capacity / 10 {
            self.main.push(key);
        } else {
            self.small.push(key);
            self.entered.push(key);
        }
        false
    }

    fn evict_small(&mut self) {
        while !self.small.is_empty() {
            let tail = self.small.remove(0);
            if self.hits[&tail] < self.promotion {
                return remember(&mut self.ghosts, tail, self.capacity * 9 / 10);
            }
            self.hits.insert(tail, 0);
            self.main.push(tail);
        }
    }

    fn evict_main(&mut self) {
        while !self.main.is_empty() {
            let tail = self.main.remove(0);
            if self.hits[&tail] == 0 {
                return;
            }
            *self.hits.get_mut(&tail).expect("resident") -= 1;
            self.main.push(tail);
        }
    }
}

#[test]
fn s3_fifo_asks_for_two_hits_and_gives_a_round_for_each() {
    follows("s3fifo", |capacity| {
        let mut cache = S3Fifo {
            capacity,
            promotion: 2,
            hits_max: 3,
            ..S3Fifo::default()
        };
        Box::new(move |key| cache.access(key))
    });
}

#[test]
fn clock2q_plus_asks_for_a_hit_in_the_older_half_of_the_small_queue() {
    follows("clock2qplus", |capacity| {
        let mut cache = S3Fifo {
            capacity,
            promotion: 1,
            hits_max: 1,
            window: (capacity / 10).div_ceil(2),
            ..S3Fifo::default()
        };
        Box::new(move |key| cache.access(key))
    });
}

/// New objects on probation; one that was hit there enters the CLOCK.
fn qdlp(capacity: usize) -> Model {
    let (mut probation, mut main, mut ghosts) = (Vec::new(), Vec::new(), Vec::new());
    let mut hits: HashMap<u64, usize> = HashMap::new();
    /// A round of the clock for each hit; the first without leaves.
    fn evict(main: &mut Vec<u64>, hits: &mut HashMap<u64, usize>) {
        while hits[&main[0]] > 0 {
            *hits.get_mut(&main[0]).expect("resident") -= 1;
            main.rotate_left(1);
        }
        main.remove(0);
    }
    Box::new(move |key| {
        if probation.contains(&key) || main.contains(&key) {
            let hits = hits.get_mut(&key).expect("resident");
            *hits = (*hits + 1).min(3);
            return true;
        }
        let returns = take(&mut ghosts, key);
        let main_most = capacity - capacity / 10;
        while probation.len() + main.len() >= capacity {
            if probation.is_empty() {
                evict(&mut main, &mut hits);
                continue;
            }
            let oldest = probation.remove(0);
            if hits[&oldest] == 0 {
                remember(&mut ghosts, oldest, capacity * 9 / 10);
                continue;
            }
            while main.len() >= main_most {
                evict(&mut main, &mut hits);
            }
            hits.insert(oldest, 0);
            main.push(oldest);
        }
        hits.insert(key, 0);
        if !returns {
            probation.push(key);
            return false;
        }
        while main.len() >= main_most {
            evict(&mut main, &mut hits);
        }
        main.push(key);
        false
    })
}

#[test]
fn qdlp_gives_up_early_what_was_not_hit_on_probation() {
    follows("qdlp", qdlp);
}

/// The paper's full version, Kin a quarter and Kout half of the capacity.
fn two_q(capacity: usize) -> Model {
    let (mut input, mut output, mut main) = (Vec::new(), Vec::new(), Vec::new());
    Box::new(move |key| {
        if input.contains(&key) {
            return true;
        }
        if take(&mut main, key) {
            main.push(key);
            return true;
        }
        let returns = take(&mut output, key);
        while input.len() + main.len() >= capacity {
            if input.len() > capacity / 4 || main.is_empty() {
                remember(&mut output, input.remove(0), capacity / 2);
            } else {
                main.remove(0);
            }
        }
        if !returns {
            input.push(key);
            return false;
        }
        main.push(key);
        false
    })
}

#[test]
fn two_q_takes_into_its_main_list_what_comes_back_soon_after_it_left_the_first() {
    follows("twoq", two_q);
}
