//! No task waits while the workers sleep: the doorbell and the set of idle workers together, in a loop
//! like that of a runtime's worker. A task that is forgotten leaves all of them waiting, which loom
//! reports as a deadlock.

use beehive_task::doorbell::Doorbell;
use beehive_task::idle::Idle;
use loom::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::model_with;

/// Preemptions at most: the loops have too many steps for more.
const PREEMPTIONS_MAX: usize = 2;

/// A worker as others see it.
pub(super) struct Remote {
    pub(super) bell: Doorbell,
    /// Ends the worker's wait, also one that begins later.
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Remote {
    pub(super) fn new() -> Self {
        Self {
            bell: Doorbell::new(),
            woken: Mutex::new(false),
            wake: Condvar::new(),
        }
    }

    pub(super) fn ring(&self) {
        if self.bell.ring() {
            *self.woken.lock().unwrap() = true;
            self.wake.notify_one();
        }
    }

    pub(super) fn wait(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.wake.wait(woken).unwrap();
        }
        *woken = false;
    }
}

pub(super) struct World {
    remotes: Vec<Remote>,
    idle: Idle,
    /// Tasks that any worker may take.
    pub(super) queued: AtomicUsize,
    /// Tasks that have not run.
    pub(super) left: AtomicUsize,
}

impl World {
    pub(super) fn new(workers: usize, tasks: usize) -> Arc<Self> {
        Arc::new(Self {
            remotes: (0..workers).map(|_| Remote::new()).collect(),
            idle: Idle::new(1),
            queued: AtomicUsize::new(0),
            left: AtomicUsize::new(tasks),
        })
    }

    /// Queues a task from outside.
    fn inject(&self) {
        self.queued.fetch_add(1, Relaxed);
        self.offer();
    }

    /// Sends a worker if tasks are queued that nobody looks for.
    pub(super) fn offer(&self) {
        while self.idle.can_send() {
            let parked = self.idle.parked(0);
            let Some(worker) = (0..self.remotes.len()).find(|index| parked & (1 << index) != 0)
            else {
                return;
            };
            if self.idle.send(0, 1 << worker) {
                return self.remotes[worker].ring();
            }
        }
    }

    fn take(&self) -> bool {
        let one_less = |queued: usize| queued.checked_sub(1);
        self.queued.fetch_update(AcqRel, Acquire, one_less).is_ok()
    }

    /// One worker's loop, until all tasks have run.
    pub(super) fn work(&self, me: usize) {
        let remote = &self.remotes[me];
        let mut sent = false;
        loop {
            remote.bell.answer();
            if self.left.load(Relaxed) == 0 {
                break;
            }
            if !sent {
                self.idle.begin_search();
            }
            sent = false;
            let found = self.take();
            if self.idle.end_search() && found && self.queued.load(Relaxed) > 0 {
                self.offer();
            }
            if found {
                self.run();
            } else {
                sent = self.park(me);
            }
        }
    }

    fn run(&self) {
        if self.left.fetch_sub(1, AcqRel) == 1 {
            self.remotes.iter().for_each(Remote::ring);
        }
    }

    /// True if somebody has sent the worker to search.
    fn park(&self, me: usize) -> bool {
        let remote = &self.remotes[me];
        self.idle.enter(0, 1 << me);
        let silent = remote.bell.begin_wait();
        if silent && self.queued.load(Relaxed) == 0 {
            remote.wait();
        }
        remote.bell.end_wait();
        !self.idle.leave(0, 1 << me)
    }
}

fn all_run(workers: usize, producers: usize) {
    model_with(PREEMPTIONS_MAX, move || {
        let world = World::new(workers, producers);
        let start = |index: usize| {
            let world = world.clone();
            thread::spawn(move || world.work(index))
        };
        let others: Vec<_> = (1..workers).map(start).collect();
        let injecting = {
            let world = world.clone();
            thread::spawn(move || (0..producers).for_each(|_| world.inject()))
        };
        world.work(0);
        injecting.join().unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(world.queued.load(Relaxed), 0);
    });
}

#[test]
fn a_lone_worker_that_parks_runs_what_is_queued_meanwhile() {
    all_run(1, 1);
}

#[test]
fn of_two_workers_that_park_one_runs_what_is_queued_meanwhile() {
    all_run(2, 1);
}

#[test]
fn two_tasks_are_run_by_workers_that_come_and_go() {
    all_run(2, 2);
}

/// One worker with mail: two messages are posted, and `read` is called whenever the bell was rung, until
/// it says that it has got so many.
fn all_mail_arrives(read: fn(&Remote, &AtomicUsize, usize) -> usize) {
    model_with(3, move || {
        let remote = Arc::new(Remote::new());
        let mail = Arc::new(AtomicUsize::new(0));
        let sending = {
            let (remote, mail) = (remote.clone(), mail.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    mail.fetch_add(1, Relaxed);
                    remote.ring();
                }
            })
        };
        let mut seen = 0;
        while seen < 2 {
            if remote.bell.answer() {
                seen = read(&remote, &mail, seen);
            } else {
                if remote.bell.begin_wait() {
                    remote.wait();
                }
                remote.bell.end_wait();
            }
        }
        sending.join().unwrap();
    });
}

#[test]
fn who_takes_some_and_reminds_itself_finds_the_rest() {
    all_mail_arrives(|remote, mail, taken| {
        let more = mail.load(Relaxed) > taken;
        if more {
            remote.bell.remind();
        }
        taken + usize::from(more)
    });
}

#[test]
fn who_is_rung_while_it_goes_to_sleep_does_not_sleep() {
    all_mail_arrives(|_, mail, _| mail.load(Relaxed));
}
