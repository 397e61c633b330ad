//! Polls that last too long: they are reported, and what is queued behind them runs elsewhere.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use beehive::stall::{Doing, Stall};
use beehive::{Runtime, TaskOptions, spawn, spawn_with, worker_id};

/// If something does not come within this time, it never will.
const NEVER: Duration = Duration::from_secs(120);
/// Of which one succeeds on the busiest machine.
const TRIES: u32 = 100;

fn watched(workers: usize) -> (Runtime, Receiver<Stall>) {
    let (report, reports) = channel();
    let report = Mutex::new(report);
    let runtime = Runtime::builder()
        .workers(workers)
        .pin(false)
        .stall_threshold(Some(Duration::from_millis(5)))
        .on_stall(move |stall| drop(report.lock().unwrap().send(stall.clone())))
        .build()
        .unwrap();
    (runtime, reports)
}

#[test]
fn what_a_blocked_task_has_spawned_runs_on_another_worker() {
    for threshold in [None, Some(Duration::from_millis(2))] {
        let runtime = Runtime::builder()
            .workers(2)
            .pin(false)
            .stall_threshold(threshold)
            .build()
            .unwrap();
        runtime.block_on(async {
            for _ in 0..10 {
                let blocked = spawn(async {
                    let (done, all_done) = channel();
                    for _ in 0..20 {
                        let done = done.clone();
                        spawn(async move { done.send(worker_id()).unwrap() }).detach();
                    }
                    // This poll does not end before all of them have run.
                    for _ in 0..20 {
                        let elsewhere = all_done.recv_timeout(NEVER).expect("stranded");
                        assert_ne!(elsewhere, worker_id());
                    }
                });
                blocked.await.unwrap();
            }
        });
    }
}

#[test]
fn a_stall_is_reported_once_with_name_type_and_what_the_thread_does() {
    let (runtime, reports) = watched(2);
    let reports = Arc::new(Mutex::new(reports));
    runtime.block_on(async {
        // On a busy machine a thread may be reported before it has got so far as to block.
        for _ in 0..TRIES {
            let seen = reports.clone();
            let options = TaskOptions::new().name(String::from("greedy"));
            // Has one poll only, so that all reports with its name are about that.
            let task = spawn_with(options, async move {
                let report = greedy_poll(&seen.lock().unwrap());
                (worker_id(), report)
            });
            let (worker, stall) = task.await.unwrap();
            assert_eq!(Some(stall.worker), worker);
            assert_eq!(stall.name.as_deref(), Some("greedy"));
            assert!(stall.future.contains("a_stall_is_reported_once"), "{stall}");
            assert!(stall.elapsed >= Duration::from_millis(5));
            if matches!(stall.doing, Doing::Blocked(_)) {
                return;
            }
        }
        panic!("a thread that blocks was never seen to");
    });
}

/// Blocks until it has been reported, and for a while longer.
fn greedy_poll(reports: &Receiver<Stall>) -> Stall {
    let mine = || {
        let named = |stall: &Stall| stall.name.is_some();
        std::iter::from_fn(|| reports.recv_timeout(NEVER).ok()).find(named)
    };
    let first = mine().expect("no report");
    std::thread::sleep(Duration::from_millis(40));
    assert!(
        !reports.try_iter().any(|stall| stall.name.is_some()),
        "reported twice"
    );
    first
}

#[test]
fn computing_is_told_from_blocking() {
    let (runtime, reports) = watched(1);
    runtime.block_on(async {
        let stall = loop {
            if let Ok(stall) = reports.try_recv() {
                break stall;
            }
        };
        assert_eq!(stall.future, "the future of `block_on`");
        assert!(
            matches!(stall.doing, Doing::Computing | Doing::Descheduled),
            "{stall}"
        );
        assert!(stall.to_string().starts_with("worker 0 has polled"));
    });
}

#[test]
fn a_preemptible_task_between_checkpoints_is_a_stall_too() {
    let (runtime, reports) = watched(1);
    let reports = Arc::new(Mutex::new(reports));
    runtime.block_on(async {
        let seen = reports.clone();
        let task = beehive::spawn_preemptible(move || {
            let reports = seen.lock().unwrap();
            let of_fiber = |stall: &Stall| stall.future.contains("Fiber");
            std::iter::from_fn(|| reports.recv_timeout(NEVER).ok()).any(|stall| of_fiber(&stall))
        });
        assert!(task.await.unwrap());
    });
}

#[test]
fn short_polls_and_waits_are_not_reported() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let runtime = Runtime::builder()
        .workers(2)
        .pin(false)
        .stall_threshold(Some(Duration::from_secs(60)))
        .on_stall(move |_| _ = counted.fetch_add(1, SeqCst))
        .build()
        .unwrap();
    runtime.block_on(async {
        for _ in 0..1_000 {
            spawn(async {}).await.unwrap();
        }
        beehive::time::sleep(Duration::from_millis(5)).await;
    });
    drop(runtime);
    assert_eq!(count.load(SeqCst), 0);
}

#[test]
fn a_monitor_that_sleeps_wakes_for_the_next_stall() {
    let (runtime, reports) = watched(2);
    // Longer than the monitor lingers while no worker does anything.
    std::thread::sleep(Duration::from_millis(1_200));
    runtime.block_on(async {
        assert!(reports.recv_timeout(NEVER).is_ok());
    });
}

#[test]
fn after_a_hook_that_panics_stalls_are_still_noticed() {
    let (report, reports) = channel();
    let report = Mutex::new(report);
    let runtime = Runtime::builder()
        .workers(1)
        .pin(false)
        .stall_threshold(Some(Duration::from_millis(2)))
        .on_stall(move |stall| {
            report.lock().unwrap().send(stall.name.clone()).unwrap();
            panic!("on purpose");
        })
        .build()
        .unwrap();
    let reports = Arc::new(Mutex::new(reports));
    runtime.block_on(async {
        for name in ["first", "second"] {
            let reports = reports.clone();
            let task = spawn_with(TaskOptions::new().name(name), async move {
                let reports = reports.lock().unwrap();
                let named = |reported: Option<_>| reported.as_deref() == Some(name);
                std::iter::from_fn(|| reports.recv_timeout(NEVER).ok()).any(named)
            });
            assert!(task.await.unwrap(), "the stall of {name} was not reported");
        }
    });
}
