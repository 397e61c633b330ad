//! Properties of successor trails, with a mechanism that holds few objects.

use ant_colony_policy::{Account, Known, Presence, Trails};
use proptest::prelude::*;

fn hash(id: u32) -> u64 {
    let x = u64::from(id)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

/// A cache of one object for each workload, and of what was prefetched last.
struct World {
    trails: Trails<u32>,
    prefetched: [Option<u32>; 2],
}

impl World {
    fn new(trails: usize) -> Self {
        Self {
            trails: Trails::new(trails, 2),
            prefetched: [None; 2],
        }
    }

    fn request(&mut self, workload: usize, id: u32) {
        let before = self.prefetched[workload].take();
        match before {
            Some(prefetched) if prefetched == id => self.trails.on_use(),
            Some(_) => self.trails.on_waste(None),
            None => (),
        }
        self.prefetched[workload] = self.trails.on_fetch(workload, hash(id), id, |_| false);
    }

    fn account(&self) -> Account {
        self.trails.account()
    }
}

fn random(seed: &mut u64, below: u32) -> u32 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    (((*seed >> 32) * u64::from(below)) >> 32) as u32
}

#[test]
fn a_repeated_sequence_is_prefetched_from_its_second_repetition_on() {
    let mut world = World::new(4_000);
    for i in 0..5_000 {
        world.request(0, i % 500);
    }
    let account = world.account();
    assert!(account.issued > 4_400, "{account:?}");
    assert!(account.useful * 100 > account.issued * 99, "{account:?}");
}

#[test]
fn nothing_is_issued_where_requests_are_random() {
    let mut world = World::new(100_000);
    let mut seed = 7;
    for _ in 0..100_000 {
        world.request(0, random(&mut seed, 1_000));
    }
    assert!(world.account().issued < 100, "{:?}", world.account());
}

#[test]
fn one_workload_is_switched_off_and_another_is_not() {
    let mut world = World::new(10_000);
    let mut seed = 7;
    for i in 0..20_000 {
        world.request(0, i % 500);
        world.request(1, 1_000 + random(&mut seed, 200));
    }
    let account = world.account();
    assert!(account.useful > 18_000, "{account:?}");
    assert!(account.issued - account.useful < 200, "{account:?}");
}

#[test]
fn after_a_shift_the_old_order_is_not_followed_for_long_and_the_new_one_is_learned() {
    let mut world = World::new(1_000);
    for i in 0..5_000 {
        world.request(0, i % 500);
    }
    let before = world.account();
    let reversed = |world: &mut World| (0..500).rev().for_each(|id| world.request(0, id));
    (0..3).for_each(|_| reversed(&mut world));
    let during = world.account();
    let wasted = |account: Account| account.issued - account.useful;
    assert!(
        wasted(during) - wasted(before) < 300,
        "{before:?} {during:?}"
    );
    (0..9).for_each(|_| reversed(&mut world));
    let after = world.account();
    assert!(after.useful - during.useful > 1_500, "{during:?} {after:?}");
}

#[test]
fn a_sequence_that_strangers_interrupt_is_followed() {
    let mut world = World::new(10_000);
    let mut seed = 7;
    let mut stranger = 1_000;
    for i in 0..20_000 {
        world.request(0, i % 500);
        if random(&mut seed, 10) == 0 {
            stranger += 1;
            world.request(0, stranger);
        }
    }
    assert!(world.account().issued > 14_000, "{:?}", world.account());
}

#[test]
fn what_is_held_is_not_asked_for_and_what_made_room_in_vain_is_counted_when_it_is_missed() {
    let mut trails = Trails::new(1_000, 1);
    for i in 0..5_000 {
        let id = i % 500;
        assert_eq!(trails.on_fetch(0, hash(id), id, |_| true), None);
    }
    trails.on_waste(Some(hash(9_000)));
    trails.on_waste(None);
    trails.on_late_use();
    trails.on_fetch(0, hash(9_000), 9_000, |_| true);
    trails.on_fetch(0, hash(9_000), 9_000, |_| true);
    let expected = Account {
        issued: 0,
        useful: 0,
        late: 1,
        harmful: 1,
    };
    assert_eq!(trails.account(), expected);
}

#[test]
fn memory_is_what_was_asked_for_and_a_trail_takes_two_bytes_and_a_key() {
    assert_eq!(Trails::<u32>::bytes(1_000_000), 6_000_000);
    assert_eq!(Trails::<u64>::bytes(1_000_000), 10_000_000);
    assert_eq!(Trails::<u32>::bytes(1), 48);
}

#[test]
fn without_memory_nothing_is_predicted() {
    let mut world = World::new(0);
    for i in 0..5_000 {
        world.request(0, i % 50);
    }
    assert_eq!(world.account(), Account::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_only_known_objects_are_issued_that_are_not_held(
        trails in 0..200usize,
        workloads in 0..4usize,
        requests in prop::collection::vec((any::<usize>(), 0..20u32, any::<u8>()), 0..600),
    ) {
        let new = || Trails::new(trails, workloads);
        let (mut a, mut b) = (new(), new());
        let mut known = std::collections::HashSet::new();
        let mut issued = 0;
        for (workload, id, held) in requests {
            known.insert(id);
            let holds = |id: u32| held >> (id % 8) & 1 == 1;
            // Few hashes, so that objects are taken for each other.
            let hash = hash(id % 7);
            let next = a.on_fetch(workload, hash, id, holds);
            prop_assert_eq!(next, b.on_fetch(workload, hash, id, holds));
            if let Some(next) = next {
                issued += 1;
                prop_assert!(known.contains(&next) && !holds(next) && next != id);
            }
            if held & 1 == 1 {
                a.on_waste(Some(hash));
                b.on_waste(Some(hash));
            }
            prop_assert_eq!(a.account(), b.account());
        }
        prop_assert_eq!(a.account().issued, issued);
    }
}

/// Objects that are known by their numbers; those are there that were fetched or ordered last.
struct Ahead {
    trails: Trails<u32>,
    ordered: Vec<u32>,
    fetches: u32,
}

impl Ahead {
    fn new() -> Self {
        Self {
            trails: Trails::new(4_000, 1),
            ordered: Vec::new(),
            fetches: 0,
        }
    }

    /// Asks for an object; what a miss brings rides along, and nothing is fetched for a hit.
    fn request(&mut self, id: u32, steps: usize) {
        let held = self.ordered.iter().position(|&ordered| ordered == id);
        let steps = if held.is_some() { 0 } else { steps };
        if let Some(place) = held {
            self.ordered.swap_remove(place);
            self.trails.on_use();
        }
        let ordered = &self.ordered;
        let known = |id| {
            let presence = match ordered.contains(&id) {
                true => Presence::Ordered,
                false => Presence::Absent,
            };
            let hash = hash(id);
            Some(Known { hash, presence })
        };
        let new = self.trails.on_fetch_ahead(0, hash(id), id, steps, known);
        if held.is_none() {
            self.fetches += 1;
            self.ordered.extend(new);
            assert!(self.ordered.len() < 100, "what is wrong is few");
        }
    }
}

#[test]
fn one_fetch_brings_what_a_repeated_sequence_asks_for_next() {
    let mut world = Ahead::new();
    (0..1_500).for_each(|i| world.request(i % 500, 7));
    let before = world.fetches;
    (0..8_000).for_each(|i| world.request(i % 500, 7));
    let fetches = world.fetches - before;
    assert!((1_000..1_050).contains(&fetches), "{fetches}");
}

#[test]
fn a_walk_ends_where_a_sequence_branches_and_is_short_where_it_is_uncertain() {
    let mut world = Ahead::new();
    let mut seed = 7;
    // Four in a row, then any of a hundred such.
    for _ in 0..20_000 {
        let first = random(&mut seed, 100) * 4;
        (first..first + 4).for_each(|id| world.request(id, 7));
    }
    let account = world.trails.account();
    assert!(account.useful * 10 >= account.issued * 7, "{account:?}");
    assert!(world.fetches < 40_000, "{}", world.fetches);
}

#[test]
fn a_short_loop_is_not_walked_twice() {
    let mut world = Ahead::new();
    (0..600).for_each(|i| world.request(i % 3, 7));
    let account = world.trails.account();
    assert!(
        account.issued > 0 && world.ordered.len() <= 2,
        "{account:?}"
    );
}
