//! Run queues under a clock that only the test moves. Tasks are queued and taken, but never polled:
//! the test says how long a poll would take, and what becomes ready by it.

use super::*;
use crate::Runtime;
use crate::home::Anywhere;
use crate::options::TaskOptions;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const MS: u64 = 1_000_000;

/// The queues of one worker, and what ran.
struct World {
    queues: ClassQueues,
    /// Stands for the worker's own queues.
    normal: VecDeque<Task>,
    now: Arc<AtomicU64>,
    /// Names of the tasks that ran, and when.
    polled: Vec<(String, u64)>,
    // Dropped last: what tasks belong to.
    runtime: Runtime,
}

impl World {
    fn new([latency, normal, background]: [u16; 3]) -> Self {
        let now = Arc::new(AtomicU64::new(10_000 * MS));
        let weights = Weights::new(latency, normal, background).unwrap();
        let runtime = Runtime::builder().workers(1).build().unwrap();
        let shared = runtime.handle().shared;
        let clock = Clock::fake(now.clone());
        Self {
            queues: ClassQueues::new(shared.remotes[0].clone(), weights, &clock),
            normal: VecDeque::new(),
            now,
            polled: Vec::new(),
            runtime,
        }
    }

    fn task(&self, name: &'static str, options: TaskOptions) -> Task {
        let meta = options.name(name).into_meta(&self.queues.clock);
        let home = Anywhere::new(&self.runtime.handle().shared);
        let (task, handle) = beehive_task::cell::shared(meta, async { Ok(()) }, home);
        handle.detach();
        task
    }

    fn add(&mut self, name: &'static str, options: TaskOptions, reach: Reach) {
        let task = self.task(name, options);
        self.push(task, reach);
    }

    fn push(&mut self, task: Task, reach: Reach) {
        match (task.metadata().class(), reach) {
            (Class::Normal, _) => self.normal.push_back(task),
            (_, Reach::Local) => self.queues.push_local(task),
            (_, Reach::Stealable) => self.queues.push_stealable(task),
        }
    }

    /// Takes a task and runs it for so long.
    fn run(&mut self, poll_ns: u64) -> Option<Task> {
        let task = match self.queues.is_mixed() {
            true => match self.queues.choose(!self.normal.is_empty()) {
                None => self.normal.pop_front(),
                Some(Class::Normal) => {
                    let ahead = self.queues.pop_ahead(Class::Normal);
                    ahead.or_else(|| self.normal.pop_front())
                }
                Some(class) => self.queues.pop(class),
            },
            false => self.normal.pop_front(),
        }?;
        let name = task.metadata().name().unwrap().to_owned();
        self.polled.push((name, self.now.load(Relaxed)));
        self.now.fetch_add(poll_ns, Relaxed);
        Some(task)
    }

    /// Runs a task that makes itself ready again.
    fn run_again(&mut self, poll_ns: u64, reach: Reach) {
        let task = self.run(poll_ns).unwrap();
        if let Some(task) = self.queues.put_ahead(task, reach) {
            self.push(task, reach);
        }
    }

    fn count(&self, name: &str) -> usize {
        self.polled.iter().filter(|(ran, _)| ran == name).count()
    }
}

fn class(class: Class) -> TaskOptions {
    TaskOptions::new().class(class)
}

const NAMES: [&str; Class::COUNT] = ["latency", "normal", "background"];

#[test]
fn hogs_in_each_class_share_the_time_by_weight_within_two_percent_of_any_100_ms() {
    for reach in [Reach::Local, Reach::Stealable] {
        let mut world = World::new([4, 2, 1]);
        for hog in Class::ALL.into_iter().cycle().take(9) {
            world.add(NAMES[hog.index()], class(hog), reach);
        }
        for poll in 0..60_000 {
            world.run_again(7_000, reach);
            if poll % 14 == 13 {
                // The worker looks around, which takes a while.
                world.queues.pause(true);
                world.now.fetch_add(3_000, Relaxed);
            }
        }
        let (start, end) = (world.polled[0].1, world.polled[59_999].1);
        for from in (start..end - 100 * MS).step_by(31_000_000) {
            let within = |at: u64| (from..from + 100 * MS).contains(&at);
            let window = world.polled.iter().filter(|&&(_, at)| within(at));
            let window: Vec<_> = window.map(|(name, _)| name.as_str()).collect();
            for (name, weight) in NAMES.into_iter().zip([4.0, 2.0, 1.0]) {
                let count = window.iter().filter(|&&ran| ran == name).count() as f64;
                let due = window.len() as f64 * weight / 7.0;
                let error = (count - due).abs() / due;
                assert!(error < 0.02, "{name}: {count} polls of {due}");
            }
        }
    }
}

#[test]
fn a_latency_task_that_becomes_ready_runs_after_the_poll_in_progress() {
    for reach in [Reach::Local, Reach::Stealable] {
        let mut world = World::new([16, 4, 1]);
        world.add("normal", class(Class::Normal), reach);
        world.add("background", class(Class::Background), reach);
        (0..500).for_each(|_| world.run_again(5_000, reach));
        world.add("latency", class(Class::Latency), reach);
        drop(world.run(5_000));
        assert_eq!(world.count("latency"), 1);
    }
}

#[test]
fn when_only_normal_tasks_are_left_classes_cost_nothing() {
    let mut world = World::new([16, 4, 1]);
    world.add("normal", TaskOptions::new(), Reach::Local);
    assert!(!world.queues.is_mixed());
    world.add("special", class(Class::Background), Reach::Local);
    assert!(world.queues.is_mixed() && world.queues.has_tasks());
    assert!(!world.queues.is_local_empty());
    while world.run(1_000).is_some() {}
    assert_eq!(world.polled.len(), 2);
    assert!(!world.queues.is_mixed() && !world.queues.has_tasks());
    assert_eq!(world.queues.slice.get(), None);
}

#[test]
fn latency_tasks_run_in_the_order_of_their_deadlines_whoever_may_take_them() {
    let mut world = World::new([16, 4, 1]);
    let due = |seconds| {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        class(Class::Latency).deadline(deadline)
    };
    world.add("fourth", due(40), Reach::Stealable);
    world.add("third", due(30), Reach::Local);
    world.add("second", due(20), Reach::Stealable);
    world.add("first", class(Class::Latency), Reach::Local);
    while world.run(1_000).is_some() {}
    let names: Vec<_> = world.polled.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["first", "second", "third", "fourth"]);
}

#[test]
fn a_weighted_task_gets_so_many_polls_for_each_of_another() {
    for reach in [Reach::Local, Reach::Stealable] {
        for both in Class::ALL {
            let mut world = World::new([16, 4, 1]);
            world.add("other", class(both), reach);
            world.add("heavy", class(both).weight(5), reach);
            (0..600).for_each(|_| world.run_again(2_000, reach));
            let heavy = world.count("heavy");
            assert!((495..=505).contains(&heavy), "{heavy} of 600");
        }
    }
}

#[test]
fn a_weighted_task_that_goes_ahead_is_given_back_when_the_worker_stops() {
    for reach in [Reach::Local, Reach::Stealable] {
        let mut world = World::new([16, 4, 1]);
        world.add("heavy", TaskOptions::new().weight(9), reach);
        world.run_again(1_000, reach);
        assert!(world.queues.has_tasks() && world.normal.is_empty());
        let given_back: Vec<_> = world.queues.stop().collect();
        assert!(matches!(&given_back[..], [(_, back)] if *back == reach));
        assert!(!world.queues.has_tasks());
    }
}

#[test]
fn thieves_take_latency_tasks_first_and_background_tasks_too() {
    let mut world = World::new([16, 4, 1]);
    for special in [Class::Background, Class::Latency] {
        world.add("", class(special), Reach::Stealable);
    }
    let victim = &world.queues.remote.others;
    let mut thief = World::new([16, 4, 1]);
    for expected in [Class::Latency, Class::Background] {
        assert!(thief.queues.steal(victim));
        let task = thief.run(1_000).unwrap();
        assert_eq!(task.metadata().class(), expected);
    }
    assert!(victim.is_empty() && !thief.queues.steal(victim));
}

#[test]
fn only_latency_tasks_that_wait_too_long_are_rescued_by_who_has_none() {
    let mut world = World::new([16, 4, 1]);
    world.add("", class(Class::Latency), Reach::Stealable);
    world.add("", class(Class::Background), Reach::Stealable);
    let waiting = &world.queues.remote.others;
    let mut other = World::new([16, 4, 1]);
    assert!(!other.queues.rescue(waiting), "it does not wait for long");
    other
        .now
        .fetch_add(crate::QUANTUM.as_nanos() as u64, Relaxed);
    other.queues.read_clock();
    other.add("own", class(Class::Latency), Reach::Local);
    assert!(!other.queues.rescue(waiting), "the other has its own");
    drop(other.run(1_000));
    other.queues.read_clock();
    assert!(other.queues.rescue(waiting));
    assert!(!other.queues.rescue(waiting), "background tasks stay");
    assert!(other.queues.has_stealable() && !waiting.is_empty());
}

#[test]
fn tasks_from_the_entrance_keep_their_class() {
    let world = World::new([16, 4, 1]);
    let entrance = SharedQueues::new();
    for special in [Class::Background, Class::Latency] {
        entrance.push(Nanos(0), world.task("", class(special)));
    }
    assert!(world.queues.take(&entrance));
    assert!(entrance.is_empty() && !world.queues.take(&entrance));
    let ready = world.queues.ready(false);
    assert!(ready.contains(Class::Latency) && ready.contains(Class::Background));
}
