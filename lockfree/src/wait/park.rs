//! Waiting by parking the thread (feature `std`).
//!
//! 1. Each running call of [`block`] has a waker of its own: the thread, and a flag. Waking sets the
//!    flag, then unparks the thread.
//! 2. A call whose `poll` is not ready clears the flag, and parks until it finds it set.
//!
//! The thread's park token alone is not enough: it is the same for all who park there, so that a call
//! within `poll`, or another use of [`std::thread::park`], uses up what was meant for this one. The
//! flag stays.
//!
//! Setting the flag releases and clearing it acquires, so `poll` sees what came before the wake also
//! if somebody else had the token. Setting is a read-modify-write: clearing it then acquires all
//! wakes since the last time, and not only the last of them.
//!
//! A waker that has been used is kept for the thread's next call. A thread's first call, one within
//! another, and one in the destructor of a thread local allocate.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::cell::Cell;
use core::future::IntoFuture;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::thread::Thread;

use crate::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};

struct Parked {
    woken: AtomicBool,
    thread: Thread,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.swap(true, Release);
        self.thread.unpark();
    }
}

/// What a call needs.
struct Parker {
    parked: Arc<Parked>,
    /// Made of `parked`.
    waker: Waker,
}

impl Parker {
    fn new() -> Self {
        let parked = Arc::new(Parked {
            woken: AtomicBool::new(false),
            thread: std::thread::current(),
        });
        let waker = parked.clone().into();
        Self { parked, waker }
    }

    /// Parks until it has been woken since the last time.
    fn park(&self) {
        while !self.parked.woken.swap(false, Acquire) {
            std::thread::park();
        }
    }
}

std::thread_local! {
    /// Left by a call that has ended.
    static UNUSED: Cell<Option<Parker>> = const { Cell::new(None) };
}

/// Calls `poll` until it is ready; parks the thread while it is not.
///
/// `poll` may itself block, or park the thread: no wake-up of this call is lost by that. As with any
/// waker, `poll` may be called again without reason.
pub fn block<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    // There is none any more while the thread's locals are destroyed.
    let unused = UNUSED.try_with(Cell::take).ok().flatten();
    let parker = unused.unwrap_or_else(Parker::new);
    let mut context = Context::from_waker(&parker.waker);
    let value = loop {
        match poll(&mut context) {
            Poll::Ready(value) => break value,
            Poll::Pending => parker.park(),
        }
    };
    UNUSED.try_with(|unused| unused.set(Some(parker))).ok();
    value
}

/// Waits for `future`; parks the thread meanwhile. See [`block`].
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    let mut future = pin!(future.into_future());
    block(|cx| future.as_mut().poll(cx))
}
