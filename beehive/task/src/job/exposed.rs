//! The slots where a worker exposes jobs to thieves.

use core::ptr::{self, NonNull};

use super::Job;
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// How many jobs a worker can expose.
pub(super) const SLOTS: u32 = if cfg!(feature = "loom") { 2 } else { 16 };

/// The jobs of one worker that others may take.
pub struct Exposed {
    slots: [AtomicPtr<Job>; SLOTS as usize],
    /// How many jobs thieves have taken, modulo 2³². Its change tells the owner that they are hungry.
    stolen: AtomicU32,
    /// Where the oldest job probably is: thieves look there first.
    oldest: AtomicU32,
    /// How many jobs have been exposed, modulo 2³², for whoever wants to know if anything happens.
    activity: AtomicU32,
}

// SAFETY: a job is touched only by its owner, or by the thief that removed it from its slot, which
// acquires what the owner wrote before. What it executes is `Send` (see `StackJob` and `BoxedJob`).
unsafe impl Send for Exposed {}
// SAFETY: as above.
unsafe impl Sync for Exposed {}

/// A job that was taken from its slot and has to be executed: its owner waits for it.
#[must_use = "the owner of a stolen job waits until it has been executed"]
pub struct Stolen {
    pub(super) job: NonNull<Job>,
    /// Whose it was.
    pub(super) victim: u32,
}

impl Exposed {
    /// Nothing is exposed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            slots: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            stolen: AtomicU32::new(0),
            oldest: AtomicU32::new(0),
            activity: AtomicU32::new(0),
        }
    }

    /// Takes a job of the worker `victim`, whose slots these are: the oldest one, if nobody else is
    /// about to.
    #[must_use]
    pub fn steal(&self, victim: u32) -> Option<Stolen> {
        let first = self.oldest.load(Ordering::Relaxed);
        (0..SLOTS).find_map(|step| {
            let index = first.wrapping_add(step);
            let job = self.take(index)?;
            self.oldest.store(index.wrapping_add(1), Ordering::Relaxed);
            self.stolen.fetch_add(1, Ordering::Relaxed);
            Some(Stolen { job, victim })
        })
    }

    /// Whether there was no job to take a moment ago. For the order in which a worker looks and
    /// sleeps, see the protocol of `job`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let free = |slot: &AtomicPtr<Job>| slot.load(Ordering::Relaxed).is_null();
        self.slots.iter().all(free)
    }

    /// Changes whenever a job has been exposed.
    #[must_use]
    pub fn activity(&self) -> u32 {
        self.activity.load(Ordering::Relaxed)
    }

    /// How many jobs thieves have taken, modulo 2³².
    #[inline]
    pub(super) fn stolen(&self) -> u32 {
        self.stolen.load(Ordering::Relaxed)
    }

    fn slot(&self, index: u32) -> &AtomicPtr<Job> {
        &self.slots[(index % SLOTS) as usize]
    }

    /// Exposes a job in this slot, if it is free. For the owner only.
    pub(super) fn put(&self, index: u32, job: NonNull<Job>) {
        self.slot(index).store(job.as_ptr(), Ordering::Release);
        let activity = self.activity.load(Ordering::Relaxed);
        self.activity
            .store(activity.wrapping_add(1), Ordering::Relaxed);
    }

    /// Whether a job can be put into this slot. For the owner, who alone puts.
    pub(super) fn is_free(&self, index: u32) -> bool {
        self.slot(index).load(Ordering::Relaxed).is_null()
    }

    /// Takes whatever job is in this slot.
    pub(super) fn take(&self, index: u32) -> Option<NonNull<Job>> {
        let job = NonNull::new(self.slot(index).load(Ordering::Relaxed))?;
        self.take_this(index, job).then_some(job)
    }

    /// Takes this job from this slot, if it is still there.
    pub(super) fn take_this(&self, index: u32, job: NonNull<Job>) -> bool {
        let taken = self.slot(index).compare_exchange(
            job.as_ptr(),
            ptr::null_mut(),
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        taken.is_ok()
    }
}

impl Default for Exposed {
    fn default() -> Self {
        Self::new()
    }
}
