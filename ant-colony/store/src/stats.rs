//! Figures about a store: its memory and what happened in it.

/// Where the memory of a store is, in bytes but for `objects`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What the store may take.
    pub limit: usize,
    /// What it takes: the sum of the next six.
    pub used: usize,
    /// Segments of the log, free space and dead records in them included.
    pub segments: usize,
    /// Buckets of the index.
    pub index: usize,
    /// Objects outside the log.
    pub large: usize,
    /// Fingerprints of evicted keys.
    pub ghosts: usize,
    /// State of the shards.
    pub fixed: usize,
    /// Freed pages that are kept for reuse.
    pub kept: usize,
    /// Live records, large objects included.
    pub live: usize,
    /// The part of `used` that lies in huge pages.
    pub huge: usize,
    /// Number of objects.
    pub objects: usize,
}

/// What happened since the store was created or its statistics were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Look-ups that found their key.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Objects removed because their time was over.
    pub expired: u64,
    /// Objects removed to make room.
    pub evicted: u64,
    /// Bytes of records copied by eviction and compaction.
    pub copied_bytes: u64,
}

impl Stats {
    pub(crate) fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired += other.expired;
        self.evicted += other.evicted;
        self.copied_bytes += other.copied_bytes;
    }
}

/// What a step of active expiry did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Objects removed.
    pub removed: usize,
    /// Whether the budget ended before the work did.
    pub more: bool,
}
