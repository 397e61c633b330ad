//! A single server that follows the decisions, and properties of what it does.

use alloc::collections::VecDeque;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::random::Random;

#[derive(Debug, Clone, Copy)]
struct Task {
    id: usize,
    arrival: Nanos,
    service: Nanos,
    attained: Attained,
    waiting_since: Nanos,
    longest_wait: Nanos,
}

/// One core, whose slices end `overrun` late.
struct Server {
    slicing: Slicing,
    overrun: Nanos,
    now: Nanos,
    fresh: VecDeque<Task>,
    levels: [VecDeque<Task>; LEVELS],
    ended: Vec<(Task, Nanos)>,
}

impl Server {
    fn new(overrun: Nanos) -> Self {
        Self {
            slicing: Slicing::new(SliceConfig::default()),
            overrun,
            now: Nanos(0),
            fresh: VecDeque::new(),
            levels: Default::default(),
            ended: Vec::new(),
        }
    }

    fn waiting_since(&self) -> [Option<Nanos>; LEVELS] {
        core::array::from_fn(|level| self.levels[level].front().map(|task| task.waiting_since))
    }

    /// Runs one slice; false if there is nothing to run.
    fn step(&mut self) -> bool {
        let heads = self.waiting_since();
        let fresh = !self.fresh.is_empty();
        let Some(pick) = self.slicing.on_pick(self.now, fresh, &heads) else {
            return false;
        };
        let queue = match pick {
            Pick::Fresh => &mut self.fresh,
            Pick::Level(level) => &mut self.levels[level],
        };
        let mut task = queue.pop_front().expect("only what is there is picked");
        let waited = self.now.since(task.waiting_since);
        task.longest_wait = task.longest_wait.max(waited);
        let slice = Nanos(self.slicing.slice(task.attained).0 + self.overrun.0);
        let left = task.service.since(task.attained.time());
        let ran = slice.min(left);
        self.now = Nanos(self.now.0 + ran.0);
        let level = self.slicing.on_run(self.now, &mut task.attained, ran);
        if left <= slice {
            self.ended.push((task, self.now));
        } else {
            task.waiting_since = self.now;
            self.levels[level].push_back(task);
        }
        true
    }

    /// Serves tasks that arrive by themselves, in the order of their arrival.
    fn serve(&mut self, arrivals: &[(Nanos, Nanos)]) {
        let mut arrivals = arrivals.iter().enumerate().peekable();
        loop {
            while let Some(&(id, &(arrival, service))) = arrivals.peek()
                && arrival <= self.now
            {
                arrivals.next();
                self.fresh.push_back(Task {
                    id,
                    arrival,
                    service,
                    attained: Attained::default(),
                    waiting_since: arrival,
                    longest_wait: Nanos(0),
                });
            }
            if !self.step() {
                match arrivals.peek() {
                    Some((_, (arrival, _))) => self.now = *arrival,
                    None => return,
                }
            }
        }
    }
}

/// Arrivals with exponential gaps and two kinds of service, at this load in percent.
fn bimodal(seed: u64, count: usize, load: u64) -> Vec<(Nanos, Nanos)> {
    let (short, long) = (Nanos(500), Nanos(500_000));
    let mean_service = (995 * short.0 + 5 * long.0) / 1_000;
    let mean_gap = mean_service * 100 / load;
    let mut random = Random::new(seed);
    let mut now = 0;
    let mut arrival = || {
        let uniform = (random.below(1 << 24) + 1) as f64 / f64::from(1 << 24);
        now += (-uniform.ln() * mean_gap as f64) as u64;
        let is_long = random.below(1_000) < 5;
        (Nanos(now), if is_long { long } else { short })
    };
    (0..count).map(|_| arrival()).collect()
}

#[test]
fn short_tasks_among_few_very_long_ones_are_slowed_down_at_most_forty_times() {
    for seed in 0..3 {
        let mut server = Server::new(Nanos(500));
        server.serve(&bimodal(seed, 40_000, 80));
        let mut slowdowns: Vec<u64> = server
            .ended
            .iter()
            .filter(|(task, _)| task.service == Nanos(500))
            .map(|(task, end)| end.since(task.arrival).0 / task.service.0)
            .collect();
        slowdowns.sort_unstable();
        let p999 = slowdowns[slowdowns.len() * 999 / 1_000];
        assert!(p999 <= 40, "seed {seed}: {p999}");
    }
}

#[test]
fn a_task_that_used_its_slice_waits_behind_fresh_work() {
    let mut slicing = Slicing::new(SliceConfig::default());
    let waiting = [Some(Nanos(0)), None, None];
    let pick = |slicing: &mut Slicing, fresh| slicing.on_pick(Nanos(10), fresh, &waiting);
    assert_eq!(pick(&mut slicing, true), Some(Pick::Fresh));
    assert_eq!(pick(&mut slicing, false), Some(Pick::Level(0)));
}

#[test]
fn a_task_sinks_to_the_last_level_as_it_runs_on() {
    let mut slicing = Slicing::new(SliceConfig::default());
    let mut task = Attained::default();
    assert_eq!(slicing.slice(task), SliceConfig::default().first);
    let mut run = |ran| slicing.on_run(Nanos(0), &mut task, Nanos(ran));
    assert_eq!((run(5_000), run(94_999)), (0, 0));
    assert_eq!((run(1), run(899_999), run(1)), (1, 1, 2));
    assert_eq!(run(u64::MAX), LEVELS - 1);
    assert_eq!(slicing.slice(task), SliceConfig::default().later);
}

#[test]
fn the_level_of_tasks_that_have_run_least_comes_first() {
    let mut slicing = Slicing::new(SliceConfig::default());
    let heads = [None, Some(Nanos(20)), Some(Nanos(10))];
    assert_eq!(
        slicing.on_pick(Nanos(30), false, &heads),
        Some(Pick::Level(1))
    );
}

#[test]
fn an_aged_task_passes_fresh_work_and_then_leaves_it_three_times_as_long() {
    let config = SliceConfig::default();
    let mut slicing = Slicing::new(config);
    let heads = [Some(config.aging), None, Some(Nanos(0))];
    let mut now = config.aging;
    assert_eq!(slicing.on_pick(now, true, &heads), Some(Pick::Level(2)));
    now.0 += 10_000;
    slicing.on_run(now, &mut Attained::default(), Nanos(10_000));
    for later in [0, 29_999] {
        let now = Nanos(now.0 + later);
        assert_eq!(slicing.on_pick(now, true, &heads), Some(Pick::Fresh));
    }
    let now = Nanos(now.0 + 30_000);
    assert_eq!(slicing.on_pick(now, true, &heads), Some(Pick::Level(2)));
}

#[test]
fn nothing_to_run_gives_no_pick() {
    let mut slicing = Slicing::new(SliceConfig::default());
    assert_eq!(slicing.on_pick(Nanos(9), false, &[None; LEVELS]), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn under_any_load_no_task_waits_longer_than_the_bound(
        long in 1_usize..40,
        overrun in 0_u64..5_000,
        fresh_service in 100_u64..5_000,
        service in 20_000_u64..1_500_000,
    ) {
        let mut server = Server::new(Nanos(overrun));
        // Long tasks first, then fresh ones so often that there is always one.
        let mut arrivals: Vec<_> = (0..long).map(|_| (Nanos(0), Nanos(service))).collect();
        arrivals.extend((1..4_000).map(|n| (Nanos(n * fresh_service), Nanos(fresh_service))));
        server.serve(&arrivals);
        prop_assert_eq!(server.ended.len(), arrivals.len());
        let config = SliceConfig::default();
        let slice = config.later.0 + overrun;
        let bound = config.aging.0 + long as u64 * (4 * slice + slice.max(fresh_service));
        for (task, _) in server.ended.iter().filter(|(task, _)| task.id < long) {
            prop_assert!(task.longest_wait.0 <= bound, "{:?} > {}", task, bound);
        }
    }

    #[test]
    fn every_pick_names_work_that_is_there(
        config in (1_u64..50_000, 1_u64..50_000, 0_u64..1_000_000),
        steps in prop::collection::vec((0_u64..100_000, any::<bool>(), any::<[Option<u32>; LEVELS]>()), 1..200),
    ) {
        let mut slicing = Slicing::new(SliceConfig {
            first: Nanos(config.0),
            later: Nanos(config.1),
            aging: Nanos(config.2),
        });
        let mut now = Nanos(0);
        for (pass, fresh, since) in steps {
            now.0 += pass;
            let heads = since.map(|since| since.map(|since| Nanos(since.into())));
            match slicing.on_pick(now, fresh, &heads) {
                Some(Pick::Fresh) => prop_assert!(fresh),
                Some(Pick::Level(level)) => prop_assert!(heads[level].is_some()),
                None => prop_assert!(!fresh && heads == [None; LEVELS]),
            }
            let level = slicing.on_run(now, &mut Attained::default(), Nanos(pass));
            prop_assert!(level < LEVELS);
        }
    }

    #[test]
    fn equal_events_give_equal_decisions(seed in any::<u64>()) {
        let ends = [(); 2].map(|()| {
            let mut server = Server::new(Nanos(100));
            server.serve(&bimodal(seed, 500, 90));
            server.ended.iter().map(|(task, end)| (task.id, *end)).collect::<Vec<_>>()
        });
        prop_assert_eq!(&ends[0], &ends[1]);
    }
}
