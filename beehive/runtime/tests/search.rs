//! No task is overlooked while a worker could take it. The monitor, which would find it later, is off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use beehive::{Handle, Runtime, TaskOptions, WorkerId, spawn, spawn_blocking};

const WORKERS: usize = 3;
/// How long the rounds go on.
const DURATION: Duration = Duration::from_secs(2);
/// Nothing here takes a thousandth of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps a worker in one poll until the flag is set.
fn poll_until(flag: &AtomicBool) {
    let begin = Instant::now();
    while !flag.load(SeqCst) {
        assert!(begin.elapsed() < PATIENCE, "nobody has taken the task");
        std::thread::yield_now();
    }
}

fn spawn_at(
    handle: &Handle,
    worker: WorkerId,
    ended: &Sender<()>,
    body: impl FnOnce() + Send + 'static,
) {
    let ended = ended.clone();
    let options = TaskOptions::new().affinity(worker);
    let task = handle.spawn_with(options, async move {
        body();
        ended.send(()).unwrap();
    });
    task.detach();
}

#[test]
fn a_task_behind_a_long_poll_is_taken_while_another_worker_is_called_to_a_long_poll_as_well() {
    let runtime = Runtime::builder()
        .workers(WORKERS)
        .pin(false)
        .stall_threshold(None)
        .build()
        .unwrap();
    let handle = runtime.handle();
    let rounds = move || {
        let workers: Vec<_> = handle.workers().collect();
        let (ended, ends) = channel();
        let begin = Instant::now();
        for round in (0..).take_while(|_| begin.elapsed() < DURATION) {
            let done = Arc::new(AtomicBool::new(false));
            let called = done.clone();
            let (owner, other) = (workers[round % WORKERS], workers[(round + 1) % WORKERS]);
            spawn_at(&handle, owner, &ended, move || {
                let taken = done.clone();
                spawn(async move { taken.store(true, SeqCst) }).detach();
                poll_until(&done);
            });
            // Sooner or later in the other worker's search.
            (0..round % 61 * 20).for_each(|_| std::hint::spin_loop());
            spawn_at(&handle, other, &ended, move || poll_until(&called));
            (0..2).for_each(|_| ends.recv_timeout(2 * PATIENCE).unwrap());
        }
    };
    runtime.block_on(async { spawn_blocking(rounds).await.unwrap() });
}
