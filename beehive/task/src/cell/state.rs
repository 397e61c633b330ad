//! The word that says where a task is in its life, and the steps between.

use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// There is a runnable: the task is in a queue, on its way there, or being polled. Who holds the
/// runnable owns the future, and nobody else touches it. Never set together with `COMPLETE`.
const OWNED: usize = 1;
/// Somebody woke the task while it was owned, so it must be polled once more. Set only with `OWNED`.
const NOTIFIED: usize = 1 << 1;
/// The future is gone. Nothing is scheduled any more.
const COMPLETE: usize = 1 << 2;
/// No poll begins any more: the next owner drops the future.
const CANCELLED: usize = 1 << 3;
/// The join handle exists. Not looked at once `COMPLETE` is set.
const HANDLE: usize = 1 << 4;
/// The slot of the joiner's waker is full and belongs to whoever completes the task. Without this
/// bit, and before `COMPLETE`, it belongs to the join handle. Set only with `HANDLE`.
const JOINER: usize = 1 << 5;
/// The output is in the cell and belongs to the join handle. Set only with `COMPLETE`.
const OUTPUT: usize = 1 << 6;
/// One reference: of a waker or its like, of the join handle, or of the task's world until `COMPLETE`.
const REFERENCE: usize = 1 << 7;

/// The bits above, and in the upper part the number of references.
#[derive(Debug)]
pub(super) struct State(AtomicUsize);

/// What the owner is to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Poll the future.
    Poll,
    /// Drop the future: the task is cancelled.
    Cancel,
    /// Nothing: it is the owner no more, and the next wake makes another one.
    Wait,
}

/// What is left to do after completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Completed {
    /// Nobody wants the output, so the owner drops it.
    pub(super) unwanted: bool,
    /// The owner takes the joiner's waker and wakes it.
    pub(super) joiner: bool,
    /// The owner still has the world's reference to give back; it has if either of the above is to be
    /// done.
    pub(super) reference: bool,
    /// That was the last reference.
    pub(super) last: bool,
}

/// What the join handle is to do when it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detached {
    /// Nothing; it has given its reference back.
    Done,
    /// Empty the slot of the joiner's waker, then give its reference back.
    Waker,
    /// Drop the output if there is one, then give its reference back.
    Complete { output: bool },
}

impl State {
    /// Owned by the first runnable, with a join handle and one reference for each of the two.
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(OWNED | HANDLE | (2 * REFERENCE)))
    }

    /// The owner wants to poll.
    ///
    /// What whoever woke the task did before is visible then. A wake that this does not see sets
    /// `NOTIFIED`, which is seen at the end of the poll, so looking is enough as long as it is clear.
    #[inline]
    pub(super) fn begin_poll(&self) -> Next {
        let mut state = self.0.load(Acquire);
        if state & NOTIFIED != 0 {
            state = self.0.fetch_and(!NOTIFIED, AcqRel);
        }
        if state & CANCELLED == 0 {
            Next::Poll
        } else {
            Next::Cancel
        }
    }

    /// Whether the task has been woken or cancelled since the poll began.
    #[inline]
    pub(super) fn is_called(&self) -> bool {
        self.0.load(Relaxed) & (NOTIFIED | CANCELLED) != 0
    }

    /// A poll has ended and the task waits, unless it has been woken or cancelled meanwhile.
    ///
    /// Releases the future to the next owner.
    #[inline]
    pub(super) fn end_poll(&self) -> Next {
        self.update(|state| {
            if state & CANCELLED != 0 {
                (None, Next::Cancel)
            } else if state & NOTIFIED != 0 {
                (None, Next::Poll)
            } else {
                (Some(state & !OWNED), Next::Wait)
            }
        })
    }

    /// Wakes the task; true if the caller is the owner now and must queue it.
    ///
    /// Also where the state stays what it is, it is written: the poll that is to come reads it from
    /// there, and so sees what the caller did before.
    #[inline]
    pub(super) fn wake(&self) -> bool {
        self.update(|state| {
            if state & COMPLETE != 0 {
                (None, false)
            } else if state & OWNED != 0 {
                (Some(state | NOTIFIED), false)
            } else {
                (Some(state | OWNED), true)
            }
        })
    }

    /// Cancels the task; true if the caller is the owner now and must queue it.
    #[inline]
    pub(super) fn cancel(&self) -> bool {
        self.update(|state| {
            if state & (COMPLETE | CANCELLED) != 0 {
                (None, false)
            } else {
                (Some(state | CANCELLED | OWNED), state & OWNED == 0)
            }
        })
    }

    /// Becomes the owner of a task that waits; false if somebody else is.
    pub(super) fn claim(&self) -> bool {
        self.update(|state| {
            if state & (COMPLETE | OWNED) != 0 {
                (None, false)
            } else {
                (Some(state | OWNED), true)
            }
        })
    }

    /// Whether the join handle still exists; once it does not, it never will again.
    #[inline]
    pub(super) fn has_handle(&self) -> bool {
        self.0.load(Relaxed) & HANDLE != 0
    }

    /// The owner has dropped the future and ends the task, with or without an output in the cell.
    #[inline]
    pub(super) fn complete(&self, output: bool) -> Completed {
        let only_reference = self.0.load(Acquire) & !(REFERENCE - 1) == REFERENCE;
        if only_reference {
            // The world's: nobody else can look at the cell any more.
            return Completed {
                unwanted: output,
                joiner: false,
                reference: true,
                last: true,
            };
        }
        self.update(|state| {
            let unwanted = output && state & HANDLE == 0;
            let joiner = state & JOINER != 0;
            let reference = unwanted || joiner;
            let mut next = (state & !(OWNED | NOTIFIED)) | COMPLETE;
            if output && !unwanted {
                next |= OUTPUT;
            }
            if !reference {
                next -= REFERENCE;
            }
            let completed = Completed {
                unwanted,
                joiner,
                reference,
                last: next < REFERENCE,
            };
            (Some(next), completed)
        })
    }

    /// Whether the task has ended, and whether its output is there. What it did is visible then.
    #[inline]
    pub(super) fn ended(&self) -> Option<bool> {
        let state = self.0.load(Acquire);
        (state & COMPLETE != 0).then_some(state & OUTPUT != 0)
    }

    /// Whether there is a runnable of the task.
    pub(super) fn is_owned(&self) -> bool {
        self.0.load(Relaxed) & OWNED != 0
    }

    /// Whether the slot of the joiner's waker is full. For the join handle.
    #[inline]
    pub(super) fn has_joiner(&self) -> bool {
        self.0.load(Relaxed) & JOINER != 0
    }

    /// Gives the slot of the joiner's waker, which is full, to whoever completes the task; false if the
    /// task is complete.
    #[inline]
    pub(super) fn offer_joiner(&self) -> bool {
        self.update(|state| {
            if state & COMPLETE != 0 {
                (None, false)
            } else {
                (Some(state | JOINER), true)
            }
        })
    }

    /// Takes the slot of the joiner's waker back; false if the task is complete.
    pub(super) fn withdraw_joiner(&self) -> bool {
        self.update(|state| {
            if state & COMPLETE != 0 {
                (None, false)
            } else {
                (Some(state & !JOINER), true)
            }
        })
    }

    /// The join handle goes.
    #[inline]
    pub(super) fn detach(&self) -> Detached {
        self.update(|state| {
            if state & COMPLETE != 0 {
                let output = state & OUTPUT != 0;
                (None, Detached::Complete { output })
            } else if state & JOINER != 0 {
                (Some(state & !(HANDLE | JOINER)), Detached::Waker)
            } else {
                // The world has a reference, so this is not the last.
                (Some((state & !HANDLE) - REFERENCE), Detached::Done)
            }
        })
    }

    /// Counts another reference.
    ///
    /// # Panics
    ///
    /// If there are more than fit, which needs that many leaked wakers.
    #[inline]
    pub(super) fn add_reference(&self) {
        let state = self.0.fetch_add(REFERENCE, Relaxed);
        assert!(state <= isize::MAX as usize, "too many wakers of one task");
    }

    /// Gives a reference back; true if it was the last, and the cell is to be freed.
    #[inline]
    pub(super) fn release(&self) -> bool {
        // Nobody makes another reference of one that only the caller has.
        let count = |state: usize| state & !(REFERENCE - 1);
        if count(self.0.load(Acquire)) == REFERENCE {
            return true;
        }
        let last = count(self.0.fetch_sub(REFERENCE, Release)) == REFERENCE;
        if last {
            // All that the others did with the cell comes before it is freed.
            self.0.load(Acquire);
        }
        last
    }

    /// Changes the state to what `step` makes of it, or leaves it, and gives what `step` says.
    #[inline(always)]
    fn update<T>(&self, step: impl Fn(usize) -> (Option<usize>, T)) -> T {
        let mut state = self.0.load(Acquire);
        loop {
            let (next, result) = step(state);
            let Some(next) = next else { return result };
            match self.0.compare_exchange_weak(state, next, AcqRel, Acquire) {
                Ok(_) => return result,
                Err(now) => state = now,
            }
        }
    }
}
