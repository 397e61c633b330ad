//! The thieves' end.

use core::fmt;

use super::shared::Shared;
use super::worker::Worker;
use crate::sync::Arc;

/// Takes values out of another thread's deque, the oldest first.
pub struct Stealer<T> {
    shared: Arc<Shared<T>>,
}

/// What came of an attempt to steal.
#[must_use = "what was stolen must be used, and what was lost to another may be tried again"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steal<T> {
    /// This was taken.
    Success(T),
    /// There was nothing to take (or no room where it should go).
    Empty,
    /// The owner or another thief was faster; there may be more.
    Retry,
}

impl<T> Steal<T> {
    /// What was taken, if something was.
    pub fn success(self) -> Option<T> {
        match self {
            Self::Success(value) => Some(value),
            Self::Empty | Self::Retry => None,
        }
    }

    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Steal<U> {
        match self {
            Self::Success(value) => Steal::Success(f(value)),
            Self::Empty => Steal::Empty,
            Self::Retry => Steal::Retry,
        }
    }
}

impl<T> Stealer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Takes the oldest value.
    pub fn steal(&self) -> Steal<T> {
        self.shared.claim(|_| 1).map(|claim| {
            // SAFETY: `claim` gave us the position alone, and acquired a tail beyond it: what was
            // written there comes before this.
            let value = unsafe { self.shared.read(claim.from) };
            self.shared.release(&claim);
            value
        })
    }

    /// Moves the oldest half, rounded up, or as many as there is room for, to the back of `into`;
    /// says how many.
    pub fn steal_half(&self, into: &Worker<T>) -> Steal<usize> {
        into.take_half(&self.shared)
    }

    /// Names the oldest value there was a moment ago. Values have different names until 2³² of them
    /// have come, so who sees the same one twice knows that nobody has taken it meanwhile.
    #[must_use]
    pub fn oldest(&self) -> Option<u32> {
        self.shared.oldest()
    }

    /// How many values there were a moment ago. It never falls to zero while the owner pushes a value
    /// before it pops another one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether there was no value a moment ago.
    ///
    /// Who decides by this to sleep needs an order of their own between announcing that they will and
    /// this look, and the owner one between a push and looking for sleepers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl<T> fmt::Debug for Stealer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stealer").field("len", &self.len()).finish()
    }
}
