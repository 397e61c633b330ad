//! What concerns the store as a whole: flushing, swapping, limits and figures.

use super::Store;
use crate::config::DATABASES;
use crate::memory::Kind;
use crate::record::Namespace;
use crate::shard::{Counts, Shard};
use crate::stats::{Memory, Stats};
use alloc::vec::Vec;
use ant_colony_policy::Queue;

/// All shards, locked, and closed to readers without locks until this is dropped.
struct AllShards<'s>(Vec<Shard<'s>>);

impl Drop for AllShards<'_> {
    fn drop(&mut self) {
        for shard in &self.0 {
            shard.state.view.sequence().open();
        }
    }
}

impl Store {
    fn close_all(&self) -> AllShards<'_> {
        let shards = (0..self.shared.cells.len()).map(|number| self.lock_shard(number));
        let all = AllShards(shards.collect());
        for shard in &all.0 {
            shard.state.view.sequence().close();
        }
        all
    }

    /// Removes all keys of one database, or of all, at one point in time. The memory is
    /// freed afterwards, where it is needed or by [`Store::shrink_step`].
    pub fn flush(&self, db: Option<u8>) {
        let mut all = self.close_all();
        let shards = &mut all.0[..];
        let others_are_empty = db.is_none_or(|db| {
            let others = (0..DATABASES).filter(|&other| other != usize::from(db));
            let mut others =
                others.flat_map(|other| shards.iter().map(move |s| s.state.counts[other]));
            others.all(|counts| counts.keys == 0)
        });
        match db {
            Some(db) if !others_are_empty => self.forget(usize::from(db), shards),
            _ => {
                let contents = shards.iter_mut().map(|shard| shard.state.take_contents());
                self.shared.remains.add(contents);
            }
        }
    }

    /// Gives `db` a new namespace, so that its records are not found any more; they are
    /// removed by sweeps and evictions.
    fn forget(&self, db: usize, shards: &mut [Shard<'_>]) {
        if shards.iter().all(|shard| shard.state.counts[db].keys == 0) {
            return;
        }
        let namespace = self.unused_namespace(shards);
        for shard in shards {
            shard.state.namespaces[db] = namespace;
            shard.state.view.set_namespaces(&shard.state.namespaces);
            shard.state.counts[db] = Counts::default();
            shard.state.sweep = Some(0);
        }
    }

    /// A namespace that no record has. When the numbers run out, once in 65,000 flushes
    /// of one database among several, all flushed records are removed at once.
    fn unused_namespace(&self, shards: &mut [Shard<'_>]) -> Namespace {
        let mut numbering = self.numbering.lock();
        loop {
            numbering.last = numbering.last.wrapping_add(1);
            if numbering.last == 0 {
                shards.iter_mut().for_each(|shard| shard.state.sweep_all());
                // All shards have the same namespaces.
                numbering.reserved = shards[0].state.namespaces;
            }
            if !numbering.reserved.contains(&numbering.last) {
                return numbering.last;
            }
        }
    }

    /// Exchanges the keys of two databases, at one point in time.
    pub fn swap(&self, a: u8, b: u8) {
        let (a, b) = (usize::from(a), usize::from(b));
        for shard in &mut self.close_all().0 {
            shard.state.namespaces.swap(a, b);
            shard.state.view.set_namespaces(&shard.state.namespaces);
            shard.state.counts.swap(a, b);
        }
    }

    /// Changes the memory limit. If more is used, [`Store::shrink_step`] and the inserts
    /// to come evict until it holds again.
    pub fn set_memory_limit(&self, bytes: usize) {
        self.budget.set_limit(bytes);
    }

    /// Makes huge pages, at most `pages_max`, of memory that is charged as a whole, which
    /// takes no more of the limit and makes access to it faster. Answers how many it made: none
    /// where the system has no huge pages, or where nothing is left to be done.
    ///
    /// A page takes the system about a millisecond, sometimes several. Nobody waits for
    /// that, except who uses this very page. Thus it is best called by a thread that
    /// serves nobody, now and then.
    pub fn collapse_pages(&self, pages_max: usize) -> usize {
        self.budget.collapse_pages(pages_max)
    }

    /// Where the memory is.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let mut memory = Memory {
            limit: self.budget.limit(),
            segments: self.budget.used_by(Kind::Segment),
            index: self.budget.used_by(Kind::Index),
            large: self.budget.used_by(Kind::Large),
            ghosts: self.budget.used_by(Kind::Ghosts),
            fixed: self.budget.used_by(Kind::Fixed),
            kept: self.budget.used_by(Kind::Kept),
            huge: self.budget.huge_bytes(),
            ..Memory::default()
        };
        memory.used = memory.segments
            + memory.index
            + memory.large
            + memory.ghosts
            + memory.fixed
            + memory.kept;
        for number in 0..self.shared.cells.len() {
            let state = self.lock_shard(number).state;
            memory.live += state.log.live_bytes(Queue::Small) + state.log.live_bytes(Queue::Main);
            memory.objects += state.counts.iter().map(|counts| counts.keys).sum::<usize>();
        }
        memory
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for number in 0..self.shared.cells.len() {
            sum.add(&self.lock_shard(number).state.stats);
        }
        let (hits, misses) = self.tallies.sum();
        sum.hits += hits;
        sum.misses += misses;
        sum
    }

    /// Sets all statistics to zero.
    pub fn reset_stats(&self) {
        for number in 0..self.shared.cells.len() {
            self.lock_shard(number).state.stats = Stats::default();
        }
        self.tallies.reset();
    }
}
