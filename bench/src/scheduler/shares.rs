//! Tasks that never have enough, in three classes: whether each class gets its share of the time, and
//! how long a task of the first class waits that comes from outside.
//!
//! The hogs use a core for [`TURN`] and yield, for ever. Ours have a class each, with weights 4, 2
//! and 1. Peers know no classes: their hogs are all alike, and so is the task from outside.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use beehive::{Class, Handle, Runtime, TaskOptions};

use crate::harness::{Better, Metric};

use super::contender::{League, ours, peer};
use super::plan::{Plan, Scale};
use super::runtimes::{Nio, Shared, Smol, Tokio, Yield};

const CLASSES: [Class; 3] = [Class::Latency, Class::Normal, Class::Background];
const WEIGHTS: [u16; 3] = [4, 2, 1];
const HOGS_PER_CLASS: usize = 8;
/// How long a hog uses a core before it yields.
const TURN: Duration = Duration::from_micros(20);
const WINDOW: Duration = Duration::from_millis(100);

/// A runtime full of hogs.
trait Crowded: Sized {
    fn start(workers: usize) -> Result<Self>;

    /// Spawns a task of the class with this index.
    fn spawn(&self, class: usize, future: impl Future<Output = ()> + Send + 'static);
}

/// Ours, with classes.
struct Classes(Handle);

impl Crowded for Classes {
    fn start(workers: usize) -> Result<Self> {
        let (send, started) = sync_channel(1);
        std::thread::spawn(move || {
            let [latency, normal, background] = WEIGHTS;
            let built = Runtime::builder()
                .workers(workers)
                .class_weights(latency, normal, background)
                .build();
            match built {
                Ok(runtime) => {
                    if send.send(Ok(runtime.handle())).is_ok() {
                        runtime.block_on(pending::<()>());
                    }
                }
                Err(error) => drop(send.send(Err(error))),
            }
        });
        Ok(Classes(
            started.recv().context("the runtime's thread has ended")??,
        ))
    }

    fn spawn(&self, class: usize, future: impl Future<Output = ()> + Send + 'static) {
        let options = TaskOptions::new().class(CLASSES[class]);
        self.0.spawn_with(options, future).detach();
    }
}

/// A runtime without classes.
struct Alike<R>(R);

impl<R: Shared> Crowded for Alike<R> {
    fn start(workers: usize) -> Result<Self> {
        Ok(Alike(R::start(workers)?))
    }

    fn spawn(&self, _: usize, future: impl Future<Output = ()> + Send + 'static) {
        R::detach(self.0.spawn(future));
    }
}

/// Those who take part, each with the function `$measure`.
macro_rules! crowded {
    ($measure:ident) => {
        vec![
            ours("beehive", $measure::<Classes>),
            peer("tokio", $measure::<Alike<Tokio>>),
            peer("smol", $measure::<Alike<Smol>>),
            peer("nio", $measure::<Alike<Nio>>),
        ]
    };
}

pub(super) fn error() -> Vec<League> {
    vec![League {
        metrics: &[Metric {
            name: "error_percent",
            unit: "%",
            better: Better::Lower,
        }],
        contenders: crowded!(error_of),
    }]
}

pub(super) fn latency() -> Vec<League> {
    vec![League {
        metrics: &[
            Metric {
                name: "p99_us",
                unit: "us",
                better: Better::Lower,
            },
            Metric {
                name: "p50_us",
                unit: "us",
                better: Better::Lower,
            },
        ],
        contenders: crowded!(latency_of),
    }]
}

/// Time that the hogs of each class have had, in nanoseconds.
type Used = Arc<[AtomicU64; 3]>;

/// Starts a runtime and hogs in the given classes.
fn crowd<C: Crowded>(plan: &Plan, classes: &[usize]) -> Result<(C, Used)> {
    let runtime = C::start(plan.workers)?;
    let used = Used::default();
    for class in classes {
        for _ in 0..HOGS_PER_CLASS {
            runtime.spawn(*class, hog(used.clone(), *class));
        }
    }
    std::thread::sleep(plan.size(WINDOW, Duration::from_millis(5)));
    Ok((runtime, used))
}

async fn hog(used: Used, class: usize) {
    loop {
        let start = Instant::now();
        while start.elapsed() < TURN {
            std::hint::spin_loop();
        }
        used[class].fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
        Yield::default().await;
    }
}

/// The largest difference between a class's part of the time and its weight's part of the weights,
/// over all windows.
fn error_of<C: Crowded>(plan: &Plan) -> Result<Vec<f64>> {
    let (windows, window) = match plan.scale {
        Scale::Full => (10, WINDOW),
        Scale::Quick => (5, WINDOW),
        Scale::Tiny => (1, Duration::from_millis(5)),
    };
    let (_runtime, used) = crowd::<C>(plan, &[0, 1, 2])?;
    let mut worst: f64 = 0.0;
    for _ in 0..windows {
        let before = read(&used);
        std::thread::sleep(window);
        let after = read(&used);
        worst = worst.max(largest_error(
            [0, 1, 2].map(|class| after[class] - before[class]),
        ));
    }
    Ok(vec![worst * 100.0])
}

fn read(used: &Used) -> [u64; 3] {
    [0, 1, 2].map(|class| used[class].load(Relaxed))
}

fn largest_error(used: [u64; 3]) -> f64 {
    let total: u64 = used.iter().sum();
    let weights: u16 = WEIGHTS.iter().sum();
    let error = |(used, weight): (u64, u16)| {
        (used as f64 / total as f64 - f64::from(weight) / f64::from(weights)).abs()
    };
    used.into_iter().zip(WEIGHTS).map(error).fold(0.0, f64::max)
}

/// From the call that spawns a task of the first class, while hogs of the others fill all workers,
/// until it runs.
fn latency_of<C: Crowded>(plan: &Plan) -> Result<Vec<f64>> {
    let probes = match plan.scale {
        Scale::Full => 1_000,
        Scale::Quick => 300,
        Scale::Tiny => 3,
    };
    let (runtime, _) = crowd::<C>(plan, &[1, 2])?;
    let mut latencies = Vec::with_capacity(probes);
    for probe in 0..probes {
        // Not in step with anything.
        std::thread::sleep(Duration::from_micros(500 + 37 * (probe as u64 % 29)));
        let (send, ran) = sync_channel(1);
        let before = Instant::now();
        runtime.spawn(0, async move {
            // The measuring thread waits for it.
            let _ = send.send(before.elapsed());
        });
        latencies.push(ran.recv()?.as_secs_f64() * 1e6);
    }
    latencies.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| latencies[(latencies.len() as f64 * part) as usize];
    Ok(vec![at(0.99), at(0.5)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_by_weight_are_no_error() {
        assert_eq!(largest_error([400, 200, 100]), 0.0);
        let alike = largest_error([100, 100, 100]);
        assert!((alike - (4.0 / 7.0 - 1.0 / 3.0)).abs() < 1e-9);
    }
}
