//! Shutdown: the request, the drain, the deadline, and what is left.

mod common;

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Context;
use std::time::{Duration, Instant};

use beehive::channel::oneshot;
use beehive::{
    Handle, Io, JoinError, JoinHandle, Runtime, TaskOptions, shutdown, spawn, yield_now,
};
use common::broken_waker;

/// Far more than any drain here takes, also on a loaded machine.
const AMPLE: Duration = Duration::from_secs(60);

fn runtimes(workers: usize) -> impl Iterator<Item = Runtime> {
    [Io::Epoll, Io::Auto].into_iter().map(move |io| {
        let builder = Runtime::builder().workers(workers).io(io).pin(false);
        builder.build().unwrap()
    })
}

/// Counts how many of its clones have been dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_runtime_without_tasks_ends_cleanly() {
    for runtime in runtimes(2) {
        assert!(runtime.shutdown_timeout(AMPLE).drained);
    }
}

#[test]
fn tasks_see_the_request_and_the_drain_waits_until_they_have_ended() {
    for runtime in runtimes(2) {
        let handle = runtime.handle();
        let ended = Arc::new(AtomicUsize::new(0));
        for worker in handle.workers() {
            for _ in 0..10 {
                let counts = [ended.clone(), ended.clone()];
                let [shared, local] = counts.map(|count| async move {
                    shutdown::requested().await;
                    // What the end of the task needs: other tasks and time.
                    beehive::time::sleep(Duration::from_millis(2)).await;
                    spawn(async move { count.fetch_add(1, SeqCst) })
                        .await
                        .unwrap();
                    yield_now().await;
                });
                handle.spawn(shared).detach();
                handle.spawn_on(worker, || local).detach();
            }
        }
        assert!(runtime.shutdown_timeout(AMPLE).drained);
        assert_eq!(ended.load(SeqCst), 40);
    }
}

#[test]
fn what_is_left_at_the_deadline_is_counted_and_dropped() {
    for runtime in runtimes(2) {
        let handle = runtime.handle();
        let dropped = Arc::new(AtomicUsize::new(0));
        let begun = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = handle.workers().collect();
        for number in 0..9 {
            let held = Dropped(dropped.clone());
            let begun = begun.clone();
            let waiting = async move {
                let _held = held;
                begun.fetch_add(1, SeqCst);
                std::future::pending::<()>().await;
            };
            match number % 3 {
                0 => handle.spawn(waiting).detach(),
                worker => handle.spawn_on(workers[worker - 1], || waiting).detach(),
            }
        }
        // Tasks for any worker may be missing while they are ready, so they are to wait. The first worker
        // begins with the shutdown.
        while begun.load(SeqCst) < 6 {
            std::thread::yield_now();
        }
        beehive::block_on(handle.spawn_on(workers[1], || async {})).unwrap();
        let report = runtime.shutdown_timeout(Duration::from_millis(50));
        assert_eq!(
            report,
            shutdown::Report {
                drained: false,
                alive: 9,
                unresponsive: 0
            }
        );
        assert!(report.to_string().starts_with("9 tasks"));
        assert_eq!(dropped.load(SeqCst), 9);
    }
}

#[test]
fn a_task_that_is_never_done_but_always_ready_does_not_end_the_drain() {
    for runtime in runtimes(2) {
        runtime
            .handle()
            .spawn(async {
                loop {
                    yield_now().await;
                }
            })
            .detach();
        let report = runtime.shutdown_timeout(Duration::from_millis(50));
        assert!(!report.drained);
    }
}

#[test]
fn a_worker_that_is_stuck_is_reported_and_not_waited_for() {
    let runtime = runtimes(2).next().unwrap();
    let handle = runtime.handle();
    let (begun, release) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let stuck = (begun.clone(), release.clone());
    let last = handle.workers().last().unwrap();
    let task = handle.spawn_on(last, move || async move {
        stuck.0.store(true, SeqCst);
        while !stuck.1.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    while !begun.load(SeqCst) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let report = runtime.shutdown_timeout(Duration::from_millis(20));
    assert_eq!(report.unresponsive, 1);
    release.store(true, SeqCst);
    beehive::block_on(task).unwrap();
}

#[test]
fn a_request_alone_ends_nothing() {
    for runtime in runtimes(2) {
        let handle = runtime.handle();
        let token = handle.shutdown_token();
        let own = handle.shutdown_token();
        own.cancel();
        assert!(!token.is_cancelled());
        runtime.block_on(async {
            let waiting = spawn(async {
                Handle::current().shutdown_token().cancelled().await;
                7
            });
            yield_now().await;
            handle.shutdown();
            assert_eq!(waiting.await.unwrap(), 7);
            assert_eq!(spawn(async { 8 }).await.unwrap(), 8);
        });
        assert!(token.is_cancelled());
    }
}

#[test]
fn a_runtime_may_be_dropped_by_its_own_task() {
    for runtime in runtimes(2) {
        let handle = runtime.handle();
        let dropped = Arc::new(AtomicUsize::new(0));
        let held = Dropped(dropped.clone());
        let waiting = handle.spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        let last = handle.workers().last().unwrap();
        let task = handle.spawn_on(last, || async move { drop(runtime) });
        beehive::block_on(async {
            task.await.unwrap();
            assert!(matches!(waiting.await, Err(JoinError::Cancelled)));
        });
        assert_eq!(dropped.load(SeqCst), 1);
    }
}

#[test]
fn the_drain_ends_long_before_its_deadline() {
    let begin = Instant::now();
    for runtime in runtimes(1) {
        runtime.handle().spawn(async {}).detach();
        assert!(runtime.shutdown_timeout(Duration::MAX).drained);
    }
    assert!(begin.elapsed() < AMPLE);
}

#[test]
fn wakers_that_panic_keep_no_task_from_its_end() {
    for began in [false, true] {
        for runtime in runtimes(2) {
            let dropped = Arc::new(AtomicUsize::new(0));
            let mut joins = wait_for_ever(&runtime.handle(), &dropped);
            let mut poll = || {
                let waker = broken_waker();
                for join in &mut joins {
                    let joined = Pin::new(join).poll(&mut Context::from_waker(&waker));
                    assert!(joined.is_pending());
                }
            };
            if began {
                runtime.block_on(async {
                    yield_now().await;
                    poll();
                });
            } else {
                poll();
            }
            drop(runtime);
            assert_eq!(dropped.load(SeqCst), joins.len());
        }
    }
}

/// Tasks of all workers, and of each, that only end with the runtime.
fn wait_for_ever(handle: &Handle, dropped: &Arc<AtomicUsize>) -> Vec<JoinHandle<()>> {
    let task = |counted: Dropped| async move {
        pending::<()>().await;
        drop(counted);
    };
    let mut joins = Vec::new();
    for worker in handle.workers() {
        for _ in 0..5 {
            let [shared, local] = [(); 2].map(|()| task(Dropped(dropped.clone())));
            joins.push(handle.spawn(shared));
            joins.push(handle.spawn_on(worker, || local));
        }
    }
    joins
}

#[test]
fn tasks_of_one_worker_that_wake_each_other_when_dropped_all_end() {
    for runtime in runtimes(2) {
        let handle = runtime.handle();
        let first = handle.workers().next().unwrap();
        let options = || TaskOptions::new().affinity(first);
        let dropped = Arc::new(AtomicUsize::new(0));
        let waker = broken_waker();
        let _joins = runtime.block_on(async {
            // Always queued, so it is dropped before those that wait for each other.
            let mut before = handle.spawn_with(options(), async {
                loop {
                    yield_now().await;
                }
            });
            let mut joins = Vec::new();
            for _ in 0..5 {
                let held = Dropped(dropped.clone());
                let (ended, end) = oneshot::channel::<()>();
                let waiting = handle.spawn_with(options(), async move {
                    let _held = (held, ended);
                    let _ = before.await;
                });
                before = handle.spawn_with(options(), async move {
                    let _ = end.await;
                });
                joins.push(waiting);
            }
            for _ in 0..10 {
                yield_now().await;
            }
            for join in &mut joins {
                let joined = Pin::new(join).poll(&mut Context::from_waker(&waker));
                assert!(joined.is_pending());
            }
            (before, joins)
        });
        drop(runtime);
        assert_eq!(dropped.load(SeqCst), 5);
    }
}
