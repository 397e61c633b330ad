//! The set of tasks that have started and not ended, kept so that shutdown can end them.
//!
//! A task that waits is referenced only by whoever will wake it, perhaps nobody, perhaps itself.
//! So a task enters here before it waits for the first time, and leaves when its future has been
//! dropped (see [`World`](crate::cell::World)). Shutdown claims every member that waits, drops the
//! runnables, also those in the run queues, and repeats until the set is empty: then every future has
//! been dropped, by the thread that did so.

use alloc::vec::Vec;
use slab::Slab;

use crate::cell::{Member, Runnable};

/// The tasks of a world that wait or have waited.
#[derive(Debug)]
pub struct LiveSet<M = ()> {
    members: Slab<Member<M>>,
}

impl<M> LiveSet<M> {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            members: Slab::new(),
        }
    }

    /// Enters a task; gives its place.
    ///
    /// # Panics
    ///
    /// If there are 2³² members.
    pub fn insert(&mut self, member: Member<M>) -> u32 {
        u32::try_from(self.members.insert(member)).expect("fewer than 2^32 tasks wait")
    }

    /// Removes a task.
    ///
    /// # Panics
    ///
    /// If there is none at this place.
    pub fn remove(&mut self, place: u32) {
        self.members.remove(place as usize);
    }

    /// The runnables of all members that wait, to be dropped when the set may change again. The others
    /// are in a queue, or about to be.
    #[must_use]
    pub fn claim_all(&self) -> Vec<Runnable<M>> {
        self.members
            .iter()
            .filter_map(|(_, member)| member.claim())
            .collect()
    }

    /// Number of tasks in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl<M> Default for LiveSet<M> {
    fn default() -> Self {
        Self::new()
    }
}
