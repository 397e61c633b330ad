//! The thread that looks at the workers.
//!
//! Protocol of its sleep. Nothing must stall while the monitor sleeps.
//! 1. When all workers have waited for a while, the monitor sets `asleep`, then looks at all workers
//!    once more, and sleeps only if all of them still wait.
//! 2. A worker that ends its wait says so (`Watch::resume`), then looks at `asleep`; if it is set, it
//!    wakes the monitor.
//!
//! All four are sequentially consistent: either the monitor sees the worker, or the worker sees that
//! it is asleep.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use beehive_policy::WorkerId;

use super::detect::{Detector, Verdict};
use super::thread::{self, Times};
use super::{Hook, Stall};
use crate::shared::Shared;

/// Looks per threshold.
const LOOKS: u32 = 2;
/// The monitor sleeps when all workers have waited for so long.
const LINGER: Duration = Duration::from_secs(1);

/// How workers wake a monitor that sleeps.
#[derive(Default)]
pub(crate) struct Alarm {
    asleep: AtomicBool,
    stop: AtomicBool,
    monitor: OnceLock<Thread>,
}

impl Alarm {
    /// A worker has ended its wait.
    pub(crate) fn worker_resumed(&self) {
        if self.asleep.load(SeqCst) {
            self.ring();
        }
    }

    fn ring(&self) {
        if let Some(monitor) = self.monitor.get() {
            monitor.unpark();
        }
    }
}

/// A monitor at work; stops when dropped.
pub(crate) struct Monitor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Starts to look at the workers of a runtime.
    pub(crate) fn start(shared: &Arc<Shared>, threshold: Duration, hook: Hook) -> io::Result<Self> {
        let looker = Looker {
            shared: shared.clone(),
            threshold,
            hook,
            workers: shared.remotes.iter().map(|_| Seen::default()).collect(),
        };
        let thread = std::thread::Builder::new()
            .name("beehive-monitor".into())
            .spawn(move || looker.run())?;
        // A worker that wants to ring before this finds a monitor that is not asleep yet, or one
        // that rings itself awake at its next look.
        let _ = shared.alarm.monitor.set(thread.thread().clone());
        Ok(Self {
            shared: shared.clone(),
            thread: Some(thread),
        })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.shared.alarm.stop.store(true, SeqCst);
        self.shared.alarm.ring();
        if let Some(thread) = self.thread.take() {
            // A hook that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// What the monitor knows of a worker.
#[derive(Default)]
struct Seen {
    detector: Detector,
    /// Its thread's times when the current step was seen for the second time.
    before: Option<Times>,
}

/// The monitor's own side.
struct Looker {
    shared: Arc<Shared>,
    threshold: Duration,
    hook: Hook,
    workers: Vec<Seen>,
}

impl Looker {
    fn run(mut self) {
        let alarm = &self.shared.clone().alarm;
        let interval = self.threshold / LOOKS;
        let mut last = Instant::now();
        let mut last_active = last;
        while !alarm.stop.load(SeqCst) {
            std::thread::park_timeout(interval);
            let now = Instant::now();
            if self.look(now - last, interval) {
                last_active = now;
            } else if now - last_active >= LINGER {
                self.sleep(alarm);
                last_active = Instant::now();
            }
            last = now;
        }
    }

    /// Sleeps until a worker is active or the runtime ends.
    fn sleep(&self, alarm: &Alarm) {
        alarm.asleep.store(true, SeqCst);
        while !alarm.stop.load(SeqCst) && !self.any_active() {
            std::thread::park();
        }
        alarm.asleep.store(false, SeqCst);
    }

    fn any_active(&self) -> bool {
        let mut workers = self.shared.remotes.iter();
        workers.any(|remote| remote.watch.current_step().is_some())
    }

    /// Looks at all workers; true if any is active.
    fn look(&mut self, since_last: Duration, interval: Duration) -> bool {
        let mut active = false;
        for (index, seen) in self.workers.iter_mut().enumerate() {
            let watch = &self.shared.remotes[index].watch;
            let step = watch.current_step();
            active |= step.is_some();
            let verdict = seen
                .detector
                .look(step, since_last, interval, self.threshold);
            match verdict {
                Verdict::Fine => seen.before = None,
                Verdict::Same if seen.before.is_none() => {
                    seen.before = thread::times(watch.thread());
                }
                Verdict::Same => {}
                Verdict::StillStalled => self.shared.rescue(),
                Verdict::Stalled(elapsed) => {
                    self.shared.rescue();
                    self.shared.remotes[index].counters.stalls.add(1);
                    let (name, future) = watch.describe();
                    let doing = thread::doing(watch.thread(), seen.before);
                    if watch.current_step() == step {
                        self.hook.call(&Stall {
                            worker: WorkerId::new(index),
                            name,
                            future,
                            elapsed,
                            doing,
                        });
                    }
                }
            }
        }
        active
    }
}
