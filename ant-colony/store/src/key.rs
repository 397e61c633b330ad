//! A key with its database and hash, so that a request hashes each key once.

use crate::config::DATABASES;
use core::hash::{BuildHasher, Hasher};
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

/// A key that is ready for look-up; made by [`Store::key`](crate::Store::key).
#[derive(Clone, Copy, Debug)]
pub struct Key<'k> {
    pub(crate) bytes: &'k [u8],
    pub(crate) hash: u64,
    pub(crate) db: u8,
}

impl<'k> Key<'k> {
    /// The key's bytes.
    #[must_use]
    pub fn bytes(&self) -> &'k [u8] {
        self.bytes
    }

    /// The database that the key belongs to.
    #[must_use]
    pub fn db(&self) -> u8 {
        self.db
    }
}

/// The store's seeded hash. The database is not hashed: swapping two must not move keys.
#[derive(Clone, Debug)]
pub(crate) struct KeyHasher(SeedableRandomState);

impl KeyHasher {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeedableRandomState::with_seed(
            seed,
            SharedSeed::global_fixed(),
        ))
    }

    #[inline]
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }

    #[inline]
    pub(crate) fn key<'k>(&self, db: u8, bytes: &'k [u8]) -> Key<'k> {
        assert!(
            usize::from(db) < DATABASES,
            "database {db} does not exist: a store has {DATABASES}"
        );
        Key {
            bytes,
            hash: self.hash(bytes),
            db,
        }
    }
}
