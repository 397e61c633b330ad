//! `Runtime::install`: how a thread that is no worker gets a computation onto the workers, and waits.
//!
//! If nobody runs worker 0, the calling thread does, for as long as the computation takes: so all
//! cores compute. Otherwise it becomes a task for any worker, and the thread sleeps; should worker 0
//! become free meanwhile, the thread runs it until its computation is done, since in a runtime of one
//! worker nobody else might.

use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::local;
use crate::runtime::{First, Runtime};

pub(crate) fn install<F, R>(runtime: &Runtime, function: F) -> R
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    let function = move || local::with(|local| local.frame(function));
    if runtime.is_current() {
        return function();
    }
    if let Some(kept) = runtime.first().take() {
        return runtime.run_first(kept, async move { function() });
    }
    let outcome = Mutex::new(None);
    let call = || *outcome.lock() = Some(catch_unwind(AssertUnwindSafe(function)));
    let call: Box<dyn FnOnce() + Send + '_> = Box::new(call);
    // SAFETY: the lifetime is extended to any. What the function borrows outlives `waiting`, which is
    // not leaked and goes only when the function has been called or dropped: `finished` is set
    // after that.
    let call =
        unsafe { mem::transmute::<Box<dyn FnOnce() + Send + '_>, Box<dyn FnOnce() + Send>>(call) };
    let finished = Arc::new(Finished::default());
    let waiting = Waiting {
        runtime,
        finished: finished.clone(),
    };
    let first = runtime.first().clone();
    let errand = Errand {
        call,
        _signal: Signal { finished, first },
    };
    runtime.handle().spawn(errand.run()).detach();
    drop(waiting);
    let Some(result) = outcome.into_inner() else {
        unreachable!("the runtime drops no tasks while it is borrowed");
    };
    result.unwrap_or_else(|payload| resume_unwind(payload))
}

/// A computation on its way to a worker.
struct Errand {
    // Dropped before the signal.
    call: Box<dyn FnOnce() + Send>,
    _signal: Signal,
}

impl Errand {
    async fn run(self) {
        let Self { call, _signal } = self;
        call();
    }
}

/// Whether a computation has been called, or dropped.
#[derive(Default)]
struct Finished {
    state: Mutex<(bool, Option<Waker>)>,
}

impl Finished {
    fn is_set(&self) -> bool {
        self.state.lock().0
    }

    fn set(&self) {
        let mut state = self.state.lock();
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Tells when dropped.
struct Signal {
    finished: Arc<Finished>,
    first: Arc<First>,
}

impl Drop for Signal {
    fn drop(&mut self) {
        self.finished.set();
        self.first.notify();
    }
}

/// Waits when dropped.
struct Waiting<'a> {
    runtime: &'a Runtime,
    finished: Arc<Finished>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(kept) = self.runtime.first().take_unless(|| self.finished.is_set()) {
            let finished = poll_fn(|cx| self.finished.poll(cx));
            self.runtime.run_first(kept, finished);
        }
    }
}
