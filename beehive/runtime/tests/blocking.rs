//! Blocking work: on its own threads, within bounds, to a defined end.

mod common;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::task::Context;
use std::time::{Duration, Instant};

use beehive::{JoinError, Runtime, spawn_blocking};
use common::{broken_waker, on_each_reactor};

fn runtime(threads: usize) -> Runtime {
    Runtime::builder()
        .workers(1)
        .blocking_threads(threads)
        .build()
        .unwrap()
}

#[test]
fn blocking_work_does_not_hold_up_its_worker() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (send, receive) = mpsc::channel();
            let work = spawn_blocking(move || receive.recv().unwrap());
            // It runs on this worker while the other waits.
            beehive::spawn(async move { send.send(7).unwrap() })
                .await
                .unwrap();
            assert_eq!(work.await.unwrap(), 7);
        });
    });
}

#[test]
fn work_runs_on_as_many_threads_as_are_allowed_and_no_more() {
    let runtime = runtime(3);
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    // Three must meet, so there are three threads; the counter would show a fourth.
    let meeting = Arc::new(Barrier::new(3));
    let work: Vec<_> = (0..12)
        .map(|_| {
            let (running, most, meeting) = (running.clone(), most.clone(), meeting.clone());
            runtime.handle().spawn_blocking(move || {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                meeting.wait();
                running.fetch_sub(1, SeqCst);
            })
        })
        .collect();
    runtime.block_on(async {
        for work in work {
            work.await.unwrap();
        }
    });
    assert_eq!(most.load(SeqCst), 3);
}

#[test]
fn a_panic_in_blocking_work_is_its_result_and_spares_the_thread() {
    let runtime = runtime(1);
    runtime.block_on(async {
        let error = spawn_blocking(|| panic!("on purpose")).await.unwrap_err();
        assert_eq!(error.message(), Some("on purpose"));
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
    });
}

#[test]
fn cancelled_work_that_has_not_begun_never_does() {
    let runtime = runtime(1);
    let ran = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let (finish, gate) = mpsc::channel::<()>();
        let first = spawn_blocking(move || gate.recv().unwrap());
        let count = ran.clone();
        let second = spawn_blocking(move || count.fetch_add(1, SeqCst));
        let cancelled = beehive::spawn(second.cancel());
        beehive::yield_now().await;
        finish.send(()).unwrap();
        first.await.unwrap();
        assert!(cancelled.await.unwrap().is_none());
        spawn_blocking(|| ()).await.unwrap();
    });
    assert_eq!(ran.load(SeqCst), 0);
}

#[test]
fn dropping_the_runtime_waits_for_begun_work_and_drops_the_rest() {
    let runtime = runtime(1);
    let (began, begun) = mpsc::channel();
    let finished = Arc::new(AtomicUsize::new(0));
    let count = finished.clone();
    let first = runtime.handle().spawn_blocking(move || {
        began.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        count.fetch_add(1, SeqCst);
    });
    let second = runtime.handle().spawn_blocking(|| unreachable!("queued"));
    begun.recv().unwrap();
    let handle = runtime.handle();
    drop(runtime);
    assert_eq!(finished.load(SeqCst), 1);
    assert!(first.is_finished());
    let late = handle.spawn_blocking(|| ());
    let other = self::runtime(1);
    other.block_on(async {
        assert!(matches!(second.await, Err(JoinError::Cancelled)));
        assert!(matches!(late.await, Err(JoinError::Cancelled)));
    });
}

#[test]
fn idle_threads_end() {
    let runtime = Runtime::builder()
        .workers(1)
        .blocking_keep_alive(Duration::from_millis(5))
        .build()
        .unwrap();
    let name = runtime.block_on(async {
        spawn_blocking(|| {
            let comm = std::fs::canonicalize("/proc/thread-self").unwrap();
            comm.join("comm")
        })
        .await
        .unwrap()
    });
    let started = Instant::now();
    while name.exists() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{name:?} lives"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(
        runtime.block_on(async { spawn_blocking(|| 2).await.unwrap() }),
        2
    );
}

#[test]
fn a_pool_without_threads_is_refused() {
    let refused = Runtime::builder().blocking_threads(0).build();
    assert!(refused.is_err_and(|error| error.to_string().contains("blocking work")));
}

#[test]
fn thousands_of_pieces_of_work_end() {
    let runtime = runtime(4);
    let total = runtime.block_on(async {
        let work: Vec<_> = (0..5_000_usize)
            .map(|n| spawn_blocking(move || n))
            .collect();
        let mut total = 0;
        for work in work {
            total += work.await.unwrap();
        }
        total
    });
    assert_eq!(total, 5_000 * 4_999 / 2);
}

/// Counts its drops, each of which panics.
struct Fragile(Arc<AtomicUsize>);

impl Drop for Fragile {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        if !std::thread::panicking() {
            panic!("on purpose");
        }
    }
}

#[test]
fn work_that_panics_when_it_is_dropped_keeps_nothing_from_its_end() {
    let runtime = runtime(1);
    let dropped = Arc::new(AtomicUsize::new(0));
    let task = Fragile(dropped.clone());
    runtime
        .handle()
        .spawn(async move {
            let _held = task;
            std::future::pending::<()>().await;
        })
        .detach();
    runtime.block_on(beehive::yield_now());
    let (began, begun) = mpsc::channel();
    let (finish, gate) = mpsc::channel::<()>();
    let first = move || {
        began.send(()).unwrap();
        // Until the last of the queue has been dropped.
        gate.recv().unwrap_err();
    };
    runtime.handle().spawn_blocking(first).detach();
    begun.recv().unwrap();
    for _ in 0..3 {
        let held = Fragile(dropped.clone());
        runtime.handle().spawn_blocking(|| drop(held)).detach();
    }
    runtime.handle().spawn_blocking(|| drop(finish)).detach();
    drop(runtime);
    assert_eq!(dropped.load(SeqCst), 4);
}

#[test]
fn panics_of_results_and_of_wakers_spare_the_thread() {
    let runtime = runtime(1);
    let dropped = Arc::new(AtomicUsize::new(0));
    let (finish, gate) = mpsc::channel::<()>();
    let result = Fragile(dropped.clone());
    let unwanted = runtime.handle().spawn_blocking(move || {
        gate.recv().unwrap();
        result
    });
    unwanted.detach();
    let mut joined = runtime.handle().spawn_blocking(|| ());
    let waker = broken_waker();
    let polled = Pin::new(&mut joined).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    finish.send(()).unwrap();
    runtime.block_on(async { spawn_blocking(|| ()).await.unwrap() });
    assert_eq!(dropped.load(SeqCst), 1);
}
