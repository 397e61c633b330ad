//! The waker cell, spinning and blocking on the processor's own atomics.

#![cfg(not(any(feature = "loom", feature = "shuttle")))]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::task::{Poll, Wake, Waker};
use std::thread;

use hallows_lockfree::wait::{Spin, WakerCell, block};

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counter() -> (Arc<Counter>, Waker) {
    let counter = Arc::<Counter>::default();
    (counter.clone(), counter.into())
}

#[test]
fn a_waker_is_woken_once_per_registration() {
    let cell = WakerCell::default();
    let (counter, waker) = counter();
    cell.wake();
    assert_eq!(counter.0.load(SeqCst), 0, "nobody waited");
    for registrations in 1..4 {
        cell.register(&waker);
        cell.wake();
        cell.wake();
        assert_eq!(counter.0.load(SeqCst), registrations);
    }
}

#[test]
fn the_same_task_registers_without_a_second_waker_and_another_replaces_it() {
    let cell = WakerCell::new();
    let (first, second) = (counter(), counter());
    cell.register(&first.1);
    cell.register(&first.1);
    // The handle, the waker and the registered one.
    assert_eq!(Arc::strong_count(&first.0), 3);
    cell.register(&second.1);
    assert_eq!(Arc::strong_count(&first.0), 2);
    drop(cell);
    assert_eq!(Arc::strong_count(&second.0), 2);
}

#[test]
fn a_thread_that_blocks_misses_no_value() {
    let values = if cfg!(miri) { 50 } else { 20_000 };
    let (cell, value, seen) = (WakerCell::new(), AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            for next in 1..=values {
                value.store(next, Relaxed);
                cell.wake();
                while seen.load(SeqCst) < next {
                    thread::yield_now();
                }
            }
        });
        for next in 1..=values {
            block(|cx| {
                cell.register(cx.waker());
                if value.load(Relaxed) == next {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            });
            seen.store(next, SeqCst);
        }
    });
}

#[test]
fn spinning_ends() {
    let mut spin = Spin::new();
    let turns = std::iter::from_fn(|| spin.spin().then_some(())).count();
    assert_eq!(turns, 6);
    assert!(!spin.spin(), "it stays at its end");
}
