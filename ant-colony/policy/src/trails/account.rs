//! What became of prefetches.

/// Counts since the beginning.
///
/// What was issued and is neither useful nor late was wasted, or is still unused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Prefetches that were ordered.
    pub issued: u64,
    /// Those that were asked for while they were there: as many misses were saved.
    pub useful: u64,
    /// Those that were asked for while they were on their way.
    pub late: u64,
    /// Misses that are due to a wasted prefetch: of objects that had made room for it.
    pub harmful: u64,
}

/// The last objects that had made room in vain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Regrets {
    /// By the upper half of their hashes.
    hashes: [Option<u32>; WATCHED],
    next: usize,
}

const WATCHED: usize = 32;

impl Regrets {
    pub(super) fn watch(&mut self, hash: u64) {
        self.hashes[self.next] = Some(upper(hash));
        self.next = (self.next + 1) % WATCHED;
    }

    /// Whether the object is among them; once.
    pub(super) fn take(&mut self, hash: u64) -> bool {
        let wanted = Some(upper(hash));
        let found = self.hashes.iter_mut().find(|watched| **watched == wanted);
        found.is_some_and(|watched| watched.take().is_some())
    }
}

fn upper(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_objects_that_made_room_in_vain_are_watched_and_each_counts_once() {
        let mut regrets = Regrets::default();
        let hash = |i: u64| i << 32;
        for i in 0..=WATCHED as u64 {
            regrets.watch(hash(i));
        }
        assert!(!regrets.take(hash(0)), "too long ago");
        assert!(regrets.take(hash(1)));
        assert!(!regrets.take(hash(1)));
    }
}
