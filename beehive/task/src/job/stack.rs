//! A job in the stack frame of the function that waits for it.

use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use super::{Job, Latch, Owner};
use crate::sync::UnsafeCell;

/// What a job does where it is executed by somebody else than its owner.
pub trait Work: Send {
    /// What it gives.
    type Outcome: Send;

    /// Does it. It must not panic, or the owner waits for ever: a world that can catch panics returns
    /// them.
    fn execute(self) -> Self::Outcome;
}

/// A job that lives where its owner waits for it.
///
/// State: *new*; then pushed to a list, from which either the owner takes the work back, or a thief
/// takes the work, puts the outcome and sets the latch. So at any time one of them alone has access to
/// `work` and `outcome`.
#[repr(C)]
pub struct StackJob<W: Work> {
    /// First, so that a pointer to it is one to the whole.
    job: Job,
    latch: Latch,
    work: UnsafeCell<ManuallyDrop<W>>,
    outcome: UnsafeCell<MaybeUninit<W::Outcome>>,
}

impl<W: Work> StackJob<W> {
    /// A new job. The work is not dropped with it, but must be taken back or executed.
    #[inline]
    pub fn new(work: W) -> Self {
        Self {
            job: Job::new(Self::execute),
            latch: Latch::new(),
            work: UnsafeCell::new(ManuallyDrop::new(work)),
            outcome: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    fn erased(&self) -> NonNull<Job> {
        NonNull::from(self).cast()
    }

    /// Adds the job to those that others may be given.
    ///
    /// # Safety
    ///
    /// The job is new. It stays where it is, and what its work borrows stays borrowed, until
    /// [`take_back`](Self::take_back) has returned the work or the latch is set.
    #[inline]
    pub unsafe fn push(&self, owner: &Owner) {
        // SAFETY: as the caller promises.
        unsafe { owner.push(self.erased()) };
    }

    /// Takes the work back; `None` if somebody else executes it. Then wait for the [`latch`](Self::latch).
    ///
    /// # Safety
    ///
    /// The job has been pushed to this owner, and its work has not been taken back.
    #[inline]
    pub unsafe fn take_back(&self, owner: &Owner) -> Option<W> {
        // SAFETY: as the caller promises.
        let removed = unsafe { owner.remove(self.erased()) };
        // SAFETY: the job was removed, so that nobody else has it, and its work was in it.
        removed.then(|| unsafe { self.take_work() })
    }

    /// Set when the work has been executed by somebody else.
    #[inline]
    pub fn latch(&self) -> &Latch {
        &self.latch
    }

    /// What the work gave.
    ///
    /// # Safety
    ///
    /// The latch was seen to be set, and the outcome has not been taken.
    pub unsafe fn take_outcome(&self) -> W::Outcome {
        let take = |outcome: *mut MaybeUninit<W::Outcome>| {
            // SAFETY: the latch is set, so that the thief is gone and nobody else has access.
            let outcome = unsafe { &*outcome };
            // SAFETY: the thief has written it before it set the latch.
            unsafe { outcome.assume_init_read() }
        };
        self.outcome.with_mut(take)
    }

    /// # Safety
    ///
    /// The caller removed the job from its list or slot, and takes its work once.
    #[inline]
    unsafe fn take_work(&self) -> W {
        let take = |work: *mut ManuallyDrop<W>| {
            // SAFETY: whoever removed the job alone has access to the work.
            let work = unsafe { &mut *work };
            // SAFETY: the work is still there: it is taken once.
            unsafe { ManuallyDrop::take(work) }
        };
        self.work.with_mut(take)
    }

    /// Executes the job for another worker than its owner.
    ///
    /// # Safety
    ///
    /// The caller removed the job from its slot, and calls this once.
    unsafe fn execute(job: NonNull<Job>, runner: &Owner, victim: u32) -> Option<u32> {
        // SAFETY: the job is the first field of this; its owner keeps it until the latch is set.
        let this = unsafe { job.cast::<Self>().as_ref() };
        this.latch.note_thief(runner.id());
        // SAFETY: as the caller promises.
        let work = unsafe { this.take_work() };
        // SAFETY: the latch exists until it is set, which is done below.
        let outcome = unsafe { runner.serve(&this.latch, victim, || work.execute()) };
        this.outcome.with_mut(|place| {
            // SAFETY: until the latch is set, whoever removed the job alone has access.
            unsafe { (*place).write(outcome) };
        });
        // SAFETY: the latch was not set yet, so it exists; it is not touched afterwards.
        let sleeps = unsafe { Latch::set(&raw const this.latch) };
        sleeps.then_some(victim)
    }
}
