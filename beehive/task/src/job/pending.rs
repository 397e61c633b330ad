//! The list of a worker's pending jobs, from the oldest to the newest. Only its owner touches it.
//!
//! Invariants:
//! 1. `root` and every job in the list exist and stay where they are. Who pushes promises it, and
//!    removes the job before its memory goes.
//! 2. `older` of each job in the list leads towards `root`; `newer` of each but the newest leads
//!    towards the newest. `newer` of the newest (of `root`, if the list is empty) may dangle.
//! 3. `older` is null in a job that was in the list and was unlinked from its old end.
//!
//! Joins nest, so the newest job is nearly always the one to remove; a job in the middle is removed
//! when jobs of a scope have been pushed after it.

use alloc::boxed::Box;
use core::cell::Cell;
use core::ptr::{self, NonNull};

use super::Job;

/// A list of pending jobs.
pub(super) struct Pending {
    /// A mark that is older than all jobs; on the heap, because the oldest job points to it.
    root: NonNull<Job>,
    newest: Cell<NonNull<Job>>,
}

impl Pending {
    pub(super) fn new() -> Self {
        let root = NonNull::from(Box::leak(Box::new(Job::mark())));
        Self {
            root,
            newest: Cell::new(root),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.newest.get() == self.root
    }

    /// Adds a job as the newest.
    ///
    /// # Safety
    ///
    /// The job stays where it is, and is in no list, until it has been taken or removed.
    #[inline]
    pub(super) unsafe fn push(&self, job: NonNull<Job>) {
        let newest = self.newest.get();
        // SAFETY: the caller promises that the job exists.
        let older = unsafe { &job.as_ref().older };
        older.set(newest.as_ptr());
        // SAFETY: the newest job is in the list (invariant 1).
        let newer = unsafe { &newest.as_ref().newer };
        newer.set(job.as_ptr());
        self.newest.set(job);
    }

    /// Removes the job if it is the newest.
    ///
    /// # Safety
    ///
    /// The job has been pushed here and still exists.
    #[inline]
    pub(super) unsafe fn remove_newest(&self, job: NonNull<Job>) -> bool {
        if self.newest.get() != job {
            return false;
        }
        // SAFETY: the caller promises that the job exists.
        let older = unsafe { job.as_ref().older.get() };
        // SAFETY: the job is in the list, so this leads to another one, or to `root` (invariant 2).
        self.newest
            .set(unsafe { NonNull::new_unchecked(older.cast_mut()) });
        true
    }

    /// Removes the job from wherever in the list it is; false if it is not in the list any more.
    ///
    /// # Safety
    ///
    /// The job has been pushed here and still exists.
    pub(super) unsafe fn remove(&self, job: NonNull<Job>) -> bool {
        // SAFETY: as the caller promises.
        if unsafe { self.remove_newest(job) } {
            return true;
        }
        // SAFETY: the caller promises that the job exists.
        let job = unsafe { job.as_ref() };
        let Some(older) = NonNull::new(job.older.get().cast_mut()) else {
            return false;
        };
        let newer = job.newer.get();
        // SAFETY: the job is in the list, so its older neighbour exists (invariant 2).
        let before = unsafe { older.as_ref() };
        // SAFETY: it is not the newest either, so there is a newer one.
        let after = unsafe { &*newer };
        before.newer.set(newer);
        after.older.set(older.as_ptr());
        true
    }

    /// Takes the oldest job that is not a mark; marks before it are removed, as nothing is older.
    pub(super) fn take_oldest(&self) -> Option<NonNull<Job>> {
        while self.newest.get() != self.root {
            // SAFETY: `root` exists as long as the list.
            let oldest = unsafe { self.root.as_ref().newer.get() };
            // SAFETY: the list is not empty, so this is a job in it (invariant 2).
            let job = unsafe { NonNull::new_unchecked(oldest.cast_mut()) };
            // SAFETY: as above; jobs in the list exist.
            unsafe { self.remove(job) };
            // SAFETY: as above.
            let taken = unsafe { job.as_ref() };
            taken.older.set(ptr::null());
            if taken.execute.is_some() {
                return Some(job);
            }
        }
        None
    }

    /// Takes the newest job, unless it is a mark.
    pub(super) fn take_newest(&self) -> Option<NonNull<Job>> {
        let newest = self.newest.get();
        // SAFETY: the newest job exists (invariant 1), or is `root`.
        let job = unsafe { newest.as_ref() };
        job.execute?;
        // SAFETY: it is a job in the list, as `root` is a mark.
        unsafe { self.remove_newest(newest) };
        job.older.set(ptr::null());
        Some(newest)
    }
}

impl Pending {
    /// Empties the list; `None` if it is empty.
    pub(super) fn take_all(&self) -> Option<All> {
        let newest = self.newest.replace(self.root);
        // SAFETY: `root` exists as long as the list.
        let oldest = unsafe { self.root.as_ref().newer.get() };
        (newest != self.root).then_some(All { oldest, newest })
    }

    /// Fills the empty list with what was taken from it.
    ///
    /// # Safety
    ///
    /// It was taken from this list, and none of the jobs has been removed or dropped since.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what was taken is put back once"
    )]
    pub(super) unsafe fn put_all(&self, all: All) {
        assert!(self.is_empty(), "jobs of another stack are pending");
        let All { oldest, newest } = all;
        // SAFETY: `root` exists as long as the list.
        unsafe { self.root.as_ref().newer.set(oldest) };
        self.newest.set(newest);
    }
}

/// All that was in a list. The jobs stay where they are, and the list too, to whose root the oldest
/// leads: invariants 1 and 2 hold again when they are put back.
pub(super) struct All {
    oldest: *const Job,
    newest: NonNull<Job>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        // SAFETY: `root` came from a box in `new`, and no job points to it: whoever pushed one has
        // removed it before the list goes.
        drop(unsafe { Box::from_raw(self.root.as_ptr()) });
    }
}
