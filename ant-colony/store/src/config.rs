//! What a store is told at its creation, and the sizes that follow from it.

/// Databases of a store, each with its own keys.
pub const DATABASES: usize = 16;

/// Most shards of a store.
pub(crate) const SHARDS_MAX: usize = 256;

/// How large a store is and how many threads use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes that the store may take, all overhead included.
    pub memory: usize,
    /// Threads that will use the store at the same time.
    pub workers: usize,
    /// Secret of the hash function; random, unless runs must be repeatable.
    pub seed: u64,
}

/// Why a store could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Too little memory to hold anything.
    #[error(
        "a store needs at least {} bytes of memory, got {given}; raise the limit",
        Sizes::MEMORY_MIN
    )]
    MemoryTooSmall {
        /// The limit that was asked for.
        given: usize,
    },
}

/// Sizes derived from a [`Config`]; they hold for the store's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Number of shards, a power of two.
    pub(crate) shards: usize,
    /// Bytes of a segment, a power of two.
    pub(crate) segment_bytes: usize,
    /// Open segments that a shard may have at a time, so that they do not take all of it.
    pub(crate) open_segments_max: usize,
    /// Ghost entries of each shard.
    pub(crate) ghosts: usize,
}

impl Sizes {
    pub(crate) const MEMORY_MIN: usize = 512 << 10;
    const SHARDS_PER_WORKER: usize = 16;
    /// A smaller shard would hold too few segments for its queues.
    const SHARD_BYTES_MIN: usize = 4 << 20;
    /// A larger shard would make its tables costly to grow.
    const SHARD_BYTES_MAX: usize = 1 << 30;
    const SEGMENT_BYTES_MIN: usize = 16 << 10;
    /// One insert may have to drain several, which takes some 100 µs each if their objects are small.
    const SEGMENT_BYTES_MAX: usize = 64 << 10;
    const SEGMENTS_PER_SHARD: usize = 128;
    const SEGMENTS_PER_OPEN: usize = 16;
    /// As many evicted keys are remembered as objects of this size fit; 3% of the memory.
    const BYTES_PER_GHOST: usize = 128;

    pub(crate) fn of(config: &Config) -> Result<Self, ConfigError> {
        let memory = config.memory;
        if memory < Self::MEMORY_MIN {
            return Err(ConfigError::MemoryTooSmall { given: memory });
        }
        let wanted = (config.workers.max(1) * Self::SHARDS_PER_WORKER)
            .max(memory / Self::SHARD_BYTES_MAX)
            .min(memory / Self::SHARD_BYTES_MIN)
            .clamp(1, SHARDS_MAX);
        let shards = previous_power_of_two(wanted);
        let segment = memory / shards / Self::SEGMENTS_PER_SHARD;
        let segment_bytes =
            previous_power_of_two(segment.clamp(Self::SEGMENT_BYTES_MIN, Self::SEGMENT_BYTES_MAX));
        let ghosts = memory / shards / Self::BYTES_PER_GHOST;
        Ok(Self {
            shards,
            segment_bytes,
            open_segments_max: (memory / shards / segment_bytes / Self::SEGMENTS_PER_OPEN).max(2),
            ghosts,
        })
    }
}

fn previous_power_of_two(n: usize) -> usize {
    1 << n.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(memory: usize, workers: usize) -> Sizes {
        Sizes::of(&Config {
            memory,
            workers,
            seed: 0,
        })
        .unwrap()
    }

    #[test]
    fn shards_follow_workers_and_memory() {
        assert_eq!(sizes(1 << 20, 8).shards, 1);
        assert_eq!(sizes(256 << 20, 2).shards, 32);
        assert_eq!(sizes(256 << 20, 1).shards, 16);
        assert_eq!(sizes(64 << 30, 1).shards, 64);
        assert_eq!(sizes(1 << 40, 128).shards, 256);
        assert_eq!(sizes(100 << 20, 64).shards, 16);
    }

    #[test]
    fn segments_follow_the_size_of_a_shard() {
        assert_eq!(sizes(1 << 20, 1).segment_bytes, 16 << 10);
        assert_eq!(sizes(256 << 20, 2).segment_bytes, 64 << 10);
        assert_eq!(sizes(64 << 30, 2).segment_bytes, 64 << 10);
    }

    #[test]
    fn too_little_memory_is_an_error_that_names_both_figures() {
        let error = Sizes::of(&Config {
            memory: 1000,
            workers: 1,
            seed: 0,
        })
        .unwrap_err();
        let text = alloc::format!("{error}");
        assert!(text.contains("1000") && text.contains("524288"), "{text}");
    }
}
