//! Fork-join jobs in every interleaving.

use std::sync::Arc;

use beehive_task::job::{Exposed, Latch, Owner, StackJob, Work};
use crossbeam_utils::CachePadded;
use loom::cell::Cell;
use loom::sync::Arc as Shared;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;

use super::model;

/// Work of these tests: any closure.
struct Call<F>(F);

impl<F: FnOnce() -> R + Send, R: Send> Work for Call<F> {
    type Outcome = R;

    fn execute(self) -> R {
        (self.0)()
    }
}

type Slots = Arc<CachePadded<Exposed>>;

const OWNER: u32 = 0;
const THIEF: u32 = 1;

/// What an owner does with `work` in the end: takes it back, or waits for whoever has it.
fn join<F: FnOnce() -> R + Send, R: Send>(owner: &Owner, work: F, meanwhile: impl FnOnce()) -> R {
    let job = StackJob::new(Call(work));
    // SAFETY: the job stays here, and the function returns only with the work or its outcome.
    unsafe { job.push(owner) };
    owner.expose(0);
    meanwhile();
    // SAFETY: the job was pushed, and its work is taken back only here.
    if let Some(Call(work)) = unsafe { job.take_back(owner) } {
        return work();
    }
    while !job.latch().is_set() {
        thread::yield_now();
    }
    // SAFETY: the latch is set, and the outcome is taken only here.
    unsafe { job.take_outcome() }
}

/// A thief that looks once.
fn look(slots: &Slots, id: u32) {
    let owner = Owner::new(id, Arc::default(), 0);
    if let Some(stolen) = slots.steal(OWNER) {
        owner.execute(stolen, |_| panic!("nobody sleeps"));
    }
}

/// Memory without any order of its own: loom reports an access that is not ordered with another.
struct Plain(Cell<u32>);

// SAFETY: what the tests are about: the protocol orders all accesses.
unsafe impl Sync for Plain {}

impl Plain {
    fn add_one(&self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_job_is_executed_once_and_its_owner_sees_what_it_wrote() {
    model(|| {
        let slots = Slots::default();
        let owner = Owner::new(OWNER, slots.clone(), 1);
        let thief = thread::spawn(move || look(&slots, THIEF));
        let count = Shared::new(Plain(Cell::new(0)));
        let inside = count.clone();
        let work = move || {
            inside.add_one();
            7
        };
        assert_eq!(join(&owner, work, || {}), 7);
        assert_eq!(count.0.get(), 1);
        thief.join().unwrap();
    });
}

#[test]
fn two_thieves_never_have_the_same_job() {
    model(|| {
        let slots = Slots::default();
        let owner = Owner::new(OWNER, slots.clone(), 1);
        let thieves = [THIEF, THIEF + 1].map(|id| {
            let slots = slots.clone();
            thread::spawn(move || look(&slots, id))
        });
        let count = Shared::new(AtomicU32::new(0));
        let called = count.clone();
        join(&owner, move || called.fetch_add(1, Relaxed), || {});
        assert_eq!(count.load(Relaxed), 1);
        thieves.into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn nested_jobs_are_each_executed_once() {
    model(|| {
        let slots = Slots::default();
        let owner = Owner::new(OWNER, slots.clone(), 2);
        let thief = thread::spawn(move || look(&slots, THIEF));
        let count = Shared::new(AtomicU32::new(0));
        let (outer, inner) = (count.clone(), count.clone());
        join(
            &owner,
            move || outer.fetch_add(1, Relaxed),
            || {
                join(&owner, move || inner.fetch_add(1, Relaxed), || {});
            },
        );
        assert_eq!(count.load(Relaxed), 2);
        thief.join().unwrap();
    });
}

#[test]
fn a_job_exposed_where_another_was_taken_back_is_executed_once() {
    model(|| {
        let slots = Slots::default();
        let owner = Owner::new(OWNER, slots.clone(), 1);
        let thief = thread::spawn(move || look(&slots, THIEF));
        let count = Shared::new(AtomicU32::new(0));
        for round in 0..2 {
            let called = count.clone();
            let before = join(&owner, move || called.fetch_add(1, Relaxed), || {});
            assert_eq!(before, round);
        }
        thief.join().unwrap();
    });
}

#[test]
fn a_theft_tells_the_owner_that_jobs_are_lacking() {
    model(|| {
        let slots = Slots::default();
        let owner = Owner::new(OWNER, slots.clone(), 1);
        let of_thief = slots.clone();
        let thief = thread::spawn(move || look(&of_thief, THIEF));
        let stolen_meanwhile = || {
            // The sign may come later than the theft, but not never.
            while slots.is_empty() && !owner.is_lacking() {
                thread::yield_now();
            }
        };
        join(&owner, || {}, stolen_meanwhile);
        thief.join().unwrap();
        assert!(owner.is_lacking(), "nothing is exposed any more");
    });
}

/// Waits as a worker does, without looking before it sleeps for the first time.
fn sleep_until_set(owner: &Owner, latch: &Latch, thief: &Slots) {
    while latch.begin_sleep() {
        if thief.is_empty() {
            // Loom reports a loop that does not end.
            while latch.is_sleeping() {
                thread::yield_now();
            }
        }
        latch.end_sleep();
        if let Some(stolen) = thief.steal(THIEF) {
            owner.execute(stolen, |_| panic!("the thief does not sleep"));
        }
    }
}

#[test]
fn an_owner_that_sleeps_is_woken_when_its_job_is_done() {
    model(|| {
        let (slots, nothing) = (Slots::default(), Slots::default());
        let owner = Owner::new(OWNER, slots.clone(), 1);
        let job = StackJob::new(Call(|| 7));
        // SAFETY: the job stays here until its latch is set.
        unsafe { job.push(&owner) };
        owner.expose(0);
        let thief = thread::spawn(move || {
            let stolen = slots.steal(OWNER).expect("the owner waits");
            let wake = |sleeper| assert_eq!(sleeper, OWNER);
            Owner::new(THIEF, Arc::default(), 0).execute(stolen, wake);
        });
        sleep_until_set(&owner, job.latch(), &nothing);
        // SAFETY: the latch is set, and the outcome is taken only here.
        assert_eq!(unsafe { job.take_outcome() }, 7);
        thief.join().unwrap();
    });
}

#[test]
fn an_owner_does_not_sleep_beside_what_its_thief_exposes() {
    model(|| {
        let slots = Slots::default();
        let latch = Shared::new(Latch::new());
        let (of_thief, awaited) = (slots.clone(), latch.clone());
        let thief = thread::spawn(move || {
            let thief = Owner::new(THIEF, of_thief, 1);
            // The thief leaves a part to the owner, and never does it itself.
            let work = || {
                let part = StackJob::new(Call(|| 7));
                // SAFETY: the job stays here until its latch is set.
                unsafe { part.push(&thief) };
                assert!(thief.expose(0));
                let _woken = thief.rouse_awaiting();
                while !part.latch().is_set() {
                    thread::yield_now();
                }
                // SAFETY: the latch is set, and the outcome is taken only here.
                assert_eq!(unsafe { part.take_outcome() }, 7);
            };
            // SAFETY: the latch exists until this thread ends.
            unsafe { thief.serve(&*awaited, OWNER, work) };
            // SAFETY: as above.
            unsafe { Latch::set(&*awaited) };
        });
        let owner = Owner::new(OWNER, Arc::default(), 0);
        sleep_until_set(&owner, &latch, &slots);
        thief.join().unwrap();
    });
}
