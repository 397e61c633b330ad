//! Groups: results in the order of completion, panics and cancellations as results, and no task that
//! outlives its set.

mod common;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use beehive::channel::oneshot;
use beehive::{JoinError, JoinSet, yield_now};
use common::on_each_reactor;

/// Counts how many of its clones have been dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn results_come_in_the_order_in_which_the_tasks_end() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let mut starts = Vec::new();
            for number in 0..10 {
                let (start, started) = oneshot::channel::<()>();
                starts.push(Some(start));
                set.spawn(async move {
                    started.await.unwrap();
                    number
                });
            }
            for number in [3, 1, 4, 9, 5, 2, 6, 8, 7, 0] {
                starts[number].take().unwrap().send(()).unwrap();
                assert_eq!(set.join_next().await.unwrap().unwrap(), number);
            }
            assert!(set.join_next().await.is_none());
        });
    });
}

#[test]
fn many_tasks_on_two_workers_are_each_joined_once() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for number in 0..1_000_u64 {
                set.spawn(async move {
                    for _ in 0..number % 5 {
                        yield_now().await;
                    }
                    number
                });
            }
            assert_eq!(set.len(), 1_000);
            let mut sum = 0;
            while let Some(result) = set.join_next().await {
                sum += result.unwrap();
            }
            assert_eq!((sum, set.len()), (499_500, 0));
        });
    });
}

#[test]
fn a_panic_and_an_abort_are_results_of_their_tasks_only() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(async { panic!("on purpose") });
            let error = set.join_next().await.unwrap().unwrap_err();
            assert_eq!(error.message(), Some("on purpose"));
            let count = Arc::new(AtomicUsize::new(0));
            let held = Dropped(count.clone());
            let abort = set.spawn(async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
            set.spawn(async {});
            set.join_next().await.unwrap().unwrap();
            abort.abort();
            let ended = set.join_next().await.unwrap();
            assert!(matches!(ended, Err(JoinError::Cancelled)));
            assert_eq!(count.load(SeqCst), 1);
        });
    });
}

#[test]
fn dropping_a_set_cancels_its_tasks_and_detaching_lets_them_go_on() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let count = Arc::new(AtomicUsize::new(0));
            let mut set = JoinSet::new();
            for number in 0..10 {
                let held = Dropped(count.clone());
                let waiting = async move {
                    let _held = held;
                    std::future::pending::<()>().await;
                };
                if number % 2 == 0 {
                    set.spawn(waiting);
                } else {
                    set.spawn_local(waiting);
                }
            }
            yield_now().await;
            drop(set);
            while count.load(SeqCst) < 10 {
                beehive::time::sleep(Duration::from_millis(1)).await;
            }
            let (end, ended) = oneshot::channel::<()>();
            let (go, gone) = oneshot::channel::<()>();
            let mut set = JoinSet::new();
            set.spawn(async move {
                gone.await.unwrap();
                end.send(()).unwrap();
            });
            set.detach_all();
            drop(set);
            go.send(()).unwrap();
            ended.await.unwrap();
        });
    });
}

#[test]
fn shutdown_waits_until_what_the_tasks_hold_has_been_dropped() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let count = Arc::new(AtomicUsize::new(0));
            let mut set = JoinSet::new();
            for _ in 0..10 {
                let held = Dropped(count.clone());
                set.spawn(async move {
                    let _held = held;
                    std::future::pending::<()>().await;
                });
            }
            set.shutdown().await;
            assert_eq!((count.load(SeqCst), set.len()), (10, 0));
        });
    });
}

#[test]
fn local_tasks_of_a_set_may_hold_what_is_not_send() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let shared = Rc::new(21);
            for _ in 0..2 {
                let shared = shared.clone();
                set.spawn_local(async move {
                    yield_now().await;
                    *shared
                });
            }
            let first = set.join_next().await.unwrap().unwrap();
            let second = set.join_next().await.unwrap().unwrap();
            assert_eq!(first + second, 42);
        });
    });
}

#[test]
fn a_dropped_wait_for_a_result_loses_none() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for number in 0..100 {
                set.spawn(async move {
                    yield_now().await;
                    number
                });
            }
            let mut sum = 0;
            while !set.is_empty() {
                let limit = Duration::from_micros(1);
                if let Ok(Some(result)) = beehive::time::timeout(limit, set.join_next()).await {
                    sum += result.unwrap();
                }
            }
            assert_eq!(sum, 4_950);
        });
    });
}

#[test]
fn a_set_outlives_the_runtime_of_its_tasks() {
    let runtime = beehive::Runtime::builder().workers(2).build().unwrap();
    let mut set = JoinSet::new();
    for _ in 0..5 {
        set.spawn_with(&runtime.handle(), std::future::pending::<()>());
    }
    drop(runtime);
    beehive::block_on(async {
        for _ in 0..5 {
            let ended = set.join_next().await.unwrap();
            assert!(matches!(ended, Err(JoinError::Cancelled)));
        }
    });
}
