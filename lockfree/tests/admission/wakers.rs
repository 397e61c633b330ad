//! What becomes of wakers: woken once, dropped where others are not held up, and none forgotten
//! because another one panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

use hallows_lockfree::admission::Gate;

use super::{NEVER, outcome};

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn the_last_waker_is_woken_once_and_none_is_kept() {
    let wakers = [Arc::new(Woken::default()), Arc::new(Woken::default())];
    let gate = Gate::new(1, 1);
    let permit = gate.try_acquire().unwrap();
    let mut waiter = pin!(gate.acquire(NEVER));
    for waker in &wakers {
        let waker = Waker::from(waker.clone());
        let polled = waiter.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    drop(permit);
    let woken = wakers.each_ref().map(|waker| waker.0.load(SeqCst));
    assert_eq!(woken, [0, 1]);
    assert!(wakers.iter().all(|waker| Arc::strong_count(waker) == 1));
}

/// Counts the drops of its wakers, by whether another thread gets at the queue of the gate meanwhile.
struct Drops {
    gate: Arc<Gate>,
    queue_is_free: AtomicUsize,
    queue_is_held: AtomicUsize,
}

impl Drops {
    fn count(&self) {
        let (answer, answered) = mpsc::channel();
        let gate = self.gate.clone();
        let looks = std::thread::spawn(move || answer.send(gate.waiting()).ok());
        if answered.recv_timeout(Duration::from_secs(10)).is_ok() {
            self.queue_is_free.fetch_add(1, SeqCst);
            looks.join().unwrap();
        } else {
            self.queue_is_held.fetch_add(1, SeqCst);
        }
    }

    /// # Safety
    ///
    /// This outlives the waker and its clones.
    unsafe fn waker(&self) -> Waker {
        const TABLE: RawWakerVTable = RawWakerVTable::new(
            |data| RawWaker::new(data, &TABLE),
            |_| (),
            |_| (),
            // SAFETY: the pointer was made of a reference, and the caller of `waker` keeps it valid.
            |data| unsafe { &*data.cast::<Drops>() }.count(),
        );
        let data = std::ptr::from_ref(self).cast();
        // SAFETY: the functions may be called from any thread, as `Drops` may be shared.
        unsafe { Waker::from_raw(RawWaker::new(data, &TABLE)) }
    }
}

#[test]
fn wakers_are_dropped_while_others_get_at_the_queue() {
    let gate = Arc::new(Gate::new(0, 1));
    let drops = Drops {
        gate: gate.clone(),
        queue_is_free: AtomicUsize::new(0),
        queue_is_held: AtomicUsize::new(0),
    };
    // SAFETY: it and its clones are dropped in this function.
    let waker = unsafe { drops.waker() };
    let mut cx = Context::from_waker(&waker);
    let counts = [&drops.queue_is_free, &drops.queue_is_held];
    let seen = || counts.map(|count| count.load(SeqCst));
    let mut waiter = Box::pin(gate.acquire(NEVER));
    assert!(waiter.as_mut().poll(&mut cx).is_pending());
    assert!(waiter.as_mut().poll(&mut cx).is_pending());
    assert_eq!(seen(), [1, 0], "replaced");
    let mut refused = Box::pin(gate.acquire(NEVER));
    assert!(refused.as_mut().poll(&mut cx).is_ready());
    assert_eq!(seen(), [2, 0], "refused");
    drop(waiter);
    assert_eq!(seen(), [3, 0], "left");
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_from_being_settled_and_woken() {
    let gate = Gate::new(0, 100);
    let woken = Arc::new(Woken::default());
    // More than are settled at a time, and the one that panics in the middle of the first lot.
    let mut waiters: Vec<_> = (0..80)
        .map(|number| {
            let waker = match number {
                5 => Waker::from(Arc::new(Panics)),
                _ => Waker::from(woken.clone()),
            };
            let mut waiter = Box::pin(gate.acquire(NEVER));
            let polled = waiter.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            waiter
        })
        .collect();
    assert!(catch_unwind(AssertUnwindSafe(|| gate.close())).is_err());
    assert_eq!(woken.0.load(SeqCst), 79);
    assert!(waiters.iter_mut().all(|it| outcome(it) == "closed"));
}
