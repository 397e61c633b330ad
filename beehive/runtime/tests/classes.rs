//! Classes, deadlines and weights of tasks in a running runtime.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use beehive::{Class, Handle, JoinHandle, TaskOptions, spawn_local_with, spawn_with, yield_now};
use common::on_each_reactor;

fn spin(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        std::hint::spin_loop();
    }
}

/// Tasks that keep every worker busy until they are told to stop.
fn hogs(handle: &Handle, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    let hog = |worker| {
        let stop = stop.clone();
        let options = TaskOptions::new().affinity(worker).name("hog");
        handle.spawn_with(options, async move {
            while !stop.load(SeqCst) {
                spin(Duration::from_micros(20));
                yield_now().await;
            }
        })
    };
    let workers = handle.workers();
    workers.flat_map(|worker| [worker; 4]).map(hog).collect()
}

#[test]
fn tasks_of_all_classes_run_wherever_they_come_from() {
    on_each_reactor(3, |runtime| {
        let handle = runtime.handle();
        let outside = handle.clone();
        let sum = runtime.block_on(async move {
            let options = |i: usize| {
                let options = TaskOptions::new().class(Class::ALL[i % 3]);
                options.weight(1 + (i % 5) as u8)
            };
            let work = move |i: usize| async move {
                for _ in 0..i % 7 {
                    yield_now().await;
                }
                spawn_with(options(i + 1), async move { i }).await.unwrap()
            };
            let thread = std::thread::spawn(move || {
                let spawned = (0..2_000).map(|i| outside.spawn_with(options(i), work(i)));
                spawned.collect::<Vec<_>>()
            });
            let mut tasks: Vec<_> = (0..2_000)
                .map(|i| match i % 2 {
                    0 => spawn_with(options(i), work(i)),
                    _ => spawn_local_with(options(i), work(i)),
                })
                .collect();
            tasks.extend(thread.join().unwrap());
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 2 * 1_999_000);
    });
}

#[test]
fn no_class_starves_while_another_never_rests() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            for greedy in Class::ALL {
                let stop = Arc::new(AtomicBool::new(false));
                let hog_stop = stop.clone();
                let hog = spawn_with(TaskOptions::new().class(greedy), async move {
                    while !hog_stop.load(SeqCst) {
                        spin(Duration::from_micros(5));
                        yield_now().await;
                    }
                });
                for class in Class::ALL {
                    let options = TaskOptions::new().class(class);
                    spawn_with(options.clone(), yield_now()).await.unwrap();
                    spawn_local_with(options, yield_now()).await.unwrap();
                }
                stop.store(true, SeqCst);
                hog.await.unwrap();
            }
        });
    });
}

#[test]
fn injected_tasks_of_all_classes_are_seen_while_workers_are_busy() {
    on_each_reactor(2, |runtime| {
        let handle = runtime.handle();
        let stop = Arc::new(AtomicBool::new(false));
        let hogs = hogs(&handle, &stop);
        let done = Arc::new(AtomicUsize::new(0));
        let counted = done.clone();
        let thread = std::thread::spawn(move || {
            for i in 0..30 {
                let counted = counted.clone();
                let options = TaskOptions::new().class(Class::ALL[i % 3]);
                let injected = handle.spawn_with(options, async move {
                    counted.fetch_add(1, SeqCst);
                });
                injected.detach();
            }
            while done.load(SeqCst) < 30 {
                std::thread::sleep(Duration::from_millis(1));
            }
            stop.store(true, SeqCst);
        });
        runtime.block_on(async {
            for hog in hogs {
                hog.await.unwrap();
            }
        });
        thread.join().unwrap();
    });
}

#[test]
fn a_latency_task_overtakes_a_crowd_that_was_there_before() {
    on_each_reactor(1, |runtime| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let noted = |class: Class| {
            let order = order.clone();
            spawn_with(TaskOptions::new().class(class), async move {
                order.lock().unwrap().push(class);
            })
        };
        runtime.block_on(async {
            let mut tasks: Vec<_> = (0..100).map(|_| noted(Class::Background)).collect();
            tasks.push(noted(Class::Latency));
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(order.lock().unwrap()[0], Class::Latency);
    });
}

#[test]
fn a_latency_task_behind_a_long_poll_is_taken_over_by_another_busy_worker() {
    on_each_reactor(2, |runtime| {
        let handle = runtime.handle();
        let stop = Arc::new(AtomicBool::new(false));
        let hogs = hogs(&handle, &stop);
        let second = handle.workers().nth(1).unwrap();
        let (send, receive) = std::sync::mpsc::channel();
        let blocked = handle.spawn_on(second, move || async move {
            let options = TaskOptions::new().class(Class::Latency);
            spawn_with(options, async move { send.send(()) }).detach();
            // This worker cannot run it: the channel is filled by the other one, or never.
            receive.recv_timeout(Duration::from_secs(20))
        });
        let result = runtime.block_on(blocked).unwrap();
        stop.store(true, SeqCst);
        runtime.block_on(async {
            for hog in hogs {
                hog.await.unwrap();
            }
        });
        assert_eq!(result, Ok(()));
    });
}

#[test]
#[should_panic(expected = "use `Handle::spawn_on` for another")]
fn a_local_task_for_another_worker_is_refused() {
    let runtime = beehive::Runtime::builder().workers(2).build().unwrap();
    let second = runtime.handle().workers().nth(1).unwrap();
    runtime.block_on(async {
        spawn_local_with(TaskOptions::new().affinity(second), async {}).detach();
    });
}

#[test]
fn a_latency_task_whose_polls_are_long_shares_its_worker_like_a_normal_one() {
    /// Polls of the normal task.
    const POLLS: usize = 60;
    on_each_reactor(1, |runtime| {
        for local in [true, false] {
            runtime.block_on(async {
                let stop = Arc::new(AtomicBool::new(false));
                let polls = Arc::new(AtomicUsize::new(0));
                let (stopped, count) = (stop.clone(), polls.clone());
                let impostor = async move {
                    while !stopped.load(SeqCst) {
                        spin(Duration::from_micros(200));
                        count.fetch_add(1, SeqCst);
                        yield_now().await;
                    }
                };
                let options = TaskOptions::new().class(Class::Latency);
                let impostor = match local {
                    true => spawn_local_with(options, impostor),
                    false => spawn_with(options, impostor),
                };
                let normal = spawn_local_with(TaskOptions::new(), async {
                    for _ in 0..POLLS {
                        spin(Duration::from_micros(200));
                        yield_now().await;
                    }
                });
                normal.await.unwrap();
                // By the weights of the classes it would have been four times as many.
                let stolen = polls.load(SeqCst);
                assert!(stolen < 2 * POLLS, "{stolen} polls");
                stop.store(true, SeqCst);
                impostor.await.unwrap();
            });
        }
    });
}
