//! On runtimes of several workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::oneshot;

use super::{CHAIN, PINGS, SPAWNS, SPAWNS_BUSY, YIELDING, YIELDS, repeat};
use crate::scheduler::plan::Plan;
use crate::scheduler::runtimes::Shared;

/// How long a busy worker's task holds its CPU.
const STALL: Duration = Duration::from_micros(10);

/// Counts down; the last one reports to the measuring thread.
struct Countdown {
    left: AtomicUsize,
    done: SyncSender<()>,
}

impl Countdown {
    fn new(count: usize) -> (Arc<Countdown>, Receiver<()>) {
        let (done, all) = sync_channel(1);
        let left = AtomicUsize::new(count);
        (Arc::new(Countdown { left, done }), all)
    }

    fn one(&self) {
        if self.left.fetch_sub(1, Relaxed) == 1 {
            self.done.send(()).expect("the measuring thread waits");
        }
    }
}

/// One task spawns all others.
pub(super) fn spawn_many_local<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
    let runtime = R::start(plan.workers)?;
    repeat(plan, || {
        let (countdown, done) = Countdown::new(SPAWNS);
        R::detach(runtime.spawn(async move {
            for _ in 0..SPAWNS {
                let countdown = countdown.clone();
                R::detach(R::spawn_here(async move { countdown.one() }));
            }
        }));
        Ok(done.recv()?)
    })
}

/// The measuring thread spawns all, and the workers have nothing else to do.
pub(super) fn spawn_many_remote_idle<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
    let runtime = R::start(plan.workers)?;
    repeat(plan, || {
        let (countdown, done) = Countdown::new(SPAWNS);
        for _ in 0..SPAWNS {
            let countdown = countdown.clone();
            R::detach(runtime.spawn(async move { countdown.one() }));
        }
        Ok(done.recv()?)
    })
}

/// The workers are busy with tasks that use CPU time and yield.
pub(super) fn spawn_many_remote_busy1<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
    let runtime = R::start(plan.workers)?;
    for _ in 0..2 * plan.workers {
        R::detach(runtime.spawn(async {
            loop {
                R::yield_now().await;
                stall();
            }
        }));
    }
    repeat(plan, || spawn_and_join(&runtime, SPAWNS))
}

/// The workers are busy with tasks that use CPU time and spawn the like.
pub(super) fn spawn_many_remote_busy2<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
    fn again<R: Shared>() {
        R::detach(R::spawn_here(async {
            stall();
            again::<R>();
        }));
    }
    let runtime = R::start(plan.workers)?;
    for _ in 0..plan.workers {
        R::detach(runtime.spawn(async { again::<R>() }));
    }
    repeat(plan, || spawn_and_join(&runtime, SPAWNS_BUSY))
}

/// Tasks that do nothing, each waited for.
fn spawn_and_join<R: Shared>(runtime: &R, count: usize) -> Result<()> {
    let joins: Vec<R::Join> = (0..count).map(|_| runtime.spawn(async {})).collect();
    smol::block_on(async {
        for join in joins {
            R::join(join).await;
        }
    });
    Ok(())
}

fn stall() {
    let start = Instant::now();
    while start.elapsed() < STALL {
        std::thread::yield_now();
    }
}

/// Tasks that do nothing but let others run.
pub(super) fn yield_many<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
    let runtime = R::start(plan.workers)?;
    let yields = plan.size(YIELDS, 10);
    repeat(plan, || {
        let (countdown, done) = Countdown::new(YIELDING);
        for _ in 0..YIELDING {
            let countdown = countdown.clone();
            R::detach(runtime.spawn(async move {
                for _ in 0..yields {
                    R::yield_now().await;
                }
                countdown.one();
            }));
        }
        Ok(done.recv()?)
    })
}

/// Pairs of tasks that send each other one message.
pub(super) fn ping_pong<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
    let runtime = R::start(plan.workers)?;
    repeat(plan, || {
        let (countdown, done) = Countdown::new(PINGS);
        R::detach(runtime.spawn(async move {
            for _ in 0..PINGS {
                let countdown = countdown.clone();
                R::detach(R::spawn_here(async move {
                    let (ping, pinged) = oneshot::channel();
                    let (pong, ponged) = oneshot::channel();
                    R::detach(R::spawn_here(async move {
                        pong.send(pinged.await.expect("a ping"))
                            .expect("it is waited for");
                    }));
                    ping.send(7).expect("it is waited for");
                    assert_eq!(ponged.await, Ok(7));
                    countdown.one();
                }));
            }
        }));
        Ok(done.recv()?)
    })
}

/// Each task spawns the next.
pub(super) fn chained_spawn<R: Shared>(plan: &Plan) -> Result<Vec<f64>> {
    fn next<R: Shared>(done: SyncSender<usize>, links: usize) {
        if links == CHAIN {
            done.send(links).expect("the measuring thread waits");
        } else {
            R::detach(R::spawn_here(async move { next::<R>(done, links + 1) }));
        }
    }
    let runtime = R::start(plan.workers)?;
    repeat(plan, || {
        let (done, end) = sync_channel(1);
        R::detach(runtime.spawn(async move { next::<R>(done, 0) }));
        let links = end.recv()?;
        ensure!(links == CHAIN, "the chain broke after {links} links");
        Ok(())
    })
}
