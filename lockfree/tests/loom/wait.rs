//! The cell of the only waiter: no wake-up is lost, and the waker is never used by two.

use std::future::poll_fn;
use std::task::{Context, Poll, Wake, Waker};

use hallows_lockfree::wait::WakerCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use loom::thread;

/// A condition that says nothing about order itself, and who waits for it.
struct Waited {
    cell: WakerCell,
    conditions: [AtomicBool; 2],
}

impl Waited {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            cell: WakerCell::new(),
            conditions: [AtomicBool::new(false), AtomicBool::new(false)],
        })
    }

    /// Fulfils a condition in a thread of its own.
    fn fulfil(waited: &Arc<Self>, condition: usize) -> thread::JoinHandle<()> {
        let waited = waited.clone();
        thread::spawn(move || {
            waited.conditions[condition].store(true, Relaxed);
            waited.cell.wake();
        })
    }

    fn poll(&self, conditions: usize, cx: &mut Context<'_>) -> Poll<()> {
        self.cell.register(cx.waker());
        let all = &self.conditions[..conditions];
        if all.iter().all(|condition| condition.load(Relaxed)) {
            Poll::Ready(())
        } else {
            // Who was woken because a wake is going on lets that one go on.
            thread::yield_now();
            Poll::Pending
        }
    }
}

/// Counts its wake-ups, on loom's atomics.
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn counter() -> (std::sync::Arc<Counter>, Waker) {
    let counter = std::sync::Arc::new(Counter(AtomicUsize::new(0)));
    (counter.clone(), counter.into())
}

#[test]
fn who_registers_and_looks_again_is_woken_or_sees() {
    loom::model(|| {
        let waited = Waited::new();
        let fulfilling = Waited::fulfil(&waited, 0);
        block_on(poll_fn(|cx| waited.poll(1, cx)));
        fulfilling.join().unwrap();
    });
}

#[test]
fn of_two_that_wake_at_a_time_none_is_missed() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let waited = Waited::new();
        let fulfilling = [Waited::fulfil(&waited, 0), Waited::fulfil(&waited, 1)];
        block_on(poll_fn(|cx| waited.poll(2, cx)));
        for thread in fulfilling {
            thread.join().unwrap();
        }
    });
}

#[test]
fn who_registered_last_is_woken() {
    loom::model(|| {
        let waited = Waited::new();
        let (first, second) = (counter(), counter());
        waited.cell.register(&first.1);
        let fulfilling = Waited::fulfil(&waited, 0);
        let seen = waited
            .poll(1, &mut Context::from_waker(&second.1))
            .is_ready();
        fulfilling.join().unwrap();
        let woken = second.0.0.load(Relaxed) > 0;
        assert!(seen || woken, "the second waits and nobody wakes it");
    });
}

/// No thread yields here: loom shows a thread that yielded the latest values.
#[test]
fn who_met_a_wake_sees_after_the_next_registration_what_it_was_for() {
    loom::model(|| {
        let waited = Waited::new();
        let (count, waker) = counter();
        let fulfilling = Waited::fulfil(&waited, 0);
        waited.cell.register(&waker);
        let before = count.0.load(Relaxed);
        waited.cell.register(&waker);
        let seen = waited.conditions[0].load(Relaxed);
        fulfilling.join().unwrap();
        let woken = count.0.load(Relaxed) > before;
        assert!(seen || woken, "it waits again, and nobody wakes it");
    });
}

#[test]
fn a_waker_is_taken_by_one_only() {
    loom::model(|| {
        let cell = Arc::new(WakerCell::new());
        let (counter, waker) = counter();
        cell.register(&waker);
        let other = cell.clone();
        let thread = thread::spawn(move || other.take().is_some());
        let taken = cell.take().is_some();
        assert!(taken != thread.join().unwrap());
        assert_eq!(counter.0.load(Relaxed), 0);
    });
}

#[test]
fn of_two_that_register_at_a_time_one_waits_and_none_is_forgotten() {
    loom::model(|| {
        let cell = Arc::new(WakerCell::new());
        let (first, second) = (counter(), counter());
        let (other, waker) = (cell.clone(), second.1);
        let thread = thread::spawn(move || other.register(&waker));
        cell.register(&first.1);
        thread.join().unwrap();
        let at_once = first.0.0.load(Relaxed) + second.0.0.load(Relaxed);
        assert!(at_once <= 1, "one of them could register");
        assert!(cell.take().is_some());
        // The handle here, and the waker of the first: nobody else holds one.
        let handles = [&first.0, &second.0].map(std::sync::Arc::strong_count);
        assert_eq!(handles, [2, 1]);
    });
}
