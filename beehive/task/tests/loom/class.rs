//! No task waits in a queue under a lock while a worker sleeps: queues of which others see what
//! [`Glance`] says, and thieves that hold one lock at a time. Two tasks that only end together need two
//! workers: a task that is forgotten leaves both waiting, which loom reports as a deadlock.

use beehive_task::glance::Glance;
use beehive_task::idle::Idle;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::idle::Remote;
use super::{model, model_with};

const TASKS: usize = 2;

#[derive(Default)]
struct Queue {
    tasks: Mutex<usize>,
    glance: Glance,
}

impl Queue {
    fn change<R>(&self, change: impl FnOnce(&mut usize) -> R) -> R {
        let mut tasks = self.tasks.lock().unwrap();
        let result = change(&mut tasks);
        self.glance.note(None, *tasks);
        result
    }

    fn pop(&self) -> bool {
        !self.glance.is_empty()
            && self.change(|tasks| {
                let some = *tasks > 0;
                *tasks -= usize::from(some);
                some
            })
    }

    /// Moves all tasks; true if there were any.
    fn move_to(&self, into: &Self) -> bool {
        if self.glance.is_empty() {
            return false;
        }
        let moved = self.change(std::mem::take);
        into.change(|tasks| *tasks += moved);
        moved > 0
    }
}

struct World {
    remotes: [Remote; 2],
    queues: [Queue; 2],
    entrance: Queue,
    idle: Idle,
    begun: Mutex<usize>,
    all_begun: Condvar,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            remotes: [Remote::new(), Remote::new()],
            queues: Default::default(),
            entrance: Queue::default(),
            idle: Idle::new(1),
            begun: Mutex::new(0),
            all_begun: Condvar::new(),
        })
    }

    fn work_visible(&self) -> bool {
        let mut queues = self.queues.iter().chain([&self.entrance]);
        queues.any(|queue| !queue.glance.is_empty())
    }

    /// Sends a worker if one is parked and nobody searches.
    fn offer(&self) {
        while self.idle.can_send() {
            let parked = self.idle.parked(0);
            let Some(worker) = (0..2).find(|index| parked & (1 << index) != 0) else {
                return;
            };
            if self.idle.send(0, 1 << worker) {
                return self.remotes[worker].ring();
            }
        }
    }

    /// One worker's loop, until all tasks have begun.
    fn work(&self, me: usize) {
        let mut sent = false;
        loop {
            self.remotes[me].bell.answer();
            if *self.begun.lock().unwrap() == TASKS {
                break;
            }
            if !sent {
                self.idle.begin_search();
            }
            let found = self.search(me);
            if self.idle.end_search() && found && self.work_visible() {
                self.offer();
            }
            sent = !found && self.park(me);
            while self.queues[me].pop() {
                self.run();
            }
        }
    }

    fn search(&self, me: usize) -> bool {
        let own = &self.queues[me];
        self.entrance.move_to(own) || self.queues[1 - me].move_to(own)
    }

    /// A poll that lasts until all tasks have begun.
    fn run(&self) {
        let mut begun = self.begun.lock().unwrap();
        *begun += 1;
        if *begun == TASKS {
            self.all_begun.notify_all();
            self.remotes.iter().for_each(Remote::ring);
        }
        while *begun < TASKS {
            begun = self.all_begun.wait(begun).unwrap();
        }
    }

    /// True if somebody has sent the worker to search.
    fn park(&self, me: usize) -> bool {
        let remote = &self.remotes[me];
        self.idle.enter(0, 1 << me);
        let silent = remote.bell.begin_wait();
        if silent && !self.work_visible() {
            remote.wait();
        }
        remote.bell.end_wait();
        !self.idle.leave(0, 1 << me)
    }
}

#[test]
fn what_a_thief_has_taken_is_not_forgotten_while_it_is_in_no_queue() {
    model_with(2, || {
        let world = World::new();
        let other = {
            let world = world.clone();
            thread::spawn(move || world.work(1))
        };
        for _ in 0..TASKS {
            world.entrance.change(|tasks| *tasks += 1);
            world.offer();
        }
        world.work(0);
        other.join().unwrap();
    });
}

#[test]
fn the_last_note_is_of_the_last_change() {
    model(|| {
        let queue = Arc::new(Queue::default());
        let pushing = {
            let queue = queue.clone();
            thread::spawn(move || queue.change(|tasks| *tasks += 1))
        };
        queue.change(|tasks| *tasks += 1);
        queue.pop();
        pushing.join().unwrap();
        let noted = queue.glance.len() as usize;
        queue.change(|tasks| assert_eq!(noted, *tasks));
    });
}
