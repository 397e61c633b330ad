//! The task cell: a future on the heap with its state, its wakers and its result, in one allocation.
//!
//! There are two kinds of task. A *shared* task may run on any thread. A *pinned* task may hold values
//! that are not `Send`; it runs and is dropped on one thread, wherever it was created. What queues the
//! tasks and runs them is their [`World`]; a small value that stands for it is in each cell.
//!
//! A task's output is a `Result`, because a world that can catch panics turns them into
//! [`JoinError::Panicked`]; a world that cannot never produces that error.
//!
//! # Protocol
//!
//! One word has all of the task's state and the number of references to the cell; each step below is
//! one change of it. The bits are in `state`.
//!
//! 1. **Owning.** A task is *owned* while there is a [`Runnable`] of it: in a queue, or being polled.
//!    The owner alone touches the future. A task that waits has no owner.
//! 2. **Waking** a task that waits makes the waker its owner, who hands the runnable to the world.
//!    Waking one that is owned marks it as *notified*. Either is a read-modify-write, also where
//!    nothing changes: the poll that comes after reads the word, and so sees what was done before the
//!    wake. With a mere look it could poll too early and then wait for ever.
//! 3. **Before a poll** the owner looks at the word and clears the mark if it is there. A wake that comes
//!    later sets it again, and step 5 sees it; so while there is none, looking is enough.
//! 4. **A task that wakes itself** while it is polled (it yields) leaves a note for its owner, which is
//!    the same thread; that takes no atomic operation. The owner hands it to the world again as it is:
//!    still owned. A cancellation is then seen at step 3.
//! 5. **After a poll** that left the task waiting the owner gives it up by a compare-exchange from a word
//!    in which it is neither notified nor cancelled; else it queues or ends it. Before that the task
//!    enters its world's live set, if it is not in it: a task that waits may be reachable only by
//!    whoever will wake it, perhaps nobody, and shutdown must find it.
//! 6. **References.** Each waker or [`TaskRef`], the join handle and the world have one: the world from the beginning
//!    until the task ends, whether it is owned or waits. So neither waking nor polling counts, and
//!    nobody who is owner can lose the cell. Who sees that the only reference is its own frees the cell
//!    without counting: nobody else is left who could make another one.
//! 7. **Joining.** The slot for the joiner's waker is the handle's until it *offers* it; then it is for
//!    whoever ends the task, unless the handle withdraws it in time. Each is one change of the word
//!    that fails if the task has ended: so the waker is either woken, or its owner sees the end.
//! 8. **Ending.** The owner drops the future, leaves the live set, and sets *complete*; the same change
//!    says whether the output, which lies where the future was, is for the handle or for the owner to
//!    drop, whether a joiner is to be woken, and gives the world's reference back if neither is.
//! 9. **Cancelling** sets a mark that the owner sees at step 3 or 5; if there is none, who cancels
//!    becomes the owner and queues the task, so that its future is dropped where it may be.
//!
//! # Source
//!
//! The one word and the wakers' part follow what Tokio and `async-task` do; that the world keeps one
//! reference through all polls, and steps 3 and 4, by which a yield changes the word not at all, are
//! ours.

mod join;
pub(crate) mod raw;
mod reference;
mod runnable;
mod state;
#[cfg(all(test, not(feature = "loom")))]
mod tests;

use alloc::boxed::Box;
use core::any::Any;
use core::future::Future;
use core::ptr::null;

pub use join::{JoinError, JoinHandle};
pub use reference::TaskRef;
pub use runnable::{Member, Runnable};

/// What a task returns inside its cell: the value, or what it panicked with.
pub type Outcome<T> = Result<T, Box<dyn Any + Send>>;

/// Where a world has put a task that waits: whatever it needs to find it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveKey {
    /// Which of the world's live sets.
    pub set: u32,
    /// The place in it.
    pub place: u32,
}

/// What queues tasks and runs them, as far as a cell must know it. Cloned before each call that may end
/// the task, so it should be a mere pointer.
///
/// # Safety
///
/// 1. `enter` puts the member into a [`LiveSet`](crate::live::LiveSet) or drops it, and `leave` removes
///    from it what `enter` put there, before it returns.
/// 2. `polled` gives null, or the [`id`](Runnable::id) of a runnable of this world that the calling
///    thread has called `run` of, as long as that call has not returned or unwound.
pub unsafe trait World<M>: Clone + Send + Sync + 'static {
    /// The task is ready: queues it. Must not panic.
    fn schedule(&self, task: Runnable<M>);

    /// The task has woken itself while it was polled: queues it behind all others that are ready. Must
    /// not panic.
    fn requeue(&self, task: Runnable<M>) {
        self.schedule(task);
    }

    /// A poll has left the task unfinished; it is about to be queued or to wait. Called on the thread
    /// that polled it. Must not panic.
    fn polled_once(&self, _: &M) {}

    /// The task that the calling thread polls.
    fn polled() -> *const () {
        null()
    }

    /// The task is about to wait, for the first time. It is called, as `leave` is, by whoever runs or
    /// drops the runnable.
    fn enter(&self, task: Member<M>) -> LiveKey;

    /// The future of a task that entered has been dropped.
    fn leave(&self, key: LiveKey);
}

/// Puts a future that may run on any thread into a cell.
pub fn shared<T, F, W, M>(metadata: M, future: F, world: W) -> (Runnable<M>, JoinHandle<T, M>)
where
    F: Future<Output = Outcome<T>> + Send + 'static,
    T: Send + 'static,
    W: World<M>,
    M: Send + Sync + 'static,
{
    // SAFETY: future and output are `Send`, so any thread may be the owner, and another one at a time.
    unsafe { pinned(metadata, future, world) }
}

/// Puts a future that must stay on one thread into a cell.
///
/// # Safety
///
/// There is one thread, the owner, such that
/// 1. every runnable of this task is run only on the owner, and
/// 2. once the future has been polled, or if it is not `Send` when it is passed in, every runnable
///    of this task is also dropped only on the owner (or leaked).
///
/// So `world` must hand each runnable to the owner, whichever thread calls it.
pub unsafe fn pinned<T, F, W, M>(
    metadata: M,
    future: F,
    world: W,
) -> (Runnable<M>, JoinHandle<T, M>)
where
    F: Future<Output = Outcome<T>> + 'static,
    T: 'static,
    W: World<M>,
    M: Send + Sync + 'static,
{
    let task = raw::allocate(metadata, world, future);
    // SAFETY: the new cell is owned by its first runnable, and has this kind of metadata. As the caller
    // promises, the future stays on its thread where it must.
    let runnable = unsafe { Runnable::from_raw(task) };
    // SAFETY: one reference of the new cell is the handle's, and its output is this. The handle is
    // `Send` only if the output is.
    let handle = unsafe { JoinHandle::from_raw(task) };
    (runnable, handle)
}
