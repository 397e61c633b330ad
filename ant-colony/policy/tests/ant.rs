//! Properties of the learned policy over arbitrary event sequences, sensible or not.

use ant_colony_policy::{Ant, Detail, Mark, Settings, Shortlist, Worth};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Event {
    Hit(u32),
    Miss(u64),
    Worth(u32),
    Evict(u64, u32),
    Remove,
    Objects(usize),
    Later(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let hash = || prop_oneof![0..50u64, any::<u64>()];
    prop_oneof![
        any::<u32>().prop_map(Event::Hit),
        hash().prop_map(Event::Miss),
        any::<u32>().prop_map(Event::Worth),
        (hash(), any::<u32>()).prop_map(|(hash, mark)| Event::Evict(hash, mark)),
        Just(Event::Remove),
        prop_oneof![0..10_000usize, any::<usize>()].prop_map(Event::Objects),
        prop_oneof![0..1_000u64, any::<u64>()].prop_map(Event::Later),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let detail = prop_oneof![Just(Detail::Lean), Just(Detail::Full)];
    let objects = prop_oneof![0..500usize, any::<usize>()];
    (objects, 0..500usize, detail).prop_map(|(objects, departed, detail)| Settings {
        objects,
        departed,
        detail,
    })
}

#[derive(Debug, PartialEq)]
enum Decision {
    Mark(Option<Mark>),
    Worth(Worth),
    None,
}

fn decide(policy: &mut Ant, event: &Event, now: &mut u64) -> Decision {
    match *event {
        Event::Hit(mark) => return Decision::Mark(policy.on_hit(Mark::from_bits(mark), *now)),
        Event::Miss(hash) => return Decision::Mark(Some(policy.on_miss(hash, *now))),
        Event::Worth(mark) => return Decision::Worth(policy.worth(Mark::from_bits(mark), *now)),
        Event::Evict(hash, mark) => policy.on_evict(hash, Mark::from_bits(mark), *now),
        Event::Remove => policy.on_remove(),
        Event::Objects(objects) => policy.set_objects(objects, *now),
        Event::Later(accesses) => *now = now.wrapping_add(accesses),
    }
    Decision::None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_same_events_give_the_same_decisions_and_none_panics(
        settings in settings(),
        events in prop::collection::vec(event(), 0..300),
        start: u64,
    ) {
        let (mut a, mut b) = (Ant::new(settings), Ant::new(settings));
        let (mut now_a, mut now_b) = (start, start);
        for event in &events {
            prop_assert_eq!(decide(&mut a, event, &mut now_a), decide(&mut b, event, &mut now_b));
        }
    }
}

/// A cache of objects that are their own hashes.
struct Cache {
    policy: Ant,
    capacity: usize,
    residents: Vec<(u64, Mark)>,
    now: u64,
}

impl Cache {
    fn new(settings: Settings) -> Self {
        Self {
            policy: Ant::new(settings),
            capacity: settings.objects,
            residents: Vec::new(),
            now: 0,
        }
    }

    fn request(&mut self, id: u64) -> bool {
        self.now += 1;
        let hash = id.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = hash ^ (hash >> 31);
        if let Some((_, mark)) = self.residents.iter_mut().find(|(held, _)| *held == hash) {
            if let Some(next) = self.policy.on_hit(*mark, self.now) {
                *mark = next;
            }
            return true;
        }
        if self.residents.len() == self.capacity {
            let mut list = Shortlist::default();
            for (place, &(_, mark)) in self.residents.iter().enumerate() {
                list.offer(self.policy.worth(mark, self.now), place as u32, mark);
            }
            let (victim, _) = list.pop().expect("all were offered");
            let (hash, mark) = self.residents.swap_remove(victim as usize);
            self.policy.on_evict(hash, mark, self.now);
        }
        let mark = self.policy.on_miss(hash, self.now);
        self.residents.push((hash, mark));
        false
    }

    fn hits(&mut self, ids: impl Iterator<Item = u64>) -> usize {
        ids.filter(|&id| self.request(id)).count()
    }
}

#[test]
fn a_loop_beyond_the_capacity_is_hit_for_most_of_what_fits() {
    for settings in [Settings::lean(100), Settings::full(100)] {
        let mut cache = Cache::new(settings);
        let hits = cache.hits((0..10_000).map(|i| i % 200));
        assert!(
            hits > 4_000,
            "{hits} hits of at most 5,000 with {settings:?}"
        );
    }
}

#[test]
fn a_hot_set_survives_scans() {
    let mut cache = Cache::new(Settings::lean(100));
    let ids = |from: u64| (from..from + 10_000).map(|i| if i % 200 < 100 { i % 50 } else { i });
    cache.hits(ids(1_000));
    let hits = cache.hits(ids(11_000));
    assert!(hits >= 4_900, "{hits} of 5,000");
}

#[test]
fn after_the_time_wrapped_around_decisions_are_as_good_as_before() {
    let mut cache = Cache::new(Settings::lean(100));
    let mut round = |start: u64| {
        cache.now = start;
        cache.hits((0..20_000).map(|i| i % 130))
    };
    let before = round(0);
    let after = round((1 << 22) / 64 * 100 - 10_000);
    assert!(after * 10 > before * 9, "{after} after {before}");
}

#[test]
fn the_lean_policy_takes_at_most_twelve_bytes_per_object_with_marks() {
    for objects in [300_000, 1_000_000, 50_000_000] {
        let bytes = Settings::lean(objects).bytes() + size_of::<Ant>() + 4 * objects;
        assert!(bytes <= 12 * objects, "{bytes} for {objects}");
    }
    assert!(Settings::full(1_000_000).bytes() + 4_000_000 <= 37_000_000);
}
