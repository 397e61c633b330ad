//! What a task dump says about tasks in known states.

use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use beehive::dump::{TaskDump, TaskInfo, TaskState};
use beehive::{
    Class, Handle, JoinSet, Runtime, TaskOptions, WorkerId, spawn, spawn_local, spawn_local_with,
    spawn_preemptible, spawn_with, yield_now,
};

fn runtime(workers: usize) -> Runtime {
    let builder = Runtime::builder().workers(workers).pin(false);
    let builder = builder.stall_threshold(None).task_dump(true);
    builder.build().unwrap()
}

fn tasks(handle: &Handle) -> TaskDump {
    handle.tasks().expect("task dumps are on")
}

fn named(name: &'static str) -> TaskOptions {
    TaskOptions::new().name(name)
}

fn find<'a>(dump: &'a TaskDump, name: &str) -> &'a TaskInfo {
    let mut tasks = dump.tasks.iter();
    let found = tasks.find(|task| task.name.as_deref() == Some(name));
    found.unwrap_or_else(|| panic!("no task {name} in\n{dump}"))
}

/// Takes dumps until one is as wanted.
fn wait_until(handle: &Handle, wanted: impl Fn(&TaskDump) -> bool) -> TaskDump {
    let start = Instant::now();
    loop {
        let dump = tasks(handle);
        if wanted(&dump) {
            return dump;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{dump}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn without_the_switch_there_is_no_dump() {
    let runtime = Runtime::builder().workers(1).build().unwrap();
    assert!(runtime.handle().tasks().is_none());
}

#[test]
fn tasks_are_listed_with_what_they_do_and_for_how_long() {
    let runtime = runtime(1);
    let (handle, looked_at) = (runtime.handle(), runtime.handle());
    let (go, gone) = mpsc::channel::<()>();
    let look = std::thread::spawn(move || {
        let handle = looked_at;
        let long = Duration::from_millis(10);
        let dump = wait_until(&handle, |dump| {
            let runs =
                |task: &TaskInfo| matches!(task.state, TaskState::Running(_, time) if time > long);
            dump.tasks.iter().any(runs)
        });
        go.send(()).unwrap();
        dump
    });
    runtime.block_on(async {
        let waiting = spawn_with(named("waiting"), pending::<()>());
        while find(&tasks(&handle), "waiting").polls == 0 {
            yield_now().await;
        }
        let latency = TaskOptions::new().class(Class::Latency);
        spawn_local_with(latency, async {}).await.unwrap();
        let running = spawn_local_with(named("running"), async move { gone.recv().unwrap() });
        let queued = spawn_local_with(named("queued"), async {});
        running.await.unwrap();
        queued.await.unwrap();
        drop(waiting);
    });
    let dump = look.join().unwrap();
    assert_eq!(dump.tasks.len(), 3, "what has ended is not listed:\n{dump}");
    let waiting = find(&dump, "waiting");
    let running = find(&dump, "running");
    let queued = find(&dump, "queued");
    assert!(matches!(waiting.state, TaskState::Waiting(_)), "{waiting}");
    assert_eq!(waiting.polls, 1);
    assert!(matches!(running.state, TaskState::Running(worker, _) if worker == WorkerId::new(0)));
    let TaskState::Queued(time) = queued.state else {
        panic!("{queued}")
    };
    assert!(
        time >= Duration::from_millis(9) && queued.age >= time,
        "{queued}"
    );
    assert_eq!((queued.polls, queued.class), (0, Class::Normal));
}

#[test]
fn a_task_is_listed_with_the_place_of_the_call_that_spawned_it() {
    let runtime = runtime(1);
    let handle = runtime.handle();
    runtime.block_on(async {
        let mut set = JoinSet::new();
        let first = line!();
        drop((
            spawn(pending::<()>()).detach(),
            spawn_with(named("a"), pending::<()>()).detach(),
            spawn_local(pending::<()>()).detach(),
            spawn_local_with(named("b"), pending::<()>()).detach(),
            handle.spawn(pending::<()>()).detach(),
            handle.spawn_with(named("c"), pending::<()>()).detach(),
            handle.spawn_on(WorkerId::new(0), pending::<()>).detach(),
            spawn_preemptible(|| {}).detach(),
            handle.spawn_preemptible(|| {}).detach(),
            set.spawn(pending::<()>()),
            set.spawn_local(pending::<()>()),
        ));
        let dump = tasks(&handle);
        let places: HashSet<_> = dump.tasks.iter().map(|task| task.location).collect();
        assert_eq!(places.len(), 11, "{dump}");
        assert!(places.iter().all(|place| place.line() > first));
        assert!(places.iter().all(|place| place.file().ends_with("dump.rs")));
        assert!(dump.tasks[0].future.contains("Pending"), "{dump}");
    });
}

#[test]
fn the_time_of_tasks_that_have_ended_stays_with_their_kind() {
    let runtime = runtime(1);
    let long = Duration::from_millis(5);
    runtime.block_on(async {
        for _ in 0..3 {
            let work = async move {
                let start = Instant::now();
                while start.elapsed() < long {}
                yield_now().await;
            };
            spawn_with(named("worker").class(Class::Background), work)
                .await
                .unwrap();
        }
        spawn(async {}).await.unwrap();
    });
    let dump = tasks(&runtime.handle());
    assert!(dump.tasks.is_empty(), "{dump}");
    let hottest = &dump.kinds[0];
    assert_eq!(hottest.name.as_deref(), Some("worker"));
    assert_eq!((hottest.alive, hottest.ended, hottest.polls), (0, 3, 6));
    assert!(hottest.busy >= 3 * long, "{hottest:?}");
    assert_eq!(
        (dump.kinds[1].name.as_deref(), dump.kinds[1].ended),
        (None, 1)
    );
}

#[test]
fn the_list_does_not_grow_with_tasks_that_have_ended() {
    let runtime = runtime(2);
    let handle = runtime.handle();
    let alive = Arc::new(());
    runtime.block_on(async {
        for _ in 0..20 {
            let tasks: Vec<_> = (0..500)
                .map(|_| {
                    let mine = alive.clone();
                    spawn(async move { drop(mine) })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
    });
    let dump = tasks(&handle);
    assert!(dump.tasks.is_empty());
    assert_eq!(
        dump.kinds.iter().map(|kind| kind.ended).sum::<u64>(),
        10_000
    );
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn dumps_may_be_taken_while_tasks_come_go_and_move() {
    let runtime = runtime(3);
    let handle = runtime.handle();
    let (stop, stopped) = mpsc::channel::<()>();
    let looker = std::thread::spawn(move || {
        let mut seen = 0;
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            seen += tasks(&handle).tasks.len();
        }
        seen
    });
    runtime.block_on(async {
        for _ in 0..40 {
            let tasks: Vec<_> = (0..50)
                .map(|number| {
                    spawn(async move {
                        for _ in 0..number {
                            yield_now().await;
                        }
                        if number == 7 {
                            // As a panic, without a message.
                            std::panic::resume_unwind(Box::new(()));
                        }
                    })
                })
                .collect();
            for (number, task) in tasks.into_iter().enumerate() {
                if number % 10 == 3 {
                    drop(task);
                } else {
                    assert_eq!(task.await.is_err(), number == 7);
                }
            }
        }
    });
    stop.send(()).unwrap();
    assert!(looker.join().unwrap() > 0);
    let dump = tasks(&runtime.handle());
    let ended: u64 = dump.kinds.iter().map(|kind| kind.ended).sum();
    assert_eq!(ended + dump.tasks.len() as u64, 2_000);
}

#[test]
fn a_dump_may_outlive_its_runtime_and_a_handle_gives_an_empty_one() {
    let runtime = runtime(1);
    let handle = runtime.handle();
    runtime.block_on(async { spawn_preemptible(|| {}).await.unwrap() });
    spawn_from_outside(&handle);
    let before = tasks(&handle);
    drop(runtime);
    spawn_from_outside(&handle);
    assert_eq!(before.tasks.len(), 1);
    assert!(tasks(&handle).tasks.is_empty());
}

fn spawn_from_outside(handle: &Handle) {
    handle.spawn(async {}).detach();
}
