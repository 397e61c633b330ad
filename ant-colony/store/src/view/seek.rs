//! The search for a key without the lock. Nothing that is found here is true before the
//! sequence says that it still is.

use super::copy::{append_to, begins_with};
use super::protocol::{follow, look};
use super::{AtomicU64, CHUNK_WORDS, Found, View, WORD};
use crate::Millis;
use crate::index::{BUCKET_WORDS, LINE_WORDS, Link, Location, OVERFLOW_WORDS, Shape, Slot};
use crate::key::Key;
use crate::prefetch::prefetch;
use crate::record::{FIXED_WORDS, Header, Stamp, expiry_of};
use alloc::vec::Vec;

/// Links that are followed; those of garbage could lead in circles.
const LINKS_MAX: usize = 64;

/// What a search came to, if the sequence has not changed.
pub(crate) enum Seen<'v> {
    Absent,
    Record(Sought<'v>),
    /// Only the holder of the lock can tell.
    Locked,
}

/// A record with the key that was sought.
pub(crate) struct Sought<'v> {
    pub(crate) slot: Slot,
    header: Header,
    words: &'v [AtomicU64],
    /// Where the value starts, in bytes from the start of the record.
    value: usize,
}

impl View {
    /// Starts loading the bucket of `hash`.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        if let Some(bucket) = self.bucket(hash) {
            prefetch(&bucket[0]);
            prefetch(&bucket[LINE_WORDS]);
        }
    }

    /// Starts loading a record.
    #[inline]
    pub(crate) fn prefetch_record(&self, at: Location) {
        if let Some(words) = self.record_words(at) {
            prefetch(&words[0]);
            // A record of ordinary size spans two lines, or three.
            for line in [8, 16] {
                if let Some(word) = words.get(line) {
                    prefetch(word);
                }
            }
        }
    }

    #[inline]
    fn bucket(&self, hash: u64) -> Option<&[AtomicU64; BUCKET_WORDS]> {
        const PER_CHUNK: usize = CHUNK_WORDS / BUCKET_WORDS;
        let buckets = follow(&self.found.0.buckets) as usize;
        if buckets == 0 {
            return None;
        }
        let number = Shape::of(buckets).address(hash);
        let start = number % PER_CHUNK * BUCKET_WORDS;
        // SAFETY: by the invariant of `Found`, as chunks have so many words.
        let chunk = unsafe { self.found.0.main.block(number / PER_CHUNK, CHUNK_WORDS)? };
        chunk[start..start + BUCKET_WORDS].try_into().ok()
    }

    #[inline]
    fn overflow_bucket(&self, link: Link) -> Option<&[AtomicU64; OVERFLOW_WORDS]> {
        const PER_CHUNK: usize = CHUNK_WORDS / OVERFLOW_WORDS;
        let number = link as usize - 1;
        let start = number % PER_CHUNK * OVERFLOW_WORDS;
        let overflow = &self.found.0.overflow;
        // SAFETY: by the invariant of `Found`, as chunks have so many words.
        let chunk = unsafe { overflow.block(number / PER_CHUNK, CHUNK_WORDS)? };
        chunk[start..start + OVERFLOW_WORDS].try_into().ok()
    }

    /// The first slot of the bucket whose tag fits.
    #[inline]
    pub(crate) fn candidate(&self, hash: u64) -> Option<Slot> {
        let bucket = self.bucket(hash)?;
        let (lines, _) = bucket.as_chunks();
        crate::index::lines_of(hash)
            .into_iter()
            .find_map(|line| crate::index::matching(&load(&lines[line]), hash, line).next())
    }

    /// Searches for a key.
    #[inline]
    pub(crate) fn search(&self, key: &Key<'_>) -> Seen<'_> {
        let Some(bucket) = self.bucket(key.hash) else {
            return Seen::Absent;
        };
        let (lines, _) = bucket.as_chunks();
        for line in crate::index::lines_of(key.hash) {
            for slot in crate::index::matching(&load(&lines[line]), key.hash, line) {
                if let Some(seen) = self.examine(slot, key) {
                    return seen;
                }
            }
        }
        match follow(&bucket[BUCKET_WORDS - 1]) as Link {
            0 => Seen::Absent,
            link => self.search_overflow(link, key),
        }
    }

    #[cold]
    fn search_overflow(&self, mut link: Link, key: &Key<'_>) -> Seen<'_> {
        for _ in 0..LINKS_MAX {
            let Some(bucket) = self.overflow_bucket(link) else {
                return Seen::Locked;
            };
            let words = load(bucket);
            for slot in crate::index::matching(&words, key.hash, crate::index::LINE_WITH_LINK) {
                if let Some(seen) = self.examine(slot, key) {
                    return seen;
                }
            }
            link = words[OVERFLOW_WORDS - 1] as Link;
            if link == 0 {
                return Seen::Absent;
            }
        }
        Seen::Locked
    }

    /// From the first word of the record at `at` to the end of its segment.
    #[inline]
    fn record_words(&self, at: Location) -> Option<&[AtomicU64]> {
        let Found {
            segments, shift, ..
        } = &self.found.0;
        let number = (at >> shift) as usize;
        // SAFETY: by the invariant of `Found`, as segments have so many words.
        let segment = unsafe { segments.block(number, 1 << shift)? };
        Some(&segment[at as usize & ((1 << shift) - 1)..])
    }

    /// Whether a slot is that of `key`; nothing if it is not.
    #[inline]
    fn examine(&self, slot: Slot, key: &Key<'_>) -> Option<Seen<'_>> {
        let words = self.record_words(slot.location())?;
        let header = Header(follow(words.first()?));
        if header.namespace() != self.namespace(key.db) {
            return None;
        }
        if header.has(Header::LARGE) {
            // The key is in memory that is not for readers.
            return Some(Seen::Locked);
        }
        let words = words.get(..header.words())?;
        let body = header.prefix_words();
        let value = body * WORD + key.bytes.len();
        let is_it = header.key_len() == key.bytes.len()
            && value + header.value_len() <= words.len() * WORD
            && begins_with(&words[body..], key.bytes);
        is_it.then_some(Seen::Record(Sought {
            slot,
            header,
            words,
            value,
        }))
    }
}

#[inline]
fn load<const N: usize>(words: &[AtomicU64; N]) -> [u64; N] {
    core::array::from_fn(|i| follow(&words[i]))
}

impl Sought<'_> {
    pub(crate) fn value_len(&self) -> usize {
        self.header.value_len()
    }

    /// Stamp and expiry, given the epoch of the shard.
    #[inline]
    pub(crate) fn times(&self, epoch: Millis) -> (Stamp, Option<Millis>) {
        let far = if self.header.has(Header::FAR) {
            look(&self.words[FIXED_WORDS])
        } else {
            0
        };
        let stamp = look(&self.words[1]);
        (Stamp(stamp), expiry_of(self.header, stamp, far, epoch))
    }

    /// Appends the value to `out`.
    #[inline]
    pub(crate) fn append_value(&self, out: &mut Vec<u8>) {
        append_to(out, self.words, self.value, self.header.value_len());
    }
}
