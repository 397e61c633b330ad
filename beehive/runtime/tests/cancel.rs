//! Cancellation: tokens and their tree, handles that end tasks, and races.

mod common;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Context;
use std::time::Duration;

use beehive::cancel::{AbortOnDrop, Aborted, CancellationToken, Either, abortable, race};
use beehive::{JoinSet, spawn, yield_now};
use common::{broken_waker, on_each_reactor};

/// Counts how many of its clones have been dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_token_cancels_its_children_and_not_its_parent() {
    let root = CancellationToken::new();
    let [left, right] = [root.child_token(), root.child_token()];
    let leaf = left.child_token();
    left.cancel();
    assert!(left.is_cancelled() && leaf.is_cancelled());
    assert!(!root.is_cancelled() && !right.is_cancelled());
    root.cancel();
    assert!(right.is_cancelled());
    assert!(root.child_token().is_cancelled());
}

#[test]
fn a_grandchild_is_reached_through_a_token_that_nobody_holds() {
    let root = CancellationToken::new();
    let leaf = root.child_token().child_token();
    root.cancel();
    assert!(leaf.is_cancelled());
}

#[test]
fn a_cancellation_wakes_all_who_wait_on_any_worker() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let root = CancellationToken::new();
            let mut set = JoinSet::new();
            for number in 0..100 {
                let token = root.child_token();
                set.spawn(async move {
                    if number % 2 == 0 {
                        token.cancelled().await;
                    } else {
                        token.cancelled_owned().await;
                    }
                });
            }
            let waiting = root.clone();
            let thread = std::thread::spawn(move || waiting.cancel());
            while let Some(result) = set.join_next().await {
                result.unwrap();
            }
            thread.join().unwrap();
        });
    });
}

#[test]
fn tasks_that_come_while_a_token_is_cancelled_see_it() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            for _ in 0..200 {
                let root = CancellationToken::new();
                let parent = root.clone();
                let late = spawn(async move {
                    let token = parent.child_token();
                    token.cancelled().await;
                });
                yield_now().await;
                root.cancel();
                late.await.unwrap();
            }
        });
    });
}

#[test]
fn a_future_runs_until_it_is_done_or_its_token_is_cancelled() {
    beehive::block_on(async {
        let token = CancellationToken::new();
        assert_eq!(token.run_until_cancelled(async { 1 }).await, Some(1));
        let canceller = token.clone();
        let task = spawn(async move {
            yield_now().await;
            canceller.cancel();
        });
        let waiting = std::future::pending::<()>();
        assert_eq!(token.run_until_cancelled(waiting).await, None);
        task.await.unwrap();
        let polled = async { panic!("polled although the token was cancelled") };
        assert_eq!(token.run_until_cancelled_owned(polled).await, None::<()>);
    });
}

#[test]
fn a_guard_cancels_when_it_is_dropped_unless_disarmed() {
    let token = CancellationToken::new();
    let kept = token.clone().drop_guard().disarm();
    assert!(!kept.is_cancelled());
    drop(token.clone().drop_guard());
    assert!(token.is_cancelled());
}

#[test]
fn who_stops_waiting_leaves_the_others_in_place() {
    beehive::block_on(async {
        let token = CancellationToken::new();
        let short = beehive::time::timeout(Duration::from_millis(1), token.cancelled());
        assert!(short.await.is_err());
        let waiting = token.clone();
        let task = spawn(async move { waiting.cancelled().await });
        yield_now().await;
        token.cancel();
        task.await.unwrap();
    });
}

#[test]
fn an_abort_handle_ends_a_future_wherever_it_waits() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let count = Arc::new(AtomicUsize::new(0));
            let held = Dropped(count.clone());
            let (future, handle) = abortable(async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
            let task = spawn(future);
            yield_now().await;
            handle.clone().abort();
            assert_eq!(task.await.unwrap(), Err(Aborted));
            assert_eq!(count.load(SeqCst), 1);
            let (future, handle) = abortable(async { 5 });
            let task = spawn(future);
            assert_eq!(task.await.unwrap(), Ok(5));
            handle.abort();
        });
    });
}

#[test]
fn a_task_ends_with_the_handle_that_is_tied_to_it() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let count = Arc::new(AtomicUsize::new(0));
            let held = Dropped(count.clone());
            let task = AbortOnDrop::new(spawn(async move {
                let _held = held;
                std::future::pending::<()>().await;
            }));
            assert!(!task.is_finished());
            drop(task);
            while count.load(SeqCst) == 0 {
                beehive::time::sleep(Duration::from_millis(1)).await;
            }
            let task = AbortOnDrop::new(spawn(async { 5 }));
            assert_eq!(task.detach().await.unwrap(), 5);
        });
    });
}

#[test]
fn the_faster_of_two_wins_a_race_and_the_other_is_dropped() {
    beehive::block_on(async {
        let count = Arc::new(AtomicUsize::new(0));
        let held = Dropped(count.clone());
        let slow = async move {
            let _held = held;
            std::future::pending::<u32>().await
        };
        assert_eq!(race(slow, async { 2 }).await, Either::Second(2));
        assert_eq!(count.load(SeqCst), 1);
        assert_eq!(race(async { 1 }, async { 2 }).await.into_inner(), 1);
    });
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_from_the_cancellation() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let token = CancellationToken::new();
            let waker = broken_waker();
            let mut broken = Box::pin(token.cancelled());
            let polled = broken.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            let own = token.clone();
            let waiting = spawn(async move { own.cancelled().await });
            yield_now().await;
            token.cancel();
            waiting.await.unwrap();
        });
    });
}
