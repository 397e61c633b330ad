//! The waker cell, spinning and blocking on the processor's own atomics.

#![cfg(not(any(feature = "loom", feature = "shuttle")))]

use std::cell::{Cell, UnsafeCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;
use std::time::Duration;

use hallows_lockfree::wait::{Spin, WakerCell, block, block_on};

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

/// Its clones panic, after they have woken who waits in the cell that it points to.
fn uncloneable(cell: &'static WakerCell) -> Waker {
    fn clone(cell: *const ()) -> RawWaker {
        // SAFETY: the pointer was made from a reference that is never invalid.
        unsafe { &*cell.cast::<WakerCell>() }.wake();
        panic!("cloned");
    }
    const TABLE: RawWakerVTable = RawWakerVTable::new(clone, |_| (), |_| (), |_| ());
    let data = std::ptr::from_ref(cell).cast();
    // SAFETY: the functions may be called from any thread, and own nothing.
    unsafe { Waker::from_raw(RawWaker::new(data, &TABLE)) }
}

#[test]
fn a_waker_that_panics_when_cloned_leaves_the_cell_in_use() {
    static CELL: std::sync::LazyLock<WakerCell> = std::sync::LazyLock::new(WakerCell::new);
    let uncloneable = uncloneable(&CELL);
    let register = || catch_unwind(AssertUnwindSafe(|| CELL.register(&uncloneable)));
    let (counter, waker) = counter();
    assert!(register().is_err());
    CELL.register(&waker);
    assert_eq!(counter.0.load(SeqCst), 0, "it waits");
    assert!(register().is_err());
    assert_eq!(counter.0.load(SeqCst), 1, "the wake that came is not lost");
    CELL.register(&waker);
    CELL.wake();
    assert_eq!(counter.0.load(SeqCst), 2);
}

/// Fails if `run` does not end.
fn ends(run: impl FnOnce() + Send + 'static) {
    let (end, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        run();
        end.send(()).unwrap();
    });
    ended
        .recv_timeout(Duration::from_secs(60))
        .expect("it waits for ever");
    thread.join().unwrap();
}

/// Ready when it is called for the second time.
fn second(polled: &Cell<bool>) -> Poll<()> {
    if polled.replace(true) {
        Poll::Ready(())
    } else {
        Poll::Pending
    }
}

#[test]
fn a_wake_is_not_lost_to_who_parks_the_thread_meanwhile() {
    ends(|| {
        let polled = Cell::new(false);
        block(|cx| {
            if !polled.get() {
                cx.waker().wake_by_ref();
                thread::park();
            }
            second(&polled)
        });
    });
}

#[test]
fn a_wake_is_not_lost_to_a_call_within() {
    ends(|| {
        let polled = Cell::new(false);
        block(|outer| {
            let polled_within = Cell::new(false);
            if !polled.get() {
                block(|inner| {
                    if !polled_within.get() {
                        outer.waker().wake_by_ref();
                        inner.waker().wake_by_ref();
                    }
                    second(&polled_within)
                });
            }
            second(&polled)
        });
    });
}

/// What two threads leave for a third; they say so without order, and wake it.
#[derive(Default)]
struct Left {
    values: [UnsafeCell<u32>; 2],
    woken: AtomicUsize,
}

// SAFETY: each value is written by one thread, before its wake, and read after it.
unsafe impl Sync for Left {}

impl Left {
    fn leave(&self, index: usize, waker: &Waker) {
        while self.woken.load(Relaxed) < index {
            thread::yield_now();
        }
        // SAFETY: nobody reads it before the wake.
        unsafe { *self.values[index].get() = 1 };
        waker.wake_by_ref();
        self.woken.store(index + 1, Relaxed);
    }
}

#[test]
fn what_came_before_each_wake_is_seen_after_it_also_by_who_did_not_park() {
    let left = Left::default();
    let polled = Cell::new(false);
    thread::scope(|scope| {
        block(|cx| {
            if !polled.get() {
                for index in 0..2 {
                    let (left, waker) = (&left, cx.waker().clone());
                    scope.spawn(move || left.leave(index, &waker));
                }
                while left.woken.load(Relaxed) < 2 {
                    thread::yield_now();
                }
            }
            second(&polled)
        });
        // SAFETY: the wakes have been seen.
        let values = left.values.each_ref().map(|value| unsafe { *value.get() });
        assert_eq!(values, [1, 1]);
    });
}

#[test]
fn a_thread_may_block_while_its_locals_are_destroyed() {
    struct Last(mpsc::Sender<u32>);
    impl Drop for Last {
        fn drop(&mut self) {
            let polled = Cell::new(false);
            block(|cx| {
                cx.waker().wake_by_ref();
                second(&polled)
            });
            self.0.send(1).unwrap();
        }
    }
    thread_local! {
        static LAST: Cell<Option<Last>> = const { Cell::new(None) };
    }
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        LAST.set(Some(Last(sender)));
        block(|_| Poll::Ready(()));
    });
    thread.join().unwrap();
    assert_eq!(receiver.recv(), Ok(1));
}

#[test]
fn a_thread_waits_for_a_future() {
    let polled = Cell::new(false);
    let future = poll_fn(|cx: &mut Context<'_>| {
        cx.waker().wake_by_ref();
        second(&polled).map(|()| 5)
    });
    assert_eq!(block_on(async { future.await + 1 }), 6);
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
