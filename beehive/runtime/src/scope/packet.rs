//! Where a child of a scope leaves its result for who holds its handle.

use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// Holds one result until it is taken.
pub(super) struct Packet<T> {
    state: Mutex<State<T>>,
}

enum State<T> {
    Awaited(Option<Waker>),
    Done(T),
    /// It was taken, or will never come.
    Gone,
}

impl<T> Packet<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::Awaited(None)),
        }
    }

    /// Leaves the result and wakes who waits for it.
    pub(super) fn put(&self, result: T) {
        self.end(State::Done(result));
    }

    /// No result will come, unless there is one already.
    pub(super) fn abandon(&self) {
        self.end(State::Gone);
    }

    fn end(&self, end: State<T>) {
        let mut state = self.state.lock();
        let State::Awaited(waker) = &mut *state else {
            return;
        };
        let waker = waker.take();
        *state = end;
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the result if it is there.
    pub(super) fn take(&self) -> Option<T> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Done(result) => Some(result),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Takes the result, or leaves the task's waker. Nothing if it was taken before or will never
    /// come.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<T>> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Done(result) => Poll::Ready(Some(result)),
            State::Gone => Poll::Ready(None),
            State::Awaited(previous) => {
                *state = State::Awaited(Some(cx.waker().clone()));
                drop(state);
                drop(previous);
                Poll::Pending
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        !matches!(*self.state.lock(), State::Awaited(_))
    }
}
