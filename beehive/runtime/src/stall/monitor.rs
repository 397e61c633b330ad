//! The thread that looks at the workers.
//!
//! How it sleeps while no worker does anything is the protocol of [`beehive_task::progress`].

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use beehive_policy::WorkerId;
use beehive_task::progress;

use super::detect::{Detector, Verdict};
use super::thread::{self, Times};
use super::watch::Watch;
use super::{Hook, Stall};
use crate::shared::Shared;

/// Looks per threshold.
const LOOKS: u32 = 2;
/// The monitor sleeps when all workers have waited for so long.
const LINGER: Duration = Duration::from_secs(1);

/// How workers wake a monitor that sleeps.
#[derive(Default)]
pub(crate) struct Alarm {
    sleep: progress::Alarm,
    stop: AtomicBool,
    /// Known before the monitor first sleeps.
    monitor: OnceLock<Thread>,
}

impl Alarm {
    /// A worker begins to run on the calling thread.
    pub(crate) fn worker_starts(&self, watch: &Watch) {
        if watch.start(&self.sleep) {
            self.ring();
        }
    }

    /// A worker has ended its wait.
    pub(crate) fn worker_resumes(&self, watch: &Watch) {
        if watch.resume(&self.sleep) {
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
        Ok(Self {
            shared: shared.clone(),
            thread: Some(thread),
        })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.shared.alarm.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // Of a panic there nothing is left to be said.
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
        // A runtime has one monitor.
        let _ = alarm.monitor.set(std::thread::current());
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
        alarm.sleep.begin_sleep();
        while !alarm.stop.load(SeqCst) && !self.any_active() {
            std::thread::park();
        }
        alarm.sleep.end_sleep();
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
