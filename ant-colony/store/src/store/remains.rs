//! What a flush has taken out and nobody has freed yet.
//!
//! To free the pages of a large store takes the system long, so that is done a piece at a time: by the
//! store's maintenance ([`Store::shrink_step`](crate::Store::shrink_step)), and by whoever needs memory,
//! before anything is evicted. Until then they count as used.

use crate::index::Index;
use crate::lock::Mutex;
use crate::log::Log;
use alloc::vec::Vec;

/// Contents of shards that no key leads to any more.
pub(crate) struct Remains(Mutex<Vec<(Index, Log)>>);

impl Remains {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn add(&self, contents: impl Iterator<Item = (Index, Log)>) {
        // What is empty would only make this longer, flush by flush.
        let some = contents.filter(|(index, log)| index.len() > 0 || log.segment_count() > 0);
        self.0.lock().extend(some);
    }

    /// Frees about `bytes`, if there are so many; answers how many.
    pub(crate) fn free(&self, bytes: usize) -> usize {
        let mut contents = self.0.lock();
        let mut freed = 0;
        while freed < bytes
            && let Some((index, log)) = contents.last_mut()
        {
            match log.pop_span().or_else(|| index.pop_span()) {
                Some(span) => freed += span.cost(),
                None => drop(contents.pop()),
            }
        }
        freed
    }
}
