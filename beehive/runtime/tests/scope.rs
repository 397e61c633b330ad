//! Scopes: children that borrow, inside one task and on all workers.

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use beehive::channel::oneshot;
use beehive::{Runtime, scope, scope_local, spawn, yield_now};
use common::on_each_reactor;

#[test]
fn children_inside_a_task_take_turns_and_borrow_from_its_frame() {
    on_each_reactor(2, |runtime| {
        let task = runtime.handle().spawn(async {
            let numbers: Vec<u64> = (0..100).collect();
            let sum = AtomicUsize::new(0);
            let count = scope(async |scope| {
                for number in &numbers {
                    let sum = &sum;
                    drop(scope.spawn(async move {
                        yield_now().await;
                        sum.fetch_add(*number as usize, SeqCst);
                    }));
                }
                numbers.len()
            })
            .await;
            (count, sum.into_inner())
        });
        assert_eq!(runtime.block_on(task).unwrap(), (100, 4_950));
    });
}

#[test]
fn local_children_share_what_is_not_sync() {
    beehive::block_on(async {
        let sum = Cell::new(0);
        let value = scope_local(async |scope| {
            let children: Vec<_> = (0..10)
                .map(|number| {
                    let sum = &sum;
                    scope.spawn(async move {
                        yield_now().await;
                        sum.set(sum.get() + number);
                        number
                    })
                })
                .collect();
            let mut last = 0;
            for child in children {
                last = child.await;
            }
            last
        })
        .await;
        assert_eq!((value, sum.get()), (9, 45));
    });
}

#[test]
fn a_child_may_spawn_siblings_and_the_scope_waits_for_them() {
    beehive::block_on(async {
        let count = AtomicUsize::new(0);
        scope(async |scope| {
            let (inner, count) = (scope.clone(), &count);
            drop(scope.spawn(async move {
                yield_now().await;
                let innermost = inner.clone();
                drop(inner.spawn(async move {
                    yield_now().await;
                    drop(innermost.spawn(async move {
                        count.fetch_add(1, SeqCst);
                    }));
                }));
            }));
        })
        .await;
        assert_eq!(count.into_inner(), 1);
    });
}

#[test]
fn a_scope_that_is_dropped_or_leaked_polls_its_children_no_more() {
    beehive::block_on(async {
        let polls = Cell::new(0);
        let mut running = Box::pin(scope_local(async |scope| {
            let (inner, polls) = (scope.clone(), &polls);
            drop(scope.spawn(async move {
                // Owns its scope, which owns it.
                let _inner = inner;
                loop {
                    polls.set(polls.get() + 1);
                    yield_now().await;
                }
            }));
        }));
        let limit = Duration::from_millis(2);
        assert!(
            beehive::time::timeout(limit, running.as_mut())
                .await
                .is_err()
        );
        let before = polls.get();
        assert!(before > 0);
        std::mem::forget(running);
        yield_now().await;
        assert_eq!(polls.get(), before);
    });
}

#[test]
fn a_child_that_never_rests_lets_others_of_its_worker_run() {
    beehive::block_on(async {
        let (stop, stopped) = oneshot::channel::<()>();
        let other = spawn(async move { stop.send(()).unwrap() });
        scope_local(async |scope| {
            drop(scope.spawn(async {
                let mut stopped = stopped;
                while stopped.try_recv().unwrap().is_none() {
                    yield_now().await;
                }
            }));
        })
        .await;
        other.await.unwrap();
    });
}

#[test]
fn a_panic_of_a_child_is_a_panic_of_its_task() {
    beehive::block_on(async {
        let task = spawn(scope(async |scope| {
            drop(scope.spawn(async { panic!("the child") }));
            std::future::pending::<()>().await;
        }));
        assert_eq!(task.await.unwrap_err().message(), Some("the child"));
    });
}

#[test]
fn children_on_all_workers_borrow_from_the_thread_that_waits() {
    for workers in [1, 2] {
        on_each_reactor(workers, |runtime| {
            let numbers: Vec<u64> = (0..1_000).collect();
            let count = AtomicUsize::new(0);
            let sum = runtime.scope(async |scope| {
                let parts: Vec<_> = numbers
                    .chunks(10)
                    .map(|part| {
                        scope.spawn(async {
                            yield_now().await;
                            count.fetch_add(part.len(), SeqCst);
                            part.iter().sum::<u64>()
                        })
                    })
                    .collect();
                let mut sum = 0;
                for part in parts {
                    sum += part.await.unwrap();
                }
                sum
            });
            assert_eq!((sum, count.into_inner()), (499_500, 1_000));
        });
    }
}

#[test]
fn a_blocking_scope_waits_for_children_that_nobody_awaits() {
    on_each_reactor(2, |runtime| {
        let count = AtomicUsize::new(0);
        runtime.scope(async |scope| {
            for _ in 0..10 {
                drop(scope.spawn(async {
                    beehive::time::sleep(Duration::from_millis(3)).await;
                    drop(scope.spawn(async {
                        yield_now().await;
                        count.fetch_add(1, SeqCst);
                    }));
                }));
            }
        });
        assert_eq!(count.into_inner(), 10);
    });
}

#[test]
fn a_blocking_scope_whose_body_panics_waits_before_it_unwinds() {
    on_each_reactor(2, |runtime| {
        let count = AtomicUsize::new(0);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            runtime.scope(async |scope| {
                drop(scope.spawn(async {
                    beehive::time::sleep(Duration::from_millis(5)).await;
                    count.fetch_add(1, SeqCst);
                }));
                panic!("the body");
            });
        }));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"the body"));
        assert_eq!(count.into_inner(), 1);
    });
}

#[test]
fn a_panic_of_a_child_goes_to_its_handle_or_else_to_the_scope() {
    on_each_reactor(2, |runtime| {
        runtime.scope(async |scope| {
            let child = scope.spawn(async { panic!("asked for") });
            assert_eq!(child.await.unwrap_err().message(), Some("asked for"));
        });
        let panic = catch_unwind(AssertUnwindSafe(|| {
            runtime.scope(async |scope| drop(scope.spawn(async { panic!("not asked for") })));
        }));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"not asked for"));
        assert_eq!(runtime.block_on(async { 1 }), 1);
    });
}

#[test]
fn a_thread_that_is_no_worker_can_open_a_scope_by_a_handle() {
    on_each_reactor(2, |runtime| {
        let text = String::from("borrowed");
        let length = runtime.handle().scope(async |scope| {
            let child = scope.spawn(async { text.len() });
            child.await.unwrap()
        });
        assert_eq!(length, text.len());
    });
}

#[test]
fn a_blocking_scope_inside_a_task_is_refused_with_advice() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    let handle = runtime.handle();
    let refused = runtime.block_on(async move {
        catch_unwind(AssertUnwindSafe(|| handle.scope(async |_| ()))).unwrap_err()
    });
    let text = refused.downcast_ref::<String>().unwrap();
    assert!(text.contains("await the future instead"), "{text}");
}
