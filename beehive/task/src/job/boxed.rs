//! A job on the heap: of a scope, whose owner may have many of them.

use alloc::boxed::Box;
use core::ptr::NonNull;

use super::{Job, Owner};

/// A job that nobody waits for by itself.
#[repr(C)]
struct BoxedJob<F> {
    /// First, so that a pointer to it is one to the whole.
    job: Job,
    function: F,
}

impl<F> BoxedJob<F>
where
    F: FnOnce(&Owner) -> Option<u32> + Send,
{
    /// # Safety
    ///
    /// The job came from `Owner::spawn`, and the caller, who removed it from its list or slot, calls
    /// this once.
    unsafe fn execute(job: NonNull<Job>, runner: &Owner, _victim: u32) -> Option<u32> {
        // SAFETY: the job is the first field of a box that `spawn` has leaked, and nobody else has.
        let this = unsafe { Box::from_raw(job.cast::<Self>().as_ptr()) };
        (this.function)(runner)
    }
}

impl Owner {
    /// Adds a job that others may be given. Its function is called once, with the worker that
    /// executes it, and gives the number of a worker to wake, if one sleeps until this job is done.
    ///
    /// The job is executed by a thief, or by this worker when the innermost [`frame`](Self::frame)
    /// ends, so there has to be one.
    ///
    /// # Safety
    ///
    /// What the function borrows stays borrowed until it has been called.
    pub unsafe fn spawn<F>(&self, function: F)
    where
        F: FnOnce(&Owner) -> Option<u32> + Send,
    {
        let job = Job::boxed(BoxedJob::<F>::execute);
        let boxed = Box::leak(Box::new(BoxedJob { job, function }));
        // SAFETY: the box stays where it is until it is executed.
        unsafe { self.push(NonNull::from(boxed).cast()) };
    }
}
