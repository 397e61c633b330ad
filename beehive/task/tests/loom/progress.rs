//! A monitor of long polls: it does not sleep while one lasts, it never blames a poll for another one's
//! length, and what a long poll keeps from its worker's own queue runs elsewhere.

use beehive_task::progress::{Alarm, Progress};
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::Relaxed;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::idle::World;
use super::{model, model_with};

struct Monitored {
    workers: [Progress<char>; 2],
    alarm: Alarm,
    /// Stands for the monitor's thread, which it says itself before it sleeps.
    thread: UnsafeCell<bool>,
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Monitored {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            workers: [Progress::new(&'0'), Progress::new(&'0')],
            alarm: Alarm::new(),
            thread: UnsafeCell::new(false),
            woken: Mutex::new(false),
            wake: Condvar::new(),
        })
    }

    fn resume(&self, worker: usize) {
        if self.workers[worker].resume(&self.alarm) {
            // SAFETY: loom reports if the monitor may still write.
            assert!(self.thread.with(|known| unsafe { *known }));
            *self.woken.lock().unwrap() = true;
            self.wake.notify_one();
        }
    }

    fn sleep(&self) {
        // SAFETY: loom reports if a worker may already read.
        self.thread.with_mut(|known| unsafe { *known = true });
        self.alarm.begin_sleep();
        while !self.workers.iter().any(|it| it.current_step().is_some()) {
            let mut woken = self.woken.lock().unwrap();
            while !*woken {
                woken = self.wake.wait(woken).unwrap();
            }
            *woken = false;
        }
        self.alarm.end_sleep();
    }
}

#[test]
fn nothing_lasts_while_the_monitor_sleeps() {
    model(|| {
        let world = Monitored::new();
        let workers = [0, 1].map(|worker| {
            let world = world.clone();
            thread::spawn(move || {
                world.resume(worker);
                if worker == 0 {
                    world.workers[worker].pause();
                }
            })
        });
        world.sleep();
        workers.into_iter().for_each(|it| it.join().unwrap());
    });
}

/// A worker goes on from a step that the monitor has seen before, by `next`, while the monitor reads what
/// it needs for a report of that step.
fn is_true_of_its_step(next: fn(&Progress<char>, &Mutex<char>)) {
    model(move || {
        let (progress, alarm) = (Arc::new(Progress::new(&'0')), Alarm::new());
        let name = Arc::new(Mutex::new('a'));
        assert!(!progress.resume(&alarm));
        progress.begin_step(&'a');
        let step = progress.current_step();
        let polling = {
            let (progress, name) = (progress.clone(), name.clone());
            thread::spawn(move || next(&progress, &name))
        };
        let seen = (*progress.shown(), *name.lock().unwrap());
        if progress.current_step() == step {
            assert_eq!(seen, ('a', 'a'));
        }
        polling.join().unwrap();
    });
}

#[test]
fn a_report_shows_what_was_polled_in_its_step() {
    is_true_of_its_step(|progress, _| progress.begin_step(&'b'));
}

#[test]
fn a_report_names_who_was_polled_in_its_step() {
    is_true_of_its_step(|progress, name| {
        progress.end_step();
        *name.lock().unwrap() = 'b';
        progress.begin_step(&'b');
    });
}

#[test]
fn what_a_long_poll_keeps_from_its_worker_runs_elsewhere() {
    model_with(2, || {
        let world = World::new(1, 1);
        let working = {
            let world = world.clone();
            thread::spawn(move || world.work(0))
        };
        let monitoring = {
            let world = world.clone();
            thread::spawn(move || {
                while world.left.load(Relaxed) > 0 {
                    if world.queued.load(Relaxed) > 0 {
                        world.offer();
                    }
                    thread::yield_now();
                }
            })
        };
        // Queued without an offer, by a poll that lasts until the task has run.
        world.queued.fetch_add(1, Relaxed);
        working.join().unwrap();
        monitoring.join().unwrap();
        assert_eq!(world.queued.load(Relaxed), 0);
    });
}
