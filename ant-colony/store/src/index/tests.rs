//! Behaviour of the index on its own: no slot is lost by splits, merges and removals.

use super::*;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use ant_colony_policy::Frequency;

fn hash(i: u32) -> u64 {
    let x = u64::from(i)
        .wrapping_add(77)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 29)
}

fn new(memory: &Arc<Memory>) -> Index {
    Index::new(Arc::new(View::new(1 << 14, memory)))
}

fn insert(index: &mut Index, memory: &Arc<Memory>, i: u32) {
    let slot = Slot::new(hash(i), Frequency::ZERO, i + 1);
    index.prepare(hash(i), memory).unwrap();
    index.insert(hash(i), slot);
}

fn find(index: &Index, i: u32) -> Option<Place> {
    index
        .find(hash(i), |location| location == i + 1)
        .map(|found| found.0)
}

fn remove(index: &mut Index, memory: &Arc<Memory>, i: u32) {
    let place = find(index, i).unwrap();
    index.remove(hash(i), place);
    index.shrink_if_sparse(memory);
}

#[test]
fn everything_is_found_through_growth_and_shrinking() {
    let memory = Memory::new(64 << 20);
    let mut index = new(&memory);
    const N: u32 = if cfg!(miri) { 800 } else { 20_000 };
    for i in 0..N {
        insert(&mut index, &memory, i);
    }
    assert!((0..N).all(|i| find(&index, i).is_some()));
    assert!((N..2 * N).all(|i| find(&index, i).is_none()));
    let bytes = memory.used() as f64 / f64::from(N);
    assert!(
        cfg!(miri) || bytes < 13.5,
        "{bytes} bytes of index per slot"
    );
    for i in 0..N - 10 {
        remove(&mut index, &memory, i);
    }
    assert!((N - 10..N).all(|i| find(&index, i).is_some()));
    assert_eq!(index.len(), 10);
    let bytes = memory.used_by(crate::memory::Kind::Index);
    assert!(bytes < 20 << 10, "{bytes} bytes remain");
}

#[test]
fn equal_hashes_chain_and_are_told_apart() {
    let memory = Memory::new(1 << 20);
    let mut index = new(&memory);
    for i in 1..=50 {
        index.prepare(9, &memory).unwrap();
        index.insert(9, Slot::new(9, Frequency::ZERO, i));
    }
    for i in (1..=50).rev() {
        let (place, slot) = index.find(9, |location| location == i).unwrap();
        assert_eq!(slot.location(), i);
        index.remove(9, place);
        index.shrink_if_sparse(&memory);
    }
    assert_eq!(index.len(), 0);
    assert_eq!(index.overflow.used(), 0);
}

#[test]
fn without_memory_an_insert_fails_and_changes_nothing() {
    // Two chunks, and the tables in which readers find them.
    let chunks = 2 * Memory::span_cost(crate::memory::Kind::Index, 1);
    let memory = Memory::new(chunks + 700);
    let mut index = new(&memory);
    let mut held = Vec::new();
    for i in 0..(if cfg!(miri) { 600 } else { 10_000 }) {
        let slot = Slot::new(hash(i), Frequency::ZERO, i + 1);
        if index.prepare(hash(i), &memory).is_ok() {
            index.insert(hash(i), slot);
            held.push(i);
        }
    }
    assert!(held.len() > 300);
    assert_eq!(index.len(), held.len());
    assert!(held.iter().all(|&i| find(&index, i).is_some()));
}

#[test]
fn whenever_slots_have_moved_readers_are_told() {
    const N: u32 = if cfg!(miri) { 60 } else { 1_500 };
    let memory = Memory::new(8 << 20);
    let view = Arc::new(View::new(1 << 14, &memory));
    let mut index = Index::new(Arc::clone(&view));
    let mut places: BTreeMap<u32, Place> = BTreeMap::new();
    let mut moves = 0;
    for step in 0..2 * N {
        let begun = view.sequence().begin().unwrap();
        if step < N {
            insert(&mut index, &memory, step);
            places.insert(step, find(&index, step).unwrap());
        } else {
            // In another order than they came.
            let i = (step * 7) % N;
            remove(&mut index, &memory, i);
            places.remove(&i);
        }
        let told = !view.sequence().is_still(begun);
        for (&i, place) in &mut places {
            let now = find(&index, i).unwrap();
            if now != *place {
                assert!(told, "slot {i} has moved in step {step}");
                moves += 1;
                *place = now;
            }
        }
    }
    assert!(moves > N / 2, "{moves}");
}

/// Walks `index` and lets `between` change it after each step.
fn walk(index: &mut Index, mut between: impl FnMut(&mut Index, usize)) -> BTreeMap<u32, u32> {
    let mut seen = BTreeMap::new();
    let mut position = Some(0);
    let mut steps = 0;
    while let Some(at) = position {
        position = index.walk(at, |slot| {
            *seen.entry(slot.location() - 1).or_insert(0) += 1;
        });
        assert!(position.is_none_or(|next| next > at), "the walk went back");
        between(index, steps);
        steps += 1;
    }
    seen
}

#[test]
fn a_walk_over_a_still_index_sees_each_slot_once() {
    let memory = Memory::new(1 << 20);
    for n in [0, 1, 12, 13, 40, 100, 1000, 4321] {
        if cfg!(miri) && n > 100 {
            continue;
        }
        let mut index = new(&memory);
        for i in 0..n {
            insert(&mut index, &memory, i);
        }
        let seen = walk(&mut index, |_, _| ());
        assert_eq!(seen.len(), n as usize);
        assert!(seen.values().all(|&times| times == 1));
    }
}

#[test]
fn a_walk_misses_nothing_while_the_index_grows() {
    const START: u32 = if cfg!(miri) { 50 } else { 500 };
    const GROWING_STEPS: usize = if cfg!(miri) { 20 } else { 1000 };
    let memory = Memory::new(8 << 20);
    let mut index = new(&memory);
    for i in 0..START {
        insert(&mut index, &memory, i);
    }
    let mut next = START;
    let seen = walk(&mut index, |index, step| {
        if step < GROWING_STEPS {
            for _ in 0..20 {
                insert(index, &memory, next);
                next += 1;
            }
        }
    });
    assert!((0..START).all(|i| seen.contains_key(&i)));
    // A split never makes a walk see a slot again.
    assert!((0..START).all(|i| seen[&i] == 1));
}

#[test]
fn a_walk_misses_nothing_while_the_index_shrinks() {
    const N: u32 = if cfg!(miri) { 600 } else { 10_000 };
    const STAY: u32 = N / 50;
    let memory = Memory::new(8 << 20);
    let mut index = new(&memory);
    for i in 0..N {
        insert(&mut index, &memory, i);
    }
    let mut next = STAY;
    let seen = walk(&mut index, |index, _| {
        for _ in 0..30 {
            if next < N {
                remove(index, &memory, next);
                next += 1;
            }
        }
    });
    let stayed: BTreeSet<u32> = (0..STAY).collect();
    assert!(stayed.iter().all(|i| seen.contains_key(i)));
}
