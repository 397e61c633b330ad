//! Sleeping, timeouts and intervals, on both reactors and across workers.

mod common;

use std::time::{Duration, Instant};

use beehive::time::{
    Elapsed, MissedTicks, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
};
use beehive::{spawn, spawn_local};
use common::on_each_reactor;

#[test]
fn a_sleep_takes_at_least_its_time() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            for ms in [0, 1, 5, 20] {
                let started = Instant::now();
                sleep(Duration::from_millis(ms)).await;
                let slept = started.elapsed();
                assert!(slept >= Duration::from_millis(ms), "{ms} ms took {slept:?}");
                assert!(
                    slept < Duration::from_millis(ms + 500),
                    "{ms} ms took {slept:?}"
                );
            }
        });
    });
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    on_each_reactor(1, |runtime| {
        let order = runtime.block_on(async {
            let order = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
            let now = Instant::now();
            let tasks: Vec<_> = [30, 10, 20, 5]
                .into_iter()
                .map(|ms| {
                    let order = order.clone();
                    spawn_local(async move {
                        sleep_until(now + Duration::from_millis(ms)).await;
                        order.borrow_mut().push(ms);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            order.take()
        });
        assert_eq!(order, [5, 10, 20, 30]);
    });
}

#[test]
fn a_timeout_ends_what_takes_too_long_and_only_that() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let never = std::future::pending::<()>();
            assert_eq!(timeout(Duration::from_millis(5), never).await, Err(Elapsed));
            assert_eq!(timeout(Duration::from_secs(5), async { 1 }).await, Ok(1));
        });
    });
}

#[test]
fn an_interval_keeps_its_period() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let period = Duration::from_millis(5);
            let started = Instant::now();
            let mut ticks = interval(period);
            let first = ticks.tick().await;
            assert!(first >= started + period);
            let is_tick = |due: Instant| (due - first).as_nanos().is_multiple_of(period.as_nanos());
            let mut last = first;
            for _ in 0..3 {
                let due = ticks.tick().await;
                assert!(due >= last + period && is_tick(due) && Instant::now() >= due);
                last = due;
            }
            std::thread::sleep(Duration::from_millis(23));
            let resumed = Instant::now();
            assert!(ticks.tick().await < resumed);
            // Missed ticks are skipped: the next one is in the future.
            let next = ticks.tick().await;
            assert!(next > resumed && is_tick(next) && Instant::now() >= next);
        });
    });
}

#[test]
fn a_far_deadline_does_not_overflow() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let far = timeout(Duration::from_millis(2), sleep(Duration::MAX)).await;
            assert_eq!(far, Err(Elapsed));
        });
    });
}

#[test]
fn sleeping_tasks_may_change_workers() {
    on_each_reactor(4, |runtime| {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..200)
                .map(|i| {
                    spawn(async move {
                        for round in 0..5 {
                            let _ = timeout(
                                Duration::from_millis(1 + (i + round) % 3),
                                sleep(Duration::from_millis(1 + i % 4)),
                            )
                            .await;
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
fn a_thousand_timers_fire() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..1_000)
                .map(|i| spawn(async move { sleep(Duration::from_millis(i % 50)).await }))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_shared_task_that_sleeps_outlives_the_end_of_block_on() {
    for workers in [1, 2] {
        on_each_reactor(workers, |runtime| {
            let task = runtime.handle().spawn(sleep(Duration::from_millis(50)));
            runtime.block_on(sleep(Duration::from_millis(10)));
            let ended = runtime.block_on(timeout(Duration::from_secs(5), task));
            assert!(ended.is_ok_and(|ended| ended.is_ok()));
        });
    }
}

#[test]
fn a_sleep_kept_from_an_earlier_block_on_leaves_other_timers_alone() {
    on_each_reactor(1, |runtime| {
        let mut kept = Box::pin(sleep(Duration::from_secs(60)));
        runtime.block_on(async {
            let _ = timeout(Duration::ZERO, &mut kept).await;
            let _ = timeout(Duration::from_millis(5), &mut kept).await;
        });
        runtime.block_on(async {
            let other = beehive::spawn_local(sleep(Duration::from_millis(20)));
            beehive::yield_now().await;
            drop(kept);
            let ended = timeout(Duration::from_secs(5), other).await;
            assert!(ended.is_ok_and(|ended| ended.is_ok()));
        });
    });
}

#[test]
fn a_short_sleep_is_never_early() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let wanted = Duration::from_micros(100);
            let mut shortest = Duration::MAX;
            for _ in 0..200 {
                let started = Instant::now();
                sleep(wanted).await;
                shortest = shortest.min(started.elapsed());
            }
            assert!(wanted <= shortest, "{shortest:?}");
        });
    });
}

#[test]
fn a_timeout_at_a_point_in_time_ends_then() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let deadline = Instant::now() + Duration::from_millis(3);
            let never = std::future::pending::<()>();
            assert_eq!(timeout_at(deadline, never).await, Err(Elapsed));
            assert!(Instant::now() >= deadline);
            // What is ready at once is taken, even when the time is over.
            assert_eq!(timeout_at(deadline, async { 1 }).await, Ok(1));
        });
    });
}

#[test]
fn an_interval_tells_when_its_ticks_were_due_and_can_make_up_for_them() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let start = Instant::now();
            let period = Duration::from_millis(2);
            let mut ticks = interval_at(start, period).missed_ticks(MissedTicks::Burst);
            std::thread::sleep(Duration::from_millis(7));
            for number in 0..6 {
                assert_eq!(ticks.tick().await, start + period * number);
            }
            assert!(start.elapsed() >= Duration::from_millis(10));
            ticks.reset();
            let reset = Instant::now();
            assert!(ticks.tick().await <= reset + period);
            assert_eq!(ticks.period(), period);
        });
    });
}

#[test]
fn a_cancelled_tick_is_not_lost() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let start = Instant::now();
            let mut ticks = interval_at(start, Duration::from_millis(1));
            let mut due = Vec::new();
            while due.len() < 5 {
                due.extend(timeout(Duration::from_micros(300), ticks.tick()).await);
            }
            assert_eq!(due[0], start);
            assert!(due.is_sorted());
        });
    });
}
