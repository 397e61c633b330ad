//! Rivals against naive models of the same rules, and what holds for all of them.
//!
//! The models are plain vectors, oldest first, that are searched from end to end: here those that fit
//! in a line or two, in `filters` queues that filter what is new, in `recency` lists of recency.

use std::collections::{HashMap, HashSet};

use crate::catalogue::{POLICIES, Setting, policy};
use crate::replay::{Capacity, Job, replay};
use crate::subject::{Outcome, Request};
use crate::trace::{Record, Trace, Unit};

mod filters;
mod recency;

/// A small world with a hot set, a loop and strangers; different for each seed.
fn keys(seed: u64, length: usize, objects: u64) -> Vec<u64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut looping = 0;
    let mut next = |_| match random.u32(0..10) {
        0..5 => random.u64(0..objects / 4),
        5..8 => {
            looping = (looping + 1) % (objects / 2);
            objects / 4 + looping
        }
        _ => random.u64(0..objects),
    };
    (0..length).map(&mut next).collect()
}

fn trace(keys: &[u64], size: impl Fn(u64) -> u32) -> Trace {
    let record = |&key| Record {
        key,
        size: size(key),
    };
    Trace::of("keys", keys.iter().map(record).collect())
}

fn misses(name: &str, trace: &Trace, unit: Unit, capacity: u64) -> u64 {
    let job = Job {
        policy: policy(name).expect(name),
        capacity: Capacity {
            capacity,
            size_fraction: 0.0,
        },
    };
    let rows = replay(trace, unit, &[job], 1, &|_| ()).expect("in memory");
    rows[0].misses
}

/// Compares misses of a rival with those of a model that is given all keys.
fn agrees(name: &str, model: fn(&[u64], usize) -> u64) {
    for seed in 0..40 {
        let keys = keys(seed, 2_000, 80);
        for capacity in [1, 2, 7, 20, 41] {
            let found = misses(name, &trace(&keys, |_| 1), Unit::Objects, capacity);
            let expected = model(&keys, capacity as usize);
            assert_eq!(found, expected, "{name}, seed {seed}, capacity {capacity}");
        }
    }
}

/// What a model knows: of a key, whether it was there.
type Model = Box<dyn FnMut(u64) -> bool>;

/// From one object to most of what is asked for.
const CAPACITIES: &[usize] = &[1, 2, 7, 20, 41, 130, 250];

/// Whether the key was in the list, which it is not any more.
fn take(list: &mut Vec<u64>, key: u64) -> bool {
    let place = list.iter().position(|&other| other == key);
    place.map(|place| list.remove(place)).is_some()
}

/// Compares a rival with a model, access by access; objects count.
fn follows(name: &str, model: fn(usize) -> Model) {
    const OBJECTS: u64 = 400;
    for (seed, &capacity) in (0..30).flat_map(|seed| CAPACITIES.iter().map(move |c| (seed, c))) {
        let setting = Setting {
            capacity: capacity as u64,
            unit: Unit::Objects,
            objects: OBJECTS as u32,
            expected: capacity,
            future: None,
        };
        let mut rival = (policy(name).expect(name).build)(&setting);
        let mut model = model(capacity);
        for (now, key) in keys(seed, 4_000, OBJECTS).into_iter().enumerate() {
            let found = rival.access(Request {
                key,
                object: key as u32,
                size: 1,
            });
            let expected = if model(key) {
                Outcome::Hit
            } else {
                Outcome::Miss
            };
            assert_eq!(
                found, expected,
                "{name}, seed {seed}, capacity {capacity}, access {now} to {key}"
            );
        }
    }
}

/// A cache as a list, oldest first: `hit` is told of a hit, `evict` removes one.
fn list_model<T>(
    keys: &[u64],
    capacity: usize,
    mut state: T,
    hit: fn(&mut Vec<u64>, &mut T, u64),
    evict: fn(&mut Vec<u64>, &mut T),
) -> u64 {
    let mut cached = Vec::new();
    let mut misses = 0;
    for &key in keys {
        if cached.contains(&key) {
            hit(&mut cached, &mut state, key);
            continue;
        }
        misses += 1;
        if cached.len() == capacity {
            evict(&mut cached, &mut state);
        }
        cached.push(key);
    }
    misses
}

#[test]
fn fifo_evicts_the_head_of_a_plain_list() {
    agrees("fifo", |keys, capacity| {
        list_model(
            keys,
            capacity,
            (),
            |_, (), _| (),
            |cached, ()| {
                cached.remove(0);
            },
        )
    });
}

#[test]
fn lru_evicts_the_head_of_a_list_to_whose_end_hits_move() {
    agrees("lru", |keys, capacity| {
        let hit = |cached: &mut Vec<u64>, (): &mut (), key| {
            cached.retain(|&other| other != key);
            cached.push(key);
        };
        list_model(keys, capacity, (), hit, |cached, ()| {
            cached.remove(0);
        })
    });
}

#[test]
fn clock_lets_what_was_hit_go_round_again() {
    agrees("clock", |keys, capacity| {
        let hit = |_: &mut Vec<u64>, marks: &mut HashSet<u64>, key| {
            marks.insert(key);
        };
        let evict = |cached: &mut Vec<u64>, marks: &mut HashSet<u64>| {
            while marks.remove(&cached[0]) {
                cached.rotate_left(1);
            }
            cached.remove(0);
        };
        list_model(keys, capacity, HashSet::new(), hit, evict)
    });
}

#[test]
fn sieve_moves_a_hand_over_what_was_hit() {
    agrees("sieve", |keys, capacity| {
        type State = (HashSet<u64>, usize);
        let hit = |_: &mut Vec<u64>, state: &mut State, key| {
            state.0.insert(key);
        };
        let evict = |cached: &mut Vec<u64>, (marks, hand): &mut State| {
            while marks.remove(&cached[*hand]) {
                *hand = (*hand + 1) % cached.len();
            }
            cached.remove(*hand);
            // Past the newest, the search begins again at the oldest, newer objects or not.
            *hand %= cached.len().max(1);
        };
        list_model(keys, capacity, (HashSet::new(), 0), hit, evict)
    });
}

/// The fewest misses of any sequence of evictions, by trying them all.
fn fewest_misses(
    keys: &[u64],
    capacity: usize,
    known: &mut HashMap<(usize, Vec<u64>), u64>,
    cached: &[u64],
) -> u64 {
    let Some((&key, rest)) = keys.split_first() else {
        return 0;
    };
    if cached.contains(&key) {
        return fewest_misses(rest, capacity, known, cached);
    }
    let state = (keys.len(), cached.to_vec());
    if let Some(&fewest) = known.get(&state) {
        return fewest;
    }
    let with = |others: &[u64]| {
        let mut next = [others, &[key]].concat();
        next.sort_unstable();
        next
    };
    let fewest = if cached.len() < capacity {
        fewest_misses(rest, capacity, known, &with(cached))
    } else {
        let without = |victim| [&cached[..victim], &cached[victim + 1..]].concat();
        let tries = (0..cached.len())
            .map(|victim| fewest_misses(rest, capacity, known, &with(&without(victim))));
        tries.min().expect("a full cache has a victim")
    };
    known.insert(state, fewest + 1);
    fewest + 1
}

#[test]
fn belady_has_the_fewest_misses_that_any_evictions_can_have() {
    for seed in 0..60 {
        let keys = keys(seed, 28, 8);
        for capacity in 1..5 {
            let found = misses("belady", &trace(&keys, |_| 1), Unit::Objects, capacity);
            let fewest = fewest_misses(&keys, capacity as usize, &mut HashMap::new(), &[]);
            assert_eq!(found, fewest, "seed {seed}, capacity {capacity}: {keys:?}");
        }
    }
}

/// All that fetch only what they are asked for.
const RIVALS: [&str; 14] = [
    "fifo",
    "lru",
    "clock",
    "slru",
    "twoq",
    "arc",
    "lirs",
    "wtinylfu",
    "s3fifo",
    "s3fifo-adaptive",
    "qdlp",
    "sieve",
    "clock2qplus",
    "belady",
];

#[test]
fn no_rival_beats_belady() {
    for seed in 0..20 {
        let trace = trace(&keys(seed, 3_000, 400), |_| 1);
        for capacity in [1, 2, 10, 101, 150] {
            let bound = misses("belady", &trace, Unit::Objects, capacity);
            for name in RIVALS {
                let found = misses(name, &trace, Unit::Objects, capacity);
                assert!(
                    found >= bound,
                    "{name} at {capacity}: {found} below {bound}"
                );
            }
        }
    }
}

#[test]
fn where_all_fits_twice_only_first_accesses_miss() {
    let keys = keys(7, 5_000, 300);
    let trace = trace(&keys, |key| 1 + (key % 9) as u32);
    let first = u64::from(trace.objects());
    for policy in POLICIES {
        let found = misses(policy.name, &trace, Unit::Bytes, 2 * trace.bytes());
        assert_eq!(found, first, "{}", policy.name);
    }
}

#[test]
fn objects_of_seven_bytes_in_seven_times_the_room_are_objects_of_one() {
    // ARC moves its target by one unit, whatever that is; W-TinyLFU ages by the capacity.
    let by_unit = ["arc", "wtinylfu"];
    for seed in 0..10 {
        let trace = trace(&keys(seed, 20_000, 1_000), |_| 7);
        for name in RIVALS.into_iter().filter(|name| !by_unit.contains(name)) {
            let ones = misses(name, &trace, Unit::Objects, 200);
            let sevens = misses(name, &trace, Unit::Bytes, 1_400);
            assert_eq!(ones, sevens, "{name}");
        }
    }
}

#[test]
fn mixed_sizes_are_taken_and_what_is_larger_than_the_cache_never_hits() {
    for seed in 0..10 {
        let mut keys = keys(seed, 5_000, 300);
        let giants = keys.iter_mut().step_by(50);
        let giants = giants.map(|key| *key = 1_000_000).count() as u64;
        let size = |key: u64| {
            if key == 1_000_000 {
                501
            } else {
                1 + (key * key % 97) as u32
            }
        };
        let trace = trace(&keys, size);
        for name in RIVALS {
            let found = misses(name, &trace, Unit::Bytes, 500);
            let others = u64::from(trace.objects()) - 1;
            assert!(found >= giants + others, "{name}: {found}");
            assert!(found < trace.len(), "{name} never hits");
        }
    }
}
