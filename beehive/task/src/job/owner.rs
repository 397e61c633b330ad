//! The owner's end: pending jobs, what of them is exposed, and the execution of jobs.

use alloc::sync::Arc;
use core::cell::Cell;
use core::ptr::{self, NonNull};

use crossbeam_utils::CachePadded;

use super::exposed::SLOTS;
use super::pending::{All, Pending};
use super::{Exposed, Job, Latch, Stolen};

/// How many jobs have to be pushed after a theft before the worker may do without some.
const CALM_AFTER: u32 = 1_024;

/// One worker's jobs, as the worker itself sees them.
pub struct Owner {
    id: u32,
    pending: Pending,
    exposed: Arc<CachePadded<Exposed>>,
    /// How many jobs should be exposed at least, if there are as many.
    floor: u32,
    /// How many jobs have been exposed and not taken back; minus `stolen`, how many are exposed now.
    placed: Cell<u32>,
    /// What `stolen` is as long as enough jobs are exposed.
    enough_at: Cell<u32>,
    /// What `stolen` was when jobs were exposed last.
    seen_stolen: Cell<u32>,
    /// How many jobs are still to be pushed until the worker is calm.
    unrest: Cell<u32>,
    /// Where the next job is exposed, unless that slot is in use. It only grows (modulo 2³²).
    next: Cell<u32>,
    /// In which slots a boxed job was exposed last, one bit for each.
    boxed: Cell<u32>,
    /// The latch of the job that this worker executes for another one (null if there is none), and
    /// who awaits it.
    serving: Cell<(*const Latch, u32)>,
}

impl Owner {
    /// The owner of these slots. `floor` jobs are exposed whenever there are as many; with none,
    /// nothing ever is, as befits a worker without others.
    ///
    /// `id` is what thieves see as the victim, and is returned where this worker has to be woken.
    #[must_use]
    pub fn new(id: u32, exposed: Arc<CachePadded<Exposed>>, floor: u32) -> Self {
        let stolen = exposed.stolen();
        Self {
            id,
            pending: Pending::new(),
            exposed,
            floor: floor.min(SLOTS),
            placed: Cell::new(stolen),
            enough_at: Cell::new(if floor == 0 {
                stolen
            } else {
                stolen.wrapping_sub(1)
            }),
            seen_stolen: Cell::new(stolen),
            unrest: Cell::new(CALM_AFTER),
            next: Cell::new(0),
            boxed: Cell::new(0),
            serving: Cell::new((ptr::null(), id)),
        }
    }

    /// The number of this worker.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether fewer jobs are exposed than should be, so that [`expose`](Self::expose) is due.
    #[inline]
    #[must_use]
    pub fn is_lacking(&self) -> bool {
        self.exposed.stolen() != self.enough_at.get()
    }

    /// Whether work may be done at once instead of being made a job: enough jobs are exposed, another
    /// one is pending to replace the next that is stolen, and so many have been pushed since the last
    /// theft that jobs must be small and thefts rare. After a theft, all work is made jobs for a while,
    /// so that there are large ones to be had soon.
    #[inline]
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.unrest.get() == 0 && !self.pending.is_empty() && !self.is_lacking()
    }

    /// Exposes pending jobs, the oldest first, until there are as many as the floor and as `idle`
    /// workers could take. True if any was exposed: then others may have to be woken.
    pub fn expose(&self, idle: u32) -> bool {
        let wanted = self.floor.max(idle).min(SLOTS);
        let stolen = self.exposed.stolen();
        if self.seen_stolen.replace(stolen) != stolen {
            self.unrest.set(CALM_AFTER);
        }
        let before = self.placed.get();
        let mut enough = true;
        while self.placed.get().wrapping_sub(stolen) < wanted {
            let next = self.next.get();
            let free = |index: &u32| self.exposed.is_free(*index);
            let Some(index) = (0..SLOTS).map(|step| next.wrapping_add(step)).find(free) else {
                break;
            };
            let Some(job) = self.pending.take_oldest() else {
                enough = false;
                break;
            };
            // SAFETY: the job was in the list, so it exists, and it is still ours.
            let boxed = unsafe { &job.as_ref().slot }.replace(index) == Job::BOXED;
            self.note_boxed(index, boxed);
            self.exposed.put(index, job);
            self.next.set(index.wrapping_add(1));
            self.placed.set(self.placed.get().wrapping_add(1));
        }
        let lacking = u32::from(!enough);
        self.enough_at.set(stolen.wrapping_sub(lacking));
        self.placed.get() != before
    }

    /// The worker to wake after a job was exposed and no idle worker was there to take it: the one
    /// that sleeps until the job is done that is executed here.
    #[must_use]
    pub fn rouse_awaiting(&self) -> Option<u32> {
        let (latch, awaiting) = self.serving.get();
        // SAFETY: the latch exists until what it stands for is finished, and `serve` resets the
        // pointer before.
        let roused = unsafe { latch.as_ref() }.is_some_and(Latch::rouse);
        roused.then_some(awaiting)
    }

    /// Sets aside what is pending and served, because another stack is about to be run by this
    /// worker, for instance that of a fiber. What is exposed stays so.
    #[must_use = "what is set aside has to be put back before its stack goes on"]
    pub fn set_aside(&self) -> Aside {
        Aside {
            pending: self.pending.take_all(),
            serving: self.serving.replace((ptr::null(), self.id)),
        }
    }

    /// Puts back what was set aside when the stack was left that now goes on.
    ///
    /// # Safety
    ///
    /// It was set aside by this owner, and none of the jobs has been taken back or dropped since.
    ///
    /// # Panics
    ///
    /// If the stack that was left has jobs pending: they have to be set aside first.
    pub unsafe fn put_back(&self, aside: Aside) {
        let Aside { pending, serving } = aside;
        if let Some(all) = pending {
            // SAFETY: as the caller promises.
            unsafe { self.pending.put_all(all) };
        }
        self.serving.set(serving);
    }

    /// Adds a job.
    ///
    /// # Safety
    ///
    /// The job stays where it is until it has been executed, or `remove` has returned true.
    #[inline]
    pub(super) unsafe fn push(&self, job: NonNull<Job>) {
        self.unrest.set(self.unrest.get().saturating_sub(1));
        // SAFETY: as the caller promises; `remove` and `expose` are what takes it out of the list.
        unsafe { self.pending.push(job) };
    }

    /// Takes a job back; false if somebody else has it.
    ///
    /// # Safety
    ///
    /// The job has been pushed here, has not been removed, and still exists.
    #[inline]
    pub(super) unsafe fn remove(&self, job: NonNull<Job>) -> bool {
        // SAFETY: as the caller promises.
        let newest = unsafe { self.pending.remove_newest(job) };
        // SAFETY: as the caller promises.
        newest || unsafe { self.remove_elsewhere(job) }
    }

    /// # Safety
    ///
    /// As for `remove`.
    #[cold]
    unsafe fn remove_elsewhere(&self, job: NonNull<Job>) -> bool {
        // SAFETY: as the caller promises.
        if unsafe { self.pending.remove(job) } {
            return true;
        }
        // SAFETY: the caller promises that the job exists.
        let index = unsafe { job.as_ref().slot.get() };
        let taken = self.exposed.take_this(index, job);
        if taken {
            self.note_taken_back();
        }
        taken
    }

    /// Takes the boxed job that was exposed last, and not before `next` was at `start`. (Somebody
    /// waits for any other job, and takes it back by itself.)
    fn take_exposed_since(&self, start: u32) -> Option<NonNull<Job>> {
        let next = self.next.get();
        let count = next.wrapping_sub(start).min(SLOTS);
        (1..=count).find_map(|step| {
            let index = next.wrapping_sub(step);
            if self.boxed.get() & 1 << (index % SLOTS) == 0 {
                return None;
            }
            self.note_boxed(index, false);
            let job = self.exposed.take(index)?;
            self.note_taken_back();
            Some(job)
        })
    }

    fn note_boxed(&self, index: u32, boxed: bool) {
        let bit = 1 << (index % SLOTS);
        let others = self.boxed.get() & !bit;
        self.boxed.set(others | if boxed { bit } else { 0 });
    }

    fn note_taken_back(&self) {
        self.placed.set(self.placed.get().wrapping_sub(1));
        self.enough_at.set(self.exposed.stolen().wrapping_sub(1));
    }

    /// Executes a job, and what it leaves pending here. `wake` is called with the number of each
    /// worker that sleeps until what has been executed is done.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "who has the value may execute the job, once"
    )]
    pub fn execute(&self, stolen: Stolen, wake: impl Fn(u32)) {
        let Stolen { job, victim } = stolen;
        self.frame(&wake, || {
            // SAFETY: whoever made the value removed the job from its slot, and it is used up here.
            let sleeper = unsafe { self.call(job, victim) };
            sleeper.into_iter().for_each(&wake);
        });
    }

    /// Calls `body`, then executes what it has left pending here: jobs of scopes. `wake` as for
    /// [`execute`](Self::execute).
    pub fn frame<R>(&self, wake: impl Fn(u32), body: impl FnOnce() -> R) -> R {
        let mark = Job::mark();
        let mark = NonNull::from(&mark);
        // SAFETY: the mark is removed when `_marked` goes, which is before the mark does.
        unsafe { self.pending.push(mark) };
        let _marked = Marked { owner: self, mark };
        let exposed_before = self.next.get();
        let result = body();
        let newest = || {
            let pending = self.pending.take_newest();
            pending.or_else(|| self.take_exposed_since(exposed_before))
        };
        while let Some(job) = newest() {
            // SAFETY: the job was just taken from the list or its slot.
            let sleeper = unsafe { self.call(job, self.id) };
            sleeper.into_iter().for_each(&wake);
        }
        result
    }

    /// # Safety
    ///
    /// The job was removed from its list or slot by the caller, and is called once.
    unsafe fn call(&self, job: NonNull<Job>, victim: u32) -> Option<u32> {
        // SAFETY: the job exists: it is executed only now.
        let execute = unsafe { job.as_ref().execute }?;
        // SAFETY: as the caller promises.
        unsafe { execute(job, self, victim) }
    }

    /// Calls `work` as part of what this latch stands for, which the worker `awaiting` awaits.
    ///
    /// # Safety
    ///
    /// The latch exists until `work` has returned.
    pub unsafe fn serve<R>(
        &self,
        latch: *const Latch,
        awaiting: u32,
        work: impl FnOnce() -> R,
    ) -> R {
        let outer = self.serving.replace((latch, awaiting));
        let _serving = Serving { owner: self, outer };
        work()
    }
}

/// The jobs of a stack that is not running.
pub struct Aside {
    pending: Option<All>,
    serving: (*const Latch, u32),
}

/// Removes a mark when dropped.
struct Marked<'a> {
    owner: &'a Owner,
    mark: NonNull<Job>,
}

impl Drop for Marked<'_> {
    fn drop(&mut self) {
        // SAFETY: the mark was pushed in `frame`, whose frame still exists. It may have been removed,
        // as the oldest.
        unsafe { self.owner.pending.remove(self.mark) };
    }
}

/// Restores what was served before, when dropped.
struct Serving<'a> {
    owner: &'a Owner,
    outer: (*const Latch, u32),
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.owner.serving.set(self.outer);
    }
}
