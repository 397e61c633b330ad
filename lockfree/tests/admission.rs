//! The admission gate on the machine's own atomics.
#![cfg(not(any(feature = "loom", feature = "shuttle")))]

#[path = "admission/wakers.rs"]
mod wakers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use hallows_lockfree::admission::{
    Acquire, AcquireError, Gate, OwnedPermit, Permit, TryAcquireError,
};
use hallows_lockfree::wait::block_on;

const ROUNDS: usize = if cfg!(miri) { 40 } else { 20_000 };
const NEVER: u64 = u64::MAX;

type Waiter<'g> = Pin<Box<Acquire<'g>>>;

fn poll<'g>(waiter: &mut Waiter<'g>) -> Poll<Result<Permit<'g>, AcquireError>> {
    waiter
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// A waiter that has joined the queue.
fn queue(gate: &Gate, deadline: u64) -> Waiter<'_> {
    let mut waiter = Box::pin(gate.acquire(deadline));
    assert!(poll(&mut waiter).is_pending());
    waiter
}

/// What became of a waiter, as a word.
fn outcome(waiter: &mut Waiter<'_>) -> &'static str {
    match poll(waiter) {
        Poll::Pending => "waits",
        Poll::Ready(Ok(_permit)) => "admitted",
        Poll::Ready(Err(AcquireError::Late)) => "late",
        Poll::Ready(Err(AcquireError::Full { .. })) => "full",
        Poll::Ready(Err(AcquireError::Closed)) => "closed",
    }
}

#[test]
fn as_many_are_admitted_as_there_are_permits() {
    let gate = Gate::new(2, 0);
    let first = gate.try_acquire().unwrap();
    let _second = gate.try_acquire().unwrap();
    assert_eq!(gate.try_acquire().map(drop), Err(TryAcquireError::Busy));
    assert_eq!(gate.available(), 0);
    drop(first);
    assert_eq!(gate.available(), 1);
    assert!(gate.try_acquire().is_ok());
}

#[test]
fn a_gate_says_how_many_permits_are_allowed() {
    let asked = Gate::PERMITS_MAX + 1;
    let refused = catch_unwind(|| drop(Gate::new(asked, 0))).unwrap_err();
    assert_eq!(
        *refused.downcast::<String>().unwrap(),
        format!(
            "a gate with {asked} permits was asked for, at most {} are allowed",
            Gate::PERMITS_MAX
        )
    );
    assert_eq!(
        Gate::new(Gate::PERMITS_MAX, 0).available(),
        Gate::PERMITS_MAX
    );
}

#[test]
fn waiters_are_served_in_order_and_nobody_passes_them() {
    let gate = Gate::new(1, 3);
    let permit = gate.try_acquire().unwrap();
    let mut waiters = [(); 3].map(|()| queue(&gate, NEVER));
    drop(permit);
    assert_eq!(gate.try_acquire().map(drop), Err(TryAcquireError::Busy));
    assert_eq!(waiters.each_mut().map(outcome), ["admitted"; 3]);
    assert_eq!(gate.available(), 1);
    let permit = gate.try_acquire().unwrap();
    let mut waiters = [(); 3].map(|()| queue(&gate, NEVER));
    drop(permit);
    let [first, second, third] = &mut waiters;
    assert_eq!(
        [third, second, first].map(outcome),
        ["waits", "waits", "admitted"]
    );
    assert_eq!(gate.waiting(), 1);
    assert_eq!(outcome(&mut waiters[1]), "admitted");
    assert_eq!(outcome(&mut waiters[2]), "admitted");
}

#[test]
fn the_queue_is_bounded() {
    let gate = Gate::new(0, 2);
    let waiters = [(); 2].map(|()| queue(&gate, NEVER));
    let refused = poll(&mut Box::pin(gate.acquire(NEVER))).map(|it| it.map(drop));
    assert_eq!(refused, Poll::Ready(Err(AcquireError::Full { allowed: 2 })));
    assert_eq!(
        AcquireError::Full { allowed: 2 }.to_string(),
        "the queue is full: 2 may wait for a permit"
    );
    drop(waiters);
    assert_eq!(gate.waiting(), 0);
    drop(queue(&gate, NEVER));
    let gate = Gate::new(0, 0);
    assert_eq!(outcome(&mut Box::pin(gate.acquire(NEVER))), "full");
}

#[test]
fn whoever_is_past_its_deadline_is_shed() {
    let gate = Gate::new(0, 100);
    let mut waiters: Vec<_> = (0..100).map(|deadline| queue(&gate, deadline)).collect();
    assert_eq!(gate.shed(50, 0), 50);
    for (deadline, waiter) in waiters.iter_mut().enumerate() {
        let expected = if deadline < 50 { "late" } else { "waits" };
        assert_eq!(outcome(waiter), expected, "deadline {deadline}");
    }
    assert_eq!(gate.shed(30, 0), 0, "time does not go back");
    assert_eq!(outcome(&mut Box::pin(gate.acquire(40))), "late");
    assert_eq!(gate.waiting(), 50);
}

#[test]
fn whoever_would_be_served_too_late_is_shed_at_once() {
    let gate = Gate::new(0, 10);
    // One permit every 10 from 100 on: at 110, 120, …; who is shed makes room.
    let mut waiters = [115, 115, 125, 125, 130].map(|deadline| queue(&gate, deadline));
    assert_eq!(gate.shed(100, 10), 2);
    assert_eq!(
        waiters.each_mut().map(outcome),
        ["waits", "late", "waits", "late", "waits"]
    );
    assert_eq!(outcome(&mut Box::pin(gate.acquire(139))), "late");
    assert_eq!(outcome(&mut Box::pin(gate.acquire(140))), "waits");
    assert_eq!(gate.shed(u64::MAX - 1, u64::MAX), 3);
}

#[test]
fn of_several_times_the_latest_counts_with_its_pace() {
    let gate = Gate::new(0, 10);
    gate.shed(100, 10);
    gate.shed(90, 0);
    assert_eq!(outcome(&mut Box::pin(gate.acquire(109))), "late");
    gate.shed(100, 5);
    assert_eq!(outcome(&mut Box::pin(gate.acquire(109))), "waits");
}

#[test]
fn a_free_permit_is_given_whatever_the_deadline() {
    let gate = Gate::new(1, 10);
    gate.shed(100, 0);
    assert_eq!(outcome(&mut Box::pin(gate.acquire(50))), "admitted");
    let _permit = gate.try_acquire().unwrap();
    assert_eq!(outcome(&mut Box::pin(gate.acquire(50))), "late");
}

#[test]
fn closing_refuses_waiters_and_newcomers_but_not_who_is_inside() {
    let gate = Gate::new(1, 100);
    let permit = gate.try_acquire().unwrap();
    let mut waiters: Vec<_> = (0..40).map(|_| queue(&gate, NEVER)).collect();
    gate.close();
    assert!(gate.is_closed());
    for waiter in &mut waiters {
        assert_eq!(outcome(waiter), "closed");
    }
    assert_eq!(outcome(&mut Box::pin(gate.acquire(NEVER))), "closed");
    drop(permit);
    assert_eq!(gate.available(), 1);
    assert_eq!(gate.try_acquire().map(drop), Err(TryAcquireError::Closed));
}

#[test]
fn a_waiter_may_leave_from_anywhere_in_the_queue_at_any_time() {
    for leaving in 0..3 {
        for granted in [false, true] {
            let gate = Gate::new(1, 3);
            let permit = gate.try_acquire().unwrap();
            let mut waiters: Vec<_> = (0..3).map(|_| queue(&gate, NEVER)).collect();
            if granted {
                drop(permit);
                drop(waiters.remove(leaving));
            } else {
                drop(waiters.remove(leaving));
                drop(permit);
            }
            for mut waiter in waiters {
                assert_eq!(
                    outcome(&mut waiter),
                    "admitted",
                    "{leaving} left, {granted}"
                );
            }
            assert_eq!((gate.available(), gate.waiting()), (1, 0));
        }
    }
}

#[test]
fn a_task_may_own_the_gate_with_its_permit() {
    fn task<T: Send + 'static>(future: T) -> T {
        future
    }
    let gate = Arc::new(Gate::new(1, 1));
    let owned: OwnedPermit = Gate::try_acquire_owned(&gate).unwrap();
    let tried = Gate::try_acquire_owned(&gate).map(drop);
    assert_eq!(tried, Err(TryAcquireError::Busy));
    let mut waiter = Box::pin(task(Gate::acquire_owned(gate.clone(), NEVER)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waiter.as_mut().poll(&mut cx).is_pending());
    std::thread::spawn(move || drop(owned)).join().unwrap();
    let owned = block_on(waiter).unwrap();
    assert_eq!((gate.available(), gate.waiting()), (0, 0));
    drop(owned);
    assert_eq!(gate.available(), 1);
    let cancelled = Box::pin(Gate::acquire_owned(gate.clone(), NEVER));
    drop(cancelled);
    gate.close();
    let refused = block_on(Gate::acquire_owned(gate.clone(), NEVER)).map(drop);
    assert_eq!(refused, Err(AcquireError::Closed));
    assert_eq!((gate.available(), Arc::strong_count(&gate)), (1, 1));
}

#[test]
fn a_waiter_may_go_on_in_another_thread() {
    let gate = Gate::new(1, 1);
    let permit = gate.try_acquire().unwrap();
    let mut waiter = queue(&gate, NEVER);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(outcome(&mut waiter), "waits");
            drop(permit);
            assert_eq!(outcome(&mut waiter), "admitted");
        });
    });
    assert_eq!(gate.available(), 1);
}

#[test]
fn a_panic_gives_the_permit_back() {
    let gate = Gate::new(1, 1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _permit = gate.try_acquire().unwrap();
        panic!("inside");
    }));
    assert!(panicked.is_err());
    assert_eq!(gate.available(), 1);
}

#[test]
#[should_panic(expected = "polled again after it was ready")]
fn a_future_that_was_ready_is_not_polled_again() {
    let gate = Gate::new(1, 1);
    let mut waiter = Box::pin(gate.acquire(NEVER));
    assert_eq!(outcome(&mut waiter), "admitted");
    outcome(&mut waiter);
}

/// Waits, gives up after one poll, tries, or is shed, by turns.
fn visit(gate: &Gate, round: usize) -> Option<Permit<'_>> {
    match round % 4 {
        0 => gate.try_acquire().ok(),
        1 => match poll(&mut Box::pin(gate.acquire(NEVER))) {
            Poll::Ready(admitted) => admitted.ok(),
            Poll::Pending => None,
        },
        2 => {
            gate.shed(round as u64, 0);
            None
        }
        _ => {
            let deadline = if round % 8 == 3 { NEVER } else { round as u64 };
            block_on(gate.acquire(deadline)).ok()
        }
    }
}

#[test]
fn permits_are_conserved_by_threads_that_wait_leave_and_are_shed() {
    let permits = 2;
    let gate = Gate::new(permits, 8);
    let inside = AtomicUsize::new(0);
    let admitted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (gate, inside, admitted) = (&gate, &inside, &admitted);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    if let Some(permit) = visit(gate, round + thread) {
                        assert!(inside.fetch_add(1, SeqCst) < permits);
                        admitted.fetch_add(1, SeqCst);
                        inside.fetch_sub(1, SeqCst);
                        drop(permit);
                    }
                }
                // Nobody is left behind who waits for a time that is never told.
                gate.shed(NEVER - 1, 0);
            });
        }
        while inside.load(SeqCst) > 0 || gate.waiting() > 0 {
            std::thread::yield_now();
        }
    });
    assert!(admitted.load(SeqCst) > 0);
    assert_eq!((gate.available(), gate.waiting()), (permits, 0));
}

/// A holder that stalls keeps its permit, a waiter that stalls its place (and, once it is its turn,
/// one permit): no more.
#[test]
fn others_go_on_while_a_holder_and_a_waiter_stall() {
    let gate = Gate::new(3, 8);
    let _stalled_holder = gate.try_acquire().unwrap();
    let others = [(); 2].map(|()| gate.try_acquire().unwrap());
    let mut stalled_waiter = queue(&gate, NEVER);
    drop(others);
    for _ in 0..100 {
        let mut waiter = Box::pin(gate.acquire(NEVER));
        assert_eq!(outcome(&mut waiter), "admitted");
    }
    assert_eq!(outcome(&mut stalled_waiter), "admitted");
}
