//! Preemptible tasks: they give way and go on, end in every way, and leave nothing behind.

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use beehive::{
    Preemptible, Runtime, checkpoint, no_preempt, spawn, spawn_local, spawn_preemptible, time,
    worker_id, yield_now,
};
use common::on_each_reactor;

fn one_worker() -> Runtime {
    Runtime::builder().workers(1).pin(false).build().unwrap()
}

/// Computes until `done`, giving way; fails rather than hang if that never comes.
fn compute_until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        checkpoint();
        assert!(start.elapsed() < Duration::from_secs(120), "it never came");
    }
}

/// Gives way at least once: computes until another task of this worker has run.
fn give_way() {
    let ran = Arc::new(AtomicBool::new(false));
    let other = ran.clone();
    spawn_local(async move { other.store(true, SeqCst) }).detach();
    compute_until(|| ran.load(SeqCst));
}

/// Counts how many of its clones exist.
#[derive(Clone)]
struct Counted(Arc<()>);

impl Counted {
    fn new() -> Self {
        Self(Arc::new(()))
    }

    fn others(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

#[test]
fn a_preemptible_task_gives_its_result() {
    on_each_reactor(2, |runtime| {
        let handle = runtime.handle().spawn_preemptible(|| 20);
        let sum = runtime.block_on(async {
            let own = spawn_preemptible(|| {
                give_way();
                22
            });
            own.await.unwrap() + handle.await.unwrap()
        });
        assert_eq!(sum, 42);
    });
}

#[test]
fn tasks_timers_and_the_main_task_run_while_one_computes() {
    on_each_reactor(1, |runtime| {
        let done = Arc::new(AtomicBool::new(false));
        let seen = done.clone();
        runtime.block_on(async move {
            let computing = spawn_preemptible(move || compute_until(|| seen.load(SeqCst)));
            spawn(async {}).await.unwrap();
            spawn_local(async {}).await.unwrap();
            yield_now().await;
            time::sleep(Duration::from_millis(2)).await;
            assert!(!computing.is_finished());
            done.store(true, SeqCst);
            computing.await.unwrap();
        });
    });
}

#[test]
fn what_is_sent_from_another_thread_is_seen_while_one_computes() {
    let runtime = one_worker();
    let handle = runtime.handle();
    let done = Arc::new(AtomicBool::new(false));
    let seen = done.clone();
    runtime.block_on(async move {
        let computing = spawn_preemptible(move || compute_until(|| seen.load(SeqCst)));
        let sender = std::thread::spawn(move || {
            handle
                .spawn(async move { done.store(true, SeqCst) })
                .detach();
        });
        computing.await.unwrap();
        sender.join().unwrap();
    });
}

#[test]
fn long_computations_share_a_worker() {
    let runtime = one_worker();
    let turns: Arc<[AtomicUsize; 3]> = Arc::default();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..3)
            .map(|me| {
                let turns = turns.clone();
                // Each waits for progress of all the others.
                spawn_preemptible(move || {
                    for round in 0..5 {
                        turns[me].store(round + 1, SeqCst);
                        compute_until(|| turns.iter().all(|turn| turn.load(SeqCst) > round));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

thread_local! {
    static MARK: Cell<usize> = const { Cell::new(0) };
}

#[test]
fn a_task_goes_on_where_it_began_with_the_same_thread_locals() {
    on_each_reactor(4, |runtime| {
        runtime.block_on(async {
            let tasks: Vec<_> = (1..20)
                .map(|number| {
                    spawn_preemptible(move || {
                        let thread = std::thread::current().id();
                        let worker = worker_id();
                        let mark = MARK.with(|mark| std::ptr::from_ref(mark).addr());
                        for _ in 0..20 {
                            no_preempt(|| {
                                MARK.set(number);
                                checkpoint();
                                assert_eq!(MARK.get(), number);
                            });
                            give_way();
                            assert_eq!(std::thread::current().id(), thread);
                            assert_eq!(worker_id(), worker);
                            assert_eq!(MARK.with(|mark| std::ptr::from_ref(mark).addr()), mark);
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn others_see_and_change_thread_locals_in_between() {
    let runtime = one_worker();
    runtime.block_on(async {
        MARK.set(0);
        let task = spawn_preemptible(|| {
            MARK.set(7);
            compute_until(|| MARK.get() != 7);
            MARK.get()
        });
        while MARK.get() != 7 {
            yield_now().await;
        }
        MARK.set(8);
        assert_eq!(task.await.unwrap(), 8);
    });
}

#[test]
fn a_lock_stays_locked_over_a_checkpoint_unless_the_section_forbids_it() {
    let runtime = one_worker();
    let lock = Arc::new(Mutex::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let held = |protected: bool| {
        let (lock, stop) = (lock.clone(), stop.clone());
        stop.store(false, SeqCst);
        move || {
            while !stop.load(SeqCst) {
                let section = || {
                    let mut value = lock.lock().unwrap();
                    for _ in 0..1_000 {
                        *value += 1;
                        checkpoint();
                    }
                };
                if protected {
                    no_preempt(section);
                } else {
                    section();
                }
                checkpoint();
            }
        }
    };
    let would_block = || matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
    runtime.block_on(async {
        let task = spawn_preemptible(held(false));
        while !would_block() {
            yield_now().await;
        }
        stop.store(true, SeqCst);
        task.await.unwrap();

        let task = spawn_preemptible(held(true));
        let before = *lock.lock().unwrap();
        while *lock.lock().unwrap() < before + 50_000 {
            assert!(!would_block());
            yield_now().await;
        }
        stop.store(true, SeqCst);
        task.await.unwrap();
    });
}

#[test]
fn cancelling_unwinds_from_the_checkpoint_and_runs_destructors() {
    on_each_reactor(2, |runtime| {
        let count = Counted::new();
        runtime.block_on(async {
            let begun = Arc::new(AtomicBool::new(false));
            let (held, seen) = (count.clone(), begun.clone());
            let task = spawn_preemptible(move || {
                let outer = held.clone();
                (0..3).for_each(|_| {
                    let _inner = held.clone();
                    seen.store(true, SeqCst);
                    loop {
                        checkpoint();
                    }
                });
                drop(outer);
            });
            while !begun.load(SeqCst) {
                yield_now().await;
            }
            assert!(count.others() > 0);
            assert!(task.cancel().await.is_none());
            assert_eq!(count.others(), 0);
        });
    });
}

#[test]
fn cancelling_a_task_that_has_not_begun_drops_its_function() {
    let runtime = one_worker();
    let count = Counted::new();
    runtime.block_on(async {
        let held = count.clone();
        let task = spawn_preemptible(move || held.others());
        assert!(task.cancel().await.is_none());
    });
    assert_eq!(count.others(), 0);
}

#[test]
fn a_cancellation_that_is_caught_is_raised_again_at_the_next_checkpoint() {
    let runtime = one_worker();
    let caught = Arc::new(AtomicUsize::new(0));
    let seen = caught.clone();
    runtime.block_on(async move {
        let task = spawn_preemptible(move || {
            for _ in 0..2 {
                let result = catch_unwind(AssertUnwindSafe(|| {
                    loop {
                        checkpoint();
                    }
                }));
                assert!(result.is_err());
                seen.fetch_add(1, SeqCst);
            }
        });
        yield_now().await;
        assert!(task.cancel().await.is_none());
    });
    assert_eq!(caught.load(SeqCst), 2);
}

#[test]
fn a_panic_before_and_after_a_suspension_goes_to_the_handle() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            for suspended in [false, true] {
                let task = spawn_preemptible(move || {
                    if suspended {
                        give_way();
                    }
                    panic!("on purpose");
                });
                let error = task.await.unwrap_err();
                assert_eq!(error.message(), Some("on purpose"));
            }
            assert_eq!(spawn_preemptible(|| 1).await.unwrap(), 1);
        });
    });
}

/// Passes many checkpoints in its destructor, and counts them.
struct SlowToDrop(Arc<AtomicUsize>);

impl Drop for SlowToDrop {
    fn drop(&mut self) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(2) {
            checkpoint();
        }
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn nothing_else_runs_in_the_middle_of_a_panic() {
    let runtime = one_worker();
    let dropped = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let slow = SlowToDrop(dropped.clone());
        let task = spawn_preemptible(move || {
            give_way();
            let _slow = slow;
            panic!("on purpose");
        });
        while !task.is_finished() {
            assert!(!std::thread::panicking());
            yield_now().await;
        }
        assert!(task.await.is_err());
    });
    assert_eq!(dropped.load(SeqCst), 1);
}

#[test]
fn a_section_without_preemption_runs_in_one_piece() {
    let runtime = one_worker();
    let polls = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let counted = polls.clone();
        let other = spawn(async move {
            loop {
                counted.fetch_add(1, SeqCst);
                yield_now().await;
            }
        });
        let seen = polls.clone();
        let task = spawn_preemptible(move || {
            let inside = no_preempt(|| {
                let before = seen.load(SeqCst);
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(2) {
                    no_preempt(checkpoint);
                    checkpoint();
                }
                seen.load(SeqCst) - before
            });
            let before = seen.load(SeqCst);
            compute_until(|| seen.load(SeqCst) > before);
            inside
        });
        assert_eq!(task.await.unwrap(), 0);
        other.cancel().await;
    });
}

#[test]
fn a_panic_leaves_a_section_without_preemption() {
    let runtime = one_worker();
    runtime.block_on(async {
        let task = spawn_preemptible(|| {
            let section = || no_preempt(|| panic!("on purpose"));
            assert!(catch_unwind(AssertUnwindSafe(section)).is_err());
            give_way();
        });
        task.await.unwrap();
    });
}

#[test]
fn a_checkpoint_outside_a_preemptible_task_does_nothing() {
    checkpoint();
    assert_eq!(no_preempt(|| 3), 3);
    one_worker().block_on(async { checkpoint() });
}

#[test]
fn a_runtime_inside_a_preemptible_task_is_refused_with_an_explanation() {
    let runtime = one_worker();
    runtime.block_on(async {
        let task = spawn_preemptible(|| one_worker().block_on(async {}));
        let error = task.await.unwrap_err();
        assert!(
            error.message().unwrap().contains("inside a task"),
            "{error}"
        );
    });
}

#[test]
fn a_preemptible_task_spawns_all_kinds_of_tasks_and_waits_for_them_by_computing() {
    on_each_reactor(2, |runtime| {
        let sum = runtime.block_on(async {
            let task = spawn_preemptible(|| {
                let sum = Arc::new(AtomicUsize::new(0));
                let add = |n| {
                    let sum = sum.clone();
                    move || _ = sum.fetch_add(n, SeqCst)
                };
                let (one, two, four) = (add(1), add(2), add(4));
                spawn(async move { one() }).detach();
                spawn_local(async move { two() }).detach();
                spawn_preemptible(four).detach();
                compute_until(|| sum.load(SeqCst) == 7);
                sum.load(SeqCst)
            });
            task.await.unwrap()
        });
        assert_eq!(sum, 7);
    });
}

/// Uses some 512 bytes of stack per level and checks them on the way back.
#[inline(never)]
fn recurse(level: u64) -> u64 {
    checkpoint();
    let canary = std::hint::black_box([level; 64]);
    let below = if level == 0 { 0 } else { recurse(level - 1) };
    assert!(canary.iter().all(|word| *word == level));
    below + 1
}

#[test]
fn stacks_hold_what_was_put_there_over_suspensions() {
    let runtime = one_worker();
    runtime.block_on(async {
        let deep = Preemptible::new().stack_bytes(16 << 20);
        let deep = deep.spawn(|| recurse(8_000));
        let shallow: Vec<_> = (0..50)
            .map(|n| spawn_preemptible(move || recurse(n)))
            .collect();
        for (n, task) in shallow.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n as u64 + 1);
        }
        assert_eq!(deep.await.unwrap(), 8_001);
    });
}

#[test]
#[should_panic(expected = "at least 16 KiB")]
fn a_stack_that_is_too_small_is_refused() {
    let _ = Preemptible::new().stack_bytes(4_096);
}

#[test]
fn overflow_of_a_stack_ends_the_process() {
    const MARK: &str = "BEEHIVE_TEST_OVERFLOW";
    if std::env::var_os(MARK).is_some() {
        let runtime = one_worker();
        let sum = runtime.block_on(async { spawn_preemptible(|| recurse(1_000_000)).await });
        println!("survived: {sum:?}");
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "overflow_of_a_stack_ends_the_process",
            "--nocapture",
        ])
        .env(MARK, "1")
        .output()
        .unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("survived"), "{text}");
    assert!(matches!(signal, Some(6 | 7 | 11)), "{:?}", output.status);
}

#[test]
fn more_tasks_than_stacks_all_end() {
    let runtime = one_worker();
    let ended = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1_300)
            .map(|_| {
                let ended = ended.clone();
                spawn_preemptible(move || {
                    give_way();
                    ended.fetch_add(1, SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(ended.load(SeqCst), 1_300);
}

#[test]
fn the_end_of_the_runtime_unwinds_what_is_suspended_and_drops_what_has_not_begun() {
    for workers in [1, 3] {
        let count = Counted::new();
        let runtime = Runtime::builder()
            .workers(workers)
            .pin(false)
            .build()
            .unwrap();
        runtime.block_on(async {
            for _ in 0..40 {
                let held = count.clone();
                spawn_preemptible(move || {
                    let _held = held;
                    loop {
                        checkpoint();
                    }
                })
                .detach();
            }
            time::sleep(Duration::from_millis(2)).await;
        });
        let late = count.clone();
        let never = runtime.handle().spawn_preemptible(move || late.others());
        drop(runtime);
        assert_eq!(count.others(), 0);
        drop(never);
    }
}

#[test]
fn after_random_ends_every_task_is_accounted_for() {
    on_each_reactor(3, |runtime| {
        let count = Counted::new();
        let (mut ended, mut panicked, mut cancelled) = (0, 0, 0);
        runtime.block_on(async {
            let mut tasks = Vec::new();
            for n in 0..600_u32 {
                let held = count.clone();
                let task = spawn_preemptible(move || {
                    let _held = held.clone();
                    for _ in 0..n % 7 {
                        give_way();
                    }
                    assert_ne!(n % 5, 0, "on purpose");
                });
                tasks.push((n, task));
            }
            for (n, task) in tasks {
                if n % 3 == 0 {
                    match task.cancel().await {
                        None => cancelled += 1,
                        Some(Ok(())) => ended += 1,
                        Some(Err(_)) => panicked += 1,
                    }
                } else if task.await.is_ok() {
                    ended += 1;
                } else {
                    panicked += 1;
                }
            }
        });
        assert_eq!(ended + panicked + cancelled, 600);
        assert!(panicked >= 80, "{panicked}");
        assert_eq!(count.others(), 0);
    });
}
