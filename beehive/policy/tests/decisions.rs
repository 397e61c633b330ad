//! Properties that hold for every decision about stealing and waking, whatever a policy reads.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use beehive_policy::counters::{SAMPLES_MIN, Sample};
use beehive_policy::{
    Aggregate, Config, Domain, Elements, Help, LoadSignal, Moment, Nanos, Occasion, Place, Policy,
    Prices, Queue, Step, Tier, Topology, View, WorkerId,
};

/// A world that shows the same to everybody, and counts how often it is looked at.
struct World {
    queued: Vec<u32>,
    /// Since when the head of each queue waits.
    heads: Vec<Nanos>,
    claims: u32,
    parked: Vec<u64>,
    resting: Vec<u64>,
    topology: Arc<Topology>,
    reads: Cell<usize>,
}

impl World {
    fn idle(topology: &Arc<Topology>) -> Self {
        let domains = topology.domains().len();
        Self {
            queued: vec![0; topology.workers()],
            heads: vec![Nanos(1_000); topology.workers()],
            claims: 0,
            parked: vec![0; domains],
            resting: vec![0; domains],
            topology: topology.clone(),
            reads: Cell::new(0),
        }
    }

    fn wait(&self, worker: WorkerId, now: Nanos) -> u64 {
        now.since(self.heads[worker.index()]).0
    }

    fn count(&self) {
        self.reads.set(self.reads.get() + 1);
    }
}

impl View for World {
    fn signal(&self, worker: WorkerId) -> LoadSignal {
        self.count();
        LoadSignal {
            queued: self.queued[worker.index()],
            head: self.heads[worker.index()],
            ..LoadSignal::default()
        }
    }

    fn aggregate(&self, domain: Domain) -> Aggregate {
        self.count();
        let members = self.topology.members(domain).iter();
        Aggregate::of(members.map(|worker| LoadSignal {
            queued: self.queued[worker.index()],
            head: self.heads[worker.index()],
            ..LoadSignal::default()
        }))
    }

    fn claims(&self, _: WorkerId) -> u32 {
        self.count();
        self.claims
    }

    fn parked(&self, domain: Domain) -> u64 {
        self.count();
        self.parked[domain.index()]
    }

    fn resting(&self, domain: Domain) -> u64 {
        self.count();
        self.resting[domain.index()]
    }
}

const PRICES: Prices = Prices {
    probe: [
        Nanos(0),
        Nanos(1_000),
        Nanos(1_000),
        Nanos(3_000),
        Nanos(6_000),
    ],
    refill: [
        Nanos(0),
        Nanos(1_000),
        Nanos(5_000),
        Nanos(20_000),
        Nanos(50_000),
    ],
    wake: Nanos(50_000),
};

/// Caches of 8, nodes of 32.
fn machine(workers: usize) -> Arc<Topology> {
    let place = |worker: usize| Place {
        node: (worker / 32) as u32,
        llc: (worker / 8) as u32,
        core: worker as u32,
    };
    Arc::new(Topology::new(&(0..workers).map(place).collect::<Vec<_>>()))
}

fn policy(topology: &Arc<Topology>, seed: u64, elements: Elements) -> Policy {
    let me = WorkerId::new(seed as usize % topology.workers());
    let mut policy = Policy::new(&Config {
        seed,
        elements,
        prices: PRICES,
        ..Config::new(me, topology.clone())
    });
    (0..100).for_each(|_| policy.on_service(Nanos(100_000)));
    policy
}

/// The victims of a search that finds nothing, while time goes on.
fn victims(policy: &mut Policy, world: &World) -> Vec<WorkerId> {
    let mut now = 1_000_000;
    let mut victims = Vec::new();
    policy.on_idle(Nanos(now), None);
    for _ in 0..10_000 {
        match policy.on_search(Nanos(now), world) {
            Step::Probe(probe) => {
                victims.push(probe.victim);
                now += 1_000;
            }
            Step::Rest(pause) => {
                assert!(pause.0 > 0, "a rest that never ends");
                now += pause.0;
            }
            Step::Park => return victims,
        }
    }
    panic!("a search that never ends");
}

fn long_queue(length: u32) -> Queue {
    Queue {
        length,
        head: Nanos(900_000),
    }
}

#[test]
fn a_search_ends_and_never_visits_the_searcher_itself() {
    let mut random = fastrand::Rng::with_seed(1);
    for seed in 0..300 {
        let topology = machine(random.usize(2..100));
        let mut world = World::idle(&topology);
        world.queued.fill_with(|| random.u32(..3));
        world.claims = random.u32(..2);
        let mut policy = policy(&topology, seed, Elements::ALL);
        let me = WorkerId::new(seed as usize % topology.workers());
        let victims = victims(&mut policy, &world);
        assert!(victims.iter().all(|&victim| victim != me));
        assert!(
            victims
                .iter()
                .all(|victim| victim.index() < topology.workers())
        );
    }
}

#[test]
fn whatever_signals_say_every_worker_is_visited_now_and_then() {
    let topology = machine(40);
    let mut seen = BTreeSet::new();
    for seed in (0..4_000).step_by(40) {
        let world = World::idle(&topology);
        let mut policy = policy(&topology, seed, Elements::ALL);
        for _ in 0..10 {
            seen.extend(victims(&mut policy, &world));
        }
    }
    assert_eq!(seen.len(), 39, "all but worker 0, which searches");
}

#[test]
fn without_signals_every_other_worker_is_visited_once() {
    let topology = machine(50);
    let elements = Elements {
        signals: false,
        ..Elements::ALL
    };
    for seed in 0..100 {
        let world = World::idle(&topology);
        let mut tried = victims(&mut policy(&topology, seed, elements), &world);
        tried.sort_unstable();
        let others: Vec<_> = (0..50)
            .filter(|&worker| worker != seed as usize % 50)
            .map(WorkerId::new)
            .collect();
        assert_eq!(tried, others);
    }
}

#[test]
fn a_lone_worker_parks_at_once() {
    let topology = machine(1);
    let world = World::idle(&topology);
    for elements in [
        Elements::ALL,
        Elements {
            signals: false,
            ..Elements::ALL
        },
    ] {
        assert_eq!(victims(&mut policy(&topology, 0, elements), &world), []);
    }
}

#[test]
fn a_hint_is_followed_first() {
    let topology = machine(64);
    let world = World::idle(&topology);
    let mut policy = policy(&topology, 0, Elements::ALL);
    policy.on_idle(Nanos(0), Some(WorkerId::new(55)));
    let Step::Probe(probe) = policy.on_search(Nanos(0), &world) else {
        panic!("the hint was ignored")
    };
    assert_eq!(probe.victim, WorkerId::new(55));
}

#[test]
fn the_longest_queue_of_the_neighbours_is_usually_visited_first() {
    let topology = machine(8);
    let mut world = World::idle(&topology);
    world.queued = vec![0, 1, 2, 9, 1, 0, 3, 1];
    let first = victims(&mut policy(&topology, 0, Elements::ALL), &world)[0];
    assert_eq!(first, WorkerId::new(3));
}

#[test]
fn work_to_which_thieves_are_on_their_way_attracts_no_more() {
    let topology = machine(8);
    let mut world = World::idle(&topology);
    world.queued = vec![0, 0, 0, 2, 0, 0, 0, 0];
    world.claims = 2;
    let mut policy = policy(&topology, 0, Elements::ALL);
    policy.on_idle(Nanos(2_000), None);
    assert!(matches!(
        policy.on_search(Nanos(2_000), &world),
        Step::Rest(_)
    ));
    let now = Nanos(1_000_000);
    let owner = WorkerId::new(3);
    world.parked[0] = 0b1;
    let help = policy.on_help(now, Moment::Push, owner, long_queue(2), &world);
    assert_eq!(help, None);
}

/// A world of queues with heads of all ages, and the policy of worker 0 in it.
fn crowd(workers: usize, seed: u64, elements: Elements) -> (World, Policy, fastrand::Rng) {
    let topology = machine(workers);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::idle(&topology);
    world.queued.fill_with(|| random.u32(..4));
    world.heads.fill_with(|| Nanos(random.u64(..NOW.0)));
    let policy = policy(&topology, seed * workers as u64, elements);
    (world, policy, random)
}

const NOW: Nanos = Nanos(10_000_000);

#[test]
fn only_tasks_that_show_and_have_waited_longer_are_run_before_the_own() {
    let mut fetched = 0;
    for seed in 0..2_000 {
        let (mut world, mut policy, mut random) = crowd(64, seed, Elements::ALL);
        world.claims = random.u32(..3);
        let queue = Queue {
            length: random.u32(1..4),
            head: Nanos(random.u64(..NOW.0)),
        };
        let Some(probe) = policy.on_turn(NOW, queue, &world) else {
            continue;
        };
        fetched += 1;
        let victim = probe.victim;
        assert_ne!(victim, WorkerId::new(0));
        assert!(world.queued[victim.index()] > world.claims);
        let domain = world.topology.domain(victim);
        let oldest = if domain == world.topology.domain(WorkerId::new(0)) {
            assert!(!probe.half, "of a neighbour's only the oldest");
            world.wait(victim, NOW)
        } else {
            let head = world.aggregate(domain).head.expect("somebody waits there");
            NOW.since(head).0
        };
        assert!(oldest > NOW.since(queue.head).0);
    }
    assert!(fetched > 100, "{fetched}");
}

#[test]
fn of_neighbours_the_one_whose_head_waits_longest_is_served_first() {
    let near = Elements {
        pull_far: false,
        ..Elements::ALL
    };
    for seed in 0..500 {
        let (world, mut policy, _) = crowd(8, seed, near);
        let young = Queue {
            length: 1,
            head: NOW,
        };
        let shown = (1..8).filter(|&worker| world.queued[worker] > 0);
        let oldest = shown
            .map(|worker| world.wait(WorkerId::new(worker), NOW))
            .max();
        let fetched = policy.on_turn(NOW, young, &world);
        let waited = fetched.map(|probe| world.wait(probe.victim, NOW));
        // Two mean service times are enough where moves within a cache cost a fraction of one.
        assert_eq!(waited.or(oldest.filter(|&wait| wait < 200_000)), oldest);
    }
}

#[test]
fn the_longer_the_own_tasks_wait_the_less_is_fetched() {
    for seed in 0..300 {
        let (world, policy, _) = crowd(64, seed, Elements::ALL);
        let fetches = |own_wait: u64| {
            let queue = Queue {
                length: 1,
                head: Nanos(NOW.0 - own_wait),
            };
            policy.clone().on_turn(NOW, queue, &world).is_some()
        };
        let answers = [0, 100_000, 1_000_000, 9_999_999].map(fetches);
        assert!(
            answers.is_sorted_by(|young, old| young >= old),
            "{answers:?}"
        );
        assert!(!fetches(NOW.0), "nobody waits longer than always");
    }
}

#[test]
fn crowded_domains_do_not_exchange_their_tasks() {
    for seed in 0..300 {
        let (mut world, mut policy, _) = crowd(64, seed, Elements::ALL);
        world.queued = vec![5; 64];
        (0..8).for_each(|neighbour| world.heads[neighbour] = NOW);
        let young = Queue {
            length: 5,
            head: NOW,
        };
        assert_eq!(policy.on_turn(NOW, young, &world), None);
        (0..8).for_each(|neighbour| world.queued[neighbour] = 2);
        assert!((0..20).any(|_| policy.on_turn(NOW, young, &world).is_some()));
    }
}

#[test]
fn nothing_is_fetched_before_the_own_tasks_where_that_is_switched_off() {
    let off = Elements {
        pull_near: false,
        pull_far: false,
        ..Elements::ALL
    };
    for seed in 0..100 {
        let (world, mut policy, _) = crowd(64, seed, off);
        let young = Queue {
            length: 1,
            head: NOW,
        };
        assert_eq!(policy.on_turn(NOW, young, &world), None);
        assert_eq!(world.reads.get(), 0, "and nothing is read for it");
    }
}

#[test]
fn only_workers_that_are_idle_are_asked_for_help() {
    let mut random = fastrand::Rng::with_seed(2);
    for seed in 0..2_000 {
        let topology = machine(random.usize(2..200));
        let mut world = World::idle(&topology);
        for domain in topology.domains() {
            let all = (1_u64 << topology.members(domain).len()) - 1;
            let idle = random.u64(..) & random.u64(..) & all;
            let resting = random.u64(..);
            world.parked[domain.index()] = idle & !resting;
            world.resting[domain.index()] = idle & resting;
        }
        let mut policy = policy(&topology, seed, Elements::ALL);
        let owner = WorkerId::new(random.usize(..topology.workers()));
        let queue = long_queue(random.u32(..20));
        let (worker, masks) =
            match policy.on_help(Nanos(1_000_000), Moment::Push, owner, queue, &world) {
                None => continue,
                Some(Help::Poke(worker)) => (worker, &world.resting),
                Some(Help::Wake(worker)) => (worker, &world.parked),
            };
        assert!(queue.length > 0);
        let mask = masks[topology.domain(worker).index()];
        assert_ne!(mask & topology.bit(worker), 0);
        if let Some(any) = policy.on_unowned(None, &world) {
            let parked = world.parked[topology.domain(any).index()];
            assert_ne!(parked & topology.bit(any), 0);
        }
    }
}

#[test]
fn no_core_of_the_domain_sleeps_while_work_waits_and_nothing_costs() {
    let topology = Arc::new(Topology::uniform(16));
    let free = Config::new(WorkerId::new(3), topology.clone());
    for sleeper in 0..16 {
        let mut world = World::idle(&topology);
        world.parked[0] = 1 << sleeper;
        let help = Policy::new(&free).on_help(
            Nanos(5),
            Moment::Push,
            WorkerId::new(3),
            Queue {
                length: 1,
                head: Nanos(5),
            },
            &world,
        );
        assert_eq!(help, Some(Help::Wake(WorkerId::new(sleeper))));
        let any = Policy::new(&free).on_unowned(None, &world);
        assert_eq!(any, Some(WorkerId::new(sleeper)));
    }
}

#[test]
fn who_calls_from_a_workers_core_wakes_another_one_near_and_that_one_if_nobody_else_sleeps() {
    let (topology, caller) = (machine(64), WorkerId::new(40));
    let home = topology.domain(caller);
    let mut policy = policy(&topology, 1, Elements::ALL);
    let mut world = World::idle(&topology);
    world.parked.fill(0xff);
    for _ in 0..100 {
        let woken = policy.on_unowned(Some(caller), &world).expect("all sleep");
        assert!(topology.domain(woken) == home && woken != caller);
    }
    world.parked.fill(0);
    world.parked[home.index()] = topology.bit(caller);
    assert_eq!(policy.on_unowned(Some(caller), &world), Some(caller));
    world.parked[0] = 1;
    assert_ne!(policy.on_unowned(Some(caller), &world), Some(caller));
}

#[test]
fn a_parked_owner_is_woken_for_its_own_queue_whatever_that_costs() {
    let topology = machine(8);
    let mut world = World::idle(&topology);
    world.parked[0] = 0b1110;
    let owner = WorkerId::new(2);
    let queue = Queue {
        length: 1,
        head: Nanos(7),
    };
    let mut policy = policy(&topology, 2, Elements::ALL);
    let help = policy.on_help(Nanos(7), Moment::Push, owner, queue, &world);
    assert_eq!(help, Some(Help::Wake(owner)));
}

#[test]
fn a_move_that_costs_more_than_it_saves_is_refused() {
    let topology = machine(64);
    let mut world = World::idle(&topology);
    world.parked[6] = 0xFF;
    let asked = |length, elements| {
        let mut policy = policy(&topology, 0, elements);
        let queue = Queue {
            length,
            head: Nanos(1_000_000),
        };
        let owner = WorkerId::new(0);
        (0..20).any(|_| {
            let now = Nanos(1_000_000);
            let help = policy.on_help(now, Moment::Push, owner, queue, &world);
            help.is_some()
        })
    };
    // Waking far away costs 100 µs and counts four times; each task takes 100 µs.
    assert!(!asked(3, Elements::ALL));
    assert!(asked(5, Elements::ALL));
    let careless = Elements {
        prices: false,
        ..Elements::ALL
    };
    assert!(asked(1, careless));
}

#[test]
fn moves_that_counters_show_to_be_dear_are_refused() {
    let topology = machine(64);
    let mut world = World::idle(&topology);
    world.parked[6] = 0xFF;
    let mut policy = policy(&topology, 0, Elements::ALL);
    let asks = |policy: &mut Policy| {
        let now = Nanos(1_000_000);
        let queue = Queue {
            length: 6,
            head: now,
        };
        (0..20).any(|_| {
            let help = policy.on_help(now, Moment::Push, WorkerId::new(0), queue, &world);
            help.is_some()
        })
    };
    assert!(asks(&mut policy));
    for moved in [0, 1] {
        let sample = Sample {
            polls: 1,
            cache_misses: Some(u64::from(moved) * 2_000),
            moved,
            ..Sample::default()
        };
        (0..2 * SAMPLES_MIN).for_each(|_| policy.on_counted(&sample));
    }
    assert!(!asks(&mut policy), "160 µs and a wake, four times");
}

#[test]
fn a_decision_reads_as_much_on_a_thousand_workers_as_on_a_hundred() {
    let most = |workers: usize| {
        let topology = machine(workers);
        let mut most = 0;
        for seed in 0..200 {
            let mut world = World::idle(&topology);
            world.queued[workers - 1] = 3;
            let mut policy = policy(&topology, seed, Elements::ALL);
            let mut now = 0;
            policy.on_idle(Nanos(0), None);
            loop {
                world.reads.set(0);
                let step = policy.on_search(Nanos(now), &world);
                most = most.max(world.reads.get());
                now += 5_000;
                if step == Step::Park {
                    break;
                }
            }
            world.reads.set(0);
            let now = Nanos(1_000_000);
            policy.on_help(now, Moment::Push, WorkerId::new(0), long_queue(9), &world);
            most = most.max(world.reads.get());
            world.reads.set(0);
            policy.on_turn(now, long_queue(9), &world);
            most = most.max(world.reads.get());
        }
        most
    };
    assert!(most(1_024) <= most(128), "{} {}", most(1_024), most(128));
    assert!(most(1_024) < 100);
}

#[test]
fn one_stream_of_events_gives_the_same_decisions_and_another_seed_others() {
    let decisions = |seed: u64| {
        let topology = machine(64);
        let mut random = fastrand::Rng::with_seed(9);
        let mut policy = policy(&topology, seed, Elements::ALL);
        let mut world = World::idle(&topology);
        (0..2_000)
            .map(|event| {
                let now = Nanos(event * 10_000);
                world.queued.fill_with(|| random.u32(..2));
                world.parked.fill_with(|| random.u64(..256));
                match random.u8(..5) {
                    0 => {
                        policy.on_idle(now, None);
                        String::new()
                    }
                    1 => format!("{:?}", policy.on_search(now, &world)),
                    2 => format!("{:?}", policy.on_publish(now, Occasion::Routine)),
                    3 => format!("{:?}", policy.on_unowned(None, &world)),
                    _ => {
                        let owner = WorkerId::new(random.usize(..64));
                        let queue = long_queue(random.u32(..9));
                        let help = policy.on_help(now, Moment::Start, owner, queue, &world);
                        format!("{help:?}")
                    }
                }
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(decisions(64), decisions(64));
    assert_ne!(decisions(64), decisions(128));
}

#[test]
fn tiers_get_dearer_with_distance_by_default() {
    let prices = Prices::NEAR_IS_FREE;
    assert!(prices.refill.is_sorted() && prices.probe.is_sorted());
    assert_eq!(prices.refill[Tier::Llc as usize], Nanos(0));
}
