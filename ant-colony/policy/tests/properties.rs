//! Properties of the decisions over arbitrary event sequences.

use ant_colony_policy::{Fate, Frequency, Policy, Queue};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Insert(u64),
    Reclaim {
        queue: Queue,
        frequency: u8,
        hash: u64,
        pressure: u8,
    },
    Victim {
        small: usize,
        main: usize,
    },
    Objects(usize),
}

fn queue() -> impl Strategy<Value = Queue> {
    prop_oneof![Just(Queue::Small), Just(Queue::Main)]
}

fn event() -> impl Strategy<Value = Event> {
    let hash = prop_oneof![0..50u64, any::<u64>()];
    prop_oneof![
        hash.clone().prop_map(Event::Insert),
        (queue(), 0..8u8, hash, 0..8u8).prop_map(|(queue, frequency, hash, pressure)| {
            Event::Reclaim {
                queue,
                frequency,
                hash,
                pressure,
            }
        }),
        (any::<usize>(), any::<usize>()).prop_map(|(small, main)| Event::Victim { small, main }),
        (0..10_000usize).prop_map(Event::Objects),
    ]
}

#[derive(Debug, PartialEq)]
enum Decision {
    Enter(Queue),
    Look(Queue),
    Fate(Fate),
    None,
}

fn decide(policy: &mut Policy, event: Event) -> Decision {
    match event {
        Event::Insert(hash) => Decision::Enter(policy.on_insert(hash)),
        Event::Reclaim {
            queue,
            frequency,
            hash,
            pressure,
        } => Decision::Fate(policy.on_reclaim(queue, Frequency::new(frequency), hash, pressure)),
        Event::Victim { small, main } => {
            Decision::Look(policy.next_victim(small, main, small.saturating_add(main)))
        }
        Event::Objects(objects) => {
            policy.set_objects(objects);
            Decision::None
        }
    }
}

proptest! {
    #[test]
    fn the_same_events_give_the_same_decisions(
        ghosts in 0..500usize,
        events in prop::collection::vec(event(), 0..500),
    ) {
        let (mut a, mut b) = (Policy::new(ghosts), Policy::new(ghosts));
        for event in events {
            prop_assert_eq!(decide(&mut a, event), decide(&mut b, event));
        }
    }

    #[test]
    fn nothing_returns_to_probation_and_no_counter_grows_by_eviction(
        ghosts in 0..500usize,
        events in prop::collection::vec(event(), 0..500),
    ) {
        let mut policy = Policy::new(ghosts);
        for event in events {
            let decision = decide(&mut policy, event);
            let Event::Reclaim { frequency, pressure, .. } = event else { continue };
            if let Decision::Fate(Fate::Keep { queue, frequency: kept }) = decision {
                prop_assert_eq!(queue, Queue::Main);
                prop_assert!(kept.get() < frequency.min(Frequency::MAX.get()));
                prop_assert!(pressure < Policy::PRESSURE_MAX);
            }
        }
    }

    #[test]
    fn an_object_survives_at_most_as_many_rounds_as_it_had_hits(frequency in 0..8u8, hash: u64) {
        let mut policy = Policy::new(64);
        let mut frequency = Frequency::new(frequency);
        let hits = frequency.get();
        let mut queue = Queue::Small;
        let mut rounds = 0;
        while let Fate::Keep { queue: next, frequency: left } =
            policy.on_reclaim(queue, frequency, hash, 0)
        {
            (queue, frequency) = (next, left);
            rounds += 1;
            prop_assert!(rounds <= hits);
        }
    }

    #[test]
    fn the_named_queue_is_never_the_empty_one(small in 0..1_000_000usize, main in 0..1_000_000usize) {
        prop_assume!(small + main > 0);
        let policy = Policy::new(0);
        let used = match policy.next_victim(small, main, small + main) {
            Queue::Small => small,
            Queue::Main => main,
        };
        prop_assert!(used > 0);
    }
}
