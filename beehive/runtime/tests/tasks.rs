//! Tasks: joining, cancelling, panics, stealing, spawning from other threads, shutdown.

mod common;

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use beehive::{JoinError, Runtime, TaskOptions, spawn, spawn_local, worker_id, yield_now};
use common::on_each_reactor;

/// Counts how many of its clones have been dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_join_handle_gives_the_result() {
    on_each_reactor(2, |runtime| {
        let sum = runtime.block_on(async {
            let local = spawn_local(async { *Rc::new(2) });
            let shared = spawn(async { 40 });
            local.await.unwrap() + shared.await.unwrap()
        });
        assert_eq!(sum, 42);
    });
}

#[test]
fn a_panic_goes_to_the_join_handle_and_the_worker_goes_on() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let error = spawn(async { panic!("on purpose") }).await.unwrap_err();
            assert_eq!(error.message(), Some("on purpose"));
            let error = spawn_local(async { panic!("{} too", "this") })
                .await
                .unwrap_err();
            assert_eq!(error.to_string(), "the task panicked: this too");
            assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
        });
    });
}

#[test]
fn a_panic_of_the_main_task_leaves_the_runtime_usable() {
    on_each_reactor(1, |runtime| {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async { panic!("main") });
        }));
        assert!(panic.is_err());
        assert_eq!(runtime.block_on(async { 5 }), 5);
    });
}

#[test]
fn cancelling_drops_what_the_task_holds() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let count = Arc::new(AtomicUsize::new(0));
            for local in [true, false] {
                let held = Dropped(count.clone());
                let waiting = async move {
                    std::future::pending::<()>().await;
                    drop(held);
                };
                let task = if local {
                    spawn_local(waiting)
                } else {
                    spawn(waiting)
                };
                yield_now().await;
                assert!(task.cancel().await.is_none());
            }
            assert_eq!(count.load(SeqCst), 2);
        });
    });
}

#[test]
fn a_dropped_join_handle_lets_the_task_go_on() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let count = Arc::new(AtomicUsize::new(0));
            let held = Dropped(count.clone());
            drop(spawn(async move {
                yield_now().await;
                drop(held);
            }));
            while count.load(SeqCst) == 0 {
                yield_now().await;
            }
        });
    });
}

#[test]
fn tasks_spawned_from_another_thread_run() {
    on_each_reactor(2, |runtime| {
        let handle = runtime.handle();
        let sum = runtime.block_on(async {
            let thread = std::thread::spawn(move || {
                let shared: Vec<_> = (0..100).map(|i| handle.spawn(async move { i })).collect();
                let pinned: Vec<_> = handle
                    .workers()
                    .map(|worker| {
                        handle.spawn_on(worker, move || async move {
                            assert_eq!(worker_id(), Some(worker));
                            // Not `Send`: may live across a suspension all the same.
                            let value = Rc::new(1_000);
                            yield_now().await;
                            *value
                        })
                    })
                    .collect();
                shared.into_iter().chain(pinned)
            });
            let mut sum = 0;
            for task in thread.join().unwrap() {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 4_950 + 2_000);
    });
}

#[test]
fn wakes_from_other_threads_reach_a_sleeping_worker() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            for worker in runtime.handle().workers() {
                let waiting = runtime.handle().spawn_on(worker, || async {
                    let shared = Arc::new(Mutex::new((false, None::<std::task::Waker>)));
                    let other = shared.clone();
                    std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_millis(20));
                        let mut state = other.lock().unwrap();
                        state.0 = true;
                        state.1.take().into_iter().for_each(std::task::Waker::wake);
                    });
                    std::future::poll_fn(|cx| {
                        let mut state = shared.lock().unwrap();
                        if state.0 {
                            return std::task::Poll::Ready(());
                        }
                        state.1 = Some(cx.waker().clone());
                        std::task::Poll::Pending
                    })
                    .await;
                });
                waiting.await.unwrap();
            }
        });
    });
}

#[test]
fn idle_workers_take_tasks_from_a_busy_one() {
    on_each_reactor(4, |runtime| {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..40)
                .map(|_| {
                    spawn(async {
                        std::thread::sleep(Duration::from_millis(10));
                        worker_id()
                    })
                })
                .collect();
            let mut workers = HashSet::new();
            for task in tasks {
                workers.insert(task.await.unwrap());
            }
            assert_eq!(workers.len(), 4);
        });
    });
}

#[test]
fn injected_tasks_run_although_all_workers_are_busy() {
    on_each_reactor(2, |runtime| {
        let handle = runtime.handle();
        runtime.block_on(async {
            let busy: Vec<_> = handle
                .workers()
                .map(|worker| {
                    handle.spawn_on(worker, || async {
                        loop {
                            yield_now().await;
                        }
                    })
                })
                .collect::<Vec<beehive::JoinHandle<()>>>();
            let outside = handle.clone();
            let thread = std::thread::spawn(move || {
                (0..1_000)
                    .map(|i| outside.spawn(async move { i }))
                    .collect::<Vec<_>>()
            });
            let mut sum = 0;
            for task in thread.join().unwrap() {
                sum += task.await.unwrap();
            }
            assert_eq!(sum, 499_500);
            for task in busy {
                task.cancel().await;
            }
        });
    });
}

#[test]
fn the_end_of_block_on_drops_the_local_tasks_of_its_worker() {
    on_each_reactor(1, |runtime| {
        let count = Arc::new(AtomicUsize::new(0));
        let (ready, waiting) = (Dropped(count.clone()), Dropped(count.clone()));
        runtime.block_on(async {
            spawn_local(async move {
                std::future::pending::<()>().await;
                drop(waiting);
            })
            .detach();
            yield_now().await;
            spawn_local(async move { drop(ready) }).detach();
        });
        assert_eq!(count.load(SeqCst), 2);
    });
}

#[test]
fn dropping_the_runtime_drops_all_tasks_and_cancels_their_handles() {
    for io in [beehive::Io::Epoll, beehive::Io::Auto] {
        let count = Arc::new(AtomicUsize::new(0));
        let runtime = Runtime::builder()
            .workers(3)
            .io(io)
            .pin(false)
            .build()
            .unwrap();
        let handle = runtime.handle();
        let mut tasks = Vec::new();
        for index in 0..30 {
            let held = Dropped(count.clone());
            let waiting = async move {
                beehive::time::sleep(Duration::from_secs(3_600)).await;
                drop(held);
            };
            tasks.push(match index % 3 {
                0 => handle.spawn(waiting),
                worker => handle.spawn_on(handle.workers().nth(worker).unwrap(), || waiting),
            });
        }
        std::thread::sleep(Duration::from_millis(20));
        drop(runtime);
        assert_eq!(count.load(SeqCst), 30);
        let late = handle.spawn(async {});
        let first = handle.workers().next().unwrap();
        let late_local = handle.spawn_on(first, || async {});
        let other = Runtime::builder().workers(1).build().unwrap();
        other.block_on(async {
            for task in tasks.into_iter().chain([late, late_local]) {
                assert!(matches!(task.await, Err(JoinError::Cancelled)));
            }
        });
    }
}

#[test]
fn tasks_sent_to_the_first_worker_wait_for_block_on() {
    on_each_reactor(1, |runtime| {
        let handle = runtime.handle();
        let first = handle.workers().next().unwrap();
        let task = handle.spawn_on(first, || async { 9 });
        assert_eq!(runtime.block_on(task).unwrap(), 9);
    });
}

#[test]
fn many_tasks_wake_each_other_across_workers() {
    on_each_reactor(3, |runtime| {
        let total = runtime.block_on(async {
            let tasks: Vec<_> = (0..200_u64)
                .map(|i| {
                    spawn(async move {
                        let mut sum = 0;
                        for round in 0..20 {
                            yield_now().await;
                            sum += spawn(async move { i * round }).await.unwrap();
                        }
                        sum
                    })
                })
                .collect();
            let mut total = 0;
            for task in tasks {
                total += task.await.unwrap();
            }
            total
        });
        assert_eq!(total, 19_900 * 190);
    });
}

#[test]
fn tasks_that_never_got_their_turn_are_dropped_with_the_runtime() {
    on_each_reactor(1, |runtime| {
        let count = Arc::new(AtomicUsize::new(0));
        let queued = Dropped(count.clone());
        runtime.block_on(async move {
            spawn(async move { drop(queued) }).detach();
        });
        drop(Runtime::builder().workers(1).build());
        assert_eq!(count.load(SeqCst), 0);
        runtime.block_on(yield_now());
        assert_eq!(count.load(SeqCst), 1);
    });
    let count = Arc::new(AtomicUsize::new(0));
    let queued = Dropped(count.clone());
    let runtime = Runtime::builder().workers(1).build().unwrap();
    runtime.block_on(async move { spawn(async move { drop(queued) }).detach() });
    drop(runtime);
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn a_lone_worker_that_sleeps_takes_tasks_from_other_threads() {
    on_each_reactor(1, |runtime| {
        let handle = runtime.handle();
        let (done, ended) = beehive::channel::oneshot::channel();
        let thread = std::thread::spawn(move || {
            // Long enough for the worker to fall asleep.
            std::thread::sleep(Duration::from_millis(50));
            handle.spawn(async move { done.send(()) }).detach();
        });
        let woken = beehive::time::timeout(Duration::from_secs(30), ended);
        assert_eq!(runtime.block_on(woken), Ok(Ok(())));
        thread.join().unwrap();
    });
}

#[test]
fn a_long_chain_of_tasks_that_wait_for_each_other_is_dropped_with_the_runtime() {
    let count = Arc::new(AtomicUsize::new(0));
    let held = Dropped(count.clone());
    let runtime = Runtime::builder().workers(1).build().unwrap();
    runtime.block_on(async {
        let mut last = spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        for _ in 0..100_000 {
            last = spawn(async move { last.await.unwrap() });
        }
        let _ = beehive::time::timeout(Duration::from_millis(100), last).await;
    });
    drop(runtime);
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn a_runtime_that_refused_to_run_inside_a_task_is_still_usable() {
    on_each_reactor(1, |outer| {
        on_each_reactor(1, |inner| {
            let refused = outer.block_on(async {
                let run = || inner.block_on(async {});
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
            });
            assert!(refused.is_err());
            assert_eq!(inner.block_on(async { 3 }), 3);
        });
    });
}

#[test]
fn a_task_with_an_affinity_runs_on_its_worker_wherever_it_is_woken() {
    on_each_reactor(3, |runtime| {
        let handle = runtime.handle();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..60)
                .map(|i| {
                    let chosen = handle.workers().nth(i % 3).unwrap();
                    let options = TaskOptions::new().name("homely").affinity(chosen);
                    handle.spawn_with(options, async move {
                        for round in 0..5 {
                            assert_eq!(worker_id(), Some(chosen));
                            match round % 2 {
                                0 => spawn(yield_now()).await.unwrap(),
                                _ => beehive::time::sleep(Duration::from_millis(1)).await,
                            }
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
fn tasks_of_the_first_worker_wait_between_two_calls_of_block_on() {
    on_each_reactor(2, |runtime| {
        let handle = runtime.handle();
        let first = handle.workers().next().unwrap();
        let finish = Arc::new(AtomicBool::new(false));
        let asked = finish.clone();
        let task = handle.spawn_with(TaskOptions::new().affinity(first), async move {
            while !asked.load(SeqCst) {
                yield_now().await;
            }
            worker_id()
        });
        runtime.block_on(yield_now());
        finish.store(true, SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        assert!(!task.is_finished());
        assert_eq!(runtime.block_on(task).unwrap(), Some(first));
    });
}

#[test]
fn a_task_with_an_affinity_sleeps_on_while_its_worker_does_not_run() {
    on_each_reactor(2, |runtime| {
        let handle = runtime.handle();
        let first = handle.workers().next().unwrap();
        let sleeper = async {
            beehive::time::sleep(Duration::from_millis(20)).await;
            7
        };
        let task = handle.spawn_with(TaskOptions::new().affinity(first), sleeper);
        runtime.block_on(async { yield_now().await });
        assert_eq!(runtime.block_on(task).unwrap(), 7);
    });
}

#[test]
fn a_long_chain_of_tasks_with_an_affinity_is_dropped_with_the_runtime() {
    let count = Arc::new(AtomicUsize::new(0));
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let handle = runtime.handle();
    for worker in handle.workers() {
        let held = Dropped(count.clone());
        let options = TaskOptions::new().affinity(worker);
        let mut last = handle.spawn_with(options.clone(), async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        for _ in 0..50_000 {
            last = handle.spawn_with(options.clone(), async move { last.await.unwrap() });
        }
        let waits = async { beehive::time::timeout(Duration::from_millis(100), last).await };
        assert!(runtime.block_on(waits).is_err());
    }
    drop(runtime);
    assert_eq!(count.load(SeqCst), 2);
}

#[test]
#[should_panic(expected = "the runtime has no such worker")]
fn an_affinity_to_a_worker_that_does_not_exist_is_refused() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let options = TaskOptions::new().affinity(beehive::WorkerId::new(1));
    runtime.handle().spawn_with(options, async {}).detach();
}

#[test]
fn timers_and_sockets_work_in_each_call_of_block_on() {
    on_each_reactor(2, |runtime| {
        for _ in 0..3 {
            runtime.block_on(async {
                beehive::time::sleep(Duration::from_millis(1)).await;
                let mut listener = beehive::net::local::TcpListener::bind("127.0.0.1:0").unwrap();
                let addr = listener.local_addr();
                let client = std::thread::spawn(move || std::net::TcpStream::connect(addr));
                listener.accept().await.unwrap();
                client.join().unwrap().unwrap();
            });
            runtime.block_on(yield_now());
        }
    });
}

#[test]
fn a_task_alone_behind_a_long_poll_is_taken_by_an_idle_worker() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let outer = spawn(async {
                let here = worker_id();
                let (begun, seen) = std::sync::mpsc::channel();
                spawn(async move { begun.send(worker_id()) }).detach();
                // This poll ends only when the task has begun on another worker.
                let there = seen.recv_timeout(Duration::from_secs(10)).unwrap();
                assert_ne!(here, there);
            });
            outer.await.unwrap();
        });
    });
}

#[test]
fn a_drop_that_panics_ends_its_task_and_nothing_else() {
    struct Explosive;
    impl Drop for Explosive {
        fn drop(&mut self) {
            panic!("on purpose, in a drop");
        }
    }
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            // In the future, in an output that nobody wants, and in a future that is cancelled.
            let held = Explosive;
            let ended = spawn(async move {
                let _held = &held;
                yield_now().await;
            });
            assert!(ended.await.unwrap_err().message().is_some());
            spawn(async { Explosive }).detach();
            let held = Explosive;
            let waits = spawn(async move {
                let _held = &held;
                std::future::pending::<()>().await;
            });
            yield_now().await;
            assert!(waits.cancel().await.is_none());
            assert_eq!(spawn(async { 6 }).await.unwrap(), 6);
        });
    });
}
