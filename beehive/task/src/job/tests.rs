//! Jobs in the hands of several threads; small enough for Miri.

use super::*;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use crossbeam_utils::CachePadded;
use std::thread;

struct Call<F>(F);

impl<F: FnOnce() -> R + Send, R: Send> Work for Call<F> {
    type Outcome = R;

    fn execute(self) -> R {
        (self.0)()
    }
}

type Slots = Arc<CachePadded<Exposed>>;

/// As a runtime does it, without sleeping.
fn join<A, B: Send>(owner: &Owner, a: impl FnOnce() -> A, b: impl FnOnce() -> B + Send) -> (A, B) {
    let job = StackJob::new(Call(b));
    // SAFETY: the job stays here, and `a` does not panic in these tests.
    unsafe { job.push(owner) };
    if owner.is_lacking() {
        owner.expose(0);
    }
    let a = a();
    // SAFETY: the job was pushed, and its work is taken back only here.
    if let Some(Call(b)) = unsafe { job.take_back(owner) } {
        return (a, b());
    }
    while !job.latch().is_set() {
        thread::yield_now();
    }
    // SAFETY: the latch is set, and the outcome is taken only here.
    (a, unsafe { job.take_outcome() })
}

std::thread_local! {
    /// The owner of each thread of `on_team`.
    static OWNER: RefCell<Option<Rc<OwnerBox>>> = const { RefCell::new(None) };
}

/// An owner that its thread's jobs can find.
struct OwnerBox(Owner);

fn owner() -> Rc<OwnerBox> {
    OWNER.with_borrow(|owner| owner.clone().expect("called in a team"))
}

/// Calls `body` on this thread as an owner, beside others that steal from it and from each other.
fn on_team<R>(others: usize, body: impl FnOnce() -> R) -> R {
    let slots: Vec<Slots> = (0..=others).map(|_| Slots::default()).collect();
    let over = AtomicBool::new(false);
    let enter = |id: usize| {
        let owner = Owner::new(id as u32, slots[id].clone(), 2);
        let owner = Rc::new(OwnerBox(owner));
        OWNER.replace(Some(owner.clone()));
        owner
    };
    thread::scope(|threads| {
        for id in 1..=others {
            let (slots, over) = (&slots, &over);
            threads.spawn(move || {
                let owner = enter(id);
                while !over.load(SeqCst) {
                    for victim in (0..slots.len()).filter(|it| *it != id) {
                        if let Some(stolen) = slots[victim].steal(victim as u32) {
                            owner.0.execute(stolen, |_| panic!("nobody sleeps"));
                        }
                    }
                    thread::yield_now();
                }
                OWNER.take();
            });
        }
        let _owner = enter(0);
        let result = body();
        over.store(true, SeqCst);
        OWNER.take();
        result
    })
}

fn fib(n: usize) -> usize {
    if n < 2 {
        return n;
    }
    let (a, b) = join(&owner().0, || fib(n - 1), || fib(n - 2));
    a + b
}

#[test]
fn a_tree_of_jobs_gives_the_sum_of_its_leaves() {
    let n = if cfg!(miri) { 9 } else { 18 };
    let expected = if cfg!(miri) { 34 } else { 2_584 };
    for others in 0..3 {
        assert_eq!(on_team(others, || fib(n)), expected);
    }
}

/// Spawns boxed jobs from a frame, each of which does so again.
fn grow(depth: usize, count: &AtomicUsize) {
    count.fetch_add(1, SeqCst);
    if depth == 0 {
        return;
    }
    for _ in 0..3 {
        let job = move |_: &Owner| {
            grow(depth - 1, count);
            None
        };
        // SAFETY: `count` outlives the team, which waits for all jobs.
        unsafe { owner().0.spawn(job) };
        owner().0.expose(0);
    }
}

#[test]
fn boxed_jobs_are_executed_at_the_latest_when_their_frame_ends() {
    let count = AtomicUsize::new(0);
    on_team(0, || owner().0.frame(|_| (), || grow(3, &count)));
    assert_eq!(count.load(SeqCst), 1 + 3 + 9 + 27);
}

#[test]
fn boxed_jobs_are_executed_once_whoever_takes_them() {
    let count = AtomicUsize::new(0);
    on_team(2, || {
        owner().0.frame(|_| (), || grow(2, &count));
        // Others may not be done when the frame ends.
        while count.load(SeqCst) < 1 + 3 + 9 {
            thread::yield_now();
        }
    });
    assert_eq!(count.load(SeqCst), 1 + 3 + 9);
}

#[test]
fn a_job_is_taken_back_from_under_newer_ones() {
    let owner = Owner::new(0, Slots::default(), 0);
    let count = AtomicUsize::new(0);
    let spawn = || {
        let job = |_: &Owner| {
            count.fetch_add(1, SeqCst);
            None
        };
        // SAFETY: `count` outlives the frame.
        unsafe { owner.spawn(job) };
    };
    let spawn = &spawn;
    owner.frame(
        |_| (),
        || {
            spawn();
            let (_, value) = join(&owner, spawn, || 7);
            assert_eq!((value, count.load(SeqCst)), (7, 0));
        },
    );
    assert_eq!(count.load(SeqCst), 2);
}

#[test]
fn only_so_many_jobs_are_exposed_as_are_wanted() {
    let slots = Slots::default();
    let owner = Owner::new(0, slots.clone(), 2);
    let count = AtomicUsize::new(0);
    owner.frame(
        |_| (),
        || {
            for _ in 0..5 {
                // SAFETY: `count` outlives the frame.
                unsafe {
                    owner.spawn(|_| {
                        count.fetch_add(1, SeqCst);
                        None
                    });
                }
                if owner.is_lacking() {
                    owner.expose(0);
                }
            }
            assert!(!owner.is_lacking());
            let thief = Owner::new(1, Slots::default(), 0);
            for left in [1, 0] {
                let stolen = slots.steal(0).expect("two are exposed");
                thief.execute(stolen, |_| ());
                assert_eq!(slots.is_empty(), left == 0);
            }
            assert!(owner.is_lacking() && slots.steal(0).is_none());
            assert!(owner.expose(3), "three are wanted");
            assert!(!owner.is_lacking());
        },
    );
    assert_eq!(count.load(SeqCst), 5);
}

#[test]
fn a_worker_that_is_alone_exposes_nothing() {
    let slots = Slots::default();
    let owner = Owner::new(0, slots.clone(), 0);
    let (exposed, ()) = join(&owner, || !slots.is_empty(), || ());
    assert!(!exposed && !owner.is_lacking());
}

#[test]
fn a_latch_tells_whether_somebody_sleeps() {
    let latch = Latch::new();
    assert!(latch.begin_sleep() && latch.is_sleeping());
    assert!(latch.rouse() && !latch.is_sleeping() && !latch.rouse());
    assert!(latch.begin_sleep());
    // SAFETY: the latch exists.
    assert!(unsafe { Latch::set(&raw const latch) });
    assert!(latch.is_set() && !latch.begin_sleep());
}
