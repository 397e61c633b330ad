//! No task waits for an edge that has been: tasks that read a file as the runtime's do, while another
//! thread, the home of the file, hands out events. A task that is forgotten waits for ever, which loom
//! reports as a deadlock.

use std::sync::Arc as Plain;
use std::task::{Context, Wake, Waker};

use beehive_task::readiness::{Direction::Read, Event, Place, State, Waiters};
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::{model, model_with};

/// A file of the kernel, with what the runtime knows of it.
struct File {
    /// What can be read. What is not there by the reader's view of memory, the kernel does not give.
    bytes: AtomicUsize,
    state: State,
    waiters: Mutex<Waiters>,
}

impl File {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            bytes: AtomicUsize::new(0),
            state: State::new(),
            waiters: Mutex::default(),
        })
    }

    /// Bytes come, and the home gets an event.
    fn receive(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Relaxed);
        let told = self.state.tell(Event::default().ready(Read));
        let mut ready = Vec::new();
        self.waiters.lock().unwrap().take(told, &mut ready);
        ready.into_iter().for_each(Waker::wake);
    }

    /// Takes up to so many bytes; none if it would block.
    fn try_read(&self, wanted: usize) -> usize {
        loop {
            let there = self.bytes.load(Relaxed);
            let taken = there.min(wanted);
            let left = there - taken;
            let exchange = self.bytes.compare_exchange(there, left, Relaxed, Relaxed);
            if taken == 0 || exchange.is_ok() {
                return taken;
            }
        }
    }

    /// Reads so many bytes: one at a time as a future does, or, if it `drains` the file, as many as there
    /// are as a `poll` method does.
    fn read(&self, mut wanted: usize, drains: bool) {
        let bell = Plain::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let cx = Context::from_waker(&waker);
        let mut key = None;
        while wanted > 0 {
            let Some(seen) = self.state.seen(Read) else {
                let place = match drains {
                    true => Place::Direction,
                    false => Place::Future(&mut key),
                };
                let left = self
                    .waiters
                    .lock()
                    .unwrap()
                    .wait(&self.state, Read, &cx, place);
                // If it is ready by now, the task looks again, as if it had not looked here.
                if let Ok(displaced) = left {
                    assert!(displaced.is_none());
                    bell.wait();
                }
                continue;
            };
            let asked = if drains { wanted } else { 1 };
            let read = self.try_read(asked);
            if read == 0 {
                self.state.exhausted(Read, seen);
            } else if read < asked {
                self.state.drained(Read, seen);
            }
            wanted -= read;
        }
        if let Some(key) = key {
            self.waiters.lock().unwrap().forget(key);
        }
    }
}

/// Wakes the thread of a task.
#[derive(Default)]
struct Bell {
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.wake.wait(woken).unwrap();
        }
        *woken = false;
    }
}

impl Wake for Bell {
    fn wake(self: Plain<Self>) {
        *self.woken.lock().unwrap() = true;
        self.wake.notify_one();
    }
}

#[test]
fn a_reader_never_waits_for_an_edge_that_has_been() {
    model(|| {
        let file = File::new();
        let reading = {
            let file = file.clone();
            thread::spawn(move || file.read(2, false))
        };
        file.receive(1);
        file.receive(1);
        reading.join().unwrap();
    });
}

#[test]
fn what_comes_after_a_short_read_is_read() {
    model(|| {
        let file = File::new();
        let reading = {
            let file = file.clone();
            thread::spawn(move || file.read(2, true))
        };
        file.receive(1);
        file.receive(1);
        reading.join().unwrap();
    });
}

#[test]
fn two_readers_get_what_one_edge_tells_of() {
    model_with(2, || {
        let file = File::new();
        let reading = [(); 2].map(|()| {
            let file = file.clone();
            thread::spawn(move || file.read(1, false))
        });
        file.receive(2);
        reading.into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn who_waits_where_nobody_watches_any_more_tries_again() {
    model(|| {
        let file = File::new();
        let reading = {
            let file = file.clone();
            thread::spawn(move || file.read(1, false))
        };
        // What comes now only the next home will tell, which a task that waits does not choose.
        file.bytes.fetch_add(1, Relaxed);
        let mut ready = Vec::new();
        let mut waiters = file.waiters.lock().unwrap();
        waiters.take(file.state.tell(Event::BOTH), &mut ready);
        drop(waiters);
        ready.into_iter().for_each(Waker::wake);
        reading.join().unwrap();
    });
}
