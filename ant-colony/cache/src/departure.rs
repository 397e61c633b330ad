//! Entries that have left: why, and who is told.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use hallows_lockfree::map::Taken;
use smallvec::SmallVec;

use crate::entry::Entry;

/// Why an entry left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Room was needed.
    Capacity,
    /// Its time had passed.
    Expired,
    /// It was removed or invalidated.
    Explicit,
    /// Another value came for its key.
    Replaced,
}

impl Cause {
    pub(crate) const COUNT: usize = 4;
}

/// Told of each entry that leaves.
pub(crate) type Listener<K, V> = dyn Fn(&K, &V, Cause) + Send + Sync;

/// What one operation has made leave. To be announced, and dropped, when no lock is held.
pub(crate) struct Departed<'c, K, V>(SmallVec<[One<'c, K, V>; 2]>);

type One<'c, K, V> = (Taken<'c, K, Entry<V>>, Cause);

impl<'c, K, V> Departed<'c, K, V> {
    pub(crate) fn new() -> Self {
        Self(SmallVec::new())
    }

    pub(crate) fn push(&mut self, taken: Taken<'c, K, Entry<V>>, cause: Cause) {
        self.0.push((taken, cause));
    }

    /// The value that left first.
    pub(crate) fn first(&self) -> Option<&V> {
        self.0.first().map(|(taken, _)| &taken.value().value)
    }

    /// Tells the listener of all, then drops them. If it panics, it still hears of the rest before
    /// the panic goes on.
    pub(crate) fn announce(self, listener: Option<&Listener<K, V>>) {
        let Some(listener) = listener else {
            return;
        };
        let mut panic = None;
        for (taken, cause) in self.0 {
            let told = catch_unwind(AssertUnwindSafe(|| {
                listener(taken.key(), &taken.value().value, cause);
            }));
            panic = panic.or(told.err());
        }
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}
