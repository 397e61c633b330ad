//! Where tasks belong: what each cell keeps of its runtime, and how it finds its way to a queue.
//!
//! A cell has a bare pointer to what its runtime's workers share, without a count: to count would cost
//! each task two writes to a line that all workers write.
//!
//! Why the pointer is good when it is used. It is used by whoever has the runnable of a task that has
//! not ended.
//! 1. Before its first poll, a task is in a queue of its runtime, and its runnable is only ever
//!    scheduled by who spawns it, with an `Arc` at hand.
//! 2. A task that waits is a member of a live set from before its first wait until its future has been
//!    dropped. A runtime keeps its `Arc` until it has seen these sets empty: those of local tasks when
//!    a worker stops (`Worker::drop_local_tasks`), those of shared tasks afterwards (`Shared::close`).
//! 3. So whoever wakes a task and has become its owner finds the runtime alive until the runnable has
//!    been handed over. A thread that needs it longer (it may have to wake a worker) takes a count
//!    before, as [`Bare::alive`] does.

use std::ptr::NonNull;
use std::sync::Arc;

use beehive_policy::{Class, WorkerId};
use beehive_task::cell::{LiveKey, Member, World};

use crate::options::{Task, TaskMeta};
use crate::queues::Reach;
use crate::remote::Message;
use crate::shared::Shared;
use crate::worker::{self, Worker};

/// A pointer to a runtime without a count.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Bare(NonNull<Shared>);

// SAFETY: it stands for a reference to `Shared`, which is `Sync`.
unsafe impl Send for Bare {}
// SAFETY: as above.
unsafe impl Sync for Bare {}

impl Bare {
    fn new(shared: &Arc<Shared>) -> Self {
        // SAFETY: an `Arc` does not point to null.
        Self(unsafe { NonNull::new_unchecked(Arc::as_ptr(shared).cast_mut()) })
    }

    /// Whether a worker is of this runtime.
    #[inline]
    fn is_of(self, worker: &Worker) -> bool {
        std::ptr::eq(Arc::as_ptr(&worker.shared), self.0.as_ptr())
    }

    /// # Safety
    ///
    /// The runtime is alive: see the module.
    unsafe fn alive(self) -> Arc<Shared> {
        // SAFETY: the pointer came from an `Arc`, and its runtime still has one.
        unsafe { Arc::increment_strong_count(self.0.as_ptr()) };
        // SAFETY: this is the count that was just taken.
        unsafe { Arc::from_raw(self.0.as_ptr()) }
    }
}

/// The home of shared tasks: any worker, or the one that was chosen for a task.
#[derive(Clone, Copy)]
pub(crate) struct Anywhere(Bare);

impl Anywhere {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self(Bare::new(shared))
    }

    /// # Safety
    ///
    /// As for [`Bare::alive`].
    #[cold]
    unsafe fn schedule_from_outside(self, task: Task) {
        // SAFETY: promised by the caller.
        let shared = unsafe { self.0.alive() };
        shared.inject(task);
    }

    /// Queues a task at the only worker that may run it.
    ///
    /// # Safety
    ///
    /// As for [`Bare::alive`].
    unsafe fn schedule_at(self, chosen: WorkerId, task: Task) {
        let Some(task) = push_here(self.0, chosen, task) else {
            return;
        };
        // SAFETY: promised by the caller.
        let shared = unsafe { self.0.alive() };
        if let Err(Message::Run(task)) = shared.remotes[chosen.index()].send(Message::Run(task)) {
            // The worker has stopped for good, and nobody else may run it.
            shared.discard(task);
        }
    }
}

// SAFETY: (1) `enter` and `leave` agree on a set of `Shared::live`. (2) See `worker::polled`.
unsafe impl World<TaskMeta> for Anywhere {
    fn schedule(&self, task: Task) {
        task.metadata().note_ready();
        if let Some(chosen) = task.metadata().affinity() {
            // SAFETY: the task has not ended, and this has its runnable.
            return unsafe { self.schedule_at(chosen, task) };
        }
        worker::try_with_current(|worker| match worker {
            Some(worker) if self.0.is_of(worker) => worker.push_stealable(task),
            // SAFETY: as above.
            _ => unsafe { self.schedule_from_outside(task) },
        });
    }

    fn requeue(&self, task: Task) {
        task.metadata().note_ready();
        worker::with_current(|worker| match task.metadata().affinity() {
            None => worker.requeue(task, Reach::Stealable),
            Some(_) => worker.requeue(task, Reach::Local),
        });
    }

    #[inline]
    fn polled_once(&self, task: &TaskMeta) {
        note_poll(task);
    }

    fn polled() -> *const () {
        worker::polled()
    }

    fn enter(&self, task: Member<TaskMeta>) -> LiveKey {
        worker::with_current(|worker| {
            let set = worker.id.index();
            let place = worker.shared.live[set].lock().insert(task);
            LiveKey {
                set: set as u32,
                place,
            }
        })
    }

    fn leave(&self, key: LiveKey) {
        // SAFETY: the task is in a live set until the next line removes it, so its runtime is alive;
        // the lock is released before whoever empties the sets can see that.
        let shared = unsafe { self.0.0.as_ref() };
        shared.live[key.set as usize].lock().remove(key.place);
    }
}

/// The home of local tasks: one worker.
#[derive(Clone, Copy)]
pub(crate) struct AtHome {
    runtime: Bare,
    worker: WorkerId,
}

impl AtHome {
    pub(crate) fn new(shared: &Arc<Shared>, worker: WorkerId) -> Self {
        Self {
            runtime: Bare::new(shared),
            worker,
        }
    }
}

// SAFETY: (1) `enter` and `leave` are called on the worker that runs and drops the task, and agree on
// its set. (2) See `worker::polled`.
unsafe impl World<TaskMeta> for AtHome {
    fn schedule(&self, task: Task) {
        task.metadata().note_ready();
        let Some(task) = push_here(self.runtime, self.worker, task) else {
            return;
        };
        // SAFETY: the task has not ended, and this has its runnable.
        let shared = unsafe { self.runtime.alive() };
        let refused = shared.remotes[self.worker.index()].send(Message::Run(task));
        // A worker stops only when none of its tasks can be woken any more.
        debug_assert!(refused.is_ok(), "a task outlived its worker");
        if let Err(Message::Run(task)) = refused {
            std::mem::forget(task);
        }
    }

    fn requeue(&self, task: Task) {
        task.metadata().note_ready();
        worker::with_current(|worker| worker.requeue(task, Reach::Local));
    }

    #[inline]
    fn polled_once(&self, task: &TaskMeta) {
        note_poll(task);
    }

    fn polled() -> *const () {
        worker::polled()
    }

    fn enter(&self, task: Member<TaskMeta>) -> LiveKey {
        worker::with_current(|worker| worker.enter_local(task))
    }

    fn leave(&self, key: LiveKey) {
        worker::with_current(|worker| worker.leave_local(key));
    }
}

/// Keeps account of a task whose poll should have been short.
#[inline]
fn note_poll(task: &TaskMeta) {
    if task.class() == Class::Latency {
        worker::with_current(|worker| worker.note_latency_poll(task));
    }
}

/// Queues a task that any worker may take.
pub(crate) fn queue_shared(shared: &Arc<Shared>, task: Task) {
    worker::try_with_current(|worker| match worker {
        Some(worker) if Arc::ptr_eq(&worker.shared, shared) => worker.push_stealable(task),
        _ => shared.inject(task),
    });
}

/// Queues a task at a worker if that is the calling thread's; else gives it back.
#[inline]
fn push_here(runtime: Bare, at: WorkerId, task: Task) -> Option<Task> {
    worker::try_with_current(|worker| match worker {
        Some(worker) if runtime.is_of(worker) && worker.id == at => {
            worker.push_local(task);
            None
        }
        _ => Some(task),
    })
}
