//! A list of tasks that any thread adds to, and that is taken as a whole: what is queued needs no
//! memory of its own, because its link is in the cell.
//!
//! # Protocol
//!
//! 1. To add a task is to link it to what `newest` was and to swap it in by a compare-exchange
//!    (release). What hangs there is not looked into, so it does no harm if the list was taken since, and
//!    the same cell or another one at its address is at the head again. But the pointer in the link was
//!    made from the one of old, by which nobody may access the new one; so it counts as an address.
//! 2. To take all is to swap in null (acquire, and release: who sees the list empty by it sees what the
//!    taker said before): all that hangs there is the taker's then. Each
//!    compare-exchange continues the release of those before it. The chain is turned around, so that
//!    the oldest comes first.
//!
//! Invariant: a task's link is written by who adds the task until step 1 succeeds, thereafter only by
//! who took it.
//!
//! # Source
//!
//! R. K. Treiber's stack (1986), taken whole.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut, with_exposed_provenance_mut};

use crate::cell::Runnable;
use crate::cell::raw::Header;
use crate::sync::atomic::AtomicPtr;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Tasks from any thread, for whoever takes them all.
pub struct TaskList<M = ()> {
    newest: AtomicPtr<Header>,
    tasks: PhantomData<Runnable<M>>,
}

// SAFETY: it hands runnables from thread to thread, and no two get the same.
unsafe impl<M> Send for TaskList<M> where Runnable<M>: Send {}
// SAFETY: as above.
unsafe impl<M> Sync for TaskList<M> where Runnable<M>: Send {}

impl<M> TaskList<M> {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self {
            newest: AtomicPtr::new(null_mut()),
            tasks: PhantomData,
        }
    }

    /// Adds a task.
    #[inline]
    pub fn push(&self, task: Runnable<M>) {
        let task = task.into_raw();
        // The task that is added next finds this one by its address (step 1).
        task.as_ptr().expose_provenance();
        let mut newest = self.newest.load(Relaxed);
        loop {
            // SAFETY: the task is ours until the exchange succeeds.
            unsafe { set_next(task, newest) };
            match self
                .newest
                .compare_exchange_weak(newest, task.as_ptr(), Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => newest = now,
            }
        }
    }

    /// Takes all tasks, the oldest first.
    pub fn take_all(&self) -> Batch<M> {
        let mut batch = Batch::new();
        if self.is_empty() {
            return batch;
        }
        let mut rest = self.newest.swap(null_mut(), AcqRel);
        batch.last = rest;
        while let Some(task) = NonNull::new(rest) {
            batch.len += 1;
            // SAFETY: the task was taken, so its link is ours.
            let older = unsafe { next(task) };
            // The pointer may be to a cell that was at this address before; the one that is there now
            // was exposed when it was added.
            rest = with_exposed_provenance_mut(older.addr());
            // SAFETY: as above.
            unsafe { set_next(task, batch.first) };
            batch.first = task.as_ptr();
        }
        batch
    }

    /// Whether there was no task a moment ago.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.newest.load(Acquire).is_null()
    }
}

impl<M> Default for TaskList<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Drop for TaskList<M> {
    fn drop(&mut self) {
        drop(self.take_all());
    }
}

impl<M> fmt::Debug for TaskList<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskList")
            .field("empty", &self.is_empty())
            .finish()
    }
}

/// Tasks in their order, linked by their cells.
pub struct Batch<M = ()> {
    /// Null if there is none.
    first: *mut Header,
    /// Means something if there is a first.
    last: *mut Header,
    len: usize,
    tasks: PhantomData<Runnable<M>>,
}

// SAFETY: it owns its tasks.
unsafe impl<M> Send for Batch<M> where Runnable<M>: Send {}

impl<M> Batch<M> {
    /// No tasks.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            first: null_mut(),
            last: null_mut(),
            len: 0,
            tasks: PhantomData,
        }
    }

    /// Adds a task behind all others.
    #[inline]
    pub fn push(&mut self, task: Runnable<M>) {
        let task = task.into_raw();
        // SAFETY: the task is ours.
        unsafe { set_next(task, null_mut()) };
        match NonNull::new(self.last).filter(|_| self.len > 0) {
            // SAFETY: the batch owns its tasks.
            Some(last) => unsafe { set_next(last, task.as_ptr()) },
            None => self.first = task.as_ptr(),
        }
        self.last = task.as_ptr();
        self.len += 1;
    }

    /// Takes the oldest task.
    #[inline]
    pub fn pop(&mut self) -> Option<Runnable<M>> {
        let task = NonNull::new(self.first)?;
        // SAFETY: the batch owns its tasks.
        self.first = unsafe { next(task) };
        self.len -= 1;
        // SAFETY: the task was made of a runnable of this kind, and is in the batch no more.
        Some(unsafe { Runnable::from_raw(task) })
    }

    /// Adds the tasks of another batch behind all others.
    pub fn append(&mut self, mut later: Self) {
        let Some(first) = NonNull::new(later.first) else {
            return;
        };
        match NonNull::new(self.last).filter(|_| self.len > 0) {
            // SAFETY: the batch owns its tasks.
            Some(last) => unsafe { set_next(last, first.as_ptr()) },
            None => self.first = first.as_ptr(),
        }
        self.last = later.last;
        self.len += later.len;
        later.first = null_mut();
        later.len = 0;
    }

    /// How many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<M> Default for Batch<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Drop for Batch<M> {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

impl<M> fmt::Debug for Batch<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("len", &self.len).finish()
    }
}

/// # Safety
///
/// The caller has the task's runnable, and with it the link.
#[inline]
unsafe fn next(task: NonNull<Header>) -> *mut Header {
    // SAFETY: a runnable has a reference.
    let header = unsafe { task.as_ref() };
    // SAFETY: the link is the caller's.
    header.next.with(|next| unsafe { *next })
}

/// # Safety
///
/// As for [`next`].
#[inline]
unsafe fn set_next(task: NonNull<Header>, to: *mut Header) {
    // SAFETY: a runnable has a reference.
    let header = unsafe { task.as_ref() };
    // SAFETY: the link is the caller's.
    header.next.with_mut(|next| unsafe { *next = to });
}
