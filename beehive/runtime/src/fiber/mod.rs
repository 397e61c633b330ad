//! Fibers: synchronous code on a stack of its own, which can be left in the middle of a function and
//! entered again.
//!
//! To the runtime a fiber is a future: each poll enters it for one slice. The switch itself, and the
//! unwinding of a fiber that is cancelled, are `corosensei`'s; here is what connects them to tasks.
//!
//! Life of a fiber:
//! 1. It is spawned as a function that may be sent. It has no stack yet and, like every shared task,
//!    may be stolen.
//! 2. Its first poll makes that worker its home for good ([`Home`]) and takes a stack from the
//!    worker's pool ([`stacks`]); if the pool has given out all it may, the fiber waits for one.
//! 3. Each poll enters the fiber, which runs until it returns, panics, or meets a checkpoint after
//!    its slice's end. In the last case the poll is `Pending`, and the task is queued at its home by
//!    the level that the policy says.
//! 4. A fiber that is dropped while it is suspended is entered once more to unwind: its checkpoint
//!    raises a panic that only runs destructors, until the stack is empty.
//!
//! Invariants:
//! - From its first poll on, a fiber is polled and dropped on the thread of its home only. Compilers
//!   may keep the address of a thread-local variable over a checkpoint, and values on the stack need
//!   not be `Send`; so a fiber never changes threads.
//! - A suspended fiber is in a queue of its home or referenced by the pool's list of those that wait
//!   for a stack; so shutdown finds it.

pub(crate) mod stacks;

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use beehive_policy::WorkerId;
use beehive_policy::slice::Attained;
use beehive_task::cell::{self, LiveKey, Member, World};
use corosensei::{Coroutine, CoroutineResult};

use crate::home;
use crate::options::{JoinHandle, Task, TaskMeta, TaskOptions};
use crate::remote::{Message, Remote};
use crate::shared::Shared;
use crate::slice::current;
use crate::spawn::Guarded;
use crate::trace;
use crate::worker;
use stacks::Stack;

/// Runs `body` on a stack of this size as a task.
///
/// # Panics
///
/// If the runtime has no such worker as the options name, or as [`TaskOptions`] says.
pub(crate) fn spawn<F, T>(
    shared: &Arc<Shared>,
    options: TaskOptions,
    stack_bytes: usize,
    location: &'static Location<'static>,
    body: F,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let chosen = shared.meta(options.clone()).affinity();
    // A chosen worker is the home from the start: then the queues need not know of the choice.
    let mut meta = shared.meta(options.anywhere());
    shared.describe::<F>(&mut meta, location);
    let home = Arc::new(Home::new(shared.clone(), chosen));
    let fiber = Fiber {
        state: State::New(body),
        stack_bytes,
        attained: Attained::default(),
        home: home.clone(),
    };
    let future = Guarded::new(trace::in_span(&meta, location, fiber));
    // SAFETY: the owner is the thread of the worker that polls the fiber first. (1) Until then the
    // future holds `body`, which is `Send`, and a `Home`, which is too, so its runnable may be dropped
    // anywhere. (2) That first poll stores the worker in `Home` before
    // anything that is not `Send` exists, and before a waker of this task does; so every later
    // runnable goes through `Home::schedule` to that worker, which runs and drops it on its thread
    // and stops only when it has no task of its own left (`Worker::drop_local_tasks`).
    let (runnable, handle) = unsafe { cell::pinned(meta, future, FiberHome(home)) };
    shared.list(&runnable);
    runnable.schedule();
    handle
}

/// Where a fiber belongs; shared by the fiber and whoever wakes it.
struct Home {
    shared: Arc<Shared>,
    /// Empty until the fiber has begun, unless a worker was chosen for it.
    worker: OnceLock<Arc<Remote>>,
    /// Where it queues at its home. Changed only there, while the fiber runs.
    level: AtomicU8,
}

/// What the cell of a fiber keeps.
#[derive(Clone)]
struct FiberHome(Arc<Home>);

// SAFETY: (1) `enter` and `leave` are called on the home, which polls and drops the fiber from its first
// poll on, and agree on its set. (2) See `worker::polled`.
unsafe impl World<TaskMeta> for FiberHome {
    fn schedule(&self, task: Task) {
        self.0.schedule(task);
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

/// The level of a fiber that has not begun.
const FRESH: u8 = u8::MAX;

impl Home {
    fn new(shared: Arc<Shared>, chosen: Option<WorkerId>) -> Self {
        let chosen = chosen.map(|chosen| shared.remotes[chosen.index()].clone());
        Self {
            shared,
            worker: chosen.map_or_else(OnceLock::new, OnceLock::from),
            level: AtomicU8::new(FRESH),
        }
    }

    fn schedule(&self, runnable: Task) {
        runnable.metadata().note_ready();
        let Some(home) = self.worker.get() else {
            return home::queue_shared(&self.shared, runnable);
        };
        let level = self.level.load(Relaxed);
        let refused = worker::try_with_current(|worker| match worker {
            Some(worker) if Arc::ptr_eq(&worker.remote, home) => {
                match level {
                    FRESH => worker.push_local(runnable),
                    level => worker.slices.push(level.into(), runnable),
                }
                Ok(())
            }
            _ => home.send(Message::Run(runnable)),
        });
        let Err(Message::Run(runnable)) = refused else {
            return;
        };
        if level == FRESH {
            // The chosen worker has stopped for good, and nobody else may run it.
            self.shared.discard(runnable);
        } else {
            // A worker stops only when none of its tasks can be woken any more.
            debug_assert!(false, "a fiber outlived its worker");
            std::mem::forget(runnable);
        }
    }
}

/// Code on a stack of its own, entered once per poll.
struct Fiber<F, T> {
    state: State<F, T>,
    stack_bytes: usize,
    attained: Attained,
    home: Arc<Home>,
}

enum State<F, T> {
    /// Not begun.
    New(F),
    /// Suspended, running, or ended by returning or by a panic.
    Begun(Coroutine<(), (), T, Stack>),
    /// Between the two.
    Beginning,
}

// Nothing is ever pinned: the function is moved to its stack, and what is there stays there.
impl<F, T> Unpin for Fiber<F, T> {}

impl<F, T> Future for Fiber<F, T>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let (slices, remote) =
            worker::with_current(|worker| (worker.slices.clone(), worker.remote.clone()));
        let fiber = match &mut this.state {
            State::Begun(fiber) => fiber,
            unbegun => {
                this.home.worker.get_or_init(|| remote.clone());
                let Some(stack) = slices.stacks.take(this.stack_bytes, cx.waker()) else {
                    return Poll::Pending;
                };
                unbegun.begin(stack)
            }
        };
        let slice = slices.begin(this.attained);
        let result = current::run_until(&remote.slice_end, slice.end(), || fiber.resume(()));
        let level = slices.end(&slice, &mut this.attained);
        if this.home.level.load(Relaxed) != FRESH {
            // The first slice is one of its class.
            remote.counters.slice_ns.add(slices.length(&slice).0);
        }
        match result {
            CoroutineResult::Return(value) => Poll::Ready(value),
            CoroutineResult::Yield(()) => {
                this.home.level.store(level, Relaxed);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl<F, T> State<F, T>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    /// Moves the function to its stack.
    ///
    /// # Panics
    ///
    /// If it is there already.
    fn begin(&mut self, stack: Stack) -> &mut Coroutine<(), (), T, Stack> {
        let Self::New(body) = std::mem::replace(self, Self::Beginning) else {
            unreachable!("a fiber begins once")
        };
        *self = Self::Begun(Coroutine::with_stack(stack, move |yielder, ()| {
            current::enter(yielder);
            body()
        }));
        match self {
            Self::Begun(fiber) => fiber,
            _ => unreachable!("it has just begun"),
        }
    }
}

impl<F, T> Drop for Fiber<F, T> {
    fn drop(&mut self) {
        let State::Begun(fiber) = &mut self.state else {
            return;
        };
        if !fiber.done() {
            // A panic that replaces the one that unwinds has nobody to go to: the handle that would
            // have received it has cancelled the task.
            let unwind = AssertUnwindSafe(|| current::unwind(|| fiber.force_unwind()));
            drop(catch_unwind(unwind));
        }
    }
}
