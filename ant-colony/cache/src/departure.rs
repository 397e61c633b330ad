//! Entries that have left: why, and who is told.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

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
/// can be dropped now. Dropped, when no lock is held, it tells the listener of all and lets them go:
/// also if the operation panics.
pub(crate) struct Departed<'c, K, V> {
    shard: &'c Shard<K, V>,
    listener: Option<&'c Listener<K, V>>,
    /// If what leaves is to be read.
    wanted: bool,
    taken: Vec<(Taken<K, Entry<V>>, Cause)>,
    /// What these weigh.
    weight: u64,
    garbage: Garbage<K, Entry<V>>,
    /// The hash of what left last.
    pub(crate) last: Option<usize>,
}

impl<'c, K, V> Departed<'c, K, V> {
    /// Of a shard. What leaves is read by the listener, if there is one, or else by who `reads`.
    pub(crate) fn new(
        shard: &'c Shard<K, V>,
        listener: Option<&'c Listener<K, V>>,
        reads: bool,
    ) -> Self {
        Self {
            shard,
            listener,
            wanted: reads || listener.is_some(),
            taken: Vec::new(),
            weight: 0,
            garbage: Garbage::default(),
            last: None,
        }
    }

    pub(crate) const fn wanted(&self) -> bool {
        self.wanted
    }

    pub(crate) fn push(&mut self, taken: Taken<K, Entry<V>>, weight: u64, cause: Cause) {
        self.taken.push((taken, cause));
        self.weight += weight;
    }

    /// The value that left first.
    pub(crate) fn first(&self) -> Option<&V> {
        self.taken.first().map(|(taken, _)| &taken.value().value)
    }

    /// The operation ends. To be called before the lock is released.
    pub(crate) fn collect(&mut self, state: &mut State<K, V>) {
        self.garbage = self.shard.collect(state);
    }

    #[cold]
    fn tell(&mut self) {
        let mut panics = Panics::default();
        if let Some(listener) = self.listener {
            for (taken, cause) in &self.taken {
                panics.catch(|| listener(taken.key(), &taken.value().value, *cause));
            }
        }
        let more = {
            let mut state = self.shard.lock();
            for (taken, _) in self.taken.drain(..) {
                state.entries.retire(taken);
            }
            state.waits += self.weight;
            self.shard.collect(&mut state)
        };
        let garbage = mem::take(&mut self.garbage);
        panics.catch(|| drop(garbage));
        panics.catch(|| drop(more));
        panics.go_on();
    }
}

impl<K, V> Drop for Departed<'_, K, V> {
    #[inline]
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            self.tell();
        }
    }
}

/// The first panic of what is to be done all the same.
#[derive(Default)]
pub(crate) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    pub(crate) fn catch(&mut self, f: impl FnOnce()) {
        let panic = catch_unwind(AssertUnwindSafe(f)).err();
        if self.0.is_none() {
            self.0 = panic;
        }
    }

    /// Now all is done. (If another panic has led here, that one goes on.)
    pub(crate) fn go_on(self) {
        if let Some(panic) = self.0
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
