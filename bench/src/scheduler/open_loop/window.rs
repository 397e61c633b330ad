//! A stretch of arrivals: planned before it begins, filled in while it runs.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::crowd::Crowd;
use crate::random::Random;

/// A request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// After the window's start.
    pub(super) at: Duration,
    /// How long it uses a core.
    pub(super) service: Duration,
    /// Which of two runtimes serves it where they cannot share.
    pub(super) side: usize,
}

/// Requests and their latencies. Kept to the end of the process, so that tasks can refer to it.
pub(super) struct Window {
    start: Instant,
    arrivals: Vec<Arrival>,
    /// From planned arrival to end of service, in nanoseconds.
    latencies: Vec<AtomicU32>,
    left: AtomicUsize,
    done: SyncSender<()>,
}

/// Requests at the beginning, when nobody waits yet, are not counted: one in this many.
const WARM_UP_PART: usize = 10;

/// Poisson arrivals.
pub(super) struct Law {
    /// Part of the capacity of two servers that is used.
    pub(super) load: f64,
    pub(super) mean_service: Duration,
    /// Draws a service time.
    pub(super) service: fn(&mut Random, Duration) -> Duration,
}

impl Law {
    /// Exponential service times.
    pub(super) fn exponential(load: f64, mean_service: Duration) -> Law {
        Law {
            load,
            mean_service,
            service: |random, mean| Duration::from_secs_f64(random.exponential(mean.as_secs_f64())),
        }
    }

    /// In mean service times.
    pub(super) fn in_services(&self, latency: Duration) -> f64 {
        latency.as_secs_f64() / self.mean_service.as_secs_f64()
    }

    /// Plans `count` requests.
    fn plan(&self, count: usize, random: &mut Random) -> Vec<Arrival> {
        let gap = self.mean_service.as_secs_f64() / (2.0 * self.load);
        let mut at = 0.0;
        (0..count)
            .map(|_| {
                at += random.exponential(gap);
                Arrival {
                    at: Duration::from_secs_f64(at),
                    service: (self.service)(random, self.mean_service),
                    side: (random.next() & 1) as usize,
                }
            })
            .collect()
    }

    /// Lets `count` requests arrive and returns what became of those that count: the service each
    /// wanted, and its latency.
    pub(super) fn run(
        &self,
        crowd: &dyn Crowd,
        count: usize,
        random: &mut Random,
    ) -> Result<Vec<(Duration, Duration)>> {
        let arrivals = self.plan(count, random);
        let (done, ended) = sync_channel(1);
        let window: &'static Window = Box::leak(Box::new(Window {
            latencies: arrivals.iter().map(|_| AtomicU32::new(0)).collect(),
            left: AtomicUsize::new(arrivals.len()),
            arrivals,
            done,
            // Time to hand it over.
            start: Instant::now() + Duration::from_micros(200),
        }));
        crowd.serve(window)?;
        ended.recv()?;
        let served = window.arrivals.iter().zip(&window.latencies);
        Ok(served
            .skip(count / WARM_UP_PART)
            .map(|(arrival, latency)| {
                let latency = Duration::from_nanos(latency.load(Relaxed).into());
                (arrival.service, latency)
            })
            .collect())
    }
}

impl Window {
    /// Waits for each arrival of this side, or of both, and has it served by a call of `spawn`,
    /// which must lead to [`Window::serve`]; `pause` lets others run.
    pub(super) async fn generate(
        &'static self,
        side: Option<usize>,
        spawn: impl Fn(usize),
        pause: impl AsyncFn(),
    ) {
        for (index, arrival) in self.arrivals.iter().enumerate() {
            if side.is_some_and(|side| side != arrival.side) {
                continue;
            }
            while Instant::now() < self.start + arrival.at {
                pause().await;
            }
            spawn(index);
        }
    }

    /// Waits until all requests of both sides are finished.
    pub(super) async fn drained(&self, pause: impl AsyncFn()) {
        while self.left.load(Acquire) > 0 {
            pause().await;
        }
    }

    /// The service that a request wants.
    fn service(&self, index: usize) -> Duration {
        self.arrivals[index].service
    }

    #[cfg(test)]
    pub(super) fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// How late it is for a request.
    fn late(&self, index: usize) -> Duration {
        let due = self.start + self.arrivals[index].at;
        Instant::now().saturating_duration_since(due)
    }

    /// To be called at the end of a request's service, with the time since it arrived.
    pub(super) fn finish(&self, index: usize, latency: Duration) {
        let nanos = u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX);
        self.latencies[index].store(nanos, Relaxed);
        // The last one has seen all others, and so shows their latencies to the measuring thread.
        if self.left.fetch_sub(1, AcqRel) == 1 {
            // The measuring thread waits; if it gave up, there is nobody to tell.
            let _ = self.done.send(());
        }
    }

    /// Uses the core for as long as the request wants, and finishes it.
    pub(super) fn serve(&self, index: usize) {
        burn(self.service(index));
        self.finish(index, self.late(index));
    }

    /// The same, calling `checkpoint` every now and then. What passes there is not the request's.
    pub(super) fn serve_in_slices(&self, index: usize, checkpoint: impl Fn()) {
        /// Time between two checkpoints.
        const STEP: Duration = Duration::from_nanos(250);

        let mut left = self.service(index);
        while left > STEP {
            burn(STEP);
            left -= STEP;
            checkpoint();
        }
        burn(left);
        self.finish(index, self.late(index));
    }
}

/// Uses the core for `time`.
fn burn(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// The value at `part` of the sorted values.
pub(super) fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let index = (values.len() as f64 * part) as usize;
    values[index.min(values.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_as_fast_as_the_load_says() {
        let law = Law::exponential(0.5, Duration::from_micros(10));
        let arrivals = law.plan(100_000, &mut Random::new(1));
        let span = arrivals[99_999].at.as_secs_f64();
        assert!((span - 1.0).abs() < 0.02, "{span}");
        let work: Duration = arrivals.iter().map(|arrival| arrival.service).sum();
        assert!((work.as_secs_f64() - 1.0).abs() < 0.02, "{work:?}");
        let one_side = arrivals.iter().filter(|arrival| arrival.side == 0).count();
        assert!((49_000..51_000).contains(&one_side), "{one_side}");
    }
}
