//! Entries that have left: why, and who is told.

use std::any::Any;
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
    /// Mostly there is nothing.
    gone: Option<Box<Gone<K, V>>>,
}

struct Gone<K, V> {
    taken: Vec<(Taken<K, Entry<V>>, Cause)>,
    /// What these weigh.
    weight: u64,
    garbage: Garbage<K, Entry<V>>,
}

impl<'c, K, V> Departed<'c, K, V> {
    /// Of a shard. What leaves is read by the listener, if there is one, or else by who `reads`.
    #[inline(always)]
    pub(crate) fn new(
        shard: &'c Shard<K, V>,
        listener: Option<&'c Listener<K, V>>,
        reads: bool,
    ) -> Self {
        Self {
            shard,
            listener,
            wanted: reads || listener.is_some(),
            gone: None,
        }
    }

    pub(crate) const fn wanted(&self) -> bool {
        self.wanted
    }

    #[inline(never)]
    pub(crate) fn push(&mut self, taken: Taken<K, Entry<V>>, weight: u64, cause: Cause) {
        let gone = self.gone();
        gone.taken.push((taken, cause));
        gone.weight += weight;
    }

    /// The value that left first.
    pub(crate) fn first(&self) -> Option<&V> {
        let (taken, _) = self.gone.as_ref()?.taken.first()?;
        Some(&taken.value().value)
    }

    /// The operation ends. To be called before the lock is released.
    #[inline(always)]
    pub(crate) fn collect(&mut self, state: &mut State<K, V>) {
        if self.shard.is_collection_due(state) {
            self.collect_now(state);
        }
    }

    #[cold]
    fn collect_now(&mut self, state: &mut State<K, V>) {
        self.gone().garbage = self.shard.collect(state);
    }

    fn gone(&mut self) -> &mut Gone<K, V> {
        self.gone.get_or_insert_with(|| {
            Box::new(Gone {
                taken: Vec::new(),
                weight: 0,
                garbage: Garbage::default(),
            })
        })
    }

    #[cold]
    fn tell(&self, gone: Gone<K, V>) {
        let mut panics = Panics::default();
        if let Some(listener) = self.listener {
            for (taken, cause) in &gone.taken {
                panics.catch(|| listener(taken.key(), &taken.value().value, *cause));
            }
        }
        panics.catch(|| drop(gone.garbage));
        if !gone.taken.is_empty() {
            let garbage = {
                let mut state = self.shard.lock();
                for (taken, _) in gone.taken {
                    state.entries.retire(taken);
                }
                state.waits += gone.weight;
                self.shard.collect(&mut state)
            };
            panics.catch(|| drop(garbage));
        }
        panics.go_on();
    }
}

impl<K, V> Drop for Departed<'_, K, V> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(gone) = self.gone.take() {
            self.tell(*gone);
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
