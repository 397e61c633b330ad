//! A reference to a task, to look at it.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::raw::{Header, Prefix, header, release};

/// Keeps a task's cell and what is attached to it, and says where the task is in its life. It can do
/// nothing to the task: as for the protocol of the cell, it is a waker that never wakes.
pub struct TaskRef<M = ()> {
    task: NonNull<Header>,
    metadata: PhantomData<M>,
}

// SAFETY: what can be reached is the metadata, by shared reference, and the state, which is atomic. To
// drop the last reference drops the metadata, and frees a cell without future and output, which any
// thread may do (as that of a waker).
unsafe impl<M: Send + Sync> Send for TaskRef<M> {}
// SAFETY: as above.
unsafe impl<M: Send + Sync> Sync for TaskRef<M> {}

impl<M> TaskRef<M> {
    /// Takes another reference to a task.
    ///
    /// # Safety
    ///
    /// The caller has a reference to a cell with this kind of metadata.
    pub(super) unsafe fn new(task: NonNull<Header>) -> Self {
        // SAFETY: promised by the caller.
        unsafe { header(task) }.state.add_reference();
        Self {
            task,
            metadata: PhantomData,
        }
    }

    /// What is attached to the task.
    #[must_use]
    pub fn metadata(&self) -> &M {
        // SAFETY: this is a reference, and the cell has this kind of metadata.
        unsafe { &(*self.task.cast::<Prefix<M>>().as_ptr()).metadata }
    }

    /// Whether the task has ended: it will never run again.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        // SAFETY: this is a reference.
        unsafe { header(self.task) }.state.ended().is_some()
    }

    /// Whether the task is ready or runs, rather than waiting or having ended.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        // SAFETY: this is a reference.
        unsafe { header(self.task) }.state.is_owned()
    }
}

impl<M> Drop for TaskRef<M> {
    fn drop(&mut self) {
        // SAFETY: the reference ends here.
        unsafe { release(self.task) };
    }
}

impl<M> fmt::Debug for TaskRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskRef").field(&self.task).finish()
    }
}
