//! What a flush has taken out and nobody has freed yet.
//!
//! To free the pages of a large store takes the system long, so that is done a piece at a time: by the
//! store's maintenance ([`Store::shrink_step`](crate::Store::shrink_step)), and by whoever needs memory,
//! before anything is evicted. Until then they count as used.

use crate::index::Index;
use crate::lock::Mutex;
use crate::log::Log;
use crate::memory::Span;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What is dropped at a time, while nobody has to wait for it.
enum Piece {
    Memory(Span),
    /// Nothing is left but tables.
    #[expect(dead_code, reason = "it is only dropped")]
    Empty(Box<(Index, Log)>),
}

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

    /// Frees about `bytes`, if there are so many; answers how many. Others may do so meanwhile.
    pub(crate) fn free(&self, bytes: usize) -> usize {
        let mut freed = 0;
        while freed < bytes
            && let Some(piece) = self.take()
        {
            freed += match piece {
                Piece::Memory(span) => span.cost(),
                Piece::Empty(..) => 0,
            };
        }
        freed
    }

    fn take(&self) -> Option<Piece> {
        let mut contents = self.0.lock();
        let (index, log) = contents.last_mut()?;
        match log.pop_span().or_else(|| index.pop_span()) {
            Some(span) => Some(Piece::Memory(span)),
            None => contents.pop().map(|tables| Piece::Empty(Box::new(tables))),
        }
    }
}
