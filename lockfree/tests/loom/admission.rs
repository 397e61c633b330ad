//! The admission gate: taking, queueing, handing over, cancelling, shedding and closing at once.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use hallows_lockfree::admission::{Acquire, AcquireError, Gate, Permit, TryAcquireError};
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

/// A gate, and what only holders of its one permit may touch.
struct Guarded {
    gate: Gate,
    value: UnsafeCell<u32>,
}

// SAFETY: the value is accessed with the permit only; that is what loom checks.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn add(&self, _permit: &Permit<'_>) {
        // SAFETY: loom reports it if two do this at once.
        self.value.with_mut(|value| unsafe { *value += 1 });
    }

    fn acquire_and_add(&self) {
        let permit = block_on(self.gate.acquire(u64::MAX)).expect("neither full, late nor closed");
        self.add(&permit);
    }
}

/// Runs `model` in all interleavings with a gate of one permit, and sees that the permit came back
/// and nobody is left in the queue.
fn check(waiting_max: usize, model: fn(&Arc<Guarded>)) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let guarded = Arc::new(Guarded {
            gate: Gate::new(1, waiting_max),
            value: UnsafeCell::new(0),
        });
        model(&guarded);
        assert_eq!(guarded.gate.waiting(), 0);
        assert_eq!(guarded.gate.available(), 1);
    });
}

fn spawn(guarded: &Arc<Guarded>, run: fn(&Guarded)) -> thread::JoinHandle<()> {
    let guarded = guarded.clone();
    thread::spawn(move || run(&guarded))
}

/// Polls once, leaving a waker.
fn poll_once<'g>(mut acquire: Pin<&mut Acquire<'g>>) -> Poll<Result<Permit<'g>, AcquireError>> {
    block_on(poll_fn(|cx| Poll::Ready(acquire.as_mut().poll(cx))))
}

#[test]
fn one_permit_excludes() {
    check(2, |guarded| {
        let other = spawn(guarded, Guarded::acquire_and_add);
        guarded.acquire_and_add();
        other.join().unwrap();
    });
}

#[test]
fn three_take_turns() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(1);
    builder.check(|| {
        let guarded = Arc::new(Guarded {
            gate: Gate::new(1, 2),
            value: UnsafeCell::new(0),
        });
        let others = [(); 2].map(|()| spawn(&guarded, Guarded::acquire_and_add));
        guarded.acquire_and_add();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(guarded.gate.available(), 1);
    });
}

#[test]
fn a_permit_that_was_taken_before_its_releaser_came_is_not_handed_over_too() {
    check(1, |guarded| {
        let other = spawn(guarded, |guarded| drop(guarded.gate.try_acquire()));
        let mut cancelled = Box::pin(guarded.gate.acquire(u64::MAX));
        drop(poll_once(cancelled.as_mut()));
        drop(cancelled);
        if let Ok(permit) = guarded.gate.try_acquire() {
            let mut next = Box::pin(guarded.gate.acquire(u64::MAX));
            assert!(poll_once(next.as_mut()).is_pending());
            drop(permit);
            assert!(block_on(next).is_ok());
        }
        other.join().unwrap();
    });
}

#[test]
fn owned_permits_take_turns_and_the_last_one_frees_the_gate() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let gate = Arc::new(Gate::new(1, 1));
        let other = gate.clone();
        let other = thread::spawn(move || block_on(Gate::acquire_owned(other, u64::MAX)).is_ok());
        drop(Gate::try_acquire_owned(&gate));
        drop(gate);
        assert!(other.join().unwrap());
    });
}

#[test]
fn trying_and_waiting_exclude_each_other() {
    check(1, |guarded| {
        let other = spawn(guarded, |guarded| {
            if let Ok(permit) = guarded.gate.try_acquire() {
                guarded.add(&permit);
            }
        });
        guarded.acquire_and_add();
        other.join().unwrap();
    });
}

#[test]
fn a_permit_that_a_dropped_waiter_was_handed_passes_on() {
    check(2, |guarded| {
        let permit = guarded.gate.try_acquire().expect("free");
        let mut cancelled = Box::pin(guarded.gate.acquire(u64::MAX));
        assert!(poll_once(cancelled.as_mut()).is_pending());
        let other = spawn(guarded, Guarded::acquire_and_add);
        drop(permit);
        drop(cancelled);
        other.join().unwrap();
    });
}

#[test]
fn a_waiter_may_leave_while_its_permit_is_handed_over() {
    check(1, |guarded| {
        let other = spawn(guarded, |guarded| {
            let mut acquire = pin!(guarded.gate.acquire(u64::MAX));
            if let Poll::Ready(permit) = poll_once(acquire.as_mut()) {
                guarded.add(&permit.expect("neither full, late nor closed"));
            }
        });
        if let Ok(permit) = guarded.gate.try_acquire() {
            guarded.add(&permit);
        }
        other.join().unwrap();
    });
}

#[test]
fn a_waiter_may_change_its_waker_while_its_permit_is_handed_over() {
    check(1, |guarded| {
        let permit = guarded.gate.try_acquire().expect("free");
        let other = spawn(guarded, |guarded| {
            let mut acquire = pin!(guarded.gate.acquire(u64::MAX));
            let permit = match poll_once(acquire.as_mut()) {
                Poll::Ready(permit) => permit,
                Poll::Pending => block_on(acquire),
            };
            guarded.add(&permit.expect("neither full, late nor closed"));
        });
        guarded.add(&permit);
        drop(permit);
        other.join().unwrap();
    });
}

#[test]
fn a_waiter_is_shed_or_admitted() {
    check(1, |guarded| {
        let permit = guarded.gate.try_acquire().expect("free");
        let other = spawn(guarded, |guarded| match block_on(guarded.gate.acquire(5)) {
            Ok(permit) => guarded.add(&permit),
            Err(error) => assert_eq!(error, AcquireError::Late),
        });
        guarded.gate.shed(6, 0);
        guarded.add(&permit);
        drop(permit);
        other.join().unwrap();
    });
}

#[test]
fn all_who_wait_are_told_when_the_gate_closes() {
    check(2, |guarded| {
        let permit = guarded.gate.try_acquire().expect("free");
        let waiter = |guarded: &Guarded| {
            let refused = block_on(guarded.gate.acquire(u64::MAX)).map(drop);
            assert_eq!(refused, Err(AcquireError::Closed));
        };
        let other = spawn(guarded, waiter);
        let mut own = Box::pin(guarded.gate.acquire(u64::MAX));
        assert!(poll_once(own.as_mut()).is_pending());
        guarded.gate.close();
        assert_eq!(block_on(own).map(drop), Err(AcquireError::Closed));
        other.join().unwrap();
        drop(permit);
        assert_eq!(
            guarded.gate.try_acquire().map(drop),
            Err(TryAcquireError::Closed)
        );
    });
}

#[test]
fn a_full_queue_refuses_and_a_left_one_does_not() {
    check(1, |guarded| {
        let other = spawn(guarded, |guarded| {
            match block_on(guarded.gate.acquire(u64::MAX)) {
                Ok(permit) => guarded.add(&permit),
                Err(error) => assert_eq!(error, AcquireError::Full { allowed: 1 }),
            }
        });
        let permit = guarded.gate.try_acquire();
        let mut cancelled = Box::pin(guarded.gate.acquire(u64::MAX));
        if let Poll::Ready(Ok(permit)) = poll_once(cancelled.as_mut()) {
            guarded.add(&permit);
        }
        drop(cancelled);
        drop(permit);
        other.join().unwrap();
    });
}
