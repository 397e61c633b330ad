//! Entries that have left: why, and who is told.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use hallows_lockfree::slab_map::{Garbage, Taken};

use crate::entry::Entry;
use crate::shard::{Shard, State};

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

/// What one operation has made leave, if somebody is to read it once more; and what others have that
/// can be dropped now. To be announced when no lock is held.
pub(crate) struct Departed<K, V> {
    /// If what leaves is to be read.
    wanted: bool,
    taken: Vec<(Taken<K, Entry<V>>, Cause)>,
    garbage: Garbage<K, Entry<V>>,
}

impl<K, V> Departed<K, V> {
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            taken: Vec::new(),
            garbage: Garbage::default(),
        }
    }

    pub(crate) const fn wanted(&self) -> bool {
        self.wanted
    }

    pub(crate) fn push(&mut self, taken: Taken<K, Entry<V>>, cause: Cause) {
        self.taken.push((taken, cause));
    }

    /// The value that left first.
    pub(crate) fn first(&self) -> Option<&V> {
        self.taken.first().map(|(taken, _)| &taken.value().value)
    }

    /// The operation ends. To be called before the lock is released.
    pub(crate) fn collect(&mut self, state: &mut State<K, V>) {
        self.garbage = state.entries.collect();
    }

    /// Tells the listener of all, then lets them go. If it panics, it still hears of the rest before
    /// the panic goes on.
    #[inline]
    pub(crate) fn announce(mut self, shard: &Shard<K, V>, listener: Option<&Listener<K, V>>) {
        if !self.taken.is_empty() {
            self.tell(shard, listener);
        }
    }

    #[cold]
    fn tell(&mut self, shard: &Shard<K, V>, listener: Option<&Listener<K, V>>) {
        let mut panic = None;
        for (taken, cause) in &self.taken {
            let tell = || listener.map(|tell| tell(taken.key(), &taken.value().value, *cause));
            panic = panic.or(catch_unwind(AssertUnwindSafe(tell)).err());
        }
        {
            let mut state = shard.lock();
            for (taken, _) in self.taken.drain(..) {
                state.entries.retire(taken);
            }
        }
        if let Some(panic) = panic {
            // If one of the drops panics as well, the first one goes on.
            let garbage = std::mem::take(&mut self.garbage);
            let _ = catch_unwind(AssertUnwindSafe(|| drop(garbage)));
            resume_unwind(panic);
        }
    }
}
