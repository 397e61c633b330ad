//! The right to poll a task once, and what a world gets of a task that waits.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use super::TaskRef;
use super::raw::{Header, Prefix, header};

/// A task that is ready to be polled once. Dropping it cancels the task.
///
/// `M` is what is attached to each task.
pub struct Runnable<M = ()> {
    task: NonNull<Header>,
    metadata: PhantomData<M>,
}

// SAFETY: there is one runnable of a task. It hands the future from thread to thread only as far as
// whoever made the cell has promised (`shared`: the future is `Send`; `pinned`: by its condition).
unsafe impl<M: Send + Sync> Send for Runnable<M> {}
// SAFETY: through a shared reference only the metadata can be reached.
unsafe impl<M: Send + Sync> Sync for Runnable<M> {}

impl<M> Runnable<M> {
    /// # Safety
    ///
    /// The caller is the owner of a cell with this kind of metadata, and ceases to be.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Self {
            task,
            metadata: PhantomData,
        }
    }

    /// The cell, which the caller owns now.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).task
    }

    /// Polls the task.
    ///
    /// # Panics
    ///
    /// If the future panics, which ends the task without an output; or if the drop of an output that
    /// nobody wants, or the waker of whoever waits for the output, does.
    #[inline]
    pub fn run(self) {
        let task = self.into_raw();
        // SAFETY: the runnable had the world's reference.
        let run = unsafe { header(task) }.vtable.run;
        // SAFETY: the runnable made us the owner.
        unsafe { run(task) };
    }

    /// Hands the task to its world, to be queued.
    #[inline]
    pub fn schedule(self) {
        let task = self.into_raw();
        // SAFETY: the runnable had the world's reference.
        let schedule = unsafe { header(task) }.vtable.schedule;
        // SAFETY: the runnable made us the owner.
        unsafe { schedule(task) };
    }

    /// What is attached to the task.
    #[inline]
    #[must_use]
    pub fn metadata(&self) -> &M {
        // SAFETY: the runnable has a reference, and the cell this kind of metadata.
        unsafe { &(*self.task.cast::<Prefix<M>>().as_ptr()).metadata }
    }

    /// A reference to the task, to look at it later.
    #[must_use]
    pub fn reference(&self) -> TaskRef<M> {
        // SAFETY: the runnable has a reference.
        unsafe { TaskRef::new(self.task) }
    }

    /// Names the task as long as it lives.
    #[inline(always)]
    #[must_use]
    pub fn id(&self) -> *const () {
        self.task.as_ptr().cast()
    }
}

impl<M> Drop for Runnable<M> {
    fn drop(&mut self) {
        // SAFETY: the runnable has the world's reference.
        let cancel = unsafe { header(self.task) }.vtable.cancel;
        // SAFETY: the runnable makes us the owner.
        unsafe { cancel(self.task) };
    }
}

impl<M> fmt::Debug for Runnable<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runnable").field(&self.id()).finish()
    }
}

/// A task that waits, as its world keeps it in a [`LiveSet`](crate::live::LiveSet).
pub struct Member<M = ()> {
    task: NonNull<Header>,
    metadata: PhantomData<M>,
}

// SAFETY: all that can be done with it is to claim the runnable, which is `Send`.
unsafe impl<M: Send + Sync> Send for Member<M> {}

impl<M> Member<M> {
    /// # Safety
    ///
    /// The cell, with this kind of metadata, keeps the world's reference as long as the member exists.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Self {
            task,
            metadata: PhantomData,
        }
    }

    /// The runnable of the task, if it waits; else somebody else has it.
    pub(crate) fn claim(&self) -> Option<Runnable<M>> {
        // SAFETY: the world's reference is there as long as the member.
        let header = unsafe { header(self.task) };
        if !header.state.claim() {
            return None;
        }
        // SAFETY: we have become the owner.
        Some(unsafe { Runnable::from_raw(self.task) })
    }
}

impl<M> fmt::Debug for Member<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(&self.task).finish()
    }
}
