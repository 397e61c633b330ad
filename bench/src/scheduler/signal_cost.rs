//! What load signals cost: ours with them and without, on the shortest tasks there are, where every
//! decision shows: tasks that spawn pairs which send each other a message, and tasks that yield.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result};
use beehive::{Handle, Runtime};
use tokio::sync::oneshot;

use crate::harness::{Better, Metric};

use super::clock::Took;
use super::contender::{League, ours, peer};
use super::plan::Plan;

const PAIRS: usize = 1_000;
const YIELDS: usize = 10;

pub(super) fn signal_cost() -> Vec<League> {
    vec![League {
        metrics: &[
            Metric {
                name: "cpu_us",
                unit: "us",
                better: Better::Lower,
            },
            Metric {
                name: "wall_us",
                unit: "us",
                better: Better::Lower,
            },
        ],
        contenders: vec![
            ours("beehive", |plan| measure(plan, true)),
            peer("beehive-signals-off", |plan| measure(plan, false)),
        ],
    }]
}

fn measure(plan: &Plan, signals: bool) -> Result<Vec<f64>> {
    let runtime = start(plan.workers, signals)?;
    let took = plan.repeat(|| {
        let (took, ended) = Took::by(|| {
            let (done, ended) = sync_channel(1);
            runtime.spawn(pairs(done)).detach();
            ended.recv()
        });
        ended?;
        Ok(took)
    })?;
    let mut values = Took::medians_us(took);
    values.reverse();
    Ok(values)
}

fn start(workers: usize, signals: bool) -> Result<Handle> {
    let (send, started): (_, Receiver<std::io::Result<Handle>>) = sync_channel(1);
    std::thread::spawn(move || {
        let built = Runtime::builder().workers(workers).signals(signals).build();
        match built {
            Ok(runtime) => {
                if send.send(Ok(runtime.handle())).is_ok() {
                    runtime.block_on(pending::<()>());
                }
            }
            Err(error) => drop(send.send(Err(error))),
        }
    });
    Ok(started.recv().context("the runtime's thread has ended")??)
}

async fn pairs(done: SyncSender<()>) {
    let left = Arc::new(AtomicUsize::new(PAIRS));
    for _ in 0..PAIRS {
        let (left, done) = (left.clone(), done.clone());
        beehive::spawn(async move {
            let (ping, pinged) = oneshot::channel();
            let pong = beehive::spawn(async move {
                for _ in 0..YIELDS {
                    beehive::yield_now().await;
                }
                pinged.await
            });
            ping.send(7).expect("it is waited for");
            assert_eq!(pong.await.expect("the task completes"), Ok(7));
            if left.fetch_sub(1, Relaxed) == 1 {
                done.send(()).expect("the measuring thread waits");
            }
        })
        .detach();
    }
}
