//! The wheel against a sorted map as model.

use super::*;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::vec::Vec;

fn fired(wheel: &mut Wheel<u64>, now: u64) -> Vec<u64> {
    let mut values = Vec::new();
    wheel.advance(now, |value| values.push(value));
    values.sort_unstable();
    values
}

#[test]
fn timers_fire_at_their_tick_and_not_before() {
    for deadline in [1, 63, 64, 65, 4_095, 4_096, 262_144, 262_145, 20_000_000] {
        let mut wheel = Wheel::new(0);
        wheel.insert(deadline, deadline);
        assert_eq!(fired(&mut wheel, deadline - 1), []);
        assert_eq!(fired(&mut wheel, deadline), [deadline]);
        assert!(wheel.is_empty());
    }
}

#[test]
fn a_deadline_in_the_past_fires_at_the_next_turn() {
    let mut wheel = Wheel::new(100);
    wheel.insert(7, 7);
    assert_eq!(wheel.next_expiry(), Some(100));
    assert_eq!(fired(&mut wheel, 100), [7]);
}

#[test]
fn deadlines_beyond_the_span_still_fire_on_time() {
    let mut wheel = Wheel::new(5);
    let deadline = 3 * SPAN + 17;
    wheel.insert(deadline, 1);
    assert_eq!(fired(&mut wheel, deadline - 1), []);
    assert_eq!(fired(&mut wheel, deadline), [1]);
}

#[test]
fn a_cancelled_timer_never_fires_and_its_key_stays_dead() {
    let mut wheel = Wheel::new(0);
    let key = wheel.insert(10, 1);
    assert_eq!(wheel.cancel(key), Some(1));
    assert_eq!(wheel.cancel(key), None);
    let reused = wheel.insert(10, 2);
    assert_ne!(key, reused);
    assert_eq!(wheel.get_mut(key), None);
    assert_eq!(fired(&mut wheel, 10), [2]);
}

#[test]
fn random_inserts_cancels_and_advances_match_a_sorted_map() {
    let (seeds, ids) = if cfg!(miri) { (1, 200) } else { (40, 3_000) };
    for seed in 1..=seeds {
        let mut random = Rng::with_seed(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut now = random.u64(..1 << 40);
        let mut wheel = Wheel::new(now);
        let mut model: BTreeMap<u64, (u64, TimerKey)> = BTreeMap::new();
        for id in 0..ids {
            match random.u64(..4) {
                0 | 1 => {
                    let reach = 1 << random.u64(..30);
                    let deadline = now + random.u64(..reach);
                    model.insert(id, (deadline, wheel.insert(deadline, id)));
                }
                2 => {
                    let victim = model.keys().nth(random.usize(..=model.len())).copied();
                    if let Some((_, key)) = victim.and_then(|id| model.remove(&id)) {
                        assert!(wheel.cancel(key).is_some());
                    }
                }
                _ => {
                    let step = 1 << random.u64(..28);
                    now += random.u64(..step);
                    let mut expected: Vec<u64> = Vec::new();
                    model.retain(|id, (deadline, _)| {
                        let due = *deadline <= now;
                        due.then(|| expected.push(*id));
                        !due
                    });
                    assert_eq!(fired(&mut wheel, now), expected, "seed {seed}");
                }
            }
            assert_eq!(wheel.len(), model.len());
            let earliest = model.values().map(|(deadline, _)| *deadline).min();
            assert_eq!(wheel.next_expiry().is_some(), earliest.is_some());
            if let (Some(bound), Some(earliest)) = (wheel.next_expiry(), earliest) {
                assert!(
                    bound <= earliest.max(now),
                    "seed {seed}: sleeping until {bound} misses {earliest}"
                );
            }
        }
    }
}

#[test]
fn timers_fired_before_their_time_leave_stale_keys() {
    let mut wheel = Wheel::new(0);
    let keys = [0, 5, 70, 1 << 40].map(|deadline| wheel.insert(deadline, deadline));
    let mut fired = Vec::new();
    wheel.fire_all(|deadline| fired.push(deadline));
    fired.sort_unstable();
    assert_eq!(fired, [0, 5, 70, 1 << 40]);
    assert_eq!((wheel.len(), wheel.next_expiry()), (0, None));
    wheel.insert(9, 9);
    assert!(keys.iter().all(|&key| wheel.cancel(key).is_none()));
    assert_eq!(wheel.len(), 1);
}

#[test]
fn the_next_expiry_is_exact_while_few_timers_share_its_slot() {
    let mut wheel = Wheel::new(0);
    for deadline in [300_000, 299_999, 900_000_000] {
        wheel.insert(deadline, deadline);
    }
    assert_eq!(wheel.next_expiry(), Some(299_999));
    for more in 0..100 {
        wheel.insert(299_990 + more, more);
    }
    let bound = wheel.next_expiry().unwrap();
    assert!((1..=299_990).contains(&bound), "{bound}");
}

#[test]
fn a_deadline_beyond_the_span_does_not_hide_a_nearer_one_behind_it() {
    let mut wheel = Wheel::new(0);
    wheel.insert(3 * SPAN, 1);
    assert_eq!(fired(&mut wheel, SPAN / 2), []);
    let near = SPAN + (2 << (SLOT_BITS * (LEVELS as u32 - 1)));
    wheel.insert(near, 2);
    assert!(wheel.next_expiry().unwrap() <= near);
    assert_eq!(fired(&mut wheel, near), [2]);
}
