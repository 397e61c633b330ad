//! What the metrics say about runtimes in known states.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use beehive::metrics::{Phase, RuntimeMetrics};
use beehive::{Class, Handle, Runtime, TaskOptions, WorkerId};
use beehive::{spawn, spawn_local, spawn_local_with, spawn_preemptible, spawn_with, yield_now};

fn runtime(workers: usize) -> Runtime {
    let builder = Runtime::builder().workers(workers).pin(false);
    builder.stall_threshold(None).build().unwrap()
}

fn sum(metrics: &RuntimeMetrics, of: impl Fn(&beehive::metrics::WorkerMetrics) -> u64) -> u64 {
    metrics.workers.iter().map(of).sum()
}

/// Looks at the metrics until they are as wanted.
fn wait_until(handle: &Handle, wanted: impl Fn(&RuntimeMetrics) -> bool) -> RuntimeMetrics {
    let start = Instant::now();
    loop {
        let metrics = handle.metrics();
        if wanted(&metrics) {
            return metrics;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{metrics:#?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Keeps the worker in one poll.
fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn polls_are_counted_by_class() {
    let runtime = runtime(1);
    runtime.block_on(async {
        let classes = [(Class::Latency, 3), (Class::Background, 5)];
        let others = classes.map(|(class, count)| {
            let options = TaskOptions::new().class(class);
            (0..count)
                .map(|_| spawn_with(options.clone(), async {}))
                .collect::<Vec<_>>()
        });
        let normal: Vec<_> = (0..7).map(|_| spawn_local(yield_now())).collect();
        for task in others.into_iter().flatten().chain(normal) {
            task.await.unwrap();
        }
    });
    let metrics = runtime.handle().metrics();
    let polls = |class| metrics.workers[0].class(class).polls;
    assert_eq!(polls(Class::Latency), 3);
    assert_eq!(polls(Class::Background), 5);
    assert_eq!(polls(Class::Normal), 14);
    assert_eq!(metrics.workers[0].polls(), 22);
}

#[test]
fn the_time_of_a_poll_goes_to_the_class_of_its_task() {
    let runtime = runtime(1);
    let long = Duration::from_millis(20);
    runtime.block_on(async {
        let options = TaskOptions::new().class(Class::Background);
        let task = spawn_local_with(options, async move { compute(long) });
        task.await.unwrap();
    });
    let metrics = runtime.handle().metrics();
    let time = |class| metrics.workers[0].class(class).time;
    assert!(time(Class::Background) >= long * 9 / 10, "{metrics:#?}");
    assert_eq!(time(Class::Latency), Duration::ZERO);
}

#[test]
fn slices_of_preemptible_tasks_are_counted_apart() {
    let runtime = runtime(1);
    runtime.block_on(async {
        let hog = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(20) {
                beehive::checkpoint();
            }
        };
        let (first, second) = (spawn_preemptible(hog), spawn_preemptible(hog));
        first.await.unwrap();
        second.await.unwrap();
    });
    let metrics = runtime.handle().metrics();
    let slices = metrics.workers[0].slices;
    assert!(
        slices.polls > 0 && slices.time > Duration::ZERO,
        "{slices:?}"
    );
}

#[test]
fn phases_add_up_to_the_time_since_the_start() {
    let runtime = runtime(1);
    let handle = runtime.handle();
    let inside = runtime.block_on(async {
        beehive::time::sleep(Duration::from_millis(5)).await;
        handle.metrics()
    });
    assert_eq!(inside.workers[0].phase, Phase::Running);
    let outside = handle.metrics();
    assert_eq!(outside.workers[0].phase, Phase::Parked);
    for metrics in [inside, outside] {
        let worker = &metrics.workers[0];
        assert_eq!(worker.times.total(), metrics.uptime, "{worker:#?}");
        assert!(worker.times.of(Phase::Parked) > Duration::ZERO);
        assert!(worker.times.of(Phase::Running) > Duration::ZERO);
        assert!(worker.times.of(Phase::Reactor) > Duration::ZERO);
    }
}

#[test]
fn a_parked_worker_grows_older_in_its_phase_without_doing_anything() {
    let runtime = runtime(2);
    let parked = |metrics: &RuntimeMetrics| metrics.workers[1].phase == Phase::Parked;
    let first = wait_until(&runtime.handle(), parked);
    std::thread::sleep(Duration::from_millis(10));
    let second = wait_until(&runtime.handle(), parked);
    let parked = |metrics: &RuntimeMetrics| metrics.workers[1].times.of(Phase::Parked);
    assert!(parked(&second) >= parked(&first) + Duration::from_millis(5));
}

#[test]
fn messages_and_the_wake_that_they_cause_are_counted() {
    let runtime = runtime(2);
    let handle = runtime.handle();
    wait_until(&handle, |metrics| {
        let worker = &metrics.workers[1];
        // Before its first turn it counts as parked too.
        worker.parks == 1 && worker.phase == Phase::Parked
    });
    handle.spawn_on(WorkerId::new(1), async || {}).detach();
    wait_until(&handle, |metrics| {
        let worker = &metrics.workers[1];
        worker.messages == 1 && worker.wakes >= 1 && worker.parks >= 2
    });
}

#[test]
fn tasks_from_outside_are_counted_where_they_are_taken() {
    let runtime = runtime(1);
    let handle = runtime.handle();
    let tasks: Vec<_> = (0..10).map(|_| handle.spawn(async {})).collect();
    assert!(handle.metrics().entrance >= 1);
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    let metrics = handle.metrics();
    assert_eq!(metrics.workers[0].injected, 10);
    assert_eq!(metrics.entrance, 0);
}

#[test]
fn what_an_idle_worker_takes_from_a_busy_one_is_counted() {
    let runtime = runtime(2);
    let handle = runtime.handle();
    runtime.block_on(async {
        let done = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let done = done.clone();
                spawn(async move { done.store(true, SeqCst) })
            })
            .collect();
        // Only the other worker can run one before this poll ends.
        while !done.load(SeqCst) {
            std::thread::yield_now();
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    let metrics = wait_until(&handle, |metrics| metrics.workers[1].phase == Phase::Parked);
    let thief = &metrics.workers[1];
    assert!(thief.steals >= 1 && thief.stolen >= thief.steals);
    assert!(thief.searches >= thief.steals);
    assert!(thief.times.of(Phase::Searching) > Duration::ZERO);
}

#[test]
fn queues_and_the_oldest_wait_show_while_a_worker_is_stuck() {
    let runtime = runtime(1);
    let handle = runtime.handle();
    let (go, gone) = mpsc::channel::<()>();
    let long = Duration::from_millis(20);
    let stuck = std::thread::spawn(move || {
        let seen = wait_until(&handle, |metrics| {
            let worker = &metrics.workers[0];
            worker.queued() >= 5 && worker.oldest_wait.min(worker.phase_age) >= long
        });
        go.send(()).unwrap();
        seen
    });
    runtime.block_on(async {
        let options = TaskOptions::new().class(Class::Background);
        let over = Arc::new(AtomicBool::new(false));
        let behind = || {
            let over = over.clone();
            async move {
                while !over.load(SeqCst) {
                    yield_now().await;
                }
            }
        };
        let mut tasks: Vec<_> = (0..4).map(|_| spawn_local(behind())).collect();
        tasks.extend((0..2).map(|_| spawn(behind())));
        tasks.push(spawn_local_with(options, behind()));
        // The worker sees its queues between two quanta: several pass before it gets stuck.
        for _ in 0..1_000 {
            yield_now().await;
        }
        tasks.push(spawn_local(async move {
            gone.recv().unwrap();
            over.store(true, SeqCst);
        }));
        for task in tasks {
            task.await.unwrap();
        }
    });
    let seen = stuck.join().unwrap();
    assert_eq!(seen.workers[0].phase, Phase::Running);
    assert_eq!(seen.workers[0].class(Class::Background).queued_local, 1);
    assert_eq!(seen.workers[0].class(Class::Normal).queued_stealable, 2);
    let after = runtime.handle().metrics();
    let worker = &after.workers[0];
    assert_eq!((worker.queued(), worker.oldest_wait), (0, Duration::ZERO));
    assert!(worker.waits >= 1 && worker.wait_time >= long);
}

#[test]
fn tasks_that_wait_are_counted_until_they_end() {
    let runtime = runtime(1);
    let handle = runtime.handle();
    runtime.block_on(async {
        let pending = || std::future::pending::<()>();
        let tasks = [spawn_local(pending()), spawn(pending())];
        beehive::time::sleep(Duration::from_millis(1)).await;
        let metrics = handle.metrics();
        assert_eq!((metrics.live, metrics.workers[0].live), (1, 1));
        drop(tasks);
    });
}

#[test]
fn stalls_are_counted_at_their_worker() {
    let threshold = Some(Duration::from_millis(2));
    let (told, hear) = mpsc::channel();
    let runtime = Runtime::builder()
        .workers(1)
        .stall_threshold(threshold)
        .on_stall(move |stall| told.send(stall.worker).unwrap_or_default())
        .build()
        .unwrap();
    runtime.block_on(async move { hear.recv().unwrap() });
    let metrics = runtime.handle().metrics();
    assert!(sum(&metrics, |worker| worker.stalls) >= 1);
}

#[test]
fn a_busy_worker_has_published_its_load_lately() {
    let runtime = runtime(1);
    let handle = runtime.handle();
    let age = runtime.block_on(async {
        let end = Instant::now() + Duration::from_millis(5);
        while Instant::now() < end {
            yield_now().await;
        }
        handle.metrics().workers[0].signal_age
    });
    assert!(age < handle.metrics().uptime);
}
