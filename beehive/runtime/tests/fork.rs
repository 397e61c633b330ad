//! Fork-join: exactness, panics, depth, nesting, and callers from everywhere.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use beehive::fork::{
    par_chunks, par_chunks_mut, par_for_each, par_for_each_mut, par_map, par_map_reduce,
    par_sort_unstable, par_sort_unstable_by, scope,
};
use beehive::{Runtime, join, spawn, worker_id};
use common::on_each_reactor;

/// Calls the test inside runtimes of one worker, of as many as a small machine has, and of more.
fn on_workers(test: impl Fn() + Sync) {
    for workers in [1, 2, 5] {
        runtime(workers).install(&test);
    }
}

fn runtime(workers: usize) -> Runtime {
    let builder = Runtime::builder().workers(workers).pin(false);
    builder.build().expect("a reactor")
}

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = join(|| fib(n - 1), || fib(n - 2));
    a + b
}

/// Waits until `flag` is set, which needs another worker; so the caller must have two.
fn await_flag(flag: &AtomicBool) {
    while !flag.load(SeqCst) {
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn count_one(count: &AtomicUsize) {
    count.fetch_add(1, SeqCst);
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().unwrap_or("no text")
}

/// Counts how many of its kind have been dropped.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn join_returns_what_both_closures_return() {
    on_workers(|| {
        let text = String::from("borrowed");
        assert_eq!(join(|| text.len(), || text.as_str()), (8, "borrowed"));
        assert_eq!(fib(20), 6_765);
    });
}

#[test]
fn both_closures_run_at_the_same_time_if_a_worker_is_idle() {
    runtime(2).install(|| {
        let (first, second) = (AtomicBool::new(false), AtomicBool::new(false));
        let meet = |mine: &AtomicBool, other: &AtomicBool| {
            mine.store(true, SeqCst);
            await_flag(other);
            worker_id()
        };
        let (a, b) = join(|| meet(&first, &second), || meet(&second, &first));
        assert_ne!(a, b);
    });
}

#[test]
fn join_works_in_tasks_of_every_kind() {
    on_each_reactor(2, |runtime| {
        let sum = runtime.block_on(async {
            let shared: Vec<_> = (0..10).map(|n| spawn(async move { fib(n) })).collect();
            let local = beehive::spawn_local(async { fib(15) });
            let mut sum = local.await.unwrap() + fib(10);
            for task in shared {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 610 + 55 + 88);
    });
}

#[test]
fn a_long_chain_of_joins_is_unwound_in_order() {
    fn descend(depth: usize, count: &AtomicUsize) -> usize {
        if depth == 0 {
            return 0;
        }
        let next = || descend(depth - 1, count);
        let (below, ()) = join(next, || count_one(count));
        below + 1
    }
    on_workers(|| {
        let count = AtomicUsize::new(0);
        assert_eq!(descend(2_000, &count), 2_000);
        assert_eq!(count.load(SeqCst), 2_000);
    });
}

#[test]
fn a_panic_of_the_first_closure_drops_the_second_if_nobody_has_begun_it() {
    runtime(1).install(|| {
        let (dropped, called) = (AtomicUsize::new(0), AtomicBool::new(false));
        let held = Counted(&dropped);
        let result = catch_unwind(AssertUnwindSafe(|| {
            join(
                || panic!("first"),
                || {
                    let _held = held;
                    called.store(true, SeqCst);
                },
            )
        }));
        assert_eq!(message(&*result.unwrap_err()), "first");
        assert_eq!((dropped.load(SeqCst), called.load(SeqCst)), (1, false));
        assert_eq!(fib(10), 55);
    });
}

#[test]
fn a_panic_of_the_first_closure_waits_for_the_second_that_another_worker_executes() {
    runtime(2).install(|| {
        let (begun, dropped) = (AtomicBool::new(false), AtomicUsize::new(0));
        let second = || {
            begun.store(true, SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            Counted(&dropped)
        };
        let first = || {
            await_flag(&begun);
            panic!("first")
        };
        let result = catch_unwind(AssertUnwindSafe(|| join(first, second)));
        assert_eq!(message(&*result.err().unwrap()), "first");
        assert_eq!(dropped.load(SeqCst), 1, "its value was dropped, once");
        assert_eq!(fib(10), 55);
    });
}

#[test]
fn a_panic_of_the_second_closure_is_passed_on_wherever_it_is_executed() {
    let runtime = runtime(2);
    for stolen in [false, true] {
        runtime.install(|| {
            let (begun, dropped) = (AtomicBool::new(false), AtomicUsize::new(0));
            let first = || {
                if stolen {
                    await_flag(&begun);
                }
                Counted(&dropped)
            };
            let second = || {
                begun.store(true, SeqCst);
                panic!("second")
            };
            let result = catch_unwind(AssertUnwindSafe(|| join(first, second)));
            assert_eq!(message(&*result.err().unwrap()), "second");
            assert_eq!(dropped.load(SeqCst), 1);
        });
    }
}

#[test]
fn panics_anywhere_in_a_tree_of_joins_leave_the_workers_usable() {
    fn tree(depth: usize, leaf: usize, bad: usize) -> usize {
        if depth == 0 {
            assert_ne!(leaf, bad, "a bad leaf");
            return 1;
        }
        let (a, b) = join(
            || tree(depth - 1, 2 * leaf, bad),
            || tree(depth - 1, 2 * leaf + 1, bad),
        );
        a + b
    }
    let runtime = runtime(3);
    for bad in 0..64 {
        let result = catch_unwind(AssertUnwindSafe(|| runtime.install(|| tree(6, 0, bad))));
        assert!(result.is_err());
        assert_eq!(runtime.install(|| tree(6, 0, 64)), 64);
    }
}

#[test]
fn a_scope_ends_when_everything_spawned_in_it_is_done() {
    on_workers(|| {
        let count = AtomicUsize::new(0);
        let count = &count;
        let value = scope(|s| {
            for _ in 0..100 {
                s.spawn(move || {
                    count.fetch_add(1, SeqCst);
                    s.spawn(move || count_one(count));
                });
            }
            7
        });
        assert_eq!((value, count.load(SeqCst)), (7, 200));
    });
}

#[test]
fn scopes_and_joins_nest_in_each_other() {
    fn nest(depth: usize, count: &AtomicUsize) {
        if depth == 0 {
            count.fetch_add(1, SeqCst);
            return;
        }
        scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    join(|| nest(depth - 1, count), || nest(depth - 1, count));
                });
            }
        });
    }
    on_workers(|| {
        let count = AtomicUsize::new(0);
        nest(5, &count);
        assert_eq!(count.load(SeqCst), 4_usize.pow(5));
    });
}

#[test]
fn what_is_spawned_into_an_outer_scope_is_done_before_that_scope_ends() {
    on_workers(|| {
        let count = AtomicUsize::new(0);
        let count = &count;
        for _ in 0..50 {
            scope(|outer| {
                let spawn = move || outer.spawn(move || count_one(count));
                join(spawn, spawn);
                scope(|inner| {
                    inner.spawn(spawn);
                    join(|| join(spawn, spawn), spawn);
                });
            });
        }
        assert_eq!(count.load(SeqCst), 50 * 6);
    });
}

#[test]
fn a_panic_in_a_scope_is_passed_on_when_all_others_are_done() {
    on_workers(|| {
        let count = AtomicUsize::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                for i in 0..20 {
                    let count = &count;
                    s.spawn(move || {
                        assert_ne!(i, 10, "ten");
                        count.fetch_add(1, SeqCst);
                    });
                }
            });
        }));
        assert!(result.is_err());
        assert_eq!(count.load(SeqCst), 19);
    });
}

#[test]
fn a_scope_can_be_used_from_threads_that_install() {
    let runtime = runtime(2);
    runtime.install(|| {
        let count = AtomicUsize::new(0);
        scope(|s| {
            let job = || count_one(&count);
            std::thread::scope(|threads| {
                threads.spawn(|| runtime.install(|| s.spawn(job)));
            });
        });
        assert_eq!(count.load(SeqCst), 1);
    });
}

#[test]
fn a_scope_can_be_used_on_another_runtime() {
    let (here, there) = (runtime(2), runtime(2));
    here.install(|| {
        let count = AtomicUsize::new(0);
        scope(|s| {
            let job = || count_one(&count);
            std::thread::scope(|threads| {
                threads.spawn(|| there.install(|| s.spawn(job)));
            });
        });
        assert_eq!(count.load(SeqCst), 1);
    });
}

#[test]
fn slices_are_visited_exactly_once_and_in_place() {
    on_workers(|| {
        for len in [0, 1, 2, 31, 1_000, 50_001] {
            let mut items: Vec<usize> = (0..len).collect();
            par_for_each_mut(&mut items, |item| *item += 1);
            let sum = AtomicUsize::new(0);
            par_for_each(&items, |item| {
                sum.fetch_add(*item, SeqCst);
            });
            assert_eq!(sum.load(SeqCst), len * (len + 1) / 2);
            assert_eq!(
                par_map(&items, |item| item - 1),
                (0..len).collect::<Vec<_>>()
            );
            let last = par_map_reduce(
                &items,
                |item| vec![*item],
                |left, right| [left, right].concat(),
            );
            assert_eq!(last.unwrap_or_default(), items, "neighbours in order");
        }
    });
}

#[test]
fn chunks_have_their_numbers_and_the_last_may_be_shorter() {
    on_workers(|| {
        let mut items = vec![0; 1_003];
        par_chunks_mut(&mut items, 10, |number, chunk| {
            assert_eq!(chunk.len(), if number == 100 { 3 } else { 10 });
            chunk.fill(number);
        });
        assert!(items.iter().enumerate().all(|(i, item)| *item == i / 10));
        let chunks = AtomicUsize::new(0);
        par_chunks(&items, 10, |number, chunk| {
            assert!(chunk.iter().all(|item| *item == number));
            chunks.fetch_add(1, SeqCst);
        });
        assert_eq!(chunks.load(SeqCst), 101);
    });
}

#[test]
fn what_a_map_gave_before_a_panic_is_dropped() {
    on_workers(|| {
        let (made, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let items: Vec<usize> = (0..1_000).collect();
        let result = catch_unwind(AssertUnwindSafe(|| {
            par_map(&items, |item| {
                assert_ne!(*item, 700, "bad");
                made.fetch_add(1, SeqCst);
                Counted(&dropped)
            })
        }));
        assert!(result.is_err());
        assert_eq!(made.load(SeqCst), dropped.load(SeqCst));
    });
}

/// Pseudo-random numbers below `below`.
fn numbers(len: usize, below: u64) -> Vec<u64> {
    let mut state = 88_172_645_463_325_252_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn sorting_agrees_with_the_standard_library() {
    on_workers(|| {
        for len in [0, 1, 5_000, 70_000] {
            let few_different: &[_] = if len < 70_000 { &[1, 2] } else { &[] };
            for &below in few_different.iter().chain(&[100, u64::MAX]) {
                let random = numbers(len, below);
                let mut expected = random.clone();
                expected.sort_unstable();
                let mut items = random;
                par_sort_unstable(&mut items);
                assert!(items == expected, "{len} numbers below {below}");
                // Sorted already, then the other way round.
                par_sort_unstable_by(&mut items, |a, b| b.cmp(a));
                expected.reverse();
                assert!(items == expected, "{len} numbers below {below}, backwards");
            }
        }
    });
}

#[test]
fn a_comparison_that_panics_loses_no_element() {
    on_workers(|| {
        let mut items = numbers(100_000, u64::MAX);
        let mut expected = items.clone();
        let compared = AtomicUsize::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            par_sort_unstable_by(&mut items, |a, b| {
                assert_ne!(compared.fetch_add(1, SeqCst), 400_000, "enough");
                a.cmp(b)
            });
        }));
        assert!(result.is_err());
        items.sort_unstable();
        expected.sort_unstable();
        assert!(items == expected);
    });
}

#[test]
fn many_threads_can_install_at_once() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let start = Barrier::new(8);
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    start.wait();
                    for _ in 0..20 {
                        assert_eq!(runtime.install(|| fib(12)), 144);
                    }
                });
            }
        });
    }
}

#[test]
fn install_works_while_the_runtime_is_blocked_on_a_future() {
    on_each_reactor(1, |runtime| {
        let (installed, blocked) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                await_flag(&blocked);
                assert_eq!(runtime.install(|| fib(10)), 55);
                installed.store(true, SeqCst);
            });
            runtime.block_on(async {
                blocked.store(true, SeqCst);
                while !installed.load(SeqCst) {
                    beehive::time::sleep(Duration::from_millis(1)).await;
                }
            });
        });
    });
}

#[test]
fn install_finishes_though_the_future_that_was_blocked_on_ends_first() {
    let runtime = runtime(1);
    let blocked = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let thread = threads.spawn(|| {
            await_flag(&blocked);
            runtime.install(|| fib(10))
        });
        runtime.block_on(async {
            blocked.store(true, SeqCst);
            // Long enough for the thread to come too late, most of the time.
            std::thread::sleep(Duration::from_millis(5));
        });
        assert_eq!(thread.join().unwrap(), 55);
    });
}

#[test]
fn a_panic_of_what_is_installed_reaches_the_caller() {
    let runtime = runtime(2);
    for _ in 0..2 {
        let result = catch_unwind(AssertUnwindSafe(|| runtime.install(|| panic!("inside"))));
        let panic: Result<(), _> = result;
        assert_eq!(message(&*panic.unwrap_err()), "inside");
    }
    runtime.install(|| assert_eq!(fib(10), 55));
}

#[test]
fn tasks_of_a_worker_that_computes_are_stolen() {
    runtime(2).block_on(async {
        let done = AtomicBool::new(false);
        let done: &'static AtomicBool = Box::leak(Box::new(done));
        let task = spawn(async { done.store(true, SeqCst) });
        // The other worker may take this half first, and then the task.
        join(|| await_flag(done), || {});
        task.await.unwrap();
    });
}

/// `fib` that can be suspended in the middle of every join.
fn interruptible_fib(n: u64) -> u64 {
    if n < 2 {
        beehive::checkpoint();
        return n;
    }
    let (a, b) = join(|| interruptible_fib(n - 1), || interruptible_fib(n - 2));
    a + b
}

#[test]
fn preemptible_tasks_that_are_suspended_in_the_middle_of_joins_mix_nothing_up() {
    for workers in [1, 2] {
        runtime(workers).block_on(async {
            let spawn = |_| beehive::spawn_preemptible(|| interruptible_fib(18));
            let tasks: Vec<_> = (0..4).map(spawn).collect();
            for task in tasks {
                assert_eq!(task.await.unwrap(), 2_584);
            }
        });
    }
}

#[test]
fn a_preemptible_task_that_is_cancelled_in_the_middle_of_a_join_drops_what_it_holds() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    let for_ever = || {
        let (first, second) = (Counted(&DROPPED), Counted(&DROPPED));
        join(
            || {
                let _first = first;
                loop {
                    beehive::checkpoint();
                }
            },
            || drop(second),
        )
    };
    runtime(2).block_on(async {
        let task = beehive::spawn_preemptible(for_ever);
        beehive::time::sleep(Duration::from_millis(20)).await;
        assert!(task.cancel().await.is_none());
        assert_eq!(fib(10), 55);
    });
    assert_eq!(DROPPED.load(SeqCst), 2);
}

#[test]
fn fork_join_outside_of_a_runtime_says_what_to_do() {
    let panic = catch_unwind(|| join(|| (), || ())).unwrap_err();
    assert!(message(&*panic).contains("Runtime::install"));
}

#[test]
fn small_joins_that_nobody_steals_still_share_the_large_ones_around_them() {
    runtime(2).install(|| {
        let (first, second) = (AtomicBool::new(false), AtomicBool::new(false));
        let half = |mine: &AtomicBool, other: &AtomicBool| {
            // Enough small joins for the worker to make jobs no more.
            assert_eq!(fib(18), 2_584);
            mine.store(true, SeqCst);
            await_flag(other);
        };
        join(|| half(&first, &second), || half(&second, &first));
    });
}
